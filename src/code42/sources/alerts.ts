/**
 * Alerts (`POST /v1/alerts/query-alerts` and `/query-details`; developer portal, "Manage alerts"). The vendor has been
 * replacing them with sessions since May 2024.
 *
 * The search has only page numbers, and its result changes meanwhile: when an alert leaves it, all later ones move forward.
 * So each request asks for the first page of the alerts created since the last alert of the previous page.
 */
import { plain } from "../../common/border";
import { SiemError } from "../../common/errors";
import { parseExact } from "../../common/exact-json";
import { isRecord } from "../../common/messages";
import { copyOfEvent, PackedEvents } from "../../pages/packed-events";
import type { FoundEvent } from "../../pages/page-index";
import { epochMs, ifSet } from "../../common/instant";
import { queryError } from "../errors";
import { flatQueries } from "../criteria/flat-query";
import { mergeInOrder } from "./merge";
import { readList, readWholeList, samePageTwice, type ListPage } from "./numbered-pages";
import { requestGroups, type Criteria, type WireFilter } from "../criteria/criteria";
import { SEARCH_RULES } from "../criteria/search-rules";
import { isKnown, ReplyBuilder } from "./reply-builder";
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
  const { tenantId } = JSON.parse(data.toString("utf8")) as { tenantId?: unknown };
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
    const { items, askedMs } = await searchPage(search, { term: CREATED, operator: "ON_OR_AFTER", value: new Date(fromMs).toISOString() }, number, pageSize);
    serverMs ??= askedMs ?? poll.api.serverNow();
    const builder = new ReplyBuilder((key) => seen.has(key) || isKnown(poll, key));
    for (const alert of items) addAlert(builder, alert, search.changes);
    for (const [key, ms] of builder.keys) seen.set(key, ms);
    const keys = [...builder.keys.keys()].join();
    if (number > 0 && items.length >= pageSize && keys === before) throw samePageTwice();
    before = keys;
    yield builder.reply(serverMs);
    if (items.length < pageSize) return;
    const reachedMs = createdMs(items.at(-1)) ?? fromMs;
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
    const found = await readWholeList(async (number) => {
      const page = await searchPage(search, { term: CHANGED, operator: "ON_OR_AFTER", value: new Date(floorMs).toISOString() }, number, pageSize);
      serverMs ??= page.askedMs;
      return page;
    }, pageSize);
    const builder = new ReplyBuilder((key) => isKnown(poll, key));
    for (const alert of found) if ((stateChangedMs(alert) ?? 0) >= floorMs) addAlert(builder, alert, true);
    yield builder.reply(serverMs ?? poll.api.serverNow());
  }
}

async function searchPage({ poll, tenantId, criteria }: AlertSearch, filter: WireFilter, number: number, pageSize: number): Promise<ListPage> {
  const { api, signal, onRetry, extraGroups, untilMs } = poll;
  const until: WireFilter[] = untilMs === undefined ? [] : [{ term: CREATED, operator: "ON_OR_BEFORE", value: new Date(untilMs).toISOString() }];
  const groups = requestGroups(criteria, [...extraGroups, ...until.map((end) => ({ filterClause: "AND" as const, filters: [end] }))], filter);
  const page = await readList(
    await api.post(SEARCH, { tenantId, groupClause: "AND", groups, pgNum: number, pgSize: pageSize, srtKey: CREATED, srtDirection: "ASC" }, { signal, onRetry, permission: PERMISSION }),
    "alerts",
  );
  refuseProblems(page.envelope, api.border);
  return page;
}

function addAlert(builder: ReplyBuilder, alert: unknown, changes: boolean): void {
  const id = isRecord(alert) ? alert["id"] : undefined;
  const created = createdMs(alert);
  if (!changes || typeof id !== "string" || id === "" || !isRecord(alert)) return builder.add(alert, id, created);
  const { state, stateLastModifiedAt } = alert;
  builder.add(alert, JSON.stringify([id, state, stateLastModifiedAt]), created === undefined ? undefined : Math.max(created, stateChangedMs(alert) ?? 0));
}

const createdMs = (alert: unknown): number | undefined => ifSet(epochMs(isRecord(alert) ? alert["createdAt"] : undefined));
const stateChangedMs = (alert: unknown): number | undefined => ifSet(epochMs(isRecord(alert) ? alert["stateLastModifiedAt"] : undefined));

/** Adds to the alerts the details that Code42 has of them. */
async function* withDetails(replies: AsyncGenerator<Reply>, poll: PollOptions, tenantId: string): AsyncGenerator<Reply> {
  for await (const reply of replies) {
    const events: FoundEvent[] = [];
    for (let start = 0; start < reply.events.length; start += DETAILS_PER_REQUEST) {
      const some = [...reply.events.slice(start, start + DETAILS_PER_REQUEST)];
      const alerts = await new PackedEvents(some).unpack();
      const details = await detailsOf(alerts, poll, tenantId);
      events.push(...some.map((event, index) => ({ ...event, ...copyOfEvent(detailed(alerts[index], details)) })));
    }
    yield { ...reply, events };
  }
}

/** By alert id: the answer has no guaranteed order and may leave alerts out. */
async function detailsOf(alerts: readonly unknown[], { api, signal, onRetry, warn }: PollOptions, tenantId: string): Promise<Map<unknown, Record<string, unknown>>> {
  const alertIds = alerts.flatMap((alert) => (isRecord(alert) && typeof alert["id"] === "string" ? [alert["id"]] : []));
  if (alertIds.length === 0) return new Map();
  try {
    const { items } = await readList(await api.post(DETAILS, { tenantId, alertIds }, { signal, onRetry, permission: PERMISSION }), "alerts");
    return new Map(items.filter(isRecord).map((details) => [details["id"], details]));
  } catch (error) {
    // One alert without details must not stop the others.
    if (!(error instanceof SiemError) || !["QUERY_REFUSED", "NOT_FOUND"].includes(error.code)) throw error;
    warn("warning.noDetails", plain.params({ count: alertIds.length, reason: error }));
    return new Map();
  }
}

function detailed(alert: unknown, details: ReadonlyMap<unknown, Record<string, unknown>>): unknown {
  if (!isRecord(alert)) return alert;
  const merged = { ...alert, ...details.get(alert["id"]) };
  const { observations } = merged as { observations?: unknown };
  return Array.isArray(observations) ? { ...merged, observations: observations.map(withData) } : merged;
}

/** An observation's `data` is JSON in a string; other text stays. */
function withData(observation: unknown): unknown {
  if (!isRecord(observation) || typeof observation["data"] !== "string") return observation;
  try {
    return { ...observation, data: parseExact(observation["data"]) };
  } catch {
    return observation;
  }
}
