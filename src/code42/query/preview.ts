/** Previews a query: its first events, and how many match. It does not use the cursor and sends few requests. */
import { bodyOf, type Body } from "../../pages/body";
import { readPage } from "../../pages/page-reader";
import { startInstant, untilInstant } from "../../cursor/instant";
import type { Params } from "../../common/errors";
import { PackedEvents } from "../../pages/packed-events";
import { queryError } from "../errors";
import { WHOLE_JSON_BYTES } from "../../common/limits";
import { joinByAnd, hasFilterOn } from "../criteria/criteria";
import type { QuerySettings } from "./query-settings";
import { loadSavedSearch } from "../criteria/saved-search";
import type { Api } from "../tenant/api";

type PreviewSettings = Pick<QuerySettings, "source" | "criteria" | "savedSearch" | "startFrom" | "until" | "overlapMs">;

export interface Preview {
  count: number;
  /** False if `count` is only a lower bound. */
  exact: boolean;
  /** ISO 8601; undefined if a filter of the user sets the start. */
  from: string | undefined;
  /** At most 5, and together at most as long as one event may be; in the order of the source. */
  events: unknown[];
  /** Catalog keys and parameters. */
  warnings: { key: string; params: Params }[];
}

const MAX_EVENTS = 5;
/** Records per request; they are counted if Code42 gives no total. */
const PAGE_SIZE = 50;
const MAX_REQUESTS = 8;
/** Names of the lists in the answers, by path. */
const LISTS: Readonly<Record<string, string>> = {
  "/v2/file-events": "fileEvents", "/v1/file-events": "fileEvents", "/v1/sessions": "items", "/v1/alerts/query-alerts": "alerts", "/v1/audit/search-audit-log": "events",
};

/**
 * Runs the query of `settings` from `startFrom` on, without retries. Throws PREVIEW_TIMED_OUT when `signal`
 * aborts, and what the source, the saved search and the tenant throw.
 */
export async function previewQuery(api: Api, settings: PreviewSettings, signal: AbortSignal): Promise<Preview> {
  try {
    return await preview(api, settings, signal);
  } catch (error) {
    throw signal.aborted ? queryError("PREVIEW_TIMED_OUT", {}, { cause: api.border.cause(error) }) : error;
  }
}

async function preview(api: Api, { source, criteria: own, savedSearch, startFrom, until, overlapMs }: PreviewSettings, signal: AbortSignal): Promise<Preview> {
  const serverMs = await api.serverTime(signal);
  const criteria = savedSearch === "" ? own : joinByAnd(own, await loadSavedSearch(api, savedSearch, signal));
  const onCursorTerm = source.cursorTerm !== undefined && hasFilterOn(criteria.groups, source.cursorTerm);
  const floorMs = onCursorTerm ? 0 : Math.floor(startInstant(startFrom, serverMs));
  const answers = new ShortAnswers(api);
  const warnings: Preview["warnings"] = [];
  const events: unknown[] = [];
  const replies = source.read({
    api: answers, criteria, extraGroups: [], signal,
    cursor: { floorMs, lastMs: undefined, size: 0 },
    untilMs: until === "" ? undefined : untilInstant(until, serverMs),
    // Otherwise a source with a look-back would read a long range in slices.
    overlapMs: source.rereads === "lookback" ? Math.max(overlapMs, serverMs - floorMs) : overlapMs,
    pageSize: PAGE_SIZE,
    known: () => false,
    lineMaker: () => undefined,
    warn: (key, params) => warnings.push({ key, params }),
    onRetry: ({ error }) => {
      throw error;
    },
  });
  let isCut = false;
  let characters = 0;
  for await (const reply of replies) {
    for await (const slice of new PackedEvents(reply.events).slices()) {
      for (const event of slice) {
        if (events.length === MAX_EVENTS) break;
        characters += JSON.stringify(event).length;
        if (characters <= WHOLE_JSON_BYTES) events.push(event);
      }
    }
    isCut = answers.spent;
    if (isCut) break;
  }
  const { count, exact } = answers.count;
  return { count, exact: exact && !isCut, from: onCursorTerm ? undefined : new Date(floorMs).toISOString(), events, warnings };
}

/** A tenant whose answers are cut after a few records and name no next page: each source stops early without knowing of previews. */
class ShortAnswers implements Api {
  private requests = 0;
  /** For each list: its records, and Code42's own count of all. */
  private readonly lists: { length: number; total: number | undefined }[] = [];

  constructor(private readonly api: Api) {}

  get baseUrl() {
    return this.api.baseUrl;
  }

  get principal() {
    return this.api.principal;
  }

  get border() {
    return this.api.border;
  }

  get spent(): boolean {
    return this.requests >= MAX_REQUESTS;
  }

  /** Several searches may count an event twice, so only the count of one search is exact. */
  get count(): Pick<Preview, "count" | "exact"> {
    const [only, ...others] = this.lists;
    if (only !== undefined && others.length === 0) return { count: only.total ?? only.length, exact: only.total !== undefined || only.length < PAGE_SIZE };
    const counts = this.lists.map(({ length, total }) => total ?? length);
    return { count: Math.max(0, ...counts), exact: Math.max(0, ...counts) === 0 };
  }

  serverNow = () => this.api.serverNow();
  serverTime: Api["serverTime"] = (signal) => this.api.serverTime(signal);
  get: Api["get"] = (path, options) => this.api.get(path, options);
  getAndRead: Api["getAndRead"] = (path, read, options) => this.api.getAndRead(path, (body) => this.readCut(path, body, read), options);
  postAndRead: Api["postAndRead"] = (path, body, read, options) => this.api.postAndRead(path, body, (answer) => this.readCut(path, answer, read), options);

  /** Lets `read` have the first records of `body` only. */
  private async readCut<Value>(path: string, body: Body, read: (body: Body) => Promise<Value>): Promise<Value> {
    this.requests += 1;
    const list = LISTS[path];
    if (list === undefined) return read(body);
    let length = 0;
    const first: string[] = [];
    const envelope = await readPage(body, list, (records) => {
      length += records.length;
      for (const record of records.slice(0, MAX_EVENTS - first.length)) first.push(JSON.stringify(record));
    }, { most: PAGE_SIZE });
    if (!Array.isArray(envelope[list])) return read(body);
    this.lists.push({ length, total: typeof envelope["totalCount"] === "number" ? envelope["totalCount"] : undefined });
    const rest = JSON.stringify({ ...envelope, [list]: undefined, nextPgToken: null }).slice(1);
    return read(bodyOf(Buffer.from(`{${JSON.stringify(list)}:[${first.join()}],${rest}`)));
  }
}
