/** Turns the criteria of a flow into those of a request. No Node.js modules: the editor uses it too. */
import { parseExact } from "../../common/exact-json";
import { plain } from "../../common/border";
import { isRecord } from "../../common/messages";
import { describe, type SiemError } from "../../common/errors";
import { inMegabytes, WHOLE_JSON_BYTES } from "../../common/limits";
import { queryError } from "../errors";

export type Clause = "AND" | "OR";

export interface WireFilter {
  term: string;
  operator: string;
  value: unknown;
}

/** A group of a query body; the second form nests groups (v2 file events only). */
export type WireGroup =
  | { filterClause: Clause; filters: WireFilter[] }
  | { subgroupClause: Clause; subgroups: WireGroup[] };

/** What the user asked for, before the cursor is added. */
export interface Criteria {
  clause: Clause;
  groups: WireGroup[];
}

/** Code42 accepts 1,024 criteria in one request (developer portal, "Search file events"). */
export const MAX_CRITERIA = 1024;

const DEEPEST = 16;

const WITHOUT_VALUE = new Set(["EXISTS", "DOES_NOT_EXIST"]);

function invalid(where: string, reason: string): SiemError {
  return queryError("CRITERIA_INVALID", plain.params({ where, reason }), { permanent: true });
}

function clauseAt(value: unknown, where: string): Clause {
  if (value === undefined || value === null || value === "" || value === "AND") return "AND";
  if (value === "OR") return "OR";
  const found = describe(value);
  throw invalid(where, `expected "AND" or "OR", found ${found.type} ${found.value}`);
}

function listAt(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(where, `expected a list, found ${describe(value).type}`);
  if (value.length === 0) throw invalid(where, "the list is empty");
  return value;
}

function filterAt(value: unknown, where: string): WireFilter {
  if (!isRecord(value)) throw invalid(where, `expected a filter object, found ${describe(value).type}`);
  const { term, operator } = value;
  if (typeof term !== "string" || term.trim() === "") throw invalid(`${where}.term`, "expected the name of a search term");
  if (typeof operator !== "string" || !/^[A-Z_]{1,40}$/.test(operator)) throw invalid(`${where}.operator`, "expected an operator such as IS or ON_OR_AFTER");
  // The editor may still hold a value for such an operator; it must not reach the search.
  const filterValue = WITHOUT_VALUE.has(operator) ? null : value["value"] ?? null;
  const scalar = (item: unknown) => item === null || ["string", "number", "boolean"].includes(typeof item);
  if (!(scalar(filterValue) || (Array.isArray(filterValue) && filterValue.every(scalar)))) {
    throw invalid(`${where}.value`, `expected text, a number or a list of them, found ${describe(filterValue).type}`);
  }
  return { term: term.trim(), operator, value: filterValue };
}

/** Reads one group, in the flow's form (`clause`, `filters` or `groups`) or in the wire form. Throws CRITERIA_INVALID. */
function groupAt(value: unknown, where: string, depth = 0): WireGroup {
  if (!isRecord(value)) throw invalid(where, `expected a group object, found ${describe(value).type}`);
  if (depth > DEEPEST) throw invalid(where, "groups are nested too deeply");
  const inner = value["groups"] ?? value["subgroups"];
  if (inner != null) {
    const name = value["groups"] == null ? "subgroups" : "groups";
    return {
      subgroupClause: clauseAt(value["clause"] ?? value["subgroupClause"], `${where}.clause`),
      subgroups: listAt(inner, `${where}.${name}`).map((group, index) => groupAt(group, `${where}.${name}[${index}]`, depth + 1)),
    };
  }
  return {
    filterClause: clauseAt(value["clause"] ?? value["filterClause"], `${where}.clause`),
    filters: listAt(value["filters"], `${where}.filters`).map((filter, index) => filterAt(filter, `${where}.filters[${index}]`)),
  };
}

/** How many filters `groups` has, before anything is read of them. */
function filterCount(groups: unknown, depth = 0): number {
  if (!Array.isArray(groups) || depth > DEEPEST) return 0;
  let count = 0;
  for (const group of groups) {
    if (!isRecord(group)) continue;
    const inner = group["groups"] ?? group["subgroups"];
    count += inner !== undefined ? filterCount(inner, depth + 1) : Array.isArray(group["filters"]) ? group["filters"].length : 0;
  }
  return count;
}

function refuseTooMany(count: number): void {
  if (count > MAX_CRITERIA) throw queryError("CRITERIA_TOO_MANY", { count, limit: MAX_CRITERIA }, { permanent: true });
}

/** The groups of the node property `criteria` or of `msg.criteria` (`where` names it in errors). Throws CRITERIA_INVALID, CRITERIA_TOO_MANY. */
export function criteriaGroups(value: unknown, where: string): WireGroup[] {
  if (value === undefined || value === null || value === "") return [];
  if (!Array.isArray(value)) throw invalid(where, `expected a list of groups, found ${describe(value).type}`);
  refuseTooMany(filterCount(value));
  return value.map((group, index) => groupAt(group, `${where}[${index}]`));
}

/**
 * Reads raw query JSON: a list of groups or a query body. Of a body it uses only `groups` and `groupClause`, because the
 * cursor decides sorting and paging. Throws CRITERIA_JSON_INVALID, CRITERIA_INVALID, CRITERIA_TOO_MANY.
 */
export function criteriaFromJson(text: string): Criteria {
  if (text.trim() === "") return { clause: "AND", groups: [] };
  if (text.length > WHOLE_JSON_BYTES) throw queryError("CRITERIA_JSON_INVALID", plain.params({ reason: `it is longer than ${inMegabytes(WHOLE_JSON_BYTES)} MiB` }), { permanent: true });
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    throw queryError("CRITERIA_JSON_INVALID", plain.params({ reason: error }), { permanent: true });
  }
  if (Array.isArray(value)) return { clause: "AND", groups: criteriaGroups(value, "groups") };
  if (isRecord(value) && value["groups"] !== undefined) return criteriaFromSearch(value);
  throw queryError("CRITERIA_JSON_INVALID", plain.params({ reason: `found ${describe(value).type} without "groups"` }), { permanent: true });
}

/** `groups` and `groupClause` of a query body or a saved search. Throws CRITERIA_INVALID. */
export function criteriaFromSearch(search: Record<string, unknown>): Criteria {
  return { clause: clauseAt(search["groupClause"], "groupClause"), groups: criteriaGroups(search["groups"], "groups") };
}

/** Every filter of the groups, nested ones included. */
export function filtersOf(groups: readonly WireGroup[]): WireFilter[] {
  return groups.flatMap((group) => ("filters" in group ? group.filters : filtersOf(group.subgroups)));
}

/** True if any filter, nested ones included, is on `term`. Case does not count: the search for alerts accepts `createdAt` and `CreatedAt`. */
export function hasFilterOn(groups: readonly WireGroup[], term: string): boolean {
  return filtersOf(groups).some((filter) => filter.term.toLowerCase() === term.toLowerCase());
}

/**
 * The groups of a request: the user's criteria AND the extra groups of one poll AND the cursor. It nests an OR between
 * the user's groups, so that the OR does not include the cursor. Throws CRITERIA_TOO_MANY.
 */
export function requestGroups(criteria: Criteria, extra: readonly WireGroup[], cursor: WireFilter): WireGroup[] {
  const all: WireGroup[] = [...andGroups(criteria), ...extra, { filterClause: "AND", filters: [cursor] }];
  refuseTooMany(filtersOf(all).length);
  return all;
}

/** The same criteria as groups that must all match. */
const andGroups = ({ clause, groups }: Criteria): WireGroup[] => (clause === "OR" && groups.length > 1 ? [{ subgroupClause: "OR", subgroups: groups }] : groups);

/** Criteria that match only what both match. */
export const joinByAnd = (one: Criteria, other: Criteria): Criteria => ({ clause: "AND", groups: [...andGroups(one), ...andGroups(other)] });
