/** Bugs of c42eventextractor, code42cli and the incydr CLI: each test is a case in which they failed. */
import assert from "node:assert/strict";
import { alerts } from "../../../../src/code42/sources/alerts";
import { auditLog } from "../../../../src/code42/sources/audit-log";
import { fileEvents } from "../../../../src/code42/sources/file-events";
import { fileEventsV1 } from "../../../../src/code42/sources/file-events-v1";
import type { Criteria } from "../../../../src/code42/criteria/criteria";
import type { QuerySettings } from "../../../../src/code42/query/query-settings";
import { sessions } from "../../../../src/code42/sources/sessions";
import type { SourceOptions } from "../../../../src/code42/sources/source";
import type { FlowMessage } from "../../../../src/common/messages";
import { flagged } from "../../../support/model-run";
import { ModelTenant, randomOf, type ModelRecord } from "../../../support/model-tenant";
import { makeQuery, MemoryStore, type QueryUnderTest } from "../../../support/query";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OPTIONS: SourceOptions = { sessionOutput: "session", alertChanges: false, excludeOwn: false };

describe("bugs of c42eventextractor that we do not have", () => {
  let tenant: ModelTenant;
  let store: MemoryStore;
  beforeEach(() => {
    tenant = new ModelTenant(NOW, randomOf(7));
    store = new MemoryStore();
  });

  const addEvents = (count: number, ms: number, stepMs = 1, visibleAt = 0, flags = ["a"]): string[] => Array.from({ length: count }, (_, index) => {
    const record = tenant.add({ ms: ms + index * stepMs, visibleAt, flags, body: {} });
    record.body = { event: { id: record.id, inserted: new Date(record.ms).toISOString() } };
    return record.id;
  });
  const query = (settings: Partial<QuerySettings> = {}, sink?: (message: FlowMessage, registry: QueryUnderTest["registry"]) => void) =>
    makeQuery(tenant, store, { source: fileEvents, pageSize: 10, ...settings }, sink);
  const sent = ({ messages }: Pick<QueryUnderTest, "messages">) => messages.flatMap(({ payload }) => payload as Record<string, unknown>[]);
  const ids = (made: Pick<QueryUnderTest, "messages">) => sent(made).map(({ event }) => (event as { id: string }).id);

  it("1: reading the newest events first lost everything older than the newest 10,000", async () => {
    const all = addEvents(10_050, NOW - HOUR);
    const made = query({ pageSize: 5000 });
    await made.runner.act({});
    assert.deepEqual(ids(made), all);
  });

  it("2: a cursor written before the handler lost the page when the handler crashed", async () => {
    const all = addEvents(5, NOW - HOUR);
    const crashed = query({}, () => undefined);
    const poll = crashed.runner.act({});
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(store.cursor?.lastInserted, null);
    const made = query();
    await made.runner.act({});
    assert.deepEqual(ids(made), all);
    await crashed.runner.close();
    await poll;
  });

  it("3: more events in one millisecond than a page has were skipped", async () => {
    const all = addEvents(25, NOW - HOUR, 0);
    const made = query();
    await made.runner.act({});
    assert.deepEqual(ids(made).sort(), all.sort());
  });

  it("4: adding one millisecond after the last page lost events that became visible in that millisecond later", async () => {
    const all = addEvents(3, NOW - MINUTE, 0);
    const made = query();
    await made.runner.act({});
    all.push(...addEvents(2, NOW - MINUTE, 0));
    await made.runner.act({});
    assert.deepEqual(ids(made).sort(), all.sort());
  });

  it("5: without an overlap, events that became visible late were lost", async () => {
    const late = addEvents(1, NOW - 2 * MINUTE, 0, NOW + MINUTE);
    const all = addEvents(3, NOW - MINUTE);
    const made = query();
    await made.runner.act({});
    tenant.now += 2 * MINUTE;
    await made.runner.act({});
    assert.deepEqual(ids(made), [...all, ...late]);
  });

  it("6: a second run on the same object did nothing after a short page", async () => {
    const made = query();
    const all = addEvents(3, NOW - MINUTE);
    await made.runner.act({});
    all.push(...addEvents(3, NOW - MINUTE + 500));
    await made.runner.act({});
    assert.deepEqual(ids(made), all);
  });

  it("7: errors were swallowed, so that a failed run looked like a finished one", async () => {
    tenant.onRequest = () => {
      throw new Error("no network");
    };
    const { runner, statuses } = query();
    await assert.rejects(runner.act({}), /no network/);
    assert.equal(statuses.at(-1), "red status.failed");
  });

  it("8: the cursor moved on although the handler could not send", async () => {
    addEvents(5, NOW - HOUR);
    const made = query({ confirmTimeoutMs: 20 }, (message, registry) => void registry.reject(message, new Error("broken pipe")));
    await made.runner.act({});
    assert.equal((made.errors[0] as Error & { code?: string }).code, "DELIVERY_REJECTED");
    assert.equal(store.cursor?.lastInserted, null);
  });

  it("9: one failed request ended the extraction; here the next poll continues", async () => {
    const all = addEvents(35, NOW - HOUR);
    const made = query();
    tenant.onRequest = () => {
      if (tenant.requests.length === 3) throw new Error("connection reset");
    };
    await assert.rejects(made.runner.act({}), /reset/);
    await made.runner.act({});
    assert.deepEqual(ids(made), all);
  });

  it("10: a cursor that was not tied to its query mixed streams and hid that the filters had changed", async () => {
    addEvents(5, NOW - HOUR);
    await query().runner.act({});
    const changed = query({ criteria: flagged("b") });
    await changed.runner.act({});
    assert.deepEqual(changed.warnings, ["warning.queryChanged"]);
    await assert.rejects(query({ source: fileEventsV1 }).runner.act({}), { code: "CURSOR_OTHER_STREAM" });
  });

  it("11: an OR between groups also changed the clause inside the groups", async () => {
    const both = addEvents(3, NOW - HOUR, 1, 0, ["a", "b"]);
    addEvents(3, NOW - HOUR + 10, 1, 0, ["a"]);
    const third = addEvents(3, NOW - HOUR + 20, 1, 0, ["c"]);
    const filter = (value: string) => ({ term: "flag", operator: "IS", value });
    const criteria: Criteria = { clause: "OR", groups: [{ filterClause: "AND", filters: [filter("a"), filter("b")] }, { filterClause: "AND", filters: [filter("c")] }] };
    const made = query({ criteria });
    await made.runner.act({});
    assert.deepEqual(ids(made), [...both, ...third]);
  });
});

describe("bugs of code42cli and the incydr CLI that we do not have", () => {
  let tenant: ModelTenant;
  let store: MemoryStore;
  beforeEach(() => {
    tenant = new ModelTenant(NOW, randomOf(7));
    store = new MemoryStore();
  });
  const add = (ms: number, bodyOf: (id: string) => Record<string, unknown>, visibleAt = 0): ModelRecord => {
    const record = tenant.add({ ms, visibleAt, flags: [], body: {} });
    record.body = bodyOf(record.id);
    return record;
  };
  const addEvent = (ms: number, visibleAt = 0, clockMs = ms) => add(ms, (id) => ({ "@timestamp": new Date(clockMs).toISOString(), event: { id, inserted: new Date(ms).toISOString() } }), visibleAt);
  const query = (settings: Partial<QuerySettings>) => makeQuery(tenant, store, { pageSize: 10, ...settings });
  const sent = ({ messages }: Pick<QueryUnderTest, "messages">) => messages.flatMap(({ payload }) => payload as Record<string, unknown>[]);

  it("a page token that was no longer valid repeated the whole retention", async () => {
    for (let index = 0; index < 50; index++) addEvent(NOW - 2 * HOUR + index * MINUTE);
    const made = query({ source: fileEvents });
    await made.runner.act({});
    // The last delivered event leaves the result.
    const last = tenant.records.at(-1);
    if (last !== undefined) last.gone = true;
    addEvent(NOW - MINUTE);
    await made.runner.act({});
    assert.equal(sent(made).length, 51);
  });

  it("sorting by device time or by id lost late uploads", async () => {
    const made = query({ source: fileEvents });
    addEvent(NOW - 10 * MINUTE);
    await made.runner.act({});
    addEvent(NOW - MINUTE, 0, NOW - 20 * 24 * HOUR);
    await made.runner.act({});
    assert.equal(sent(made).length, 2);
  });

  it("a later second entry with the same time made both repeat for ever", async () => {
    const timestamp = new Date(NOW - MINUTE).toISOString();
    const entry = (actorName: string) => add(NOW - MINUTE, () => ({ type$: "audit_log::logged_in/1", actorName, timestamp }));
    const made = query({ source: auditLog(OPTIONS) });
    entry("a");
    await made.runner.act({});
    entry("b");
    for (let poll = 0; poll < 4; poll++) await made.runner.act({});
    assert.deepEqual(sent(made).map(({ actorName }) => actorName), ["a", "b"]);
  });

  it("an alert with a changed state or note counted as a new one", async () => {
    const alert = add(NOW - MINUTE, (id) => ({ id, createdAt: new Date(NOW - MINUTE).toISOString(), state: "OPEN" }));
    const made = query({ source: alerts(OPTIONS), overlapMs: 15 * MINUTE });
    await made.runner.act({});
    alert.body = { ...alert.body, state: "RESOLVED", note: { message: "done" } };
    await made.runner.act({});
    assert.equal(sent(made).length, 1);
  });

  it("reading the newest alerts first lost the others in a crash", async () => {
    const created = Array.from({ length: 25 }, (_, index) => add(NOW - HOUR + index * 1000, (id) => ({ id, createdAt: new Date(NOW - HOUR + index * 1000).toISOString() })).id);
    const crashed = makeQuery(tenant, store, { source: alerts(OPTIONS), pageSize: 10 }, (message, registry) => {
      if (crashed.messages.length === 1) registry.confirm(message);
    });
    const poll = crashed.runner.act({});
    for (let wait = 0; wait < 200 && store.cursor?.lastInserted == null; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
    const made = query({ source: alerts(OPTIONS) });
    await made.runner.act({});
    assert.deepEqual(sent(made).map(({ id }) => id), created.slice(10));
    await crashed.runner.close();
    await poll;
  });

  it("storing the end of a session but filtering on begin lost longer sessions and their changes", async () => {
    const session = (beginMs: number, endMs: number) => add(beginMs, (sessionId) => ({ sessionId, beginTime: beginMs, endTime: endMs, lastUpdated: endMs }));
    const made = query({ source: sessions(OPTIONS), overlapMs: 24 * HOUR });
    session(NOW - 2 * HOUR, NOW - HOUR);
    await made.runner.act({});
    const long = session(NOW - 3 * HOUR, NOW - MINUTE);
    await made.runner.act({});
    long.body = { ...long.body, lastUpdated: NOW };
    await made.runner.act({});
    assert.equal(sent(made).length, 3);
  });
});
