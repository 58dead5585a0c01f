/**
 * The services behind a console, which existed before the API gateways (py42 `services/*.py`): for each path of the
 * gateway the service that answers it, and how its requests and replies differ.
 */
import { parsed } from "../../common/json";
import { isRecord } from "../../common/messages";

export interface LegacyService {
  /** Key of the service's address in the key-value store; undefined for the console itself. */
  key: string | undefined;
  path: string;
  /** Makes the body for the service of the one for the gateway. */
  body?: (body: unknown) => unknown;
  /** Properties of the (short) reply by the service's names, with the gateway's names for them. */
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

/** The service for `path`, which may end with the id of a saved search; undefined if only the gateway answers it. */
export function legacyService(path: string): LegacyService | undefined {
  if (Object.hasOwn(SERVICES, path)) return SERVICES[path];
  const end = path.lastIndexOf("/");
  const parent = path.slice(0, end);
  return parent === "/v2/file-events/saved-searches" ? { ...SERVICES[parent] as LegacyService, path: `${SERVICES[parent]?.path}${path.slice(end)}` } : undefined;
}

/** The gateway takes dates as epoch seconds or null; the service takes ISO text with 6 decimals, and no property for null. */
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
 * The value of `data` in `{"metadata": …, "data": …}`, the form that the console and its services give to some replies
 * (`metadata` may be missing); any other body unchanged. If `data` is not the last property, the result is not JSON.
 */
export function unwrap(body: Buffer): Buffer {
  const head = /^\s*\{\s*(?:"metadata"\s*:\s*(?:null|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})\s*,\s*)?"data"\s*:/.exec(body.toString("latin1", 0, 4096));
  return head === null ? body : body.subarray(head[0].length, body.lastIndexOf("}"));
}

/** The base URL of the key-value store, from the `stsBaseUrl` of a console (py42 `services/_connection.py`). */
export const keyValueStoreOf = (stsBaseUrl: string): string => stsBaseUrl.replace("sts", "simple-key-value-store");

/** `body` with the gateway's names of its properties. */
export function renamed(body: Buffer, { rename }: LegacyService): Buffer {
  const value = rename === undefined ? undefined : parsed(body);
  if (rename === undefined || !isRecord(value)) return body;
  return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(value).map(([name, item]) => [rename[name] ?? name, item]))));
}
