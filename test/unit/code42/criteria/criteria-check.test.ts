import assert from "node:assert/strict";
import { checkCriteria } from "../../../../src/code42/criteria/criteria-check";
import { criteriaFromJson, criteriaGroups, hasFilterOn, type Criteria } from "../../../../src/code42/criteria/criteria";
import { TERM_TABLES, termIn, V2_OF_V1 } from "../../../../src/code42/criteria/terms";

type Filter = [term: string, operator: string, value?: unknown];

const of = (clause: "AND" | "OR", ...filters: Filter[]): Criteria => (
  { clause: "AND", groups: criteriaGroups([{ clause, filters: filters.map(([term, operator, value]) => ({ term, operator, value })) }], "criteria") }
);
const warningsOf = (source: string, ...filters: Filter[]) => checkCriteria(source, of("AND", ...filters)).map(({ code }) => code);
const refusal = (source: string, ...filters: Filter[]): string => {
  try {
    checkCriteria(source, of("AND", ...filters));
    return "";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("terms", () => {
  for (const [source, { operators, terms }] of Object.entries(TERM_TABLES)) {
    it(`of ${source} are unique and have a label, operators and unique values`, () => {
      assert.equal(new Set(terms.map(({ term }) => term.toLowerCase())).size, terms.length);
      assert.equal(new Set(terms.map(({ label }) => label)).size, terms.length);
      for (const { term, label, kind, values = [] } of terms) {
        assert.match(label, /^[A-Z]/, term);
        assert.ok((operators[kind] ?? []).length > 0, `${term} has the kind ${kind}`);
        assert.equal(new Set(values).size, values.length, term);
      }
    });
  }

  it("are all that the vendor's tools know, risk indicators included", () => {
    const count = (source: string, term?: string) => {
      const { terms } = TERM_TABLES[source] ?? assert.fail();
      return term === undefined ? terms.length : terms.find((entry) => entry.term === term)?.values?.length;
    };
    assert.deepEqual(["file-events-v1", "file-events", "alerts", "sessions", "audit-log"].map((source) => count(source)), [54, 144, 18, 9, 8]);
    assert.deepEqual([count("file-events-v1", "riskIndicatorNames"), count("file-events", "risk.indicators.name")], [63, 155]);
  });

  it("of version 1 with a successor are in both tables", () => {
    for (const [old, successor] of Object.entries(V2_OF_V1)) {
      assert.ok(termIn(TERM_TABLES["file-events-v1"] ?? assert.fail(), old), old);
      assert.ok(termIn(TERM_TABLES["file-events"] ?? assert.fail(), successor), successor);
    }
  });
});

describe("a check of criteria", () => {
  it("accepts what the vendor's tools can ask", () => {
    const good: [source: string, ...Filter][] = [
      ["file-events", "risk.severity", "IS", "HIGH"], ["file-events", "risk.severity", "IS_ANY", ["HIGH", "CRITICAL"]], ["file-events", "risk.severity", "EXISTS"],
      ["file-events", "file.name", "IS_NONE", ["a.txt"]], ["file-events", "file.name", "IS", "*"], ["file-events", "file.name", "IS_NOT", "a*.docx"],
      ["file-events", "@timestamp", "WITHIN_THE_LAST", "P30D"], ["file-events", "@timestamp", "ON", "2026-01-31"], ["file-events", "@timestamp", "ON_OR_AFTER", "2026-01-31T08:00:00.000Z"],
      ["file-events", "file.sizeInBytes", "GREATER_THAN", 1000], ["file-events", "risk.score", "LESS_THAN", "5"], ["file-events", "risk.trusted", "IS", "FALSE"],
      ["file-events", "risk.indicators.name", "IS", "watchlist-0b1c"], ["file-events", "report.count", "DOES_NOT_EXIST"],
      ["file-events-v1", "exposure", "EXISTS"], ["file-events-v1", "fileSize", "LESS_THAN", 5], ["file-events-v1", "eventTimestamp", "ON_OR_BEFORE", "2026-01-31"],
      ["alerts", "createdAt", "ON_OR_AFTER", "2026-01-31T08:00:00.123456Z"], ["alerts", "State", "IS", "OPEN"], ["alerts", "actor", "DOES_NOT_CONTAIN", "@example.com"],
      ["sessions", "state", "IS_ANY", ["OPEN", "OPEN_NEW_DATA"]], ["sessions", "severity", "IS", 4], ["sessions", "has_alerts", "IS", "false"],
      ["audit-log", "userTypes", "IS", "USER"], ["audit-log", "actorNames", "IS_ANY", ["dana@example.com"]],
    ];
    for (const [source, ...filter] of good) assert.deepEqual(warningsOf(source, filter), [], `${source} ${filter.join(" ")}`);
  });

  it("refuses an operator that a known term does not accept, and names the accepted ones", () => {
    const bad: [source: string, ...Filter][] = [
      ["file-events", "file.sizeInBytes", "ON_OR_AFTER", "2026-01-31"], ["file-events", "risk.trusted", "EXISTS"], ["file-events-v1", "fileName", "IS_ANY", ["a"]],
      ["file-events-v1", "eventTimestamp", "ON", "2026-01-31"], ["file-events", "file.name", "CONTAINS", "a"], ["file-events", "file.name", "EQUALS", "a"],
      ["alerts", "CreatedAt", "WITHIN_THE_LAST", "P1D"], ["sessions", "state", "IS_NOT", "OPEN"], ["audit-log", "actorIds", "EXISTS"],
    ];
    for (const [source, ...filter] of bad) assert.equal(refusal(source, filter), "OPERATOR_UNKNOWN", `${source} ${filter.join(" ")}`);
    assert.throws(() => checkCriteria("file-events-v1", of("AND", ["fileSize", "IS", 1])), /fileSize.*IS.*GREATER_THAN, LESS_THAN/);
  });

  it("refuses a value that the operator does not accept", () => {
    const bad: [source: string, ...Filter][] = [
      ["file-events", "@timestamp", "WITHIN_THE_LAST", "30 days"], ["file-events", "@timestamp", "WITHIN_THE_LAST", "PT0S"], ["file-events", "@timestamp", "ON", "31.1.2026"],
      ["file-events", "@timestamp", "ON_OR_AFTER", "yesterday"], ["file-events", "@timestamp", "ON_OR_AFTER", 1769846400], ["file-events", "file.sizeInBytes", "GREATER_THAN", "1 MB"],
      ["file-events", "risk.trusted", "IS", true], ["file-events", "risk.trusted", "IS", "yes"], ["file-events", "file.name", "IS", ["a", "b"]], ["file-events", "file.name", "IS"],
      ["file-events", "file.name", "IS", ""], ["file-events", "file.name", "IS_ANY", "a"], ["file-events", "file.name", "IS_ANY", []], ["sessions", "has_alerts", "IS", "TRUE"],
    ];
    for (const [source, ...filter] of bad) assert.equal(refusal(source, filter), "VALUE_UNSUITABLE", `${source} ${filter.join(" ")}`);
    assert.throws(() => checkCriteria("file-events", of("AND", ["risk.score", "GREATER_THAN", "high"])), { permanent: true, message: /risk\.score GREATER_THAN needs a number, but has string "high"/ });
  });

  it("accepts an unknown term with a warning, which names the successor of a version 1 term", () => {
    assert.deepEqual(warningsOf("file-events", ["file.colour", "RESEMBLES", "red"]), ["TERM_UNKNOWN"]);
    assert.deepEqual(warningsOf("audit-log", ["actorMoods", "IS", "x"]), ["TERM_UNKNOWN"]);
    const [warning] = checkCriteria("file-events", of("AND", ["riskSeverity", "IS", "HIGH"]));
    assert.equal(warning?.code, "TERM_OF_V1");
    assert.match(warning.message, /riskSeverity.*risk\.severity/);
    assert.deepEqual(warningsOf("file-events-v1", ["riskSeverity", "IS", "HIGH"]), []);
    assert.deepEqual(warningsOf("file-events", ["constructor", "IS", "x"]), ["TERM_UNKNOWN"]);
  });

  it("warns once about each unknown value and each leading wildcard", () => {
    assert.deepEqual(warningsOf("file-events", ["risk.severity", "IS", "high"], ["risk.severity", "IS", "high"]), ["VALUE_UNKNOWN"]);
    assert.deepEqual(warningsOf("file-events", ["risk.severity", "IS_ANY", ["HIGH", "low", "none"]]), ["VALUE_UNKNOWN", "VALUE_UNKNOWN"]);
    assert.deepEqual(warningsOf("file-events", ["file.category", "IS", "Source*"]), []);
    assert.deepEqual(warningsOf("file-events", ["file.name", "IS", "*.docx"], ["file.name", "IS_ANY", ["a", "?b"]]), ["WILDCARD_LEADING", "WILDCARD_LEADING"]);
    assert.deepEqual(warningsOf("file-events", ["file.colour", "IS", "*d"]), ["TERM_UNKNOWN", "WILDCARD_LEADING"]);
  });

  it("warns at any depth when OR joins negations of one term", () => {
    const negations: Filter[] = [["user.email", "IS_NOT", "a@example.com"], ["user.email", "IS_NOT", "b@example.com"]];
    assert.deepEqual(checkCriteria("file-events", of("AND", ...negations)), []);
    const nested: Criteria = { clause: "AND", groups: [{ subgroupClause: "OR", subgroups: of("OR", ...negations).groups }] };
    assert.deepEqual(checkCriteria("file-events", nested).map(({ code }) => code), ["NEGATIONS_OR"]);
    assert.deepEqual(checkCriteria("file-events", of("OR", ["user.email", "IS_NOT", "a"], ["file.name", "IS_NOT", "b"])), []);
  });

  it("includes nested groups", () => {
    const criteria = criteriaFromJson(JSON.stringify({ groups: [{ subgroupClause: "OR", subgroups: [{ filters: [{ term: "risk.trusted", operator: "EXISTS" }] }] }] }));
    assert.throws(() => checkCriteria("file-events", criteria), { code: "OPERATOR_UNKNOWN" });
  });

  it("allows 1,023 criteria, because the cursor needs one place", () => {
    const many = (count: number) => of("OR", ...Array.from({ length: count }, (_, index): Filter => ["user.email", "IS", `${index}@example.com`]));
    assert.deepEqual(checkCriteria("file-events", many(1023)), []);
    assert.throws(() => checkCriteria("file-events", many(1024)), { code: "CRITERIA_TOO_MANY" });
  });

  it("drops a value that the editor kept for EXISTS", () => {
    assert.deepEqual(of("AND", ["file.name", "EXISTS", "left over"]).groups, [{ filterClause: "AND", filters: [{ term: "file.name", operator: "EXISTS", value: null }] }]);
  });

  it("finds the cursor's term in any spelling", () => {
    assert.ok(hasFilterOn(of("AND", ["createdAt", "ON_OR_AFTER", "2026-01-31"]).groups, "CreatedAt"));
    assert.ok(!hasFilterOn(of("AND", ["eventTimestamp", "ON_OR_AFTER", "2026-01-31"]).groups, "insertionTimestamp"));
  });
});
