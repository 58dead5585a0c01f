/** Holds criteria against what the search of a source knows, so that a slip is told when the flow is deployed. */
import { expected as expectations } from "../../../nodes/locales/en-US/code42-query.json";
import { describe, type SiemError } from "../../common/errors";
import { durationMs, epochMs } from "../../common/instant";
import { queryError } from "../errors";
import { filtersOf, MAX_CRITERIA, type Criteria, type WireFilter, type WireGroup } from "./criteria";
import { TERM_TABLES, termIn, V2_OF_V1, type Term } from "./terms";

export interface CheckedCriteria {
  /** What may well be meant, but often is not; each once. */
  warnings: SiemError[];
}

interface Values {
  /** How to say it: a key of the catalog's `expected`. */
  expected: keyof typeof expectations;
  takes: (value: unknown) => boolean;
}

/** What an operator takes as value. */
const VALUES: Record<string, Values> = {
  ON: { expected: "day", takes: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) && epochMs(value) !== undefined },
  ON_OR_AFTER: { expected: "instant", takes: isInstant },
  ON_OR_BEFORE: { expected: "instant", takes: isInstant },
  WITHIN_THE_LAST: { expected: "duration", takes: (value) => typeof value === "string" && (durationMs(value) ?? 0) > 0 },
  GREATER_THAN: { expected: "number", takes: isNumber },
  LESS_THAN: { expected: "number", takes: isNumber },
  IS_ANY: { expected: "list", takes: isList },
  IS_NONE: { expected: "list", takes: isList },
  EXISTS: { expected: "none", takes: () => true },
  DOES_NOT_EXIST: { expected: "none", takes: () => true },
};
const ONE_VALUE: Values = { expected: "one", takes: isOne };

/** What kinds of terms take instead, whatever the operator. */
const VALUES_OF_KIND: Record<string, Values> = {
  boolean: { expected: "boolean", takes: (value) => value === "TRUE" || value === "FALSE" },
  flag: { expected: "flag", takes: (value) => value === "true" || value === "false" },
};

function isInstant(value: unknown): boolean {
  return typeof value === "string" && epochMs(value) !== undefined;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && /^-?\d+(?:\.\d+)?$/.test(value));
}

function isOne(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value !== "");
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isOne);
}

/**
 * Checks terms, operators and values of `criteria` for the source (the node's property) `source`. Throws
 * CRITERIA_TOO_MANY, OPERATOR_UNKNOWN and VALUE_UNSUITABLE. What the vendor may have added since is a warning only: an
 * unknown term, or a value that is not in the list of a known one.
 */
export function checkCriteria(source: string, criteria: Criteria): CheckedCriteria {
  const filters = filtersOf(criteria.groups);
  checkCount(filters.length);
  const found = [...filters.flatMap((filter) => checkFilter(source, filter)), ...criteria.groups.flatMap(pointlessNegations)];
  return { warnings: [...new Map(found.map((warning) => [warning.message, warning])).values()] };
}

/** Throws CRITERIA_TOO_MANY. One place is the cursor's. */
export function checkCount(count: number): void {
  if (count >= MAX_CRITERIA) throw queryError("CRITERIA_TOO_MANY", { count: count + 1, limit: MAX_CRITERIA }, { permanent: true });
}

/** What may be wrong with one filter. Throws OPERATOR_UNKNOWN, VALUE_UNSUITABLE. */
export function checkFilter(source: string, { term, operator, value }: WireFilter): SiemError[] {
  const table = TERM_TABLES[source];
  if (table === undefined) return [];
  const known = termIn(table, term);
  if (known === undefined) return [unknownTerm(source, term), ...leadingWildcard(term, value)];
  const operators = table.operators[known.kind] ?? [];
  if (!operators.includes(operator)) throw queryError("OPERATOR_UNKNOWN", { term, operator, choices: operators.join(", ") }, { permanent: true });
  const { expected, takes } = VALUES_OF_KIND[known.kind] ?? VALUES[operator] ?? ONE_VALUE;
  if (!takes(value)) throw queryError("VALUE_UNSUITABLE", { term, operator, expected: expectations[expected], expects: expected, ...describe(value) }, { permanent: true });
  return [...unknownValues(known, value), ...leadingWildcard(term, value)];
}

function unknownTerm(source: string, term: string): SiemError {
  const successor = source === "file-events" && Object.hasOwn(V2_OF_V1, term) ? V2_OF_V1[term] : undefined;
  return successor === undefined ? queryError("TERM_UNKNOWN", { term, source }) : queryError("TERM_OF_V1", { term, successor });
}

const textsOf = (value: unknown): string[] => [value].flat().filter((item) => typeof item === "string" || typeof item === "number").map(String);

function unknownValues({ term, values, open }: Term, value: unknown): SiemError[] {
  if (values === undefined || open === true) return [];
  const unknown = textsOf(value).filter((item) => !item.includes("*") && !values.includes(item));
  return unknown.map((item) => queryError("VALUE_UNKNOWN", { term, value: item.slice(0, 80), choices: values.join(", ") }));
}

/** Vendor's support site, "Search file activity with Forensic Search": a wildcard in front may time out. */
function leadingWildcard(term: string, value: unknown): SiemError[] {
  return textsOf(value).filter((item) => /^[*?]./.test(item)).map((item) => queryError("WILDCARD_LEADING", { term, value: item.slice(0, 80) }));
}

/** "Not A" OR "not B" is true for everything; what is meant is AND. */
export function pointlessNegations(group: WireGroup): SiemError[] {
  if ("subgroups" in group) return group.subgroups.flatMap(pointlessNegations);
  if (group.filterClause === "AND") return [];
  const negated = group.filters.filter(({ operator }) => operator === "IS_NOT").map(({ term }) => term);
  const twice = negated.filter((term, index) => negated.indexOf(term) !== index);
  return twice.map((term) => queryError("NEGATIONS_OR", { term }));
}
