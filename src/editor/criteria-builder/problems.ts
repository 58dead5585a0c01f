/** What the run time will say to criteria, while they are edited: the same checks, the same sentences. */
import { checkCount, checkCriteria, checkFilter, pointlessNegations } from "../../code42/criteria-check";
import { criteriaGroups, type Clause, type Criteria } from "../../code42/query";
import { SEARCH_RULES, type SearchRules } from "../../code42/search-rules";
import { SiemError, type Params } from "../../errors";
import { isEnvironment } from "../validators";
import { criteriaOf, filledRows, filterOf, rowsOf, Unshowable, type FilterRow, type GroupRow } from "./rows";

export interface Problem {
  level: "error" | "warning";
  /** Key in the catalog of code42-query. */
  key: string;
  params: Params;
}

/** Where a query of the dialog stands. */
export interface Subject {
  /** The node's property `source`. */
  source: string;
  /** How the groups are joined. */
  clause: Clause;
  /** False for a query that runs once for each message. */
  hasCursor: boolean;
}

export const rulesOf = (source: string): SearchRules | undefined => (SEARCH_RULES as Record<string, SearchRules>)[source];

/** What may be wrong with one row. */
export function rowProblems({ source, hasCursor }: Subject, row: FilterRow): Problem[] {
  if (row.term === "") return [{ level: "error", key: "builder.termMissing", params: {} }];
  const { cursorTerm } = rulesOf(source) ?? {};
  const onCursor: Problem[] = hasCursor && cursorTerm !== undefined && row.term.toLowerCase() === cursorTerm.toLowerCase()
    ? [{ level: "warning", key: "builder.onCursorTerm", params: { term: row.term } }]
    : [];
  const filter = { value: null, ...filterOf(row) };
  return [...onCursor, ...problemsOf(() => checkFilter(source, filter)).filter(({ key, params }) => !dueToEnvironment(row, key, params))];
}

/** Node-RED puts an environment variable's value in the place of `${NAME}` before the query is checked. */
function dueToEnvironment({ value }: FilterRow, key: string, params: Params): boolean {
  if (key === "error.VALUE_UNSUITABLE") return isEnvironment(value) && params["expects"] !== "list";
  return key === "error.VALUE_UNKNOWN" && isEnvironment(params["value"]);
}

/** What may be wrong with the criteria as a whole. */
export function wholeProblems({ source, clause }: Subject, groups: readonly GroupRow[]): Problem[] {
  return [
    ...problemsOf(() => {
      checkCount(filledRows(groups).length);
      return [];
    }),
    ...problemsOf(() => {
      const criteria: Criteria = { clause, groups: criteriaGroups(withTerms(groups), "criteria") };
      rulesOf(source)?.check(criteria);
      return criteria.groups.flatMap(pointlessNegations);
    }),
  ];
}

/** What is complete: a row without a term is told at the row. */
const withTerms = (groups: readonly GroupRow[]): GroupRow[] => criteriaOf(groups.map((group): GroupRow => (
  "groups" in group ? { ...group, groups: withTerms(group.groups) } : { ...group, filters: group.filters.filter(({ term }) => term !== "") }
)));

/** Everything that may be wrong with the node property `criteria`, errors first, each once. */
export function criteriaProblems(subject: Subject, value: unknown): Problem[] {
  const all = allProblems(subject, value);
  const once = [...new Map(all.map((problem) => [JSON.stringify(problem), problem])).values()];
  return [...once.filter(({ level }) => level === "error"), ...once.filter(({ level }) => level === "warning")];
}

function allProblems(subject: Subject, value: unknown): Problem[] {
  try {
    const groups = rowsOf(value);
    return [...wholeProblems(subject, groups), ...filledRows(groups).flatMap((row) => rowProblems(subject, row))];
  } catch (error) {
    if (!(error instanceof Unshowable)) throw error;
    const { source, clause } = subject;
    return problemsOf(() => checkCriteria(source, { clause, groups: criteriaGroups(value, "criteria") }).warnings);
  }
}

/** Lists of known values can be long. */
const MOST_CHOICES = 8;

function problemsOf(check: () => SiemError[]): Problem[] {
  try {
    return check().map((error) => problem("warning", error));
  } catch (error) {
    if (!(error instanceof SiemError)) throw error;
    return [problem("error", error)];
  }
}

function problem(level: Problem["level"], { code, params }: SiemError): Problem {
  const choices = String(params["choices"] ?? "").split(", ");
  const shown = choices.length > MOST_CHOICES ? { choices: `${choices.slice(0, MOST_CHOICES).join(", ")}, …` } : {};
  return { level, key: `error.${code}`, params: { ...params, ...shown } };
}
