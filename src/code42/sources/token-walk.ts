/**
 * Reads a search of file events page by page along its page tokens, oldest first.
 *
 * Page numbers would end at 10,000 events; tokens have no such limit. A token is the id of the last event of its page, so
 * query and sort must be the same for every page.
 */
import { isDeepStrictEqual } from "node:util";
import { KeyTable } from "../../cursor/keys";
import { plain, type Border } from "../../common/border";
import { SiemError } from "../../common/errors";
import { isRecord } from "../../common/messages";
import { PAGE_TOKEN_CHARACTERS } from "../../common/limits";
import type { Body } from "../../pages/body";
import { IndexedEvents, indexPage, type IsKnown, type LineMaker, type PageIndex } from "../../pages/page-index";
import { readPage, textAtTheEnd } from "../../pages/page-reader";
import { forIndexes } from "../../common/turns";
import type { Api, Reading } from "../tenant/api";
import { queryError } from "../errors";
import { fileEventFields, type FileEventVersion } from "./file-event-fields";
import type { WireFilter, WireGroup } from "../criteria/criteria";
import type { PollOptions, Reply } from "./source";

export interface TokenSearch {
  path: string;
  cursorTerm: string;
  idTerm: string;
  version: FileEventVersion;
}

/** The groups of a request: the user's, `range`, and the cursor's filter. */
type GroupsOf = (range: WireGroup[], cursor: WireFilter) => WireGroup[];

/** Known events are read again in the largest pages that Code42 gives, so that the overlap costs few requests. */
const REREAD_PAGE_SIZE = 10_000;
const MAX_TOKEN_RESTARTS = 3;
const EVENTS = "fileEvents";
const NEXT_TOKEN = "nextPgToken";
/** If the server takes longer to answer, the next page is requested before this one is parsed, ms. */
const SLOW_MS = 30;
/** After this many events, Code42 is asked how many there are: one more request for every 20 pages. */
const EVENTS_PER_CHECK = 20_000;

interface TokenPage {
  reply: Reply;
  /** All events of the page, known ones included. */
  index: PageIndex;
  /** True if no page follows. */
  last: boolean;
}

interface PageOptions {
  search: TokenSearch;
  poll: PollOptions;
  groups: () => WireGroup[];
  known: IsKnown;
}

/** Reads all pages. Throws PAGE_INVALID, SEARCH_PROBLEMS, PAGE_TOKEN_LOOP, and what the tenant throws. */
export async function* readByTokens(search: TokenSearch, poll: PollOptions, groupsOf: GroupsOf): AsyncGenerator<Reply> {
  const filter = (operator: string, ms: number): WireFilter => ({ term: search.cursorTerm, operator, value: new Date(ms).toISOString() });
  const groups = (fromMs: number, untilMs: number | undefined) => groupsOf(
    untilMs === undefined ? [] : [{ filterClause: "AND", filters: [filter("ON_OR_BEFORE", untilMs)] }],
    filter("ON_OR_AFTER", fromMs),
  );
  const unchecked = new UncheckedEvents(poll.cursor.floorMs, poll.overlapMs);
  /** Code42's own count of the last range: it is requested while reading goes on. */
  let count: Promise<Count> | undefined;
  for await (const page of readPages({ search, poll, known: poll.known, groups: () => groups(poll.cursor.floorMs, poll.untilMs) })) {
    await unchecked.add(page);
    yield page.reply;
    const range = unchecked.takeRange(page);
    if (range === undefined) continue;
    yield* readMissing(await count);
    count = totalOf(search, poll, groups(range.fromMs, range.untilMs)).then((total) => ({ range, total }));
    count.catch(() => undefined); // Awaited later.
  }
  yield* readMissing(await count);

  /** Reads a range once more if Code42 counts more events than came. */
  async function* readMissing(checked: Count | undefined): AsyncGenerator<Reply> {
    if (checked === undefined || checked.total <= checked.range.count) return;
    const { range, total } = checked;
    let found = 0;
    for await (const { reply } of readPages({ search, poll, groups: () => groups(range.fromMs, range.untilMs), known: (keys, index) => range.has(keys, index) || poll.known(keys, index) })) {
      found += reply.events.length;
      yield reply;
    }
    const instant = (ms: number) => new Date(ms).toISOString();
    poll.warn("warning.incomplete", plain.params({ from: instant(range.fromMs), until: instant(range.untilMs), total, count: range.count, found }));
  }
}

/**
 * The time of the event with this id, epoch ms; undefined if the search does not find it. Some versions of code42cli sorted
 * by the time of the event, others by that of its insertion: this is the earlier one, which loses nothing. Throws what the
 * tenant throws.
 */
export async function timeOfEvent(search: TokenSearch, id: string, api: Api, signal: AbortSignal): Promise<number | undefined> {
  const groups: WireGroup[] = [{ filterClause: "AND", filters: [{ term: search.idTerm, operator: "IS", value: id }] }];
  const fields = fileEventFields[search.version];
  let time: number | undefined;
  const { value: envelope } = await api.postAndRead(search.path, bodyFor(search, groups, 1, ""), (body) => readPage(body, EVENTS, ([event]) => {
    if (fields.id(event) !== id) return;
    const times = [fields.insertedMs(event), fields.happenedMs(event)].filter((ms) => ms !== undefined);
    if (times.length > 0) time = Math.min(...times);
  }, { most: 1 }), { signal });
  refuseProblems(envelope, api.border);
  return time;
}

/** A range of time in which no new events can appear, and the events that were read of it. */
interface CompleteRange {
  /** Epoch ms, both inclusive. */
  fromMs: number;
  untilMs: number;
  count: number;
  has: IsKnown;
}

interface Count {
  range: CompleteRange;
  total: number;
}

/**
 * The events since the last check that are older than the overlap. If the server does not order equal times in the same
 * way for every page, events at the edge of a page may be missed; those in the overlap are read again anyway.
 */
class UncheckedEvents {
  /** Epoch ms by event. */
  private times = new KeyTable();
  private pages = 0;

  constructor(private fromMs: number, private readonly overlapMs: number) {}

  async add({ reply, index: { keys, times } }: TokenPage): Promise<void> {
    this.pages += 1;
    const untilMs = reply.serverMs - this.overlapMs;
    await forIndexes(times.length, (index) => {
      const ms = times[index]!;
      if (ms >= this.fromMs && ms <= untilMs) this.times.set(keys, index, ms);
    });
  }

  /** The range that can be checked after `page`; its events are removed here. */
  takeRange({ reply, last }: TokenPage): CompleteRange | undefined {
    if (this.pages < 2 || reply.lastMs === undefined || !(last || this.times.size >= EVENTS_PER_CHECK)) return undefined;
    // The next page may have more events of the last millisecond.
    const untilMs = Math.min(last ? reply.lastMs : reply.lastMs - 1, reply.serverMs - this.overlapMs);
    const { fromMs, times } = this;
    if (untilMs < fromMs) return undefined;
    this.times = times.above(untilMs);
    this.fromMs = untilMs + 1;
    return { fromMs, untilMs, count: times.size - this.times.size, has: (keys, index) => (times.get(keys, index) ?? Infinity) <= untilMs };
  }
}

async function* readPages({ search, poll, groups, known }: PageOptions): AsyncGenerator<TokenPage> {
  const { api, cursor, signal, onRetry } = poll;
  const tokens = new Set<string>();
  /** Of the previous page: the cursor may have moved past it and forgotten its ids. */
  let previousKeys = new KeyTable();
  let serverMs: number | undefined;
  let reachedMs = cursor.floorMs;
  let restarts = 0;
  let currentGroups = groups();

  const fetchPage = (token: string): PageCall => {
    const rereading = cursor.size >= poll.pageSize && reachedMs < (cursor.lastMs ?? 0);
    const pageSize = rereading ? Math.ceil(REREAD_PAGE_SIZE / (poll.pageDivisor ?? 1)) : poll.pageSize;
    const request = bodyFor(search, currentGroups, pageSize, token);
    // Nearly all events that are read again are known: they need no lines.
    const maker = rereading ? undefined : poll.lineMaker();
    const askedAt = performance.now();
    let giveHint: (token: string | undefined) => void = () => undefined;
    const nextTokenHint = new Promise<string | undefined>((resolve) => (giveHint = resolve));
    // Read at once: while the page waits for the previous one, only its compressed bytes stay in memory.
    const answer = api.postAndRead(search.path, request, async (body) => {
      // Before the page is read: at the same time, its end would come no sooner than the page.
      if (!rereading && performance.now() - askedAt > SLOW_MS) giveHint(await textAtTheEnd(body, NEXT_TOKEN).catch(() => undefined));
      return readEvents(body, pageSize, search, known, maker, api.border);
    }, { signal, onRetry });
    answer.catch(() => undefined); // Awaited later, after the previous page.
    return { token, answer, nextTokenHint };
  };

  let request: PageCall | undefined = fetchPage("");
  while (request !== undefined) {
    const { token, nextTokenHint }: PageCall = request;
    /** The next page, requested because of the hint. */
    let prefetched: PageCall | undefined;
    let isRead = false;
    void nextTokenHint.then((next) => {
      if (!isRead && next !== undefined && next !== token && !tokens.has(next)) prefetched = fetchPage(next);
    });
    let answer: Awaited<PageCall["answer"]>;
    try {
      answer = await request.answer;
    } catch (error) {
      if (!(error instanceof SiemError) || error.code !== "INVALID_PAGE_TOKEN" || token === "") throw error;
      // The event that the token names has left the result: start again, and drop known events.
      restarts += 1;
      if (restarts > MAX_TOKEN_RESTARTS) throw queryError("PAGE_TOKEN_LOOP", {}, { cause: api.border.cause(error) });
      currentGroups = groups();
      tokens.clear();
      request = fetchPage("");
      continue;
    } finally {
      isRead = true;
    }
    const { nextToken, index } = answer.value;
    const { keys, times, prepared } = index;
    serverMs ??= (answer.date ?? api.serverNow()) - answer.elapsedMs;
    const pageKeys = new KeyTable();
    const newEvents: number[] = [];
    let lastMs: number | undefined;
    await forIndexes(times.length, (event) => {
      const ms = times[event]!;
      if (!Number.isNaN(ms)) lastMs = Math.max(lastMs ?? 0, ms);
      if (pageKeys.set(keys, event, ms) && !previousKeys.has(keys, event) && !known(keys, event)) newEvents.push(event);
    });
    previousKeys = pageKeys;
    reachedMs = Math.max(reachedMs, lastMs ?? 0);
    // The lines are those of the events that were not known when the page was read; by now, others may be.
    const isPrepared = prepared !== undefined && isDeepStrictEqual(prepared.events, newEvents);
    if (!isPrepared) prepared?.lines.release();
    tokens.add(token);
    const isRepeated = nextToken !== "" && tokens.has(nextToken);
    if (isRepeated) poll.warn("warning.tokenRepeated", {});
    request = nextToken === "" || isRepeated ? undefined : withToken(nextToken, prefetched) ?? fetchPage(nextToken);
    yield {
      reply: { events: new IndexedEvents(index, newEvents, isPrepared ? prepared : undefined), known: times.length - newEvents.length, lastMs, serverMs },
      index,
      last: request === undefined && !isRepeated,
    };
  }
}

const withToken = (token: string, call: PageCall | undefined) => (call?.token === token ? call : undefined);

interface PageCall {
  token: string;
  answer: Promise<Reading<EventsRead>>;
  /** The probable token of the next page, from the end of the body; settles only if the server is slow. */
  nextTokenHint: Promise<string | undefined>;
}

interface EventsRead {
  index: PageIndex;
  /** "" after the last page. */
  nextToken: string;
}

const bodyFor = (search: TokenSearch, groups: WireGroup[], pageSize: number, token: string) => ({
  groupClause: "AND",
  groups,
  srtKey: search.cursorTerm,
  srtDir: "asc",
  pgSize: pageSize,
  pgToken: token,
});

/** Reads a whole page before any of it is delivered, because it may be cut. */
async function readEvents(body: Body, pageSize: number, search: TokenSearch, known: IsKnown, maker: LineMaker | undefined, border: Border): Promise<EventsRead> {
  const index = await indexPage(body, EVENTS, pageSize, fileEventFields[search.version], known, maker);
  refuseProblems(index.envelope, border);
  const { [EVENTS]: list, [NEXT_TOKEN]: nextToken } = index.envelope;
  if (list !== null && !Array.isArray(list)) throw queryError("PAGE_INVALID", plain.params({ reason: `it has no list "${EVENTS}"` }));
  if (nextToken != null && typeof nextToken !== "string") throw queryError("PAGE_INVALID", plain.params({ reason: `"${NEXT_TOKEN}" is of type ${typeof nextToken}` }));
  if ((nextToken ?? "").length > PAGE_TOKEN_CHARACTERS) throw queryError("PAGE_TOO_LARGE", plain.params({ reason: `"${NEXT_TOKEN}" is longer than ${PAGE_TOKEN_CHARACTERS} characters` }));
  return { index, nextToken: nextToken ?? "" };
}

/** How many events match, by Code42's own count; 0 if the answer has none. */
async function totalOf(search: TokenSearch, { api, signal, onRetry }: PollOptions, groups: WireGroup[]): Promise<number> {
  const { value: { totalCount } } = await api.postAndRead(search.path, bodyFor(search, groups, 1, ""), (body) => readPage(body, EVENTS, () => undefined, { most: 1 }), { signal, onRetry });
  return typeof totalCount === "number" ? totalCount : 0;
}

/** Throws SEARCH_PROBLEMS if an answer says that its search did not run completely. */
export function refuseProblems({ problems }: Record<string, unknown>, border: Border): void {
  if (Array.isArray(problems) && problems.length > 0) throw queryError("SEARCH_PROBLEMS", border.params({ problems: problemsText(problems) }));
}

function problemsText(problems: unknown[]): string {
  const texts = problems.map((problem) => (isRecord(problem) ? [problem["type"], problem["description"]].filter((text) => typeof text === "string").join(": ") : ""));
  return texts.filter((text) => text !== "").join("; ") || "no description";
}
