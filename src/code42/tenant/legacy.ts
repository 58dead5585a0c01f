/**
 * The services behind a console, which existed before the API gateways (py42 `services/*.py`): for each path of the
 * gateway the service that answers it, and how its requests and replies differ.
 */
import { parsed } from "../../common/json";
import { isRecord } from "../../common/messages";
import { wholeOf, type Body } from "../../pages/body";

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

const HEAD_BYTES = 4096;
const CLOSE_BRACE = 0x7d;
/** Bytes after a brace that may still be the last one: JSON ends with blanks at most. */
const TAIL_BYTES = 65_536;

/** Length of what stands before the value of `data` in a wrapped body; 0 for any other. */
const headLength = (body: Buffer): number =>
  /^\s*\{\s*(?:"metadata"\s*:\s*(?:null|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})\s*,\s*)?"data"\s*:/.exec(body.toString("latin1", 0, HEAD_BYTES))?.[0].length ?? 0;

/**
 * The value of `data` in `{"metadata": …, "data": …}`, the form that the console and its services give to some replies
 * (`metadata` may be missing); any other body unchanged. If `data` is not the last property, the result is not JSON.
 */
export function unwrap(body: Buffer): Buffer {
  const start = headLength(body);
  return start === 0 ? body : body.subarray(start, body.lastIndexOf(CLOSE_BRACE));
}

/** The same for a body that is read in pieces. */
export const unwrapped = (body: Body): Body => ({
  chunks: () => withoutWrapper(body.chunks()),
  whole: () => unwrap(body.whole()),
});

async function* withoutWrapper(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let isWrapped = false;
  /** From the last brace on: it is dropped if no other follows. */
  let tail = Buffer.alloc(0);
  const upToLastBrace = function* (chunk: Buffer): Generator<Buffer> {
    const brace = chunk.lastIndexOf(CLOSE_BRACE);
    if (brace >= 0 || tail.length + chunk.length > TAIL_BYTES) {
      yield tail;
      yield chunk.subarray(0, Math.max(0, brace));
      tail = Buffer.from(brace < 0 ? chunk : chunk.subarray(brace));
    } else tail = Buffer.concat([tail, chunk]);
  };
  for await (const chunk of chunks) {
    if (head === undefined) {
      if (isWrapped) yield* upToLastBrace(chunk);
      else yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < HEAD_BYTES) continue;
    const start = headLength(head);
    isWrapped = start > 0;
    if (isWrapped) yield* upToLastBrace(head.subarray(start));
    else yield head;
    head = undefined;
  }
  if (head !== undefined) yield unwrap(head);
}

/** The base URL of the key-value store, from the `stsBaseUrl` of a console (py42 `services/_connection.py`). */
export const keyValueStoreOf = (stsBaseUrl: string): string => stsBaseUrl.replace("sts", "simple-key-value-store");

/** `body` with the gateway's names of its properties; for short bodies. */
export const withGatewayNames = (body: Body, { rename }: LegacyService): Body => (rename === undefined ? body : {
  async *chunks() {
    yield renamed(await wholeOf(body), rename);
  },
  whole: () => renamed(body.whole(), rename),
});

function renamed(body: Buffer, rename: Readonly<Record<string, string>>): Buffer {
  const value = parsed(body);
  return isRecord(value) ? Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(value).map(([name, item]) => [rename[name] ?? name, item])))) : body;
}
