/**
 * One poll: a walk over the pages of a query, oldest first, from the cursor's floor to the end.
 *
 * Known ids are dropped, new events are cut into pages and handed on in order. The walk itself never moves the cursor:
 * each page says how far it reaches, and whoever delivers it commits that.
 */
import { SiemError } from "../errors";
import { isRecord } from "../messages";
import type { Cursor, PagePosition } from "../cursor/cursor";
import { epochMs } from "../cursor/instant";
import { ledgerKey } from "../cursor/ledger";
import type { Page } from "../delivery/tracker";
import { queryError } from "./errors";
import { readPage } from "./page";
import { requestGroups, type Criteria, type WireGroup } from "./query";
import type { EventSource } from "./source";

/** The part of a tenant that a query uses. */
export interface Api {
  readonly baseUrl: string;
  /** Server time, epoch ms. */
  serverNow(): number;
  /** The same, but asks the server if it has not told its time yet. */
  serverTime(signal: AbortSignal): Promise<number>;
  post(path: string, body: unknown, options: { signal: AbortSignal; onRetry?: (retry: { delayMs: number; error: Error }) => void }): Promise<{
    /** The body as it came, inflated. */
    data: Buffer;
    /** The same once more. */
    again: () => Promise<Buffer>;
    /** The `Date` header, epoch ms. */
    date: number | undefined;
    elapsedMs: number;
  }>;
}

/** New events of a poll, in order, with the position they reach. */
export interface EventPage extends Page, PagePosition {
  /** How many events it has. */
  count: number;
  /**
   * The events, for one sending: whoever gets them may change them. Another sending reads them anew from the reply,
   * which is kept as it came (compressed), so that a page that is out costs little memory.
   */
  take(): Promise<unknown[]>;
}

export interface WalkOptions {
  api: Api;
  source: EventSource;
  criteria: Criteria;
  extraGroups: readonly WireGroup[];
  cursor: Cursor;
  /** Events a page at most. */
  pageSize: number;
  /** True for an id that is delivered, or out: it is not sent again. */
  known: (key: string) => boolean;
  /** Takes a page over; false ends the walk. */
  deliver: (page: EventPage) => Promise<boolean>;
  /** Units of a page of `count` events: how many messages are confirmed one by one. */
  units: (count: number) => number;
  onRetry: (retry: { delayMs: number; error: Error }) => void;
  signal: AbortSignal;
}

/** What is known already is read again in pages as large as Code42 gives, so that the overlap costs few requests. */
const REREAD_PAGE_SIZE = 10_000;
const MAX_TOKEN_RESTARTS = 3;
const MAX_PROBLEMS_TEXT = 300;

export interface WalkTotals {
  fresh: number;
  known: number;
  /** New events that have no usable id or insertion time. */
  withoutId: number;
  /** A page named a token that the walk had used already, which ended it: a walk in circles would have no end. */
  wentInCircles: boolean;
}

/** Runs one poll to its end. Throws what the tenant throws, and the errors of a bad page. */
export async function walk(options: WalkOptions): Promise<WalkTotals> {
  const { api, source, cursor, signal } = options;
  const totals: WalkTotals = { fresh: 0, known: 0, withoutId: 0, wentInCircles: false };
  const tokens = new Set<string>();
  /** Of the page before: by the time a page is read, the cursor may have moved past that one and forgotten its ids. */
  let previous: ReadonlySet<string> = new Set();
  let serverMs: number | undefined;
  let reachedMs = cursor.floorMs;
  let restarts = 0;

  /** The groups of the walk: a page token is valid only as long as the query stays the same. */
  const groups = () => requestGroups(options.criteria, options.extraGroups, {
    term: source.cursorTerm, operator: "ON_OR_AFTER", value: new Date(cursor.floorMs).toISOString(),
  });
  let walkGroups = groups();

  const fetchPage = (token: string): PageCall => {
    const rereading = cursor.size >= options.pageSize && reachedMs < (cursor.lastMs ?? 0);
    const body = source.body({ groups: walkGroups, pageSize: rereading ? REREAD_PAGE_SIZE : options.pageSize, token });
    const reply = api.post(source.path, body, { signal, onRetry: options.onRetry });
    reply.catch(() => undefined); // Awaited later, when the page before it was handed on.
    return { token, reply };
  };

  let request: PageCall | undefined = fetchPage("");
  while (request !== undefined) {
    const { token }: PageCall = request;
    let reply: Awaited<PageCall["reply"]>;
    try {
      reply = await request.reply;
    } catch (error) {
      if (!(error instanceof SiemError) || error.code !== "INVALID_PAGE_TOKEN" || token === "") throw error;
      // The event that the token names has left the result: walk again, known ids are dropped.
      restarts += 1;
      if (restarts > MAX_TOKEN_RESTARTS) throw queryError("PAGE_TOKEN_LOOP", {}, { cause: error });
      walkGroups = groups();
      tokens.clear();
      request = fetchPage("");
      continue;
    }
    serverMs ??= (reply.date ?? api.serverNow()) - reply.elapsedMs;
    const { again } = reply;
    const found = await readEvents(reply.data, options, previous);
    previous = found.keys;
    reachedMs = Math.max(reachedMs, found.lastMs ?? 0);
    totals.fresh += found.events.length;
    totals.known += found.known;
    totals.withoutId += found.withoutId;
    tokens.add(token);
    totals.wentInCircles = found.nextToken !== "" && tokens.has(found.nextToken);
    request = found.nextToken === "" || totals.wentInCircles ? undefined : fetchPage(found.nextToken);
    for (const page of cut(found, again, serverMs, options)) {
      if (!(await options.deliver(page))) return totals;
    }
  }
  return totals;
}

interface PageCall {
  token: string;
  reply: ReturnType<Api["post"]>;
}

interface FoundEvents {
  events: unknown[];
  ids: (readonly [key: string, insertedMs: number])[];
  /** Of every event, known ones too. */
  keys: ReadonlySet<string>;
  known: number;
  withoutId: number;
  lastMs: number | undefined;
  nextToken: string;
}

/** Reads a page completely before anything of it is delivered: a page that ends in the middle is no page. */
async function readEvents(data: Buffer, { source, known }: WalkOptions, previous: ReadonlySet<string>): Promise<FoundEvents> {
  const read: { event: unknown; key: string; insertedMs: number | undefined }[] = [];
  const keys = new Set<string>();
  let [knownCount, withoutId] = [0, 0];
  let lastMs: number | undefined;
  const envelope = await readPage(data, source.eventsKey, (slice) => {
    for (const event of slice) {
      const id = idOf(event, source);
      const insertedMs = insertedOf(event, source);
      if (insertedMs !== undefined) lastMs = Math.max(lastMs ?? 0, insertedMs);
      const key = keyOf(event, id);
      const repeated = keys.has(key) || previous.has(key) || known(key);
      keys.add(key);
      if (repeated) {
        knownCount += 1;
        continue;
      }
      if (id === undefined || insertedMs === undefined) withoutId += 1;
      read.push({ event, key, insertedMs });
    }
  });
  const { problems, nextPgToken } = envelope;
  if (Array.isArray(problems) && problems.length > 0) throw queryError("SEARCH_PROBLEMS", { problems: problemsText(problems) });
  const events = envelope[source.eventsKey];
  if (events !== null && !Array.isArray(events)) {
    throw queryError("PAGE_INVALID", { reason: `it has no list "${source.eventsKey}"` });
  }
  if (nextPgToken != null && typeof nextPgToken !== "string") throw queryError("PAGE_INVALID", { reason: `"nextPgToken" is of type ${typeof nextPgToken}` });
  return {
    events: read.map(({ event }) => event), ids: inOrder(read, lastMs, source), keys,
    known: knownCount, withoutId, lastMs, nextToken: nextPgToken ?? "",
  };
}

/**
 * The ledger entries of a page. An event without an insertion time stands where the events around it stand, because
 * the server gave them in order; where no event has one, nothing can tell when the page is done.
 */
function inOrder(read: readonly { key: string; insertedMs: number | undefined }[], lastMs: number | undefined, source: EventSource): FoundEvents["ids"] {
  if (read.length > 0 && lastMs === undefined) throw queryError("EVENT_WITHOUT_ID", { index: 0, field: source.cursorTerm, type: "undefined" });
  let before = read.find(({ insertedMs }) => insertedMs !== undefined)?.insertedMs ?? lastMs ?? 0;
  return read.map(({ key, insertedMs }) => [key, before = insertedMs ?? before] as const);
}

function idOf(event: unknown, source: EventSource): string | undefined {
  const id = source.id(isRecord(event) ? event : {});
  return typeof id === "string" && id !== "" ? id : undefined;
}

function insertedOf(event: unknown, source: EventSource): number | undefined {
  const inserted = source.inserted(isRecord(event) ? event : {});
  return typeof inserted === "string" ? epochMs(inserted) : undefined;
}

/** What has no id is recognised by its content. */
const keyOf = (event: unknown, id: string | undefined): string => ledgerKey(id ?? JSON.stringify(event));

function problemsText(problems: unknown[]): string {
  const texts = problems.map((problem) => (isRecord(problem) ? [problem["type"], problem["description"]].filter((text) => typeof text === "string").join(": ") : ""));
  return texts.filter((text) => text !== "").join("; ").slice(0, MAX_PROBLEMS_TEXT) || "no description";
}

/** Cuts what was found into pages of `pageSize`. The last one reaches as far as the reply did, known events included. */
function* cut(found: FoundEvents, again: () => Promise<Buffer>, serverMs: number, { source, pageSize, units }: WalkOptions): Generator<EventPage> {
  const { events, ids } = found;
  const last = Math.max(0, Math.ceil(events.length / pageSize) - 1) * pageSize;
  for (let start = 0; start <= last; start += pageSize) {
    const pageEvents = events.slice(start, start + pageSize);
    const pageIds = ids.slice(start, start + pageSize);
    const lastMs = start === last ? found.lastMs : pageIds.at(-1)?.[1];
    yield { units: units(pageEvents.length), count: pageEvents.length, ids: pageIds, lastMs, serverMs, take: takeOnce(pageEvents, () => readAgain(again, pageIds, source)) };
  }
}

/** Gives `first` away, and what `again` reads to everybody who comes later. */
function takeOnce<Value>(first: Value, again: () => Promise<Value>): () => Promise<Value> {
  let kept: Value | undefined = first;
  return async () => {
    const value = kept ?? await again();
    kept = undefined;
    return value;
  };
}

async function readAgain(again: () => Promise<Buffer>, ids: PagePosition["ids"], source: EventSource): Promise<unknown[]> {
  const wanted = new Set(ids.map(([key]) => key));
  const events: unknown[] = [];
  await readPage(await again(), source.eventsKey, (slice) => {
    for (const event of slice) {
      if (wanted.delete(keyOf(event, idOf(event, source)))) events.push(event);
    }
  });
  return events;
}
