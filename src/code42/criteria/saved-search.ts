/** Loads a search that a user saved in Code42, as criteria (`GET /v2/file-events/saved-searches`; incydr SDK, `file_events/client.py`). */
import type { Border } from "../../common/border";
import { SiemError } from "../../common/errors";
import { isRecord } from "../../common/messages";
import type { Body } from "../../pages/body";
import { readPage } from "../../pages/page-reader";
import { queryError } from "../errors";
import { criteriaFromSearch, filtersOf, type Criteria } from "./criteria";
import { TERM_TABLES, termIn } from "./terms";

const PATH = "/v2/file-events/saved-searches";
const MAX_NAMES = 10;
/** Searches in one answer; people write them by hand. */
const MAX_SEARCHES = 10_000;

/** The part of a tenant that loading needs. */
interface SavedSearchApi {
  border: Border;
  getAndRead<Value>(path: string, read: (body: Body) => Promise<Value>, options: { signal: AbortSignal }): Promise<{ value: Value }>;
}

/**
 * The criteria of the saved search with this id, or else with this name, without its sorting and columns. Throws
 * SAVED_SEARCH_MISSING, SAVED_SEARCH_AMBIGUOUS, SAVED_SEARCH_UNTRANSLATABLE, SAVED_SEARCHES_INVALID, PAGE_TOO_LARGE and what
 * the tenant throws.
 */
export async function loadSavedSearch(api: SavedSearchApi, idOrName: string, signal: AbortSignal): Promise<Criteria> {
  const { value: { withId, withName, names } } = await api.getAndRead(PATH, (body) => find(body, idOrName), { signal });
  const found = withId.count > 0 ? withId : withName;
  const wanted = api.border.text(idOrName, 80);
  if (found.first === undefined) {
    throw queryError("SAVED_SEARCH_MISSING", api.border.params({ id: wanted, names: names.map((name) => api.border.text(name, 80)).join(", ") }), { permanent: true });
  }
  if (found.count > 1) throw queryError("SAVED_SEARCH_AMBIGUOUS", api.border.params({ name: wanted, ids: found.ids.join(", ") }), { permanent: true });
  return criteriaOf(found.first, wanted, api.border);
}

/** The searches that match; of several, only the first is kept whole. */
class Matches {
  count = 0;
  first: Record<string, unknown> | undefined;
  /** At most MAX_NAMES. */
  readonly ids: string[] = [];

  add(search: Record<string, unknown>): void {
    this.count += 1;
    this.first ??= search;
    if (this.ids.length < MAX_NAMES) this.ids.push(String(search["id"]));
  }
}

async function find(body: Body, idOrName: string): Promise<{ withId: Matches; withName: Matches; names: string[] }> {
  const [withId, withName] = [new Matches(), new Matches()];
  const names: string[] = [];
  const envelope = await readPage(body, "searches", (searches) => {
    for (const search of searches.filter(isRecord)) {
      if (search["id"] === idOrName) withId.add(search);
      if (search["name"] === idOrName) withName.add(search);
      if (typeof search["name"] === "string" && names.length < MAX_NAMES) names.push(search["name"]);
    }
  }, { most: MAX_SEARCHES }).catch((error: unknown) => {
    throw error instanceof SiemError && error.code === "PAGE_INVALID" ? queryError("SAVED_SEARCHES_INVALID") : error;
  });
  if (envelope["searches"] != null && !Array.isArray(envelope["searches"])) throw queryError("SAVED_SEARCHES_INVALID");
  return { withId, withName, names };
}

function criteriaOf(search: Record<string, unknown>, name: string, border: Border): Criteria {
  const refuse = (reason: unknown) => queryError("SAVED_SEARCH_UNTRANSLATABLE", border.params({ name, reason }), { permanent: true });
  let criteria: Criteria;
  try {
    criteria = criteriaFromSearch(search);
  } catch (error) {
    throw refuse(error);
  }
  if (criteria.groups.length === 0) throw refuse("it has no filters");
  // Code42 translates searches of version 1 where it can; it would refuse the terms that are left at every poll.
  const old = filtersOf(criteria.groups).map(({ term }) => term).filter((term) => isKnown("file-events-v1", term) && !isKnown("file-events", term));
  if (old.length > 0) throw refuse(`it was saved for version 1 of the file events (${[...new Set(old)].join(", ")}), and Code42 did not translate it`);
  return criteria;
}

function isKnown(source: "file-events" | "file-events-v1", term: string): boolean {
  const table = TERM_TABLES[source];
  return table !== undefined && termIn(table, term) !== undefined;
}
