/** Evaluates the groups of a query as the API documents them (developer portal, "Search file events"; incydr SDK, alert queries). */
import { isRecord } from "../common/messages";
import type { Problem } from "./answer";
import type { Values, Vocabulary } from "./vocabularies";

/** The API answers this query with 400. */
export class BadQuery extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map((problem) => problem.description).join("; "));
  }
}

const refuse = (description: string, type: string, badFilter: unknown = null): BadQuery => new BadQuery([{ badFilter, description, type }]);

type Test = (record: unknown) => boolean;

export interface Compiled {
  /** Bounds of the indexed date, whole epoch ms, both inclusive. */
  fromMs: number;
  toMs: number;
  /** All other criteria; undefined if every record passes. */
  test: Test | undefined;
}

const MAX_CRITERIA = 1024;
const UNIT_MS: Record<string, number> = { D: 86_400_000, H: 3_600_000, M: 60_000, S: 1000 };

/** Compiles queries with the terms of one kind of record. */
export class Criteria {
  constructor(private readonly vocabulary: Vocabulary) {}

  /** A function that gives a record's values for the term `name`; undefined if there is no such term. */
  term(name: string): Values | undefined {
    return this.vocabulary.terms.get(this.key(name));
  }

  private key(name: string): string {
    return this.vocabulary.anyCase ? name.toLowerCase() : name;
  }

  /** `now` is the server's clock, epoch ms. Throws BadQuery. */
  compile(query: Record<string, unknown>, now: number): Compiled {
    const { always, dates, indexed, nested, operators } = this.vocabulary;
    const groups = query["groups"];
    if (!Array.isArray(groups) || groups.length === 0) throw refuse("The query must have at least one group.", "MISSING_GROUPS");
    let criteria = 0;
    const compiled: Compiled = { fromMs: -Infinity, toMs: Infinity, test: undefined };

    const filter = (value: unknown, conjunctive: boolean): Test | undefined => {
      if (!isRecord(value)) throw refuse("A filter must be an object.", "INVALID_FILTER", value);
      const { term, operator, value: operand } = value;
      criteria += Array.isArray(operand) ? operand.length : 1;
      const values = typeof term === "string" ? this.term(term) : undefined;
      if (typeof term !== "string" || values === undefined) throw refuse(`Unknown search term: ${String(term)}`, "INVALID_TERM", value);
      if (typeof operator !== "string" || !operators.has(operator)) throw refuse(`Unknown operator: ${String(operator)}`, "INVALID_OPERATOR", value);
      if (operator === "EXISTS" && always.has(this.key(term))) return conjunctive ? undefined : () => true;
      const range = dates.has(this.key(term)) ? dateRange(operator, operand, now, value) : undefined;
      if (range === undefined) return comparison(values, operator, operand, value);
      const [from, to] = range;
      if (conjunctive && this.key(term) === indexed) {
        compiled.fromMs = Math.max(compiled.fromMs, from);
        compiled.toMs = Math.min(compiled.toMs, to);
        return undefined;
      }
      return (record) => values(record).some((date) => {
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
      return or ? (record) => tests.some((test) => test(record)) : (record) => tests.every((test) => test(record));
    };

    const group = (value: unknown, conjunctive: boolean): Test | undefined => {
      if (!isRecord(value)) throw refuse("A group must be an object.", "INVALID_GROUP", value);
      if ("subgroups" in value && !nested) throw refuse("Groups cannot be nested here.", "INVALID_GROUP", value);
      return "subgroups" in value
        ? all(value["subgroups"], value["subgroupClause"], conjunctive, group)
        : all(value["filters"], value["filterClause"], conjunctive, filter);
    };

    compiled.test = all(groups, query["groupClause"], true, group);
    if (criteria > MAX_CRITERIA) throw refuse(`The query has ${criteria} criteria; the limit is ${MAX_CRITERIA}.`, "MAX_FILTERS_EXCEEDED");
    return compiled;
  }
}

/** Bounds in whole ms, both inclusive, because the API compares dates to the millisecond. */
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

function comparison(values: Values, operator: string, operand: unknown, badFilter: unknown): Test {
  const wanted = (Array.isArray(operand) ? operand : [operand]).map(matcher);
  const matches: Test = (record) => values(record).some((value) => wanted.some((wants) => wants(value)));
  const contains: Test = (record) => values(record).some((value) => String(value).includes(String(operand)));
  const number = Number(operand);
  switch (operator) {
    case "IS": case "IS_ANY": return matches;
    case "IS_NOT": case "IS_NONE": return (record) => !matches(record);
    case "EXISTS": return (record) => values(record).length > 0;
    case "DOES_NOT_EXIST": return (record) => values(record).length === 0;
    case "CONTAINS": return contains;
    case "DOES_NOT_CONTAIN": return (record) => !contains(record);
    case "GREATER_THAN": return (record) => values(record).some((value) => Number(value) > number);
    case "LESS_THAN": return (record) => values(record).some((value) => Number(value) < number);
    default: throw refuse(`Operator ${operator} needs a date.`, "INVALID_OPERATOR", badFilter);
  }
}

/** Compares text with `*` wildcards. Booleans match "TRUE" and "FALSE"; numbers may be text. */
function matcher(wanted: unknown): (value: unknown) => boolean {
  const text = String(wanted);
  if (!text.includes("*")) return (value) => (typeof value === "boolean" ? String(value).toUpperCase() === text.toUpperCase() : String(value) === text);
  const pattern = new RegExp(`^${text.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&")).join("[^]*")}$`);
  return (value) => pattern.test(String(value));
}
