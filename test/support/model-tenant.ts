/**
 * A tenant in memory that answers searches as documented and is as difficult as the documentation allows: records become
 * visible late, records with equal times change their order between searches, pages repeat records, page tokens become
 * invalid. The test controls its clock.
 */
import { plain } from "../../src/common/border";
import { bodyOf, type Body } from "../../src/pages/body";
import type { Api, ApiOptions, Reading } from "../../src/code42/tenant/api";
import { tenantError } from "../../src/code42/tenant/tenant-errors";

export interface ModelRecord {
  /** Epoch ms; the time that a search's cursor term or time range is compared with. */
  ms: number;
  visibleAt: number;
  /** The record as the API returns it now. */
  body: Record<string, unknown>;
  id: string;
  /** The values that a filter on `flag` matches. */
  flags: string[];
  gone?: boolean;
}

type ModelReply = { data: Buffer; date: number; elapsedMs: number };

interface Filter {
  term: string;
  operator: string;
  value: string;
}
type Group = { filterClause: string; filters: Filter[] } | { subgroupClause: string; subgroups: Group[] };
interface Search {
  groups: Group[];
  pgSize: number;
  pgToken: string;
  pgNum: number;
}

export class ModelTenant implements Api {
  readonly baseUrl = "https://model.example";
  readonly principal = "key-model";
  readonly border = plain;
  readonly records: ModelRecord[] = [];
  /** The ids that the query has sent. */
  readonly delivered = new Set<string>();
  /** All requests, in order. */
  readonly requests: { path: string; body: unknown }[] = [];
  /** If true, the order of equal times changes from page to page too. */
  reordersPages = false;
  /** Called before each answer. */
  onRequest: () => void = () => undefined;
  private readonly seeds = new Map<string, number>();
  private made = 0;

  constructor(public now: number, private readonly random: () => number) {}

  serverNow(): number {
    return this.now;
  }

  async serverTime(): Promise<number> {
    return this.now;
  }

  add(record: Omit<ModelRecord, "id">, id = `id-${this.made}`): ModelRecord {
    this.made += 1;
    const added = { ...record, id };
    this.records.push(added);
    return added;
  }

  private post(path: string, body: unknown, { signal }: ApiOptions): ModelReply {
    signal.throwIfAborted();
    this.requests.push({ path, body });
    this.onRequest();
    switch (path) {
      case "/v1/file-events": return this.reply(this.searchByToken(body as Search, "insertionTimestamp"));
      case "/v2/file-events": return this.reply(this.searchByToken(body as Search, "event.inserted"));
      case "/v1/alerts/query-alerts": return this.reply(this.searchByNumber(body as Search));
      case "/v1/alerts/query-details": return this.reply(this.details((body as { alertIds: string[] }).alertIds));
      default: return this.reply(this.searchAuditLog(body as { dateRange: { startTime: number; endTime: number }; page: number; pageSize: number }));
    }
  }

  async get(path: string, { signal, query = {} }: ApiOptions & { query?: Record<string, string | string[]> }): Promise<ModelReply> {
    signal.throwIfAborted();
    this.requests.push({ path, body: query });
    this.onRequest();
    if (path === "/v1/customer") return this.reply({ tenantId: "model" });
    const [from, before, page, size] = ["on_or_after", "before", "page_number", "page_size"].map((name) => (query[name] === undefined ? undefined : Number(query[name])));
    const matches = this.visible().filter(({ ms }) => ms >= (from ?? 0) && ms < (before ?? Infinity)).sort((a, b) => Number(b.body["endTime"]) - Number(a.body["endTime"]));
    const start = (page ?? 0) * (size ?? 50);
    return this.reply({ items: matches.slice(start, start + (size ?? 50)).map(({ body }) => body), totalCount: matches.length });
  }

  private reply(value: unknown): ModelReply {
    const data = Buffer.from(JSON.stringify(value));
    return { data, date: this.now, elapsedMs: 0 };
  }

  async postAndRead<Value>(path: string, body: unknown, read: (body: Body) => Promise<Value>, options: ApiOptions): Promise<Reading<Value>> {
    const { data, ...reply } = this.post(path, body, options);
    return { ...reply, value: await read(bodyOf(data)) };
  }

  async getAndRead<Value>(path: string, read: (body: Body) => Promise<Value>, options: ApiOptions): Promise<Reading<Value>> {
    const { data, ...reply } = await this.get(path, options);
    return { ...reply, value: await read(bodyOf(data)) };
  }

  private visible(): ModelRecord[] {
    return this.records.filter(({ visibleAt, gone }) => visibleAt <= this.now && gone !== true);
  }

  private searchByToken(search: Search, term: string) {
    const matches = this.inOrder(this.matching(search.groups, term), JSON.stringify(search.groups), search.pgToken === "" || this.reordersPages);
    let start = 0;
    if (search.pgToken !== "") {
      start = matches.findIndex(({ id }) => id === search.pgToken) + 1;
      if (start === 0) throw tenantError("INVALID_PAGE_TOKEN", {}, { permanent: true });
      // Some pages begin with the last event of the page before.
      if (search.pgSize > 1 && this.random() < 0.2) start -= 1;
    }
    const page = matches.slice(start, start + search.pgSize);
    const more = start + page.length < matches.length;
    return { totalCount: matches.length, fileEvents: page.map(({ body }) => body), nextPgToken: more ? page.at(-1)?.id : null, problems: null };
  }

  private searchByNumber(search: Search) {
    const matches = this.inOrder(this.matching(search.groups, "CreatedAt"), JSON.stringify(search.groups), search.pgNum === 0);
    const start = search.pgNum * search.pgSize;
    return { type$: "ALERT_QUERY_RESPONSE", alerts: matches.slice(start, start + search.pgSize).map(({ body }) => body), totalCount: matches.length, problems: [] };
  }

  /** Unordered, and not all of them. */
  private details(ids: string[]) {
    const found = this.records.filter(({ id }) => ids.includes(id) && this.random() < 0.9).reverse();
    return { type$: "ALERT_DETAILS_RESPONSE", alerts: found.map(({ body }) => ({ ...body, observations: [] })) };
  }

  /** Newest first; the order of equal times is arbitrary but constant. */
  private searchAuditLog({ dateRange: { startTime, endTime }, page, pageSize }: { dateRange: { startTime: number; endTime: number }; page: number; pageSize: number }) {
    const matches = this.visible().filter(({ ms }) => ms >= startTime * 1000 - 1e-3 && ms <= endTime * 1000 + 1e-3).sort((a, b) => b.ms - a.ms || hash(a.id) - hash(b.id));
    const start = page * pageSize;
    return start >= matches.length && matches.length > 0 ? {} : { events: matches.slice(start, start + pageSize).map(({ body }) => body).sort(() => this.random() - 0.5) };
  }

  private matching(groups: Group[], cursorTerm: string): ModelRecord[] {
    const holds = (record: ModelRecord, { term, operator, value }: Filter): boolean => {
      if (term === "flag") return record.flags.includes(value);
      const changed = record.body["stateLastModifiedAt"];
      const ms = term === cursorTerm ? record.ms : typeof changed === "string" ? Date.parse(changed) : -1;
      return operator === "ON_OR_AFTER" ? ms >= Date.parse(value) : ms <= Date.parse(value);
    };
    const passes = (record: ModelRecord, group: Group): boolean => "filters" in group
      ? group.filters[group.filterClause === "OR" ? "some" : "every"]((filter) => holds(record, filter))
      : group.subgroups[group.subgroupClause === "OR" ? "some" : "every"]((inner) => passes(record, inner));
    return this.visible().filter((record) => groups.every((group) => passes(record, group)));
  }

  private inOrder(records: ModelRecord[], query: string, anew: boolean): ModelRecord[] {
    if (anew || !this.seeds.has(query)) this.seeds.set(query, this.random());
    const seed = this.seeds.get(query) ?? 0;
    return records.sort((a, b) => a.ms - b.ms || hash(`${seed}${a.id}`) - hash(`${seed}${b.id}`));
  }
}

function hash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  return value >>> 0;
}

/** A generator of random numbers from 0 to 1, which `seed` determines. */
export function randomOf(seed: number): () => number {
  let state = (seed * 7919 + 1) % 2147483647;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
