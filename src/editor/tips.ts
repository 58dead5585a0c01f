/**
 * What a dialog warns of before anything is deployed. A tip is a sentence of the node's catalog; these functions know
 * nothing of the page, so that they are tested without one.
 */
import { SEARCH_RULES, type SearchRules } from "../code42/search-rules";
import type { StoreTable } from "../cursor/store-safety";
import { reachFrom, type FlowItem } from "./wires";

export interface Tip {
  /** In the catalog of the node. */
  key: string;
  params?: Record<string, string | number>;
}

/** What the usual receiver takes: rsyslog's default, of which what is longer is cut or split into a forged second line. */
export const USUAL_LIMIT = 8192;
/** What a syslog header takes of the receiver's limit, with a host name of a usual length. */
const HEADER_ROOM = 100;
/** The least that "Longest line" of `cef-format` may be. */
export const SHORTEST_LINE = 512;

/** The time of an event, where the cursor moves along another one. */
const EVENT_TIMES: Readonly<Record<string, string>> = { "file-events": "@timestamp", "file-events-v1": "eventTimestamp" };

/** A `code42-query` as its form stands. */
export interface QueryForm {
  source: string;
  /** Groups of filters, or with `criteriaType` "json" also a query body. */
  criteria: unknown;
  criteriaType: string;
  cursor: string;
  cursorType: string;
  advance: string;
  confirmedBy: readonly string[];
}

/** `stores` is undefined where the server does not tell. */
export function queryTips(id: string, form: QueryForm, flow: readonly FlowItem[], stores: StoreTable | undefined): Tip[] {
  return [...confirmationTips(id, form, flow), ...storeTips(form, stores), ...criteriaTips(form)];
}

function confirmationTips(id: string, { advance, confirmedBy }: QueryForm, flow: readonly FlowItem[]): Tip[] {
  if (advance === "sent") return [{ key: "notice.sent" }];
  const { nodes, complete } = reachFrom(flow, id);
  if (!complete) return [];
  const confirming = nodes.filter(({ type, mode }) => type === "syslog-out" || (type === "delivery-confirm" && mode !== "reject"));
  if (confirming.length === 0) return [{ key: "notice.noConfirmation" }];
  const names = new Set(confirming.flatMap((node) => {
    const others = node.type === "delivery-confirm" && Array.isArray(node["confirmsFor"]) ? (node["confirmsFor"] as string[]) : [];
    return others.length > 0 ? others : [node.id];
  }));
  const missing = confirmedBy.filter((sink) => !names.has(sink));
  const nameOf = (sink: string) => flow.find((node) => node.id === sink)?.name || sink;
  return missing.length === 0 ? [] : [{ key: "notice.sinksNotReached", params: { sinks: missing.map(nameOf).join(", ") } }];
}

function storeTips({ cursor, cursorType }: QueryForm, stores: StoreTable | undefined): Tip[] {
  if (stores === undefined || cursorType === "none") return [];
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
  // The list of groups says it at the row.
  if (used.has(cursorTerm)) return criteriaType === "json" ? [{ key: "notice.cursorTerm", params: { term: cursorTerm } }] : [];
  const eventTime = EVENT_TIMES[source];
  return eventTime !== undefined && used.has(eventTime) ? [{ key: "notice.eventTime", params: { term: eventTime, cursorTerm } }] : [];
}

/** Every `term` at any depth. */
function termsIn(criteria: unknown): Set<string> {
  if (typeof criteria !== "object" || criteria === null) return new Set();
  const own = "term" in criteria && typeof criteria.term === "string" ? [criteria.term] : [];
  return new Set([...own, ...Object.values(criteria).flatMap((inner) => [...termsIn(inner)])]);
}

/** A core `tls-config` node as far as its form tells. */
export type TlsForm = { name?: string; id: string; verifyservercert?: unknown } | null | undefined;

/** The run time refuses to send anything with verification off. */
export function tlsTips(tls: TlsForm): Tip[] {
  return tls != null && tls.verifyservercert === false ? [{ key: "common.error.TLS_UNVERIFIED", params: { name: tls.name || tls.id } }] : [];
}

/** A `syslog-out` as its form stands. */
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
  else if (host.trim() !== "" && !LOOPBACK.test(host.trim())) tips.push({ key: "notice.notEncrypted" });
  if (maxBytes > USUAL_LIMIT) tips.push({ key: "notice.aboveUsualLimit", params: { limit: USUAL_LIMIT } });
  if (overflow === "drop-oldest" || overflow === "drop-newest") tips.push({ key: "notice.drops" });
  return tips;
}

/**
 * Lines that `syslog-out` would have to cut: as CEF this node shortens field by field, that one can only cut off. JSON
 * cannot be shortened here either, and no line may be set to less than SHORTEST_LINE: then the limit there must rise.
 * `format` is that of the dialog; without it, that of the node as it stands in `flow`.
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
