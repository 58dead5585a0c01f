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
  take(): Promise<Record<string, unknown>[]>;
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

/** Runs one poll to its end. Returns how many events were new and how many were known. Throws what the tenant throws, and the errors of a bad page. */
export async function walk(options: WalkOptions): Promise<{ fresh: number; known: number }> {
  const { api, source, cursor, signal } = options;
  const totals = { fresh: 0, known: 0 };
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
      request = fetchPage("");
      continue;
    }
    serverMs ??= (reply.date ?? api.serverNow()) - reply.elapsedMs;
    const { again } = reply;
    const found = await readEvents(reply.data, options);
    reachedMs = Math.max(reachedMs, found.lastMs ?? 0);
    totals.fresh += found.events.length;
    totals.known += found.known;
    request = found.nextToken === "" || found.nextToken === token ? undefined : fetchPage(found.nextToken);
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
  events: Record<string, unknown>[];
  ids: (readonly [key: string, insertedMs: number])[];
  known: number;
  lastMs: number | undefined;
  nextToken: string;
}

/** Reads a page completely before anything of it is delivered: a page that ends in the middle is no page. */
async function readEvents(data: Buffer, { source, known }: WalkOptions): Promise<FoundEvents> {
  const found: FoundEvents = { events: [], ids: [], known: 0, lastMs: undefined, nextToken: "" };
  const own = new Set<string>();
  let index = 0;
  const envelope = await readPage(data, source.eventsKey, (slice) => {
    for (const event of slice) {
      const [id, insertedMs] = identify(event, index, source);
      index += 1;
      found.lastMs = Math.max(found.lastMs ?? 0, insertedMs);
      const key = ledgerKey(id);
      if (known(key) || own.has(key)) {
        found.known += 1;
        continue;
      }
      own.add(key);
      found.events.push(event as Record<string, unknown>);
      found.ids.push([key, insertedMs]);
    }
  });
  const { problems, nextPgToken } = envelope;
  if (Array.isArray(problems) && problems.length > 0) throw queryError("SEARCH_PROBLEMS", { problems: problemsText(problems) });
  const events = envelope[source.eventsKey];
  if (events !== null && !Array.isArray(events)) {
    throw queryError("PAGE_INVALID", { reason: `it has no list "${source.eventsKey}"` });
  }
  if (nextPgToken != null && typeof nextPgToken !== "string") throw queryError("PAGE_INVALID", { reason: `"nextPgToken" is of type ${typeof nextPgToken}` });
  found.nextToken = nextPgToken ?? "";
  return found;
}

function identify(event: unknown, index: number, source: EventSource): [id: string, insertedMs: number] {
  const record = isRecord(event) ? event : {};
  const id = source.id(record);
  if (typeof id !== "string" || id === "") throw queryError("EVENT_WITHOUT_ID", { index, field: source.idField, type: typeof id });
  const inserted = source.inserted(record);
  const insertedMs = typeof inserted === "string" ? epochMs(inserted) : undefined;
  if (insertedMs === undefined) throw queryError("EVENT_WITHOUT_ID", { index, field: source.cursorTerm, type: typeof inserted });
  return [id, insertedMs];
}

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

async function readAgain(again: () => Promise<Buffer>, ids: PagePosition["ids"], source: EventSource): Promise<Record<string, unknown>[]> {
  const wanted = new Set(ids.map(([key]) => key));
  const events: Record<string, unknown>[] = [];
  await readPage(await again(), source.eventsKey, (slice) => {
    for (const [index, event] of slice.entries()) {
      const [id] = identify(event, index, source);
      if (wanted.delete(ledgerKey(id))) events.push(event as Record<string, unknown>);
    }
  });
  return events;
}
