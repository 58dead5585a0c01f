/**
 * The warnings that a dialog shows before the user deploys. A tip is a sentence of the node's catalog. These functions do
 * not touch the page, so tests need no browser.
 */
import { SEARCH_RULES, type SearchRules } from "../code42/criteria/search-rules";
import type { StoreTable } from "../cursor/store-safety";
import { isLoopback } from "../scale-out/names";
import { isEnvironment } from "./validators";
import { reachFrom, type FlowItem } from "./wires";

export interface Tip {
  /** A key in the node's catalog. */
  key: string;
  params?: Record<string, string | number>;
}

/** Bytes that the usual receiver takes (rsyslog's default). It cuts a longer line, or splits it into a second line that looks forged. */
export const USUAL_LIMIT = 8192;
/** Bytes of a syslog header with a host name of usual length. */
const HEADER_ROOM = 100;
/** The lowest value that "Longest line" of `cef-format` accepts. */
export const SHORTEST_LINE = 512;

/** The term for the time of an event, for sources whose cursor moves along another time. */
const EVENT_TIMES: Readonly<Record<string, string>> = { "file-events": "@timestamp", "file-events-v1": "eventTimestamp" };

/** The form of a `code42-query`. */
export interface QueryForm {
  source: string;
  /** Groups of filters; with `criteriaType` "json" it may also be a query body. */
  criteria: unknown;
  criteriaType: string;
  cursor: string;
  cursorType: string;
  advance: string;
  confirmedBy: readonly string[];
}

export function queryTips(id: string, form: QueryForm, flow: readonly FlowItem[]): Tip[] {
  return [...confirmationTips(id, form, flow), ...criteriaTips(form)];
}

/** Of a node that waits for the confirmation of what it sends. */
export function confirmationTips(id: string, { advance, confirmedBy }: Pick<QueryForm, "advance" | "confirmedBy">, flow: readonly FlowItem[]): Tip[] {
  if (advance === "sent") return [{ key: "notice.sent" }];
  const { nodes, complete } = reachFrom(flow, id);
  if (!complete) return [];
  const confirming = nodes.filter(({ type, mode }) => type === "syslog-out" || type === "event-stream-out" || (type === "delivery-confirm" && mode !== "reject"));
  if (confirming.length === 0) return [{ key: "notice.noConfirmation" }];
  const names = new Set(confirming.flatMap((node) => {
    const others = node.type === "delivery-confirm" && Array.isArray(node["confirmsFor"]) ? (node["confirmsFor"] as string[]) : [];
    return others.length > 0 ? others : [node.id];
  }));
  const missing = confirmedBy.filter((sink) => !names.has(sink));
  const nameOf = (sink: string) => flow.find((node) => node.id === sink)?.name || sink;
  return missing.length === 0 ? [] : [{ key: "notice.sinksNotReached", params: { sinks: missing.map(nameOf).join(", ") } }];
}

/** Beside the field of the cursor. `stores` is undefined if the server does not send them. */
export function storeTips({ cursor, cursorType }: Pick<QueryForm, "cursor" | "cursorType">, stores: StoreTable | undefined): Tip[] {
  if (stores === undefined || cursorType === "none" || cursorType === "shared") return [];
  const store = /^#:\((.*?)\)::/.exec(cursor)?.[1] ?? "default";
  const safety = stores[store];
  if (safety === undefined) return [{ key: "error.STORE_UNKNOWN", params: { store, stores: [...new Set(Object.values(stores).map(({ name }) => name))].join(", ") } }];
  if (safety.kind === "memory") return [{ key: "warning.storeMemory", params: { store: safety.name } }];
  return safety.kind === "cached" ? [{ key: "warning.storeCached", params: { store: safety.name, seconds: safety.seconds } }] : [];
}

function criteriaTips({ source, criteria, criteriaType, cursorType }: QueryForm): Tip[] {
  const cursorTerm = (SEARCH_RULES as Record<string, SearchRules>)[source]?.cursorTerm;
  if (cursorTerm === undefined || cursorType === "none") return [];
  const used = termsIn(criteria);
  // The builder already shows it at the row; raw JSON has no rows.
  if (used.has(cursorTerm)) return criteriaType === "json" ? [{ key: "notice.cursorTerm", params: { term: cursorTerm } }] : [];
  const eventTime = EVENT_TIMES[source];
  return eventTime !== undefined && used.has(eventTime) ? [{ key: "notice.eventTime", params: { term: eventTime, cursorTerm } }] : [];
}

/** The value of every `term`, at any depth. */
function termsIn(criteria: unknown): Set<string> {
  if (typeof criteria !== "object" || criteria === null) return new Set();
  const own = "term" in criteria && typeof criteria.term === "string" ? [criteria.term] : [];
  return new Set([...own, ...Object.values(criteria).flatMap((inner) => [...termsIn(inner)])]);
}

/** The form of a core `tls-config` node. */
export type TlsForm = { name?: string; id: string; verifyservercert?: unknown } | null | undefined;

/** The runtime refuses to send anything with verification off. */
export function tlsTips(tls: TlsForm): Tip[] {
  return tls != null && tls.verifyservercert === false ? [{ key: "common.error.TLS_UNVERIFIED", params: { name: tls.name || tls.id } }] : [];
}

/** The form of a `syslog-out`. */
export interface SyslogForm {
  transport: string;
  host: string;
  maxBytes: number;
  overflow: string;
  tls: TlsForm;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/i;

export function syslogTips({ transport, host, maxBytes, overflow, tls }: SyslogForm): Tip[] {
  const tips: Tip[] = [];
  const encrypted = transport === "tls" || transport === "relp-tls";
  if (encrypted) tips.push(...tlsTips(tls));
  else if (host.trim() !== "" && !isEnvironment(host) && !LOOPBACK.test(host.trim())) tips.push({ key: "notice.notEncrypted" });
  if (maxBytes > USUAL_LIMIT) tips.push({ key: "notice.aboveUsualLimit", params: { limit: USUAL_LIMIT } });
  if (overflow === "drop-oldest" || overflow === "drop-newest") tips.push({ key: "notice.drops" });
  return tips;
}

/** The form of a `nats-connection`. */
export interface NatsForm {
  servers: readonly string[];
  tls: TlsForm;
}

export function natsTips({ servers, tls }: NatsForm): Tip[] {
  if (tls != null) return tlsTips(tls);
  return servers.some((server) => !server.startsWith("tls://") && !isEnvironment(server) && !isLoopback(server.replace("nats://", ""))) ? [{ key: "notice.notEncrypted" }] : [];
}

/**
 * Warns if `syslog-out` would have to cut off lines of this `cef-format`, which could shorten CEF field by field instead.
 * JSON cannot be shortened, and "Longest line" cannot go below SHORTEST_LINE: in these cases the limit of `syslog-out`
 * must rise. `format` is the dialog's; the default is the node's own in `flow`.
 */
export function formatTips(id: string, maxBytes: number, flow: readonly FlowItem[], format = flow.find((node) => node.id === id)?.["format"]): Tip[] {
  const limits = reachFrom(flow, id).nodes.filter(({ type }) => type === "syslog-out").map((node) => Number(node["maxBytes"] ?? USUAL_LIMIT));
  const lowest = Math.min(...limits.filter((limit) => limit > 0));
  const advice = lowest - HEADER_ROOM;
  if (maxBytes > advice) {
    const needed = maxBytes + HEADER_ROOM;
    if (format === "json" || format === "raw-json") return [{ key: "notice.jsonLongerThanSyslog", params: { limit: lowest, needed } }];
    if (advice < SHORTEST_LINE) return [{ key: "notice.syslogTooShort", params: { limit: lowest, min: SHORTEST_LINE, needed } }];
    return [{ key: "notice.longerThanSyslog", params: { limit: lowest, advice } }];
  }
  return maxBytes > USUAL_LIMIT ? [{ key: "notice.aboveUsualLimit", params: { limit: USUAL_LIMIT } }] : [];
}
