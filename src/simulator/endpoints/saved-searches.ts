/** Searches that users have saved in the console (incydr SDK, `file_events/client.py`; py42, `services/savedsearch.py`). */
import { isRecord } from "../../common/messages";
import { json, notFound, type Answer, type Call } from "../answer";

export interface SavedSearch {
  id: string;
  name: string;
  notes: string;
  /** The version of the terms in `groups`. */
  apiVersion: 1 | 2;
  columns: string[];
  createdByUID: string;
  createdByUsername: string;
  creationTimestamp: string;
  modifiedByUID: string;
  modifiedByUsername: string;
  modifiedTimestamp: string;
  groupClause: string;
  /** Filters may have `display`, which only the console uses. */
  groups: Record<string, unknown>[];
  srtDir: string;
  srtKey: string;
}

/** A search with the properties `given`; the others have the console's values. */
export const makeSavedSearch = (given: Pick<SavedSearch, "id" | "name" | "groups"> & Partial<SavedSearch>): SavedSearch => ({
  notes: "", apiVersion: 2, columns: ["event.observer", "file.name"], createdByUID: "1000000000000000007", createdByUsername: "analyst@example.com", creationTimestamp: "2025-01-10T09:00:00.000000Z",
  modifiedByUID: "1000000000000000007", modifiedByUsername: "analyst@example.com", modifiedTimestamp: "2025-01-10T09:00:00.000000Z", groupClause: "AND", srtDir: "asc", srtKey: "@timestamp", ...given,
});

/** The terms of version 2 by those of version 1 (code42cli, `cmds/securitydata.py`). */
const V2_TERMS: Record<string, string> = {
  deviceUserName: "user.email", actor: "user.email", md5Checksum: "file.hash.md5", sha256Checksum: "file.hash.sha256", source: "event.observer", fileName: "file.name", filePath: "file.directory",
  fileCategory: "file.category", processOwner: "process.owner", tabUrls: "destination.tabs.url", riskIndicatorNames: "risk.indicators.name", riskSeverity: "risk.severity",
  eventTimestamp: "@timestamp", insertionTimestamp: "event.inserted",
};

export class SavedSearches {
  readonly all: SavedSearch[] = [];

  readonly listV2 = ({ fault }: Call): Answer => reply(this.all.map(translated), fault);

  /** A list of one search, or an empty list if the search cannot be translated to version 2. */
  readonly findV2 = ({ id, fault }: Call): Answer => {
    const found = this.all.find((search) => search.id === id);
    return found === undefined ? notFound() : reply([translated(found)], fault);
  };

  readonly listV1 = ({ fault }: Call): Answer => reply(this.all.filter(({ apiVersion }) => apiVersion === 1), fault);

  readonly findV1 = ({ id, fault }: Call): Answer => {
    const found = this.all.find((search) => search.id === id && search.apiVersion === 1);
    return found === undefined ? notFound() : reply([found], fault);
  };
}

const reply = (searches: (SavedSearch | undefined)[], fault: Call["fault"]): Answer =>
  json(200, { searches: fault?.kind === "null-events" ? null : searches.filter((search) => search !== undefined) });

function translated(search: SavedSearch): SavedSearch | undefined {
  if (search.apiVersion === 2) return search;
  const groups = search.groups.map((group) => {
    const filters: unknown[] = Array.isArray(group["filters"]) ? group["filters"] : [];
    return { ...group, filters: filters.map((filter) => (isRecord(filter) ? { ...filter, term: V2_TERMS[String(filter["term"])] } : filter)) };
  });
  const whole = groups.every(({ filters }) => filters.every((filter) => isRecord(filter) && filter["term"] !== undefined));
  return whole ? { ...search, apiVersion: 2, groups, srtKey: "event.id" } : undefined;
}
