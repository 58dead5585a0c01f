/**
 * Alerts (`POST /v1/alerts/query-alerts` and `/query-details`; developer portal, "Manage alerts"). The vendor has been
 * replacing them with sessions since May 2024.
 *
 * The search has only page numbers, and its result changes meanwhile: when an alert leaves it, all later ones move forward.
 * So each request asks for the first page of the alerts created since the last alert of the previous page.
 */
import { SiemError } from "../../common/errors";
import { parsed } from "../../common/json";
import { LIST_PAGES } from "../../common/limits";
import { isRecord } from "../../common/messages";
import { PackedEvents } from "../../pages/packed-events";
import type { FoundEvent } from "../../pages/page-index";
import { epochMs, ifSet } from "../../common/instant";
import { queryError } from "../errors";
import { flatQueries } from "../criteria/flat-query";
import { mergeInOrder } from "./merge";
import { KeptTexts } from "./kept-texts";
import { endlessList, readList, readWholeList, samePageTwice, type Keep, type ListPage } from "./numbered-pages";
import { requestGroups, type Criteria, type WireFilter } from "../criteria/criteria";
import { SEARCH_RULES } from "../criteria/search-rules";
import { isKnown, keptEvent, ReplyBuilder, type KeptEvent } from "./reply-builder";
import type { EventSource, PollOptions, Reply, SourceOptions } from "./source";
import { refuseProblems } from "./token-walk";
import type { Api } from "../tenant/api";

const SEARCH = "/v1/alerts/query-alerts";
const DETAILS = "/v1/alerts/query-details";
const PERMISSION = "Alerts: Read";
const CREATED = SEARCH_RULES["alerts"].cursorTerm;
const CHANGED = "LastModifiedTime";
/** The API's maximum. */
const PAGE_LIMIT = 500;
/** The API's limit is 100; py42 requests 25 because that is faster (its change log, 1.19.2). */
const DETAILS_PER_REQUEST = 25;

interface AlertSearch {
  poll: PollOptions;
  tenantId: string;
  /** Without an OR between groups. */
  criteria: Criteria;
  /** True if a changed alert is another event. */
  changes: boolean;
}

export function alerts({ alertChanges }: SourceOptions): EventSource {
  let tenant: { api: Api; id: string } | undefined;
  return {
    name: "alerts",
    topic: "code42/alerts",
    kind: "code42.alert",
    cursorTerm: CREATED,
    idField: "id",
    rereads: "overlap",
    overlapS: 900,
    check: SEARCH_RULES["alerts"].check,
    async *read(poll) {
      const { api } = poll;
      if (tenant?.api !== api) tenant = { api, id: await tenantIdOf(poll) };
      const tenantId = tenant.id;
      const searches = flatQueries(poll.criteria).map((criteria): AlertSearch => ({ poll, tenantId, criteria, changes: alertChanges }));
      const created = withDetails(mergeInOrder(poll, searches.map(createdAlerts)), poll, tenantId);
      yield* alertChanges ? thenChanges(created, withDetails(changedAlerts(searches), poll, tenantId)) : created;
    },
  };
}

/** Every search must name the tenant. */
async function tenantIdOf({ api, signal, onRetry }: PollOptions): Promise<string> {
  const { data } = await api.get("/v1/customer", { signal, onRetry, permission: "Customer: Read" });
  const customer = parsed(data);
  const tenantId = isRecord(customer) ? customer["tenantId"] : undefined;
  if (typeof tenantId !== "string" || tenantId === "") throw queryError("TENANT_ID_MISSING", {}, { permanent: true });
  return tenantId;
}

/** Key-set paging along the creation time. */
async function* createdAlerts(search: AlertSearch): AsyncGenerator<Reply> {
  const { poll } = search;
  const pageSize = Math.min(PAGE_LIMIT, poll.pageSize);
  /** Alerts from `fromMs` on: the next page has them again, and the cursor may have passed them by then. */
  const seen = new Map<string, number | undefined>();
  let before = "";
  let serverMs: number | undefined;
  let fromMs = poll.cursor.floorMs;
  for (let number = 0; ;) {
    if (number === LIST_PAGES) throw endlessList();
    const keep = keepAlert(search.changes, (key) => seen.has(key) || isKnown(poll, key));
    const { items, askedMs } = await searchPage(search, { term: CREATED, operator: "ON_OR_AFTER", value: new Date(fromMs).toISOString() }, number, pageSize, keep);
    serverMs ??= askedMs ?? poll.api.serverNow();
    const builder = new ReplyBuilder();
    for (const alert of items) builder.add(alert);
    for (const [key, ms] of builder.keys) seen.set(key, ms);
    const keys = [...builder.keys.keys()].join();
    if (number > 0 && items.length >= pageSize && keys === before) throw samePageTwice();
    before = keys;
    yield builder.reply(serverMs);
    if (items.length < pageSize) return;
    const reachedMs = items.at(-1)?.createdMs ?? fromMs;
    // Page numbers are needed only if a whole page was created in one millisecond, which the search cannot split.
    number = reachedMs > fromMs ? 0 : number + 1;
    fromMs = Math.max(fromMs, reachedMs);
    for (const [key, ms] of seen) if (ms !== undefined && ms < fromMs) seen.delete(key);
  }
}

/** All replies of `created`, then those of `changed`; the cursor's floor moves after both. */
async function* thenChanges(created: AsyncGenerator<Reply>, changed: AsyncGenerator<Reply>): AsyncGenerator<Reply> {
  let end: Reply | undefined;
  for (const replies of [created, changed]) {
    for await (const reply of replies) {
      end = { ...reply, events: [], known: 0, lastMs: Math.max(end?.lastMs ?? 0, reply.lastMs ?? 0) };
      yield { ...reply, floorStays: true };
    }
  }
  if (end !== undefined) yield { ...end, lastMs: end.lastMs === 0 ? undefined : end.lastMs };
}

/** Alerts whose state changed since the cursor's floor. */
async function* changedAlerts(searches: AlertSearch[]): AsyncGenerator<Reply> {
  for (const search of searches) {
    const { poll } = search;
    const { floorMs } = poll.cursor;
    const pageSize = Math.min(PAGE_LIMIT, poll.pageSize);
    let serverMs: number | undefined;
    const texts = new KeptTexts();
    // An alert that did not change since the floor is not sent.
    const keep = keepAlert(true, (key) => isKnown(poll, key), (alert) => (stateChangedMs(alert) ?? 0) >= floorMs);
    const found = await readWholeList(async (number) => {
      const page = await searchPage(search, { term: CHANGED, operator: "ON_OR_AFTER", value: new Date(floorMs).toISOString() }, number, pageSize, keep, texts);
      serverMs ??= page.askedMs;
      return page;
    }, pageSize, ({ key }) => key);
    const builder = new ReplyBuilder();
    for (const alert of found) if (alert.isWanted) builder.add(alert);
    yield builder.reply(serverMs ?? poll.api.serverNow());
  }
}

async function searchPage<Kept>({ poll, tenantId, criteria }: AlertSearch, filter: WireFilter, number: number, pageSize: number, keep: Keep<Kept>, texts = new KeptTexts()): Promise<ListPage<Kept>> {
  const { api, signal, onRetry, extraGroups, untilMs } = poll;
  const until: WireFilter[] = untilMs === undefined ? [] : [{ term: CREATED, operator: "ON_OR_BEFORE", value: new Date(untilMs).toISOString() }];
  const groups = requestGroups(criteria, [...extraGroups, ...until.map((end) => ({ filterClause: "AND" as const, filters: [end] }))], filter);
  const body = { tenantId, groupClause: "AND", groups, pgNum: number, pgSize: pageSize, srtKey: CREATED, srtDirection: "ASC" };
  const page = await readList({ key: "alerts", most: pageSize, keep, texts }, (read) => api.postAndRead(SEARCH, body, read, { signal, onRetry, permission: PERMISSION }));
  refuseProblems(page.envelope, api.border);
  return page;
}

interface KeptAlert extends KeptEvent {
  createdMs: number | undefined;
  isWanted: boolean;
}

/** `changes`: a changed alert is another event. */
const keepAlert = (changes: boolean, known: (key: string) => boolean, wants: (alert: unknown) => boolean = () => true): Keep<KeptAlert> => (alert, texts) => {
  const isWanted = wants(alert);
  const created = createdMs(alert);
  const keep = (id: unknown, ms: number | undefined): KeptAlert =>
    ({ ...keptEvent(() => alert, id, ms, (key) => !isWanted || known(key), texts), createdMs: created, isWanted });
  const id = isRecord(alert) ? alert["id"] : undefined;
  if (!changes || typeof id !== "string" || id === "" || !isRecord(alert)) return keep(id, created);
  const { state, stateLastModifiedAt } = alert;
  return keep(JSON.stringify([id, state, stateLastModifiedAt]), created === undefined ? undefined : Math.max(created, stateChangedMs(alert) ?? 0));
};

const createdMs = (alert: unknown): number | undefined => ifSet(epochMs(isRecord(alert) ? alert["createdAt"] : undefined));
const stateChangedMs = (alert: unknown): number | undefined => ifSet(epochMs(isRecord(alert) ? alert["stateLastModifiedAt"] : undefined));

/** Adds to the alerts the details that Code42 has of them. */
async function* withDetails(replies: AsyncGenerator<Reply>, poll: PollOptions, tenantId: string): AsyncGenerator<Reply> {
  for await (const reply of replies) {
    const events: FoundEvent[] = [];
    const all = [...reply.events];
    const texts = KeptTexts.of(all);
    for (let start = 0; start < all.length; start += DETAILS_PER_REQUEST) {
      const some = all.slice(start, start + DETAILS_PER_REQUEST);
      // One alert at a time: as objects, they take many times the memory of their texts.
      const alertIds: string[] = [];
      for await (const slice of new PackedEvents(some).slices()) {
        for (const alert of slice) if (isRecord(alert) && typeof alert["id"] === "string") alertIds.push(alert["id"]);
      }
      const details = await detailsOf(alertIds, poll, tenantId, texts.copy());
      let index = 0;
      for await (const slice of new PackedEvents(some).slices()) {
        for (const alert of slice) events.push({ ...some[index++]!, ...texts.placeOf(detailed(alert, details)) });
      }
    }
    yield { ...reply, events };
  }
}

/** JSON by alert id: the answer has no guaranteed order and may leave alerts out. */
async function detailsOf(alertIds: readonly string[], { api, signal, onRetry, warn }: PollOptions, tenantId: string, texts: KeptTexts): Promise<Map<unknown, string>> {
  if (alertIds.length === 0) return new Map();
  const keep: Keep<[id: unknown, json: string][]> = (details, kept) => (isRecord(details) ? [[details["id"], kept.textOf(details)]] : []);
  try {
    const { items } = await readList({ key: "alerts", most: alertIds.length, keep, texts }, (read) =>
      api.postAndRead(DETAILS, { tenantId, alertIds }, read, { signal, onRetry, permission: PERMISSION }));
    return new Map(items.flat());
  } catch (error) {
    // One alert without details must not stop the others.
    if (!(error instanceof SiemError) || !["QUERY_REFUSED", "NOT_FOUND"].includes(error.code)) throw error;
    warn("warning.noDetails", api.border.params({ count: alertIds.length, reason: error }));
    return new Map();
  }
}

function detailed(alert: unknown, details: ReadonlyMap<unknown, string>): unknown {
  if (!isRecord(alert)) return alert;
  const merged = { ...alert, ...JSON.parse(details.get(alert["id"]) ?? "{}") as Record<string, unknown> };
  const { observations } = merged as { observations?: unknown };
  return Array.isArray(observations) ? { ...merged, observations: observations.map(withData) } : merged;
}

/** An observation's `data` is JSON in a string; other text stays. */
function withData(observation: unknown): unknown {
  if (!isRecord(observation) || typeof observation["data"] !== "string") return observation;
  const data = parsed(Buffer.from(observation["data"]));
  return data === undefined ? observation : { ...observation, data };
}
