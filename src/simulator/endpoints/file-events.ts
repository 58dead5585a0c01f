/**
 * The searches for file events (developer portal, "Search file events"): criteria, sorting, and paging by number and by
 * token. Both versions search the same events.
 */
import { setImmediate as nextTick } from "node:timers/promises";
import { badRequest, json, type Answer, type Call } from "../answer";
import { BadQuery, Criteria } from "../criteria";
import { flatten } from "../file-events-v1";
import type { EventStore, StoredEvent } from "../store";
import { fileEventsV1, fileEventsV2, valuesAt, type Vocabulary } from "../vocabularies";

const PAGE_LIMIT = 10_000;

/** How one version of the API returns events. */
interface Version {
  vocabulary: Vocabulary;
  idTerm: string;
  record: (event: StoredEvent) => unknown;
  json: (event: StoredEvent) => string;
}

export const versionTwo = (): Version => ({ vocabulary: fileEventsV2(), idTerm: "event.id", record: (event) => event.event(), json: (event) => event.json() });

export const versionOne = (): Version => ({
  vocabulary: fileEventsV1(), idTerm: "eventId", record: (event) => flatten(event.event()), json: (event) => JSON.stringify(flatten(event.event())),
});

type Passes = (event: StoredEvent) => boolean;

export class FileEventSearch {
  private readonly criteria: Criteria;
  private readonly totals = new Map<string, number>();

  constructor(private readonly version: Version, private readonly store: EventStore, private readonly now: () => number) {
    this.criteria = new Criteria(version.vocabulary);
  }

  readonly search = async ({ body, fault }: Call): Promise<Answer> => {
    try {
      return await this.page(body, fault);
    } catch (error) {
      if (error instanceof BadQuery) return json(400, { problems: error.problems });
      throw error;
    }
  };

  private async page(query: Call["body"], fault: Call["fault"]): Promise<Answer> {
    const now = this.now();
    const { fromMs, toMs, test } = this.criteria.compile(query, now);
    const pageSize = Number(query["pgSize"] ?? 100);
    const token = query["pgToken"];
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > PAGE_LIMIT) return badRequest(`pgSize must be from 1 to ${PAGE_LIMIT}.`, "INVALID_PAGE_SIZE");
    const byToken = typeof token === "string";
    const pageNumber = Number(query["pgNum"] ?? 1);
    if (!byToken && (!Number.isInteger(pageNumber) || pageNumber < 1)) return badRequest("pgNum starts at 1.", "INVALID_PAGE_NUMBER");
    if (!byToken && pageNumber * pageSize > PAGE_LIMIT) return badRequest(`pgNum times pgSize must not exceed ${PAGE_LIMIT}; use pgToken.`, "INVALID_PAGE_NUMBER");
    const passes: Passes = (event) => test === undefined || test(this.version.record(event));
    const last = byToken && token !== "" ? this.store.find(token, now) : undefined;
    if (byToken && token !== "" && (last === undefined || Math.floor(last.us / 1000) < fromMs || Math.floor(last.us / 1000) > toMs || !passes(last))) return rejectedToken();

    const sortKey = typeof query["srtKey"] === "string" ? query["srtKey"] : this.version.idTerm;
    const descending = typeof query["srtDir"] === "string" && query["srtDir"].toLowerCase() === "desc";
    const inOrder = sortKey === this.version.vocabulary.indexed && !descending;
    // The store already has this order; for any other, sort all matches.
    const sorted = inOrder ? undefined : this.sort([...this.store.between(fromMs, toMs, now)].filter(passes), sortKey, descending);
    const candidates = sorted === undefined
      ? this.store.between(fromMs, toMs, now, last)
      : sorted.slice(last === undefined ? 0 : sorted.findIndex((event) => event.id === last.id) + 1);
    let skip = byToken ? 0 : (pageNumber - 1) * pageSize;
    const events: string[] = [];
    let lastId: string | undefined;
    let more = false;
    let visited = 0;
    for (const event of candidates) {
      if (++visited % 500 === 0) await nextTick();
      if (sorted === undefined && !passes(event)) continue;
      if (skip > 0) {
        skip -= 1;
        continue;
      }
      if (events.length === pageSize) {
        more = true;
        break;
      }
      events.push(this.version.json(event));
      lastId = event.id;
    }
    const total = sorted?.length ?? await this.total(query["groups"], fromMs, toMs, test === undefined ? undefined : passes, now, token === undefined || token === "");
    const next = fault?.kind === "same-token" && byToken ? token : byToken && more ? lastId ?? null : null;
    const list = fault?.kind === "null-events" ? "null" : `[${events.join(",")}]`;
    const problems = fault?.kind === "problems" ? [{ badFilter: null, description: fault.description, type: "SEARCH_FAILED" }] : null;
    return { status: 200, body: `{"totalCount":${total},"fileEvents":${list},"nextPgToken":${JSON.stringify(next)},"problems":${JSON.stringify(problems)}}` };
  }

  /** The number of all matches. If every event must be checked, the number is computed for the first page and then reused. */
  private async total(groups: unknown, fromMs: number, toMs: number, passes: Passes | undefined, now: number, first: boolean): Promise<number> {
    if (passes === undefined) return this.store.count(fromMs, toMs, now);
    const key = JSON.stringify(groups);
    const known = first ? undefined : this.totals.get(key);
    if (known !== undefined) return known;
    let total = 0;
    let visited = 0;
    for (const event of this.store.between(fromMs, toMs, now)) {
      if (++visited % 500 === 0) await nextTick();
      if (passes(event)) total += 1;
    }
    if (this.totals.size > 100) this.totals.clear();
    this.totals.set(key, total);
    return total;
  }

  private sort(events: StoredEvent[], key: string, descending: boolean): StoredEvent[] {
    const sign = descending ? -1 : 1;
    const values = this.criteria.term(key) ?? ((record: unknown) => valuesAt(record, key));
    const keyed = events.map((event) => ({ event, value: values(this.version.record(event))[0] as string | number | undefined ?? "" }));
    keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.event.id < b.event.id ? -1 : 1));
    return keyed.map(({ event }) => event);
  }
}

export const rejectedToken = (): Answer => badRequest("INVALID_PAGE_TOKEN: the page token is not valid for this query.", "INVALID_PAGE_TOKEN");
