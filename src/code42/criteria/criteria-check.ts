/** Checks criteria against what the search of a source accepts, so that a mistake shows when the flow is deployed. */
import { expected as expectations } from "../../../nodes/locales/en-US/code42-query.json";
import { plain, printable } from "../../common/border";
import { describe, type SiemError } from "../../common/errors";
import { durationMs, epochMs } from "../../common/instant";
import { queryError } from "../errors";
import { filtersOf, MAX_CRITERIA, type Criteria, type WireFilter, type WireGroup } from "./criteria";
import { TERM_TABLES, termIn, V2_OF_V1, type Term } from "./terms";

interface ValueRule {
  /** Key of the text in the catalog's section `expected`. */
  expected: keyof typeof expectations;
  accepts: (value: unknown) => boolean;
}

/** By operator. */
const VALUE_RULES: Record<string, ValueRule> = {
  ON: { expected: "day", accepts: (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) && isInstant(value) },
  ON_OR_AFTER: { expected: "instant", accepts: isInstant },
  ON_OR_BEFORE: { expected: "instant", accepts: isInstant },
  WITHIN_THE_LAST: { expected: "duration", accepts: (value) => typeof value === "string" && (durationMs(value) ?? 0) > 0 },
  GREATER_THAN: { expected: "number", accepts: isNumber },
  LESS_THAN: { expected: "number", accepts: isNumber },
  IS_ANY: { expected: "list", accepts: isList },
  IS_NONE: { expected: "list", accepts: isList },
  EXISTS: { expected: "none", accepts: () => true },
  DOES_NOT_EXIST: { expected: "none", accepts: () => true },
};
const ONE_VALUE: ValueRule = { expected: "one", accepts: isOne };

/** By kind of term; these apply whatever the operator. */
const VALUE_RULES_OF_KIND: Record<string, ValueRule> = {
  boolean: { expected: "boolean", accepts: (value) => value === "TRUE" || value === "FALSE" },
  flag: { expected: "flag", accepts: (value) => value === "true" || value === "false" },
};

function isInstant(value: unknown): boolean {
  return epochMs(value) !== undefined;
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
 * Checks terms, operators and values of `criteria` for `source` (the node's property). Returns warnings, each once: a
 * term or value that our tables do not have is only a warning, because the vendor may have added it. Throws
 * CRITERIA_TOO_MANY, OPERATOR_UNKNOWN and VALUE_UNSUITABLE.
 */
export function checkCriteria(source: string, criteria: Criteria): SiemError[] {
  const filters = filtersOf(criteria.groups);
  checkCount(filters.length);
  const warnings = [...filters.flatMap((filter) => checkFilter(source, filter)), ...criteria.groups.flatMap(pointlessNegations)];
  return [...new Map(warnings.map((warning) => [warning.message, warning])).values()];
}

/** Throws CRITERIA_TOO_MANY. One of the places is for the cursor. */
export function checkCount(count: number): void {
  if (count >= MAX_CRITERIA) throw queryError("CRITERIA_TOO_MANY", { count: count + 1, limit: MAX_CRITERIA }, { permanent: true });
}

/** The warnings for one filter. Throws OPERATOR_UNKNOWN, VALUE_UNSUITABLE. */
export function checkFilter(source: string, { term, operator, value }: WireFilter): SiemError[] {
  const table = TERM_TABLES[source];
  if (table === undefined) return [];
  const known = termIn(table, term);
  if (known === undefined) return [unknownTerm(source, term), ...leadingWildcard(term, value)];
  const operators = table.operators[known.kind] ?? [];
  if (!operators.includes(operator)) throw queryError("OPERATOR_UNKNOWN", plain.params({ term, operator, choices: operators.join(", ") }), { permanent: true });
  const { expected, accepts } = VALUE_RULES_OF_KIND[known.kind] ?? VALUE_RULES[operator] ?? ONE_VALUE;
  if (!accepts(value)) throw queryError("VALUE_UNSUITABLE", plain.params({ term, operator, expected: expectations[expected], expects: expected, ...describe(value) }), { permanent: true });
  return [...unknownValues(known, value), ...leadingWildcard(term, value)];
}

function unknownTerm(source: string, term: string): SiemError {
  const successor = source === "file-events" && Object.hasOwn(V2_OF_V1, term) ? V2_OF_V1[term] : undefined;
  return successor === undefined ? queryError("TERM_UNKNOWN", plain.params({ term, source })) : queryError("TERM_OF_V1", plain.params({ term, successor }));
}

const textsOf = (value: unknown): string[] => [value].flat().filter((item) => typeof item === "string" || typeof item === "number").map(String);

/** Values of one list that get a warning each: for a million, the warnings would take minutes. */
const MOST_NAMED = 10;

function unknownValues({ term, values, open }: Term, value: unknown): SiemError[] {
  if (values === undefined || open === true) return [];
  const unknown = textsOf(value).filter((item) => !item.includes("*") && !values.includes(item)).slice(0, MOST_NAMED);
  return unknown.map((item) => queryError("VALUE_UNKNOWN", { ...plain.params({ term, value: printable(item, 80) }), choices: printable(values.join(", "), 4000) }));
}

/** A search with a leading wildcard may time out (vendor's support site, "Search file activity with Forensic Search"). */
function leadingWildcard(term: string, value: unknown): SiemError[] {
  return textsOf(value).filter((item) => /^[*?]./.test(item)).slice(0, MOST_NAMED).map((item) => queryError("WILDCARD_LEADING", plain.params({ term, value: printable(item, 80) })));
}

/** "Not A" OR "not B" is true for everything; the user means AND. */
export function pointlessNegations(group: WireGroup): SiemError[] {
  if ("subgroups" in group) return group.subgroups.flatMap(pointlessNegations);
  if (group.filterClause === "AND") return [];
  const negated = group.filters.filter(({ operator }) => operator === "IS_NOT").map(({ term }) => term);
  const twice = negated.filter((term, index) => negated.indexOf(term) !== index);
  return twice.map((term) => queryError("NEGATIONS_OR", plain.params({ term })));
}
