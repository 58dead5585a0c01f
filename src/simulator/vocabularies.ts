/** The terms and operators that each search accepts (py42 and incydr SDK: filter classes and enumerations of terms). */
import { isRecord } from "../common/messages";
import { makeFileEvent } from "./events";

/** Gives the values that a record has for a term. */
export type Values = (record: unknown) => unknown[];

export interface Vocabulary {
  terms: ReadonlyMap<string, Values>;
  /** True if terms are compared ignoring case. */
  anyCase: boolean;
  operators: ReadonlySet<string>;
  dates: ReadonlySet<string>;
  /** The date that the store is ordered by. */
  indexed: string;
  /** Terms that every record has: EXISTS need not check the record. */
  always: ReadonlySet<string>;
  /** True if groups can contain groups. */
  nested: boolean;
}

/** The values at a dotted path, which may lead through lists. null counts as absent. */
export function valuesAt(record: unknown, path: string): unknown[] {
  let values: unknown[] = [record];
  for (const key of path.split(".")) {
    values = values.flatMap((value) => (isRecord(value) ? value[key] ?? [] : []));
  }
  return values;
}

const at = (path: string): Values => (record) => valuesAt(record, path);

const COMMON = ["IS", "IS_NOT", "EXISTS", "DOES_NOT_EXIST", "GREATER_THAN", "LESS_THAN", "ON_OR_AFTER", "ON_OR_BEFORE", "WITHIN_THE_LAST"];

/** Terms of objects that the simulated events leave empty. */
const RARE_V2_TERMS = [
  ...["agentTimestamp", "eventAction", "id", "sourceCategory", "sourceName", "tabs.title", "tabs.titleError", "tabs.url", "tabs.urlError", "userEmail"].map((key) => `event.relatedEvents.${key}`),
  ...[
    "git.repositoryEmail", "git.repositoryUri", "git.repositoryUser", "tabs.url", "tabs.urlError", "tabs.title", "tabs.titleError", "sourceDomains", "userEmail", "sourceUser.email",
    "eventId", "fileName", "sourceCategory", "sourceAccountName", "sourceAccountType", "sourceName", "agentTimestamp", "eventAction", "md5",
  ].map((key) => `file.acquiredFrom.${key}`),
  ...["title", "titleError", "url", "urlError"].map((key) => `source.tabs.${key}`),
];

export function fileEventsV2(): Vocabulary {
  const names = new Set(RARE_V2_TERMS);
  // Enough events so that every other list has an item in at least one of them.
  for (let index = 0; index < 200; index++) addTerms(makeFileEvent(index, { insertedUs: 0 }), "", names);
  return {
    terms: new Map([...names].map((name) => [name, at(name)])),
    anyCase: false,
    operators: new Set([...COMMON, "IS_ANY", "IS_NONE", "ON"]),
    dates: new Set(["@timestamp", "event.inserted", "event.ingested", "file.created", "file.modified"]),
    indexed: "event.inserted",
    always: new Set(["event.id", "event.inserted", "@timestamp", "event.action", "risk.severity"]),
    nested: true,
  };
}

function addTerms(value: unknown, path: string, terms: Set<string>): void {
  if (Array.isArray(value)) {
    terms.add(path);
    for (const item of value) addTerms(item, path, terms);
  } else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) addTerms(inner, path === "" ? key : `${path}.${key}`, terms);
  } else {
    terms.add(path);
  }
}

const V1_TERMS = [
  "eventId", "eventType", "eventTimestamp", "insertionTimestamp", "trusted", "remoteActivity", "actor", "directoryId", "shared", "sharingTypeAdded", "deviceUserName", "osHostName",
  "privateIpAddresses", "publicIpAddress", "operatingSystemUser", "emailDlpPolicyNames", "emailSubject", "emailRecipients", "emailSender", "emailFrom", "source", "mimeTypeMismatch",
  "outsideActiveHours", "exposure", "processName", "processOwner", "removableMediaName", "removableMediaVendor", "removableMediaMediaName", "removableMediaVolumeName",
  "removableMediaPartitionId", "removableMediaSerialNumber", "syncDestination", "syncDestinationUsername", "destinationCategory", "destinationName", "fileName", "fileOwner", "filePath",
  "fileSize", "md5Checksum", "sha256Checksum", "printerName", "printJobName", "riskSeverity", "riskScore", "sourceCategory", "sourceName",
];

export function fileEventsV1(): Vocabulary {
  return {
    terms: new Map<string, Values>([
      ...V1_TERMS.map((name) => [name, at(name)] as const),
      ["sharedWith", at("sharedWith.cloudUsername")],
      ["tabUrls", at("tabs.url")],
      ["tabTitles", at("tabs.title")],
      ["sourceTabUrls", () => []],
      ["sourceTabTitles", () => []],
      ["riskIndicatorNames", at("riskIndicators.name")],
      // Filters use `SourceCode` for the SOURCE_CODE of events.
      ["fileCategory", (record) => valuesAt(record, "fileCategory").flatMap((word) => [word, ...valuesAt(record, "fileCategoryByExtension")])],
    ]),
    anyCase: false,
    operators: new Set(COMMON),
    dates: new Set(["eventTimestamp", "insertionTimestamp"]),
    indexed: "insertionTimestamp",
    always: new Set(["eventId", "insertionTimestamp", "eventTimestamp", "eventType", "riskSeverity"]),
    nested: false,
  };
}

/** Converts the spelling of alerts to that of filters: `FED_COMPOSITE` to `FedComposite`. */
const asFilterWord = (word: unknown): string => String(word).toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Names in lower case, because the SDKs write them in either case and the API accepts both. */
export function alerts(): Vocabulary {
  return {
    terms: new Map<string, Values>([
      ["createdat", at("createdAt")], ["alertid", at("id")], ["actor", at("actor")], ["actorid", at("actorId")], ["target", at("target")],
      ["name", at("name")], ["description", at("description")], ["ruleid", at("ruleId")], ["rulesource", at("ruleSource")],
      ["type", (alert) => valuesAt(alert, "type").flatMap((word) => [word, asFilterWord(word)])],
      ["riskseverity", at("riskSeverity")], ["alertseverity", at("severity")], ["state", at("state")],
      ["statelastmodifiedat", at("stateLastModifiedAt")], ["statelastmodifiedby", at("stateLastModifiedBy")],
      ["lastmodifiedtime", (alert) => [...valuesAt(alert, "stateLastModifiedAt"), ...valuesAt(alert, "createdAt")].slice(0, 1)],
      ["lastmodifiedby", at("stateLastModifiedBy")],
      ["hasauthsignificantwatchlist", (alert) => [valuesAt(alert, "watchlists.isSignificant").includes(true)]],
    ]),
    anyCase: true,
    operators: new Set(["IS", "IS_NOT", "ON", "ON_OR_AFTER", "ON_OR_BEFORE", "CONTAINS", "DOES_NOT_CONTAIN"]),
    dates: new Set(["createdat", "statelastmodifiedat", "lastmodifiedtime"]),
    indexed: "createdat",
    always: new Set(),
    nested: false,
  };
}
