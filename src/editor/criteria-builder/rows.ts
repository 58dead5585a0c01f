/**
 * Converts the node property `criteria` to rows of the edit dialog and back. What rows cannot show stays JSON,
 * unchanged, and the dialog says why.
 */
import type { Clause } from "../../code42/criteria/criteria";
import { TERM_TABLES, termIn, type Term } from "../../code42/criteria/terms";
import { isRecord } from "../../common/messages";
import { isEnvironment } from "../validators";
import { fits, LIST_OPERATORS, pickerOf, WITHOUT_VALUE, type Scalar, type Value } from "./pickers";

export interface FilterRow {
  term: string;
  operator: string;
  /** Kept while the operator takes no value, in case the user chooses another operator. */
  value?: Value;
}

export type GroupRow = { clause: Clause; filters: FilterRow[] } | { clause: Clause; groups: GroupRow[] };

/** Rows cannot show these criteria. `reason` is a key of the catalog's `builder.unshowable`; `where` is a path in the criteria. */
export class Unshowable extends Error {
  constructor(readonly reason: "json" | "list" | "group" | "clause" | "depth" | "text" | "property" | "value", readonly where: string, readonly found: string) {
    super(`${where}: ${reason} ${found}`);
  }
}

/** Levels of groups that a query may nest. */
export const MAX_DEPTH = 16;

/** Reads the groups of the property `criteria`, in the form of a flow or of a query body. Throws Unshowable. */
export function rowsOf(value: unknown): GroupRow[] {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "string") throw new Unshowable("json", "criteria", short(value));
  if (!Array.isArray(value)) throw new Unshowable("list", "criteria", short(value));
  return value.map((group, index) => groupRow(group, `criteria[${index}]`, 0));
}

function groupRow(value: unknown, where: string, depth: number): GroupRow {
  if (!isRecord(value)) throw new Unshowable("group", where, short(value));
  if (depth > MAX_DEPTH) throw new Unshowable("depth", where, String(depth));
  const [name, clauseName] = "filters" in value
    ? ["filters", "filterClause" in value ? "filterClause" : "clause"]
    : ["groups" in value ? "groups" : "subgroups", "subgroupClause" in value ? "subgroupClause" : "clause"];
  refuseOthers(value, [name, clauseName], where);
  const inner = value[name];
  if (!Array.isArray(inner)) throw new Unshowable("group", where, short(value));
  const clause = value[clauseName] ?? "AND";
  if (clause !== "AND" && clause !== "OR") throw new Unshowable("clause", `${where}.${clauseName}`, short(clause));
  if (name === "filters") return { clause, filters: inner.map((filter, index) => filterRow(filter, `${where}.filters[${index}]`)) };
  return { clause, groups: inner.map((group, index) => groupRow(group, `${where}.${name}[${index}]`, depth + 1)) };
}

function filterRow(filter: unknown, where: string): FilterRow {
  if (!isRecord(filter)) throw new Unshowable("group", where, short(filter));
  refuseOthers(filter, ["term", "operator", "value"], where);
  const { term, operator, value } = filter;
  if (typeof term !== "string") throw new Unshowable("text", `${where}.term`, short(term));
  if (typeof operator !== "string") throw new Unshowable("text", `${where}.operator`, short(operator));
  if (value === undefined || value === null) return { term, operator };
  if (!isScalar(value) && !(Array.isArray(value) && value.every((item) => isScalar(item) && item !== ""))) {
    throw new Unshowable("value", `${where}.value`, short(value));
  }
  return { term, operator, value: value as Value };
}

function refuseOthers(value: Record<string, unknown>, names: readonly string[], where: string): void {
  const other = Object.keys(value).find((name) => !names.includes(name));
  if (other !== undefined) throw new Unshowable("property", where, other.slice(0, 80));
}

const isScalar = (value: unknown): value is Scalar => typeof value === "string" || typeof value === "number";
const short = (value: unknown) => (JSON.stringify(value) ?? "").slice(0, 80);

/** A filter as the node stores it. */
export function filterOf({ term, operator, value }: FilterRow): { term: string; operator: string; value?: Value } {
  return { term, operator, ...(WITHOUT_VALUE.includes(operator) || value === undefined || value === "" ? {} : { value }) };
}

/** The property `criteria`, without groups and filters that the user added and left blank. */
export function criteriaOf(groups: readonly GroupRow[]): GroupRow[] {
  return groups.flatMap((group): GroupRow[] => {
    if ("groups" in group) {
      const inner = criteriaOf(group.groups);
      return inner.length === 0 ? [] : [{ clause: group.clause, groups: inner }];
    }
    const filters = group.filters.filter((row) => !isBlank(row)).map(filterOf);
    return filters.length === 0 ? [] : [{ clause: group.clause, filters }];
  });
}

const isBlank = ({ term, value }: FilterRow) => term === "" && (value === undefined || value === "" || (Array.isArray(value) && value.length === 0));

/** All filters that will be saved, nested ones included. */
export function filledRows(groups: readonly GroupRow[]): FilterRow[] {
  return groups.flatMap((group) => ("groups" in group ? filledRows(group.groups) : group.filters.filter((row) => !isBlank(row))));
}

/** The number of filters in the property `criteria`; 0 if rows cannot show it. */
export function criteriaCount(value: unknown): number {
  try {
    return filledRows(rowsOf(value)).length;
  } catch (error) {
    if (error instanceof Unshowable) return 0;
    throw error;
  }
}

export const newGroup = (): GroupRow => ({ clause: "AND", filters: [newFilter()] });
export const newFilter = (): FilterRow => ({ term: "", operator: "IS" });

/** The group with a new, blank group inside. Its filters move into a group of their own, because a group holds either filters or groups. */
export function withNewGroup(group: GroupRow): GroupRow {
  if ("groups" in group) return { clause: group.clause, groups: [...group.groups, newGroup()] };
  return { clause: "AND", groups: [...(group.filters.some((row) => !isBlank(row)) ? [group] : []), newGroup()] };
}

/** The table's entry for a row's term; undefined for a term that is unknown for `source`. */
export function knownTerm(source: string, term: string): Term | undefined {
  const table = TERM_TABLES[source];
  return table === undefined || term === "" ? undefined : termIn(table, term);
}

/** The operators of the term, and always the row's own one. An unknown term gets every operator of the source. */
export function operatorsFor(source: string, { term, operator }: FilterRow): string[] {
  const { operators = {} } = TERM_TABLES[source] ?? {};
  const known = knownTerm(source, term);
  const taken = known === undefined ? Object.values(operators).flat() : operators[known.kind] ?? [];
  return [...new Set([...taken, operator])];
}

/** The row with another term. It keeps its operator and value if the new term can take them. */
export function withTerm(source: string, row: FilterRow, term: string): FilterRow {
  const known = knownTerm(source, term);
  const operators = known === undefined ? [] : TERM_TABLES[source]?.operators[known.kind] ?? [];
  const operator = operators.length === 0 || operators.includes(row.operator) ? row.operator : operators[0] ?? row.operator;
  return withOperator(source, { ...row, term }, operator);
}

/** The row with another operator. It keeps its value unless that operator cannot take it. */
export function withOperator(source: string, row: FilterRow, operator: string): FilterRow {
  const known = knownTerm(source, row.term);
  const value = LIST_OPERATORS.includes(operator) ? asList(row.value) : asOne(row.value);
  const picker = pickerOf(known, operator, value);
  const changed: FilterRow = { term: row.term, operator };
  if (value !== undefined && (picker === "none" || isEnvironment(value) || fits(picker, value, known))) changed.value = value;
  return changed;
}

const asList = (value: Value | undefined): Value | undefined => (value === undefined || value === "" ? undefined : [value].flat());
/** Several values stay a list, so that none is lost. */
const asOne = (value: Value | undefined): Value | undefined => (Array.isArray(value) && value.length <= 1 ? value[0] : value);
