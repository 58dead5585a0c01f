import assert from "node:assert/strict";
import { criteriaHash } from "../../../../src/code42/criteria/criteria-hash";
import { criteriaFromJson, criteriaGroups, hasFilterOn, requestGroups, type WireFilter } from "../../../../src/code42/criteria/criteria";

const cursor: WireFilter = { term: "event.inserted", operator: "ON_OR_AFTER", value: "2026-01-01T00:00:00.000Z" };
const high = { term: "risk.severity", operator: "IS", value: "HIGH" };
const critical = { term: "risk.severity", operator: "IS", value: "CRITICAL" };
const cursorGroup = { filterClause: "AND", filters: [cursor] };

describe("criteria", () => {
  it("become groups of the query body", () => {
    assert.deepEqual(criteriaGroups([{ clause: "OR", filters: [high, critical] }, { filters: [high] }], "criteria"), [
      { filterClause: "OR", filters: [high, critical] },
      { filterClause: "AND", filters: [high] },
    ]);
  });

  it("can be nested, and can have the form of the request", () => {
    assert.deepEqual(
      criteriaGroups([{ clause: "OR", groups: [{ filters: [high] }, { subgroupClause: "AND", subgroups: [{ filterClause: "OR", filters: [critical] }] }] }], "criteria"),
      [{ subgroupClause: "OR", subgroups: [{ filterClause: "AND", filters: [high] }, { subgroupClause: "AND", subgroups: [{ filterClause: "OR", filters: [critical] }] }] }],
    );
  });

  it("may have null in place of any list that they do not have", () => {
    const inner = [{ filterClause: "OR", filters: [critical], subgroupClause: null, subgroups: null, groups: null }];
    const groups = [
      { filterClause: "AND", filters: [high], subgroups: null }, { clause: null, filters: [high], groups: null }, { filters: null, subgroupClause: "OR", subgroups: inner, groups: null }, { filters: null, groups: inner, subgroups: null },
    ];
    const wanted = [
      { filterClause: "AND", filters: [high] }, { filterClause: "AND", filters: [high] },
      { subgroupClause: "OR", subgroups: [{ filterClause: "OR", filters: [critical] }] }, { subgroupClause: "AND", subgroups: [{ filterClause: "OR", filters: [critical] }] },
    ];
    assert.deepEqual(criteriaGroups(groups, "criteria"), wanted);
    assert.deepEqual(criteriaFromJson(JSON.stringify({ groupClause: null, groups })), { clause: "AND", groups: wanted });
    for (const none of [{ filters: null }, { filters: null, subgroups: null, groups: null }, { groups: null }]) assert.throws(() => criteriaGroups([none], "criteria"), /criteria\[0\]\.filters: expected a list/);
  });

  it("have the value null if the operator needs none", () => {
    assert.deepEqual(criteriaGroups([{ filters: [{ term: "risk.severity", operator: "EXISTS" }] }], "criteria"), [{ filterClause: "AND", filters: [{ term: "risk.severity", operator: "EXISTS", value: null }] }]);
  });

  it("are refused with the place of the error and what was found there", () => {
    const wrong: [unknown, RegExp][] = [
      ["text", /criteria: expected a list of groups, found string/],
      [[7], /criteria\[0\]: expected a group object, found number/],
      [[{ filters: [] }], /criteria\[0\]\.filters: the list is empty/],
      [[{}], /criteria\[0\]\.filters: expected a list, found undefined/],
      [[{ clause: "XOR", filters: [high] }], /criteria\[0\]\.clause: .*"XOR"/],
      [[{ filters: [{ operator: "IS", value: "x" }] }], /criteria\[0\]\.filters\[0\]\.term/],
      [[{ filters: [{ term: "a", operator: "is not", value: "x" }] }], /operator/],
      [[{ filters: [{ term: "a", operator: "IS", value: { nested: 1 } }] }], /value: .*found object/],
    ];
    for (const [criteria, message] of wrong) assert.throws(() => criteriaGroups(criteria, "criteria"), message);
  });

  it("can be raw query JSON: a list of groups or a whole body", () => {
    const groups = [{ filterClause: "AND", filters: [high] }];
    assert.deepEqual(criteriaFromJson(JSON.stringify(groups)), { clause: "AND", groups });
    assert.deepEqual(criteriaFromJson(JSON.stringify({ groupClause: "OR", groups, srtKey: "x", pgSize: 1 })), { clause: "OR", groups });
    assert.deepEqual(criteriaFromJson(" "), { clause: "AND", groups: [] });
    for (const bad of ["{", "7", "{}"]) assert.throws(() => criteriaFromJson(bad), { code: "CRITERIA_JSON_INVALID" });
  });

  it("are joined with the cursor by AND even if their clause is OR", () => {
    const [first, second] = criteriaGroups([{ filters: [high] }, { filters: [critical] }], "criteria");
    assert.ok(first && second);
    assert.deepEqual(requestGroups({ clause: "AND", groups: [first, second] }, [], cursor), [first, second, cursorGroup]);
    assert.deepEqual(requestGroups({ clause: "OR", groups: [first, second] }, [], cursor), [{ subgroupClause: "OR", subgroups: [first, second] }, cursorGroup]);
    assert.deepEqual(requestGroups({ clause: "OR", groups: [first] }, [second], cursor), [first, second, cursorGroup]);
    assert.deepEqual(requestGroups({ clause: "AND", groups: [] }, [], cursor), [cursorGroup]);
  });

  it("are limited to 1,024 with the cursor", () => {
    const of = (count: number) => ({ clause: "AND" as const, groups: criteriaGroups([{ clause: "OR", filters: Array.from({ length: count }, () => high) }], "criteria") });
    assert.equal(requestGroups(of(1023), [], cursor).length, 2);
    assert.throws(() => requestGroups(of(1024), [], cursor), { code: "CRITERIA_TOO_MANY" });
  });

  it("are searched at any depth for the cursor's term", () => {
    const nested = criteriaGroups([{ groups: [{ filters: [high] }, { groups: [{ filters: [cursor] }] }] }], "criteria");
    assert.ok(hasFilterOn(nested, "event.inserted"));
    assert.ok(!hasFilterOn(criteriaGroups([{ filters: [high] }], "criteria"), "event.inserted"));
  });

  it("have a hash that changes when they change", () => {
    const one = criteriaHash({ clause: "AND", groups: [] });
    assert.equal(one, criteriaHash({ clause: "AND", groups: [] }));
    assert.notEqual(one, criteriaHash({ clause: "OR", groups: [] }));
  });
});
