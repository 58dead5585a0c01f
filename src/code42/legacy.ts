/**
 * The services behind a console, which were there before the API gateway (py42 `services/*.py`): which of them answers
 * a path of the gateway, and what it wants and says differently.
 */
import { parsed } from "../common/json";
import { isRecord } from "../messages";

export interface LegacyService {
  /** Key of the service's address in the key-value store; undefined for the console itself. */
  key: string | undefined;
  path: string;
  /** The body that the service wants, from the one for the gateway. */
  body?: (body: unknown) => unknown;
  /** Names that the service gives to properties of its (short) reply, and the gateway's names for them. */
  rename?: Record<string, string>;
}

const FILE_EVENTS = "FORENSIC_SEARCH-API_URL";
const ALERTS = "AlertService-API_URL";
const AUDIT_LOG = "AUDIT-LOG_API-URL";

const SERVICES: Record<string, LegacyService> = {
  "/v1/file-events": { key: FILE_EVENTS, path: "/forensic-search/queryservice/api/v1/fileevent" },
  "/v2/file-events": { key: FILE_EVENTS, path: "/forensic-search/queryservice/api/v2/fileevent" },
  "/v2/file-events/saved-searches": { key: FILE_EVENTS, path: "/forensic-search/queryservice/api/v2/saved" },
  "/v1/alerts/query-alerts": { key: ALERTS, path: "/svc/api/v1/query-alerts" },
  "/v1/alerts/query-details": { key: ALERTS, path: "/svc/api/v1/query-details" },
  "/v1/audit/search-audit-log": { key: AUDIT_LOG, path: "/rpc/search/search-audit-log", body: auditLogBody },
  "/v1/customer": { key: undefined, path: "/api/v3/customer/my", rename: { tenantUid: "tenantId" } },
};

/** The service for `path`, or for what it is the id of something below; undefined if only the gateway has it. */
export function legacyService(path: string): LegacyService | undefined {
  if (Object.hasOwn(SERVICES, path)) return SERVICES[path];
  const end = path.lastIndexOf("/");
  const parent = path.slice(0, end);
  return parent === "/v2/file-events/saved-searches" ? { ...SERVICES[parent] as LegacyService, path: `${SERVICES[parent]?.path}${path.slice(end)}` } : undefined;
}

/** The gateway takes epoch seconds, the service ISO text with 6 decimals, and no date at all instead of null. */
function auditLogBody(body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body["dateRange"])) return body;
  const dates = Object.entries(body["dateRange"]).filter(([, value]) => value !== null);
  return { ...body, dateRange: Object.fromEntries(dates.map(([name, value]) => [name, typeof value === "number" ? isoMicroseconds(value) : value])) };
}

function isoMicroseconds(seconds: number): string {
  const microseconds = Math.round(seconds * 1e6);
  return `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${String(microseconds % 1000).padStart(3, "0")}Z`;
}

/**
 * What stands in `{"data": …}`, as the console and its services wrap some replies, perhaps behind `"metadata"`; any
 * other body as it is. `data` must be the last property; where it is not, the rest is no JSON and the caller sees that.
 */
export function unwrap(body: Buffer): Buffer {
  const head = /^\s*\{\s*(?:"metadata"\s*:\s*(?:null|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})\s*,\s*)?"data"\s*:/.exec(body.toString("latin1", 0, 4096));
  return head === null ? body : body.subarray(head[0].length, body.lastIndexOf("}"));
}

/** The base URL of the key-value store, from the `stsBaseUrl` of a console (py42 `services/_connection.py`). */
export const keyValueStoreOf = (stsBaseUrl: string): string => stsBaseUrl.replace("sts", "simple-key-value-store");

/** `body` with the names that the gateway gives to the properties of its reply. */
export function renamed(body: Buffer, { rename }: LegacyService): Buffer {
  const value = rename === undefined ? undefined : parsed(body);
  if (rename === undefined || !isRecord(value)) return body;
  return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(value).map(([name, item]) => [rename[name] ?? name, item]))));
}
