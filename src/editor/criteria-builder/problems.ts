/** Checks criteria while the user edits them, with the checks and the sentences of the run time. */
import { checkCount, checkCriteria, checkFilter, pointlessNegations } from "../../code42/criteria/criteria-check";
import { criteriaGroups, type Clause, type Criteria } from "../../code42/criteria/criteria";
import { SEARCH_RULES, type SearchRules } from "../../code42/criteria/search-rules";
import { plain } from "../../common/border";
import { SiemError, type Params } from "../../common/errors";
import { isEnvironment } from "../validators";
import { criteriaOf, filledRows, filterOf, rowsOf, Unshowable, type FilterRow, type GroupRow } from "./rows";

export interface Problem {
  level: "error" | "warning";
  /** Key in the catalog of code42-query. */
  key: string;
  params: Params;
}

/** The settings of a query that decide which criteria are valid. */
export interface QueryContext {
  /** The node's property `source`. */
  source: string;
  /** How the groups are joined. */
  clause: Clause;
  /** False for a query that runs once for each message. */
  hasCursor: boolean;
}

export const rulesOf = (source: string): SearchRules | undefined => (SEARCH_RULES as Record<string, SearchRules>)[source];

/** The problems of one row. */
export function rowProblems({ source, hasCursor }: QueryContext, row: FilterRow): Problem[] {
  if (row.term === "") return [{ level: "error", key: "builder.termMissing", params: {} }];
  const { cursorTerm } = rulesOf(source) ?? {};
  const onCursor: Problem[] = hasCursor && cursorTerm !== undefined && row.term.toLowerCase() === cursorTerm.toLowerCase()
    ? [{ level: "warning", key: "builder.onCursorTerm", params: plain.params({ term: row.term }) }]
    : [];
  const filter = { value: null, ...filterOf(row) };
  return [...onCursor, ...problemsOf(() => checkFilter(source, filter)).filter(({ key, params }) => !dueToEnvironment(row, key, params))];
}

/** True for a problem that only exists because the value is `${NAME}`: Node-RED fills in the variable's value before the query is checked. */
function dueToEnvironment({ value }: FilterRow, key: string, params: Params): boolean {
  if (key === "error.VALUE_UNSUITABLE") return isEnvironment(value) && params["expects"] !== "list";
  return key === "error.VALUE_UNKNOWN" && isEnvironment(params["value"]);
}

/** The problems of the criteria as a whole. */
export function wholeProblems({ source, clause }: QueryContext, groups: readonly GroupRow[]): Problem[] {
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

/** The groups without rows that have no term, because rowProblems reports those. */
const withTerms = (groups: readonly GroupRow[]): GroupRow[] => criteriaOf(groups.map((group): GroupRow => (
  "groups" in group ? { ...group, groups: withTerms(group.groups) } : { ...group, filters: group.filters.filter(({ term }) => term !== "") }
)));

/** All problems of the node property `criteria`, errors first, each once. */
export function criteriaProblems(context: QueryContext, value: unknown): Problem[] {
  const all = allProblems(context, value);
  const once = [...new Map(all.map((problem) => [JSON.stringify(problem), problem])).values()];
  return [...once.filter(({ level }) => level === "error"), ...once.filter(({ level }) => level === "warning")];
}

function allProblems(context: QueryContext, value: unknown): Problem[] {
  try {
    const groups = rowsOf(value);
    return [...wholeProblems(context, groups), ...filledRows(groups).flatMap((row) => rowProblems(context, row))];
  } catch (error) {
    if (!(error instanceof Unshowable)) throw error;
    const { source, clause } = context;
    return problemsOf(() => checkCriteria(source, { clause, groups: criteriaGroups(value, "criteria") }));
  }
}

/** Known values that a message lists; there can be hundreds. */
const MAX_CHOICES = 8;

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
  const shown = choices.length > MAX_CHOICES ? plain.params({ choices: `${choices.slice(0, MAX_CHOICES).join(", ")}, …` }) : {};
  return { level, key: `error.${code}`, params: { ...params, ...shown } };
}
