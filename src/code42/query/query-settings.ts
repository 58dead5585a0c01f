/** The properties of a `code42-query` node, checked. */
import { plain, printable } from "../../common/border";
import { booleanProperty, choiceProperty, idListProperty, numberProperty, textProperty, type Properties } from "../../common/properties";
import type { ContextScope } from "../../cursor/two-slot-store";
import { LEASE_SECONDS } from "../../cursor/lease";
import { startInstant, untilInstant } from "../../cursor/instant";
import { SiemError } from "../../common/errors";
import { checkCriteria } from "../criteria/criteria-check";
import { queryError } from "../errors";
import { criteriaFromJson, criteriaGroups, type Criteria } from "../criteria/criteria";
import type { EventSource, SourceOptions } from "../sources/source";
import { sources } from "../sources";

/** Where the cursor is kept; shared: in NATS; none: the query runs once for each message, over its own range of time. */
export type CursorType = ContextScope | "shared" | "none";

export interface QuerySettings {
  source: EventSource;
  criteria: Criteria;
  /** Id or name of a saved search that must match as well; "" for none. */
  savedSearch: string;
  /** ms; 0 = only when a message arrives. */
  pollIntervalMs: number;
  startFrom: string;
  /** End of the range of a query that runs once; "" = now. */
  until: string;
  /** Run the whole query once for each message, and keep no cursor. */
  once: boolean;
  overlapMs: number;
  pageSize: number;
  output: "page" | "event";
  advance: "confirmed" | "sent";
  pagesOut: number;
  confirmTimeoutMs: number;
  /** Node ids of the sinks that must all confirm; none: any one. */
  confirmedBy: readonly string[];
  /** The cursor's key, for texts. */
  cursorKey: string;
  resendDelayMs?: number;
}

export interface NodeQuerySettings extends Omit<QuerySettings, "cursorKey"> {
  cursorType: CursorType;
  /** What may be wrong with the criteria. */
  warnings: readonly SiemError[];
  /** The key as the editor wrote it, the store inside; "" without a cursor. */
  cursor: string;
  /** Id of the NATS connection of a shared cursor; "" if none is chosen. */
  connection: string;
  /** Of a shared cursor. */
  leaseSeconds: number;
}

const DAY_S = 86_400;

/** Throws the SiemError of the first property that is wrong. */
export function parseSettings(config: Properties): NodeQuerySettings {
  const cursorType = choiceProperty(config, "cursorType", ["global", "flow", "node", "shared", "none"]);
  const once = cursorType === "none";
  const startFrom = textProperty(config, "startFrom", "P1D");
  startInstant(startFrom, 0);
  const until = once ? textProperty(config, "until", "") : "";
  if (until !== "") untilInstant(until, 0);
  const seconds = (name: string, fallback: number, min: number, max = DAY_S) => numberProperty(config, name, { fallback, min, max }) * 1000;
  const source = sourceOf(textProperty(config, "source", "file-events"), {
    sessionOutput: choiceProperty(config, "sessionOutput", ["session", "alert"]),
    alertChanges: booleanProperty(config, "alertChanges", false),
    excludeOwn: booleanProperty(config, "excludeOwn", false),
  });
  const criteria = criteriaOf(config);
  source.check(criteria);
  const savedSearch = textProperty(config, "savedSearch", "");
  if (savedSearch !== "" && source.name !== "file-events") throw queryError("SAVED_SEARCH_SOURCE", plain.params({ id: printable(savedSearch, 80) }), { permanent: true });
  return {
    source,
    criteria,
    savedSearch,
    warnings: warningsOf(source.name, criteria, config["criteriaType"] === "json"),
    pollIntervalMs: once ? 0 : seconds("pollInterval", source.name === "sessions" ? 300 : 60, 0),
    startFrom,
    until,
    cursorType,
    cursor: once ? "" : textProperty(config, "cursor"),
    connection: textProperty(config, "connection", ""),
    leaseSeconds: cursorType === "shared" ? numberProperty(config, "lease", LEASE_SECONDS) : LEASE_SECONDS.fallback,
    once,
    overlapMs: source.rereads === "lookback" ? seconds("lookback", source.overlapS, 3600, 90 * DAY_S) : seconds("overlap", source.overlapS, 0),
    pageSize: numberProperty(config, "pageSize", { fallback: 1000, min: 1, max: 10_000, integer: true }),
    output: choiceProperty(config, "output", ["page", "event"]),
    advance: choiceProperty(config, "advance", ["confirmed", "sent"]),
    pagesOut: numberProperty(config, "pagesOut", { fallback: 4, min: 1, max: 100, integer: true }),
    confirmedBy: idListProperty(config, "confirmedBy"),
    confirmTimeoutMs: seconds("confirmTimeout", 60, 0.05),
  };
}

/** Somebody wrote query JSON like this on purpose, so it is sent: what our tables object to is a warning. */
function warningsOf(source: string, criteria: Criteria, isRaw: boolean): readonly SiemError[] {
  try {
    return checkCriteria(source, criteria);
  } catch (error) {
    if (!isRaw || !(error instanceof SiemError)) throw error;
    return [error];
  }
}

function sourceOf(name: string, options: SourceOptions): EventSource {
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  if (source === undefined) throw queryError("SOURCE_UNKNOWN", plain.params({ source: printable(name, 80), choices: Object.keys(sources).join(", ") }), { permanent: true });
  return source(options);
}

function criteriaOf(config: Properties): Criteria {
  if (choiceProperty(config, "criteriaType", ["groups", "json"]) === "json") return criteriaFromJson(textProperty(config, "criteriaJson", ""));
  return {
    clause: choiceProperty(config, "criteriaClause", ["AND", "OR"]),
    groups: criteriaGroups(config["criteria"], "criteria"),
  };
}
