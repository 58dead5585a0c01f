/** Loads a search that a user saved in Code42, as criteria (`GET /v2/file-events/saved-searches`; incydr SDK, `file_events/client.py`). */
import type { Border } from "../../common/border";
import { isRecord } from "../../common/messages";
import { queryError } from "../errors";
import { parsed } from "../../common/json";
import { criteriaFromSearch, filtersOf, type Criteria } from "./criteria";
import { TERM_TABLES, termIn } from "./terms";

const PATH = "/v2/file-events/saved-searches";
const MAX_NAMES = 10;

/** The part of a tenant that loading needs. */
interface SavedSearchApi {
  border: Border;
  get(path: string, options: { signal: AbortSignal }): Promise<{ data: Buffer }>;
}

/**
 * The criteria of the saved search with this id, or else with this name, without its sorting and columns. Throws
 * SAVED_SEARCH_MISSING, SAVED_SEARCH_AMBIGUOUS, SAVED_SEARCH_UNTRANSLATABLE, SAVED_SEARCHES_INVALID and what the tenant throws.
 */
export async function loadSavedSearch(api: SavedSearchApi, idOrName: string, signal: AbortSignal): Promise<Criteria> {
  const searches = listIn(parsed((await api.get(PATH, { signal })).data));
  const withId = searches.filter(({ id }) => id === idOrName);
  const [search, ...others] = withId.length > 0 ? withId : searches.filter(({ name }) => name === idOrName);
  if (search === undefined) {
    const names = searches.map(({ name }) => name).filter((name) => typeof name === "string").slice(0, MAX_NAMES);
    throw queryError("SAVED_SEARCH_MISSING", api.border.params({ id: api.border.text(idOrName, 80), names: names.map((name) => api.border.text(name, 80)).join(", ") }), { permanent: true });
  }
  if (others.length > 0) {
    const ids = [search, ...others].map(({ id }) => String(id)).join(", ");
    throw queryError("SAVED_SEARCH_AMBIGUOUS", api.border.params({ name: api.border.text(idOrName, 80), ids }), { permanent: true });
  }
  return criteriaOf(search, api.border.text(idOrName, 80), api.border);
}

function listIn(reply: unknown): Record<string, unknown>[] {
  const searches = isRecord(reply) ? reply["searches"] ?? [] : undefined;
  if (!Array.isArray(searches)) throw queryError("SAVED_SEARCHES_INVALID");
  return searches.filter(isRecord);
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
