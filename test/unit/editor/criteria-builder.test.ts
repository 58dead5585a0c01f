import assert from "node:assert/strict";
import { checkCriteria } from "../../../src/code42/criteria/criteria-check";
import { criteriaGroups, filtersOf } from "../../../src/code42/criteria/criteria";
import { SEARCH_RULES } from "../../../src/code42/criteria/search-rules";
import { sources } from "../../../src/code42/sources";
import { TERM_TABLES } from "../../../src/code42/criteria/terms";
import { durationOf, durationParts, fits, instantOf, localTime, pickerOf, type Value } from "../../../src/editor/criteria-builder/pickers";
import { criteriaProblems, rowProblems, type QueryContext } from "../../../src/editor/criteria-builder/problems";
import { criteriaCount, criteriaOf, filledRows, knownTerm, newGroup, operatorsFor, rowsOf, Unshowable, withOperator, withNewGroup, withTerm, type FilterRow } from "../../../src/editor/criteria-builder/rows";
import { matching, termSuggestions } from "../../../src/editor/criteria-builder/suggestions";
import english from "../../../nodes/locales/en-US/code42-query.json";
import german from "../../../nodes/locales/de/code42-query.json";

const severity: FilterRow = { term: "risk.severity", operator: "IS", value: "HIGH" };
const anyOf: FilterRow = { term: "file.name", operator: "IS_ANY", value: ["a.txt", "b, c.txt", 7] };
const withCursor: QueryContext = { source: "file-events", clause: "AND", hasCursor: true };
const keysOf = (context: Partial<QueryContext>, value: unknown) => criteriaProblems({ ...withCursor, ...context }, value).map(({ level, key }) => `${level} ${key}`);
const group = (...filters: FilterRow[]) => [{ clause: "AND", filters }];

describe("criteria as rows", () => {
  it("convert back unchanged, including nested groups, lists, numbers and environment variables", () => {
    const criteria = [
      { clause: "OR", filters: [severity, anyOf, { term: "file.sizeInBytes", operator: "GREATER_THAN", value: 1000 }, { term: "user.email", operator: "EXISTS" }] },
      { clause: "AND", groups: [{ clause: "OR", filters: [{ term: "user.email", operator: "IS", value: "${USER}" }] }, { clause: "AND", groups: [{ clause: "AND", filters: [severity] }] }] },
    ];
    assert.deepEqual(criteriaOf(rowsOf(criteria)), criteria);
    assert.equal(filledRows(rowsOf(criteria)).length, 6);
    for (const nothing of [undefined, null, "", []]) assert.deepEqual(rowsOf(nothing), []);
  });

  it("mean the same to Code42 if they come as a query body", () => {
    const body = [
      { filterClause: "OR", filters: [severity, { term: "user.email", operator: "EXISTS", value: null }] },
      { subgroupClause: "OR", subgroups: [{ filters: [severity] }] },
    ];
    assert.deepEqual(criteriaGroups(criteriaOf(rowsOf(body)), "criteria"), criteriaGroups(body, "criteria"));
  });

  it("that rows cannot show are refused with the reason and the place", () => {
    const bad: [criteria: unknown, reason: string, where: string][] = [
      ["[{", "json", "criteria"], [{ groups: [] }, "list", "criteria"], [["x"], "group", "criteria[0]"], [[{ clause: "AND" }], "group", "criteria[0]"],
      [[{ clause: "NOT", filters: [severity] }], "clause", "criteria[0].clause"], [[{ filters: [severity], name: "mine" }], "property", "criteria[0]"],
      [[{ filters: [severity], groups: [] }], "property", "criteria[0]"], [[{ filters: [{ ...severity, display: "x" }] }], "property", "criteria[0].filters[0]"],
      [[{ filters: [severity, { ...severity, value: true }] }], "value", "criteria[0].filters[1].value"], [[{ filters: [{ ...severity, value: ["a", null] }] }], "value", "criteria[0].filters[0].value"],
      [[{ filters: [{ ...severity, term: 5 }] }], "text", "criteria[0].filters[0].term"], [[{ groups: [{ filters: [{ term: "a", value: 1 }] }] }], "text", "criteria[0].groups[0].filters[0].operator"],
    ];
    for (const [criteria, reason, where] of bad) {
      assert.throws(() => rowsOf(criteria), (error) => error instanceof Unshowable && error.reason === reason && error.where === where, JSON.stringify(criteria));
    }
    let deep: unknown = { filters: [severity] };
    for (let depth = 0; depth < 17; depth++) deep = { groups: [deep] };
    assert.throws(() => rowsOf([deep]), { reason: "depth" });
    assert.throws(() => criteriaGroups([deep], "criteria"), { code: "CRITERIA_INVALID" });
  });

  it("are not saved while blank, but a filter that lacks only its term or its value is", () => {
    const empty = newGroup();
    assert.deepEqual(criteriaOf([empty, { clause: "OR", groups: [empty] }, { clause: "AND", filters: [] }]), []);
    assert.deepEqual(criteriaOf([{ clause: "OR", filters: [{ term: "", operator: "IS" }, { term: "file.name", operator: "IS" }, { term: "", operator: "IS", value: "x" }] }]),
      [{ clause: "OR", filters: [{ term: "file.name", operator: "IS" }, { term: "", operator: "IS", value: "x" }] }]);
    assert.deepEqual(criteriaOf(rowsOf([{ filters: [{ ...severity, operator: "EXISTS" }] }])), [{ clause: "AND", filters: [{ term: "risk.severity", operator: "EXISTS" }] }]);
  });

  it("move into a group of their own when the user adds a nested group", () => {
    const before = { clause: "OR" as const, filters: [severity] };
    assert.deepEqual(withNewGroup(before), { clause: "AND", groups: [before, newGroup()] });
    assert.deepEqual(withNewGroup(newGroup()), { clause: "AND", groups: [newGroup()] });
    assert.deepEqual(withNewGroup({ clause: "OR", groups: [before] }), { clause: "OR", groups: [before, newGroup()] });
  });
});

describe("a row of the criteria", () => {
  const change = (row: FilterRow, operator: string) => withOperator("file-events", row, operator);

  it("keeps its value through operators that can take it", () => {
    assert.deepEqual(change(severity, "IS_NONE"), { term: "risk.severity", operator: "IS_NONE", value: ["HIGH"] });
    assert.deepEqual(change(change(severity, "EXISTS"), "IS_NOT"), { ...severity, operator: "IS_NOT" });
    assert.deepEqual(change({ ...severity, operator: "IS_ANY", value: ["HIGH"] }, "IS"), severity);
    assert.deepEqual(change({ term: "@timestamp", operator: "ON_OR_AFTER", value: "${SINCE}" }, "WITHIN_THE_LAST").value, "${SINCE}");
  });

  it("never drops one of several values, but drops a value that the operator cannot take", () => {
    assert.deepEqual(change(anyOf, "IS").value, anyOf.value);
    assert.equal(change({ term: "@timestamp", operator: "ON_OR_AFTER", value: "2026-01-31T08:00:00.000Z" }, "WITHIN_THE_LAST").value, undefined);
  });

  it("keeps its operator where the new term takes it", () => {
    assert.deepEqual(withTerm("file-events", { ...severity, operator: "IS_NOT" }, "file.category"), { term: "file.category", operator: "IS_NOT" });
    assert.deepEqual(withTerm("file-events", severity, "file.name"), { term: "file.name", operator: "IS", value: "HIGH" });
    assert.deepEqual(withTerm("file-events", severity, "@timestamp"), { term: "@timestamp", operator: "ON" });
    assert.deepEqual(withTerm("file-events", { ...severity, operator: "IS_NOT" }, "file.colour"), { term: "file.colour", operator: "IS_NOT", value: "HIGH" });
  });

  it("offers the operators of its term, and always its own", () => {
    assert.deepEqual(operatorsFor("file-events", { term: "risk.trusted", operator: "IS" }), ["IS"]);
    assert.deepEqual(operatorsFor("file-events", { term: "risk.trusted", operator: "RESEMBLES" }), ["IS", "RESEMBLES"]);
    assert.ok(operatorsFor("file-events", { term: "file.colour", operator: "IS" }).includes("WITHIN_THE_LAST"));
  });

  it("has texts for every operator, expectation and reason, in both languages", () => {
    const operators = new Set(Object.values(TERM_TABLES).flatMap((table) => Object.values(table.operators).flat()));
    for (const catalog of [english, german]) {
      for (const operator of operators) assert.ok(operator in catalog.operator, operator);
      for (const name of Object.keys(english.expected)) assert.ok(name in catalog.expected, name);
      for (const name of Object.keys(english.builder.unshowable)) assert.ok(name in catalog.builder.unshowable, name);
    }
  });
});

describe("the field for a value", () => {
  const picker = (source: string, term: string, operator: string, value?: Value) => pickerOf(knownTerm(source, term), operator, value);

  it("fits the term and the operator", () => {
    const expected: [picker: string, source: string, term: string, operator: string][] = [
      ["choice", "file-events", "risk.severity", "IS"], ["list", "file-events", "risk.severity", "IS_ANY"], ["none", "file-events", "risk.severity", "EXISTS"],
      ["choice", "file-events", "risk.trusted", "IS"], ["choice", "sessions", "has_alerts", "IS"], ["text", "file-events", "risk.indicators.name", "IS"],
      ["text", "file-events", "file.name", "IS_NOT"], ["number", "file-events", "file.sizeInBytes", "LESS_THAN"], ["number", "file-events", "risk.score", "IS"],
      ["day", "file-events", "@timestamp", "ON"], ["instant", "alerts", "CreatedAt", "ON_OR_BEFORE"], ["duration", "file-events", "@timestamp", "WITHIN_THE_LAST"],
      ["text", "file-events", "file.colour", "IS"], ["duration", "file-events", "file.colour", "WITHIN_THE_LAST"],
    ];
    for (const [wanted, source, term, operator] of expected) assert.equal(picker(source, term, operator), wanted, `${term} ${operator}`);
    assert.equal(picker("file-events", "file.name", "IS", ["a", "b"]), "list");
  });

  it("does not fit a value that it cannot show unchanged", () => {
    const known = (term: string) => knownTerm("file-events", term);
    assert.ok(fits("choice", "HIGH", known("risk.severity")) && !fits("choice", "high", known("risk.severity")) && !fits("choice", "${SEVERITY}", known("risk.severity")));
    assert.ok(fits("number", "5", undefined) && fits("number", -1.5, undefined) && !fits("number", "1e5", undefined) && !fits("number", "99999999999999999999", undefined));
    assert.ok(fits("day", "2026-01-31", undefined) && !fits("day", "2026-13-31", undefined) && !fits("day", "2026-01-31T08:00:00Z", undefined));
    assert.ok(fits("instant", "2026-01-31T08:00:00.123Z", undefined) && !fits("instant", "2026-01-31T08:00:00+02:00", undefined) && !fits("instant", "2026-01-31", undefined));
    assert.ok(fits("duration", "P7D", undefined) && !fits("duration", "P1DT2H", undefined) && !fits("duration", "P1W", undefined));
  });

  it("writes values that the run time accepts, and reads them back", () => {
    for (const text of ["PT15M", "PT3H", "P30D"]) {
      const { count, unit } = durationParts(text) ?? assert.fail(text);
      assert.equal(durationOf(String(count), unit), text);
    }
    for (const text of ["", "0", "-1", "1.5", "abc"]) assert.equal(durationOf(text, "D"), undefined);
    assert.equal(instantOf("2026-01-31T08:00"), "2026-01-31T08:00:00.000Z");
    assert.equal(instantOf(localTime("2026-01-31T08:00:30.250Z") ?? ""), "2026-01-31T08:00:30.250Z");
    assert.equal(instantOf(""), undefined);
  });
});

describe("the search for a term", () => {
  it("finds words in names and labels, the closest first", () => {
    const values = (source: string, text: string) => matching(termSuggestions(source), text).map(({ value }) => value);
    assert.equal(values("file-events", "risk sev")[0], "risk.severity");
    assert.equal(values("file-events-v1", "EventTime")[0], "eventTimestamp");
    assert.equal(values("alerts", "rule name")[0], "Name");
    assert.deepEqual(values("file-events", "file.colour"), []);
    assert.deepEqual([values("file-events-v1", "source")[0], values("file-events-v1", "source").length], ["source", 54]);
    assert.equal(values("sessions", "").length, 9);
  });
});

describe("the check of rows", () => {
  it("reports what the run time will report", () => {
    const cases: [source: string, ...FilterRow[]][] = [
      ["file-events", severity, anyOf], ["file-events", { ...severity, value: "high" }], ["file-events", { term: "file.colour", operator: "IS", value: "*x" }],
      ["file-events", { term: "riskSeverity", operator: "IS", value: "HIGH" }], ["file-events", { ...severity, operator: "CONTAINS" }], ["file-events", { term: "file.name", operator: "IS" }],
      ["file-events", { term: "@timestamp", operator: "WITHIN_THE_LAST", value: "30 days" }], ["file-events", anyOf, { ...anyOf, value: [] }],
    ];
    for (const [source, ...filters] of cases) {
      const said: string[] = [];
      for (const filter of filters) {
        try {
          said.push(...checkCriteria(source, { clause: "AND", groups: criteriaGroups(group(filter), "criteria") }).map(({ code }) => `warning error.${code}`));
        } catch (error) {
          said.push(`error error.${(error as { code: string }).code}`);
        }
      }
      assert.deepEqual(keysOf({ source }, group(...filters)), said, JSON.stringify(filters));
    }
  });

  it("knows what a source cannot express", () => {
    const nestedGroups = [{ clause: "AND", groups: group(severity) }];
    assert.deepEqual(keysOf({}, nestedGroups), []);
    assert.deepEqual(keysOf({ source: "alerts" }, [{ clause: "AND", groups: group({ term: "State", operator: "IS", value: "OPEN" }) }]), ["error error.CRITERIA_UNSUPPORTED"]);
    const states = [...group({ term: "state", operator: "IS", value: "OPEN" }), ...group({ term: "rule_id", operator: "IS", value: "1" })];
    assert.deepEqual(keysOf({ source: "sessions" }, states), []);
    assert.deepEqual(keysOf({ source: "sessions", clause: "OR" }, states), ["error error.CRITERIA_UNSUPPORTED"]);
    const options = { sessionOutput: "session", alertChanges: false, excludeOwn: false } as const;
    for (const [name, source] of Object.entries(sources)) {
      assert.equal(source(options).cursorTerm, SEARCH_RULES[name as keyof typeof SEARCH_RULES].cursorTerm, name);
      assert.ok(SEARCH_RULES[name as keyof typeof SEARCH_RULES].nests === (name === "file-events"), name);
    }
  });

  it("warns about the cursor's term only where there is a cursor", () => {
    const row: FilterRow = { term: "createdAt", operator: "ON_OR_AFTER", value: "2026-01-31" };
    assert.deepEqual(keysOf({ source: "alerts" }, group(row)), ["warning builder.onCursorTerm"]);
    assert.deepEqual(keysOf({ source: "alerts", hasCursor: false }, group(row)), []);
  });

  it("accepts an environment variable wherever its value could be valid", () => {
    for (const filter of [{ ...severity, value: "${X}" }, { term: "@timestamp", operator: "ON", value: "${X}" }, { ...severity, operator: "IS_ANY", value: ["${X}", "HIGH"] }]) {
      assert.deepEqual(rowProblems(withCursor, filter), [], JSON.stringify(filter));
    }
    assert.deepEqual(keysOf({}, group({ ...severity, operator: "IS_ANY", value: "${X}" })), ["error error.VALUE_UNSUITABLE"]);
    assert.deepEqual(keysOf({}, group({ ...severity, operator: "CONTAINS", value: "${X}" })), ["error error.OPERATOR_UNKNOWN"]);
  });

  it("reports a missing term, too many criteria, and errors in JSON that rows cannot show", () => {
    assert.deepEqual(keysOf({}, group({ term: "", operator: "IS", value: "x" })), ["error builder.termMissing"]);
    const many = (count: number) => group(...Array.from({ length: count }, (_, index): FilterRow => ({ term: "user.email", operator: "IS", value: `${index}@example.com` })));
    assert.deepEqual(keysOf({}, many(1023)), []);
    assert.deepEqual(keysOf({}, many(1024)), ["error error.CRITERIA_TOO_MANY"]);
    assert.deepEqual(keysOf({}, [{ filters: [{ ...severity, display: "x" }] }]), []);
    assert.deepEqual(keysOf({}, [{ filters: [{ ...severity, value: true }] }]), ["error error.VALUE_UNSUITABLE"]);
    assert.deepEqual(keysOf({}, "[{"), ["error error.CRITERIA_INVALID"]);
  });

  it("counts like the run time", () => {
    const criteria = [{ clause: "AND", groups: [...group(severity, anyOf), { clause: "OR", groups: group(severity) }] }];
    assert.deepEqual([criteriaCount(criteria), criteriaCount("[{")], [3, 0]);
    assert.equal(filledRows(rowsOf(criteria)).length, filtersOf(criteriaGroups(criteria, "criteria")).length);
  });
});
