/**
 * Walks a search of file events along its page tokens, oldest first.
 *
 * The walk has no limit on the total; a page number would end at 10,000 events. The token is the id of the last event
 * of the page, so the query and the sort must stay the same for each page.
 */
import { isDeepStrictEqual } from "node:util";
import { KeyTable } from "../../cursor/keys";
import { SiemError } from "../../common/errors";
import { isRecord } from "../../common/messages";
import { bodyOf, type Body } from "../../pages/body";
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

/** What is known already is read again in pages as large as Code42 gives, so that the overlap costs few requests. */
const REREAD_PAGE_SIZE = 10_000;
const MAX_TOKEN_RESTARTS = 3;
const MAX_PROBLEMS_TEXT = 300;
const EVENTS = "fileEvents";
const NEXT_TOKEN = "nextPgToken";
/** A server that takes longer for its answer is asked for the next page before this one is read, ms. */
const SLOW_MS = 30;
/** After so many events a walk asks Code42 whether these were all: one request more for each 20 pages. */
const CHECKED_EVENTS = 20_000;

/** One answer, and what the walk knows about it. */
interface TokenPage {
  reply: Reply;
  /** All of its events, known ones too. */
  index: PageIndex;
  /** No page follows. */
  last: boolean;
}

interface Walk {
  search: TokenSearch;
  poll: PollOptions;
  groups: () => WireGroup[];
  known: IsKnown;
}

/** Throws PAGE_INVALID, SEARCH_PROBLEMS, PAGE_TOKEN_LOOP, and what the tenant throws. */
export async function* walkTokens(search: TokenSearch, poll: PollOptions, groupsOf: GroupsOf): AsyncGenerator<Reply> {
  const filter = (operator: string, ms: number): WireFilter => ({ term: search.cursorTerm, operator, value: new Date(ms).toISOString() });
  const groups = (fromMs: number, untilMs: number | undefined) => groupsOf(
    untilMs === undefined ? [] : [{ filterClause: "AND", filters: [filter("ON_OR_BEFORE", untilMs)] }],
    filter("ON_OR_AFTER", fromMs),
  );
  const slice = new ClosedSlice(poll.cursor.floorMs, poll.overlapMs);
  /** Code42's own count of what was read before: it is asked for while the walk goes on. */
  let counted: Promise<Count> | undefined;
  for await (const page of walkPages({ search, poll, known: poll.known, groups: () => groups(poll.cursor.floorMs, poll.untilMs) })) {
    await slice.add(page);
    yield page.reply;
    const range = slice.closed(page);
    if (range === undefined) continue;
    yield* missing(await counted);
    counted = totalOf(search, poll, groups(range.fromMs, range.untilMs)).then((total) => ({ range, total }));
    counted.catch(() => undefined); // Awaited later.
  }
  yield* missing(await counted);

  /** Reads a range once more of which Code42 counts more than came. */
  async function* missing(count: Count | undefined): AsyncGenerator<Reply> {
    if (count === undefined || count.total <= count.range.count) return;
    const { range, total } = count;
    let found = 0;
    for await (const { reply } of walkPages({ search, poll, groups: () => groups(range.fromMs, range.untilMs), known: (keys, index) => range.has(keys, index) || poll.known(keys, index) })) {
      found += reply.events.length;
      yield reply;
    }
    const instant = (ms: number) => new Date(ms).toISOString();
    poll.warn("warning.incomplete", { from: instant(range.fromMs), until: instant(range.untilMs), total, count: range.count, found });
  }
}

/**
 * Where to go on behind the event with this id, epoch ms; undefined if the search does not find it. code42cli sorted by
 * the time of the event in some versions and by that of its insertion in others: the earlier one loses nothing. Throws
 * what the tenant throws.
 */
export async function placeOf(search: TokenSearch, id: string, api: Api, signal: AbortSignal): Promise<number | undefined> {
  const groups: WireGroup[] = [{ filterClause: "AND", filters: [{ term: search.idTerm, operator: "IS", value: id }] }];
  const reader = fileEventFields[search.version];
  let place: number | undefined;
  const { data } = await api.post(search.path, bodyFor(search, groups, 1, ""), { signal });
  refuseProblems(await readPage(bodyOf(data), EVENTS, ([event]) => {
    if (reader.id(event) !== id) return;
    const times = [reader.insertedMs(event), reader.happenedMs(event)].filter((ms) => ms !== undefined);
    if (times.length > 0) place = Math.min(...times);
  }));
  return place;
}

/** A range of time in which nothing new can appear any more, and what came of it. */
interface ClosedRange {
  /** Epoch ms, both inclusive. */
  fromMs: number;
  untilMs: number;
  count: number;
  has: IsKnown;
}

interface Count {
  range: ClosedRange;
  total: number;
}

/**
 * The events of a walk since the last check, as far as nothing new can appear among them any more. A walk of several
 * pages may miss some at the edge of a page, if the server's order of equal times is not the same for each page; what
 * is in the overlap is read again anyway.
 */
class ClosedSlice {
  /** Epoch ms. */
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

  /** What can be checked now that `page` was read, which is then forgotten here. */
  closed({ reply, last }: TokenPage): ClosedRange | undefined {
    if (this.pages < 2 || reply.lastMs === undefined || !(last || this.times.size >= CHECKED_EVENTS)) return undefined;
    // More events of the last millisecond may stand on the next page.
    const untilMs = Math.min(last ? reply.lastMs : reply.lastMs - 1, reply.serverMs - this.overlapMs);
    const { fromMs, times } = this;
    if (untilMs < fromMs) return undefined;
    this.times = times.above(untilMs);
    this.fromMs = untilMs + 1;
    return { fromMs, untilMs, count: times.size - this.times.size, has: (keys, index) => (times.get(keys, index) ?? Infinity) <= untilMs };
  }
}

async function* walkPages({ search, poll, groups, known }: Walk): AsyncGenerator<TokenPage> {
  const { api, cursor, signal, onRetry } = poll;
  const tokens = new Set<string>();
  /** Of the page before: by the time a page is read, the cursor may have moved past that one and forgotten its ids. */
  let before = new KeyTable();
  let serverMs: number | undefined;
  let reachedMs = cursor.floorMs;
  let restarts = 0;
  let walkGroups = groups();

  const fetchPage = (token: string): PageCall => {
    const rereading = cursor.size >= poll.pageSize && reachedMs < (cursor.lastMs ?? 0);
    const request = bodyFor(search, walkGroups, rereading ? REREAD_PAGE_SIZE : poll.pageSize, token);
    // What is read again is nearly all known: no lines are made ahead of it.
    const maker = rereading ? undefined : poll.lineMaker();
    const askedAt = performance.now();
    let tell: (token: string | undefined) => void = () => undefined;
    const hint = new Promise<string | undefined>((resolve) => (tell = resolve));
    // Read as soon as it is there: while it waits for the page before it, only its compressed bytes stay in memory.
    const answer = api.postAndRead(search.path, request, async (body) => {
      // Before the page is read: beside that, its end would be found no sooner than by reading it.
      if (!rereading && performance.now() - askedAt > SLOW_MS) tell(await textAtTheEnd(body, NEXT_TOKEN).catch(() => undefined));
      return readEvents(body, search, known, maker);
    }, { signal, onRetry });
    answer.catch(() => undefined); // Awaited later, when the page before it was handed on.
    return { token, answer, hint };
  };

  let request: PageCall | undefined = fetchPage("");
  while (request !== undefined) {
    const { token, hint }: PageCall = request;
    /** The page behind this one, if what this one seems to say of it was enough to ask for it. */
    let ahead: PageCall | undefined;
    let isRead = false;
    void hint.then((next) => {
      if (!isRead && next !== undefined && next !== token && !tokens.has(next)) ahead = fetchPage(next);
    });
    let answer: Awaited<PageCall["answer"]>;
    try {
      answer = await request.answer;
    } catch (error) {
      if (!(error instanceof SiemError) || error.code !== "INVALID_PAGE_TOKEN" || token === "") throw error;
      // The event that the token names has left the result: walk again, known ids are dropped.
      restarts += 1;
      if (restarts > MAX_TOKEN_RESTARTS) throw queryError("PAGE_TOKEN_LOOP", {}, { cause: error });
      walkGroups = groups();
      tokens.clear();
      request = fetchPage("");
      continue;
    } finally {
      isRead = true;
    }
    const { nextToken, index } = answer.value;
    const { keys, times, prepared } = index;
    serverMs ??= (answer.date ?? api.serverNow()) - answer.elapsedMs;
    const here = new KeyTable();
    const fresh: number[] = [];
    let lastMs: number | undefined;
    await forIndexes(times.length, (event) => {
      const ms = times[event]!;
      if (!Number.isNaN(ms)) lastMs = Math.max(lastMs ?? 0, ms);
      if (here.set(keys, event, ms) && !before.has(keys, event) && !known(keys, event)) fresh.push(event);
    });
    before = here;
    reachedMs = Math.max(reachedMs, lastMs ?? 0);
    // An event that was known when the page was read has no line, and one that has become known has one too many.
    const isPrepared = prepared !== undefined && isDeepStrictEqual(prepared.events, fresh);
    if (!isPrepared) prepared?.lines.release();
    tokens.add(token);
    const circles = nextToken !== "" && tokens.has(nextToken);
    if (circles) poll.warn("warning.tokenRepeated", {});
    request = nextToken === "" || circles ? undefined : nextOf(nextToken, ahead) ?? fetchPage(nextToken);
    yield {
      reply: { events: new IndexedEvents(index, fresh, isPrepared ? prepared : undefined), known: times.length - fresh.length, lastMs, serverMs },
      index,
      last: request === undefined && !circles,
    };
  }
}

const nextOf = (token: string, ahead: PageCall | undefined) => (ahead?.token === token ? ahead : undefined);

interface PageCall {
  token: string;
  answer: Promise<Reading<EventsRead>>;
  /** What seems to be the token of the page behind it; pending for ever if nothing does, or if it is not worth a look. */
  hint: Promise<string | undefined>;
}

interface EventsRead {
  index: PageIndex;
  /** "" behind the last page. */
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

/** Reads a page completely before any of it is delivered: a page that ends in the middle is no page. */
async function readEvents(body: Body, search: TokenSearch, known: IsKnown, maker: LineMaker | undefined): Promise<EventsRead> {
  const index = await indexPage(body, EVENTS, fileEventFields[search.version], known, maker);
  refuseProblems(index.envelope);
  const { [EVENTS]: list, [NEXT_TOKEN]: nextToken } = index.envelope;
  if (list !== null && !Array.isArray(list)) throw queryError("PAGE_INVALID", { reason: `it has no list "${EVENTS}"` });
  if (nextToken != null && typeof nextToken !== "string") throw queryError("PAGE_INVALID", { reason: `"${NEXT_TOKEN}" is of type ${typeof nextToken}` });
  return { index, nextToken: nextToken ?? "" };
}

/** How many events match, by Code42's own count; 0 if it does not say. */
async function totalOf(search: TokenSearch, { api, signal, onRetry }: PollOptions, groups: WireGroup[]): Promise<number> {
  const { data } = await api.post(search.path, bodyFor(search, groups, 1, ""), { signal, onRetry });
  const { totalCount } = await readPage(bodyOf(data), EVENTS, () => undefined);
  return typeof totalCount === "number" ? totalCount : 0;
}

/** Throws SEARCH_PROBLEMS if an answer says that its search did not run completely. */
export function refuseProblems({ problems }: Record<string, unknown>): void {
  if (Array.isArray(problems) && problems.length > 0) throw queryError("SEARCH_PROBLEMS", { problems: problemsText(problems) });
}

function problemsText(problems: unknown[]): string {
  const texts = problems.map((problem) => (isRecord(problem) ? [problem["type"], problem["description"]].filter((text) => typeof text === "string").join(": ") : ""));
  return texts.filter((text) => text !== "").join("; ").slice(0, MAX_PROBLEMS_TEXT) || "no description";
}
