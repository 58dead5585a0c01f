/** Evaluates the groups of a file event query as the API documents them (developer portal, "Search file events"). */
import { isRecord } from "../messages";
import { makeFileEvent } from "./events";

export interface Problem {
  badFilter: unknown;
  description: string;
  type: string;
}

/** A query that the API answers with 400. */
export class BadQuery extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map((problem) => problem.description).join("; "));
  }
}

const refuse = (description: string, type: string, badFilter: unknown = null): BadQuery => new BadQuery([{ badFilter, description, type }]);

type Test = (event: unknown) => boolean;

export interface Compiled {
  /** Bounds on `event.inserted`, whole epoch ms, both inclusive: what an index can answer. */
  fromMs: number;
  toMs: number;
  /** Everything else; undefined if every event passes. */
  test: Test | undefined;
}

const DATE_TERMS = new Set(["@timestamp", "event.inserted", "event.ingested", "file.created", "file.modified"]);
/** Every event has them, so EXISTS on them needs no look at the event. */
const ALWAYS = new Set(["event.id", "event.inserted", "@timestamp", "event.action", "risk.severity"]);
const OPERATORS = new Set(["IS", "IS_NOT", "IS_ANY", "IS_NONE", "EXISTS", "DOES_NOT_EXIST", "GREATER_THAN", "LESS_THAN", "ON", "ON_OR_AFTER", "ON_OR_BEFORE", "WITHIN_THE_LAST"]);
const MAX_CRITERIA = 1024;
const UNIT_MS: Record<string, number> = { D: 86_400_000, H: 3_600_000, M: 60_000, S: 1000 };

/** Compiles queries against the terms that events of this kind have. */
export class Criteria {
  private readonly terms = new Set<string>();

  constructor() {
    // Two events that between them fill every list.
    for (let index = 0; index < 200; index++) addTerms(makeFileEvent(index, { insertedUs: 0 }), "", this.terms);
  }

  /** `now` is the server's clock, epoch ms. Throws BadQuery. */
  compile(query: Record<string, unknown>, now: number): Compiled {
    const groups = query["groups"];
    if (!Array.isArray(groups) || groups.length === 0) throw refuse("The query must have at least one group.", "MISSING_GROUPS");
    let criteria = 0;
    const compiled: Compiled = { fromMs: -Infinity, toMs: Infinity, test: undefined };

    const filter = (value: unknown, conjunctive: boolean): Test | undefined => {
      if (!isRecord(value)) throw refuse("A filter must be an object.", "INVALID_FILTER", value);
      const { term, operator, value: operand } = value;
      criteria += Array.isArray(operand) ? operand.length : 1;
      if (typeof term !== "string" || !this.terms.has(term)) throw refuse(`Unknown search term: ${String(term)}`, "INVALID_TERM", value);
      if (typeof operator !== "string" || !OPERATORS.has(operator)) throw refuse(`Unknown operator: ${String(operator)}`, "INVALID_OPERATOR", value);
      if (operator === "EXISTS" && ALWAYS.has(term)) return conjunctive ? undefined : () => true;
      const range = DATE_TERMS.has(term) ? dateRange(operator, operand, now, value) : undefined;
      if (range === undefined) return comparison(term, operator, operand, value);
      const [from, to] = range;
      if (conjunctive && term === "event.inserted") {
        compiled.fromMs = Math.max(compiled.fromMs, from);
        compiled.toMs = Math.min(compiled.toMs, to);
        return undefined;
      }
      return (event) => valuesAt(event, term).some((date) => {
        const ms = Date.parse(String(date));
        return ms >= from && ms <= to;
      });
    };

    const all = (list: unknown, clause: unknown, conjunctive: boolean, compileOne: (item: unknown, conjunctive: boolean) => Test | undefined): Test | undefined => {
      if (!Array.isArray(list) || list.length === 0) throw refuse("A group must not be empty.", "MISSING_FILTERS");
      const or = list.length > 1 && clause === "OR";
      const tests = list.map((item) => compileOne(item, conjunctive && !or)).filter((test) => test !== undefined);
      if (tests.length === 0) return undefined;
      if (tests.length === 1) return tests[0];
      return or ? (event) => tests.some((test) => test(event)) : (event) => tests.every((test) => test(event));
    };

    const group = (value: unknown, conjunctive: boolean): Test | undefined => {
      if (!isRecord(value)) throw refuse("A group must be an object.", "INVALID_GROUP", value);
      return "subgroups" in value
        ? all(value["subgroups"], value["subgroupClause"], conjunctive, group)
        : all(value["filters"], value["filterClause"], conjunctive, filter);
    };

    compiled.test = all(groups, query["groupClause"], true, group);
    if (criteria > MAX_CRITERIA) throw refuse(`The query has ${criteria} criteria; the limit is ${MAX_CRITERIA}.`, "MAX_FILTERS_EXCEEDED");
    return compiled;
  }
}

function addTerms(value: unknown, path: string, terms: Set<string>): void {
  if (Array.isArray(value)) {
    terms.add(path);
    for (const item of value) addTerms(item, path, terms);
  } else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) addTerms(inner, path === "" ? key : `${path}.${key}`, terms);
  } else {
    terms.add(path);
  }
}

/** The values at a dotted path, through lists; null counts as absent. */
export function valuesAt(event: unknown, term: string): unknown[] {
  let values: unknown[] = [event];
  for (const key of term.split(".")) {
    values = values.flatMap((value) => (isRecord(value) ? value[key] ?? [] : []));
  }
  return values;
}

/** Bounds in whole ms, both inclusive: the API compares file event dates to the millisecond. */
function dateRange(operator: string, operand: unknown, now: number, badFilter: unknown): [from: number, to: number] | undefined {
  const date = () => {
    const ms = typeof operand === "string" ? Date.parse(operand) : NaN;
    if (Number.isNaN(ms)) throw refuse(`Not a date: ${String(operand)}`, "INVALID_VALUE", badFilter);
    return ms;
  };
  switch (operator) {
    case "ON_OR_AFTER": return [date(), Infinity];
    case "ON_OR_BEFORE": return [-Infinity, date()];
    case "ON": return [date(), date() + 86_399_999];
    case "WITHIN_THE_LAST": {
      const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(String(operand));
      if (match === null) throw refuse(`Not a duration: ${String(operand)}`, "INVALID_VALUE", badFilter);
      const ms = ["D", "H", "M", "S"].reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * (UNIT_MS[unit] as number), 0);
      return [now - ms, Infinity];
    }
    default: return undefined;
  }
}

function comparison(term: string, operator: string, operand: unknown, badFilter: unknown): Test {
  const wanted = (Array.isArray(operand) ? operand : [operand]).map(matcher);
  const matches: Test = (event) => valuesAt(event, term).some((value) => wanted.some((wants) => wants(value)));
  const number = Number(operand);
  switch (operator) {
    case "IS": case "IS_ANY": return matches;
    case "IS_NOT": case "IS_NONE": return (event) => !matches(event);
    case "EXISTS": return (event) => valuesAt(event, term).length > 0;
    case "DOES_NOT_EXIST": return (event) => valuesAt(event, term).length === 0;
    case "GREATER_THAN": return (event) => valuesAt(event, term).some((value) => Number(value) > number);
    case "LESS_THAN": return (event) => valuesAt(event, term).some((value) => Number(value) < number);
    default: throw refuse(`Operator ${operator} does not fit ${term}.`, "INVALID_OPERATOR", badFilter);
  }
}

/** Text with `*` wildcards; booleans are "TRUE" and "FALSE", numbers may be text. */
function matcher(wanted: unknown): (value: unknown) => boolean {
  const text = String(wanted);
  if (!text.includes("*")) return (value) => (typeof value === "boolean" ? String(value).toUpperCase() === text.toUpperCase() : String(value) === text);
  const pattern = new RegExp(`^${text.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join("[^]*")}$`);
  return (value) => pattern.test(String(value));
}
