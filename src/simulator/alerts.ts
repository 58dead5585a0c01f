/**
 * Makes realistic alerts: the same seed and index always give the same alert. The keys are those of the public samples
 * (developer portal, "Manage alerts"; incydr SDK, `alerts/models/alert.py`).
 */
import { eventId, numbers } from "./events";
import type { Kind } from "./records";

export interface Observation {
  type$: "OBSERVATION";
  id: string;
  observedAt: string;
  lastObservedAt: string;
  type: string;
  /** JSON. In some alerts it is cut off and does not parse. */
  data: string;
}

export interface Alert {
  type$: string;
  tenantId: string;
  type: string;
  name: string;
  description: string;
  actor: string;
  actorId: string;
  target: string;
  severity: string;
  riskSeverity: string;
  ruleId: string;
  ruleSource: string;
  watchlists: { type$: string; id: string; name: string; type: string; isSignificant: boolean }[];
  id: string;
  /** ISO 8601 with six or seven decimals. */
  createdAt: string;
  state: string;
  stateLastModifiedBy: string | null;
  stateLastModifiedAt: string | null;
  note: { id: string; lastModifiedAt: string; lastModifiedBy: string; message: string } | null;
  observations: Observation[];
}

export interface AlertOptions {
  /** Epoch ms; `createdAt` adds more digits. */
  createdMs: number;
  seed?: number;
  tenantId?: string;
  /** The alert's state at this time, epoch ms; by default its final state. Some alerts are resolved ten minutes after they were created. */
  asOfMs?: number;
}

/** The tenant id in the developer portal's samples. */
export const TENANT_ID = "c4b5e830-4242-4242-4242-345664cfbb33";

interface Rule {
  type: string;
  name: string;
  description: string;
  source: string;
  exposure: string;
}

const RULES: readonly Rule[] = [
  { type: "FED_COMPOSITE", name: "Source code exfiltration", description: "Repo files to personal cloud", source: "Alerting", exposure: "CloudStorage" },
  { type: "FED_ENDPOINT_EXFILTRATION", name: "USB | removable media = high", description: "More than 1 GB to C:\\ or E:\\", source: "Departing Employee", exposure: "RemovableMedia" },
  { type: "FED_CLOUD_SHARE_PERMISSIONS", name: "Öffentliche Freigabe", description: "Shared by public link\nfrom corporate drive", source: "Alerting", exposure: "PublicLinkShare" },
  { type: "FED_FILE_TYPE_MISMATCH", name: "File type mismatch", description: "Contents differ from the extension", source: "High Risk Employee", exposure: "ApplicationRead" },
  { type: "FED_FILE_NAME_MATCH", name: "見積書 leaves", description: "Name matches *quote*", source: "Alerting", exposure: "ApplicationRead" },
];
const SEVERITIES = [["LOW", "LOW"], ["MEDIUM", "MODERATE"], ["HIGH", "HIGH"], ["HIGH", "CRITICAL"], ["LOW", "NO_RISK_INDICATED"]] as const;
const RESOLVED_AFTER_MS = 600_000;
const FIVE_MINUTES_MS = 300_000;

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
const hex = (random: () => number, digits: number): string => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");

/** A GUID that is unique for its index and not ordered by time. */
export const guid = (random: () => number, index: number): string => `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-9${hex(random, 3)}-${index.toString(16).padStart(12, "0")}`;

/** ISO 8601 with `decimals` (3 or more) decimals; `random` gives those after the milliseconds. */
export function isoWith(decimals: number, ms: number, random: () => number): string {
  const digits = Array.from({ length: decimals - 3 }, () => Math.floor(random() * 10)).join("");
  return `${new Date(ms).toISOString().slice(0, -1)}${digits}Z`;
}

export function makeAlert(index: number, { createdMs, seed = 1, tenantId = TENANT_ID, asOfMs = Infinity }: AlertOptions): Alert {
  const random = numbers(seed + 104_729, index);
  const rule = at(RULES, index);
  const [severity, riskSeverity] = at(SEVERITIES, index * 3 + seed);
  const person = `user${index % 40}@example.com`;
  const alert: Alert = {
    type$: "ALERT_DETAILS", tenantId, type: rule.type, name: rule.name, description: rule.description, actor: person, actorId: `10044409235497${String(index % 40).padStart(5, "0")}`,
    target: "N/A", severity, riskSeverity, ruleId: `408eb1ae-587e-421a-9444-f75d5399eac${index % RULES.length}`, ruleSource: rule.source,
    watchlists: rule.source === "Departing Employee" ? [{ type$: "WATCHLIST", id: "b366e314-df8c-4c61-a963-7c0d5df31f1e", name: "Leavers", type: "DEPARTING_EMPLOYEE", isSignificant: true }] : [],
    id: guid(random, index), createdAt: isoWith(index % 5 === 2 ? 6 : 7, createdMs, random), state: "OPEN", stateLastModifiedBy: null, stateLastModifiedAt: null,
    note: null, observations: [observation(rule, index, createdMs, seed, random)],
  };
  return index % 4 === 3 && asOfMs >= createdMs + RESOLVED_AFTER_MS ? alertInState(alert, "RESOLVED", createdMs + RESOLVED_AFTER_MS) : alert;
}

export const alertKind = (seed: number, tenantId: string): Kind<Alert> => ({
  idOf: ({ id }) => id, timeOf: ({ createdAt }) => Date.parse(createdAt), make: (index, createdMs, asOfMs) => makeAlert(index, { createdMs, asOfMs, seed, tenantId }),
  settlesInMs: RESOLVED_AFTER_MS,
});

/** The alert after an analyst has changed its state at `ms` (epoch ms). */
export function alertInState(alert: Alert, state: string, ms: number): Alert {
  const when = isoWith(7, ms, () => 0);
  const by = "analyst@example.com";
  return {
    ...alert, state, stateLastModifiedBy: by, stateLastModifiedAt: when,
    note: { id: `${alert.id.slice(0, 24)}ffffffffffff`, lastModifiedAt: when, lastModifiedBy: by, message: `Set to ${state} | asked = ${alert.actor}` },
  };
}

function observation(rule: Rule, index: number, createdMs: number, seed: number, random: () => number): Observation {
  // Observations begin at multiples of five minutes.
  const observed = Math.floor(createdMs / FIVE_MINUTES_MS) * FIVE_MINUTES_MS;
  const files = Array.from({ length: 1 + (index % 3) }, (_, number) => ({
    eventId: eventId(index * 3 + number, seed), path: "C:/Users/dana/Desktop/", name: `plan=${number}|v2.xlsx`, category: "Spreadsheet", size: 1000 + Math.floor(random() * 5_000_000),
    observedAt: new Date(observed + number * 1000).toISOString(),
    riskSeverityInfo: { score: 5, severity: "MODERATE", matchedRiskIndicators: [{ name: "Spreadsheet", weight: 1 }, { name: "Remote", weight: 4 }] },
  }));
  const totalFileSize = files.reduce((sum, { size }) => sum + size, 0);
  const id = guid(random, index);
  const data = JSON.stringify({
    type$: "OBSERVED_ENDPOINT_ACTIVITY", id, sources: [rule.type === "FED_CLOUD_SHARE_PERMISSIONS" ? "GoogleDrive" : "Endpoint"], exposureTypes: [rule.exposure],
    firstActivityAt: new Date(observed).toISOString(), lastActivityAt: new Date(observed + FIVE_MINUTES_MS).toISOString(), fileCount: files.length, totalFileSize,
    fileCategories: [{ category: "Spreadsheet", fileCount: files.length, totalFileSize, isSignificant: true }], files,
    syncToServices: [], sendingIpAddresses: [`198.51.100.${index % 250}`], isRemoteActivity: false, appReadDetails: [{ destinationCategory: "Cloud Storage", destinationName: "Dropbox" }],
  });
  return {
    type$: "OBSERVATION", id, observedAt: new Date(observed).toISOString(), lastObservedAt: new Date(observed + FIVE_MINUTES_MS).toISOString(),
    type: rule.type === "FED_CLOUD_SHARE_PERMISSIONS" ? "FedCloudSharePermissions" : "FedEndpointExfiltration",
    data: index % 50 === 17 ? data.slice(0, data.length >> 1) : data,
  };
}
