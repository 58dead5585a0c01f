/** The sources on the simulated tenant, over the network. */
import assert from "node:assert/strict";
import { alerts } from "../../../../src/code42/sources/alerts";
import { auditLog } from "../../../../src/code42/sources/audit-log";
import { fileEventsV1 } from "../../../../src/code42/sources/file-events-v1";
import { fileEvents } from "../../../../src/code42/sources/file-events";
import type { Criteria } from "../../../../src/code42/criteria/criteria";
import { sessions } from "../../../../src/code42/sources/sessions";
import type { SourceOptions } from "../../../../src/code42/sources/source";
import type { Tenant } from "../../../../src/code42/tenant/tenant";
import { bodyOf } from "../../../../src/pages/body";
import { alertInState, makeAlert } from "../../../../src/simulator/alerts";
import { makeAuditEntry } from "../../../../src/simulator/audit-log";
import { makeFileEvent } from "../../../../src/simulator/events";
import { grown, makeSession } from "../../../../src/simulator/sessions";
import { startTenantSimulator, type TenantSimulator } from "../../../../src/simulator/tenant";
import { flagged } from "../../../support/model-run";
import { ModelTenant, randomOf } from "../../../support/model-tenant";
import { makeQuery, MemoryStore, tenantOf } from "../../../support/query";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OPTIONS: SourceOptions = { sessionOutput: "session", alertChanges: false, excludeOwn: false };

describe("on the simulated tenant", () => {
  let simulator: TenantSimulator;
  let tenant: Tenant;
  let store: MemoryStore;
  let now: number;

  beforeEach(async () => {
    now = NOW;
    simulator = await startTenantSimulator({ now: () => now, requestsPerMinute: 1_000_000, auditQueries: false });
    tenant = tenantOf(simulator);
    store = new MemoryStore();
  });
  afterEach(async () => {
    tenant.close();
    await simulator.close();
  });

  const payloads = (messages: { payload?: unknown }[]) => messages.flatMap(({ payload }) => payload) as Record<string, unknown>[];

  it("v1 file events of groups joined by OR come flat, in order and once, from one search per group", async () => {
    const events = Array.from({ length: 60 }, (_, index) => makeFileEvent(index, { insertedUs: (NOW - HOUR + index * 1000) * 1000 }));
    simulator.add(events);
    const criteria: Criteria = {
      clause: "OR",
      groups: ["CRITICAL", "HIGH", "MODERATE", "LOW", "NO_RISK_INDICATED", "HIGH"].map((value) => ({ filterClause: "AND", filters: [{ term: "riskSeverity", operator: "IS", value }] })),
    };
    const { runner, messages } = makeQuery(tenant, store, { source: fileEventsV1, criteria, pageSize: 7 });
    await runner.act({});
    assert.deepEqual(payloads(messages).map(({ eventId }) => eventId), events.map(({ event }) => event.id));
    assert.equal(messages[0]?.kind, "code42.file-event.v1");
    await runner.act({});
    assert.equal(payloads(messages).length, 60);
  });

  it("new and changed sessions come in the order of their last change", async () => {
    simulator.sessions.add(Array.from({ length: 120 }, (_, index) => makeSession(index, { beginMs: NOW - 10 * HOUR + index * MINUTE })));
    const { runner, messages } = makeQuery(tenant, store, { source: sessions(OPTIONS), overlapMs: 24 * HOUR });
    await runner.act({});
    const first = payloads(messages);
    assert.equal(first.length, 120);
    const updated = first.map(({ lastUpdated }) => Number(lastUpdated));
    assert.deepEqual(updated, [...updated].sort((a, b) => a - b));
    const [{ sessionId }] = first as [{ sessionId: string }];
    now += HOUR;
    simulator.sessions.change(sessionId, (session) => grown(session, now));
    await runner.act({});
    await runner.act({});
    assert.deepEqual(payloads(messages).slice(120).map((session) => session["sessionId"]), [sessionId]);
    assert.ok(simulator.requests.every(({ status }) => status !== 400));
  });

  it("sessions can come as one event per new alert", async () => {
    const session = makeSession(0, { beginMs: NOW - 5 * HOUR });
    simulator.sessions.add([{ ...session, triggeredAlerts: [] }]);
    const { runner, messages } = makeQuery(tenant, store, { source: sessions({ ...OPTIONS, sessionOutput: "alert" }), overlapMs: 24 * HOUR });
    await runner.act({});
    assert.equal(messages.length, 0);
    for (const alert of ["one", "two"]) {
      now += MINUTE;
      simulator.sessions.change(session.sessionId, (current) => grown(current, now, alert));
      await runner.act({});
    }
    assert.deepEqual(payloads(messages).map(({ triggeredAlerts }) => (triggeredAlerts as { alertId: string }[]).map(({ alertId }) => alertId)), [["one"], ["two"]]);
  });

  it("sessions of a long range are read in slices", async () => {
    simulator.sessions.add(Array.from({ length: 10 }, (_, index) => makeSession(index, { beginMs: NOW - (index + 1) * 24 * HOUR })));
    const { runner, messages } = makeQuery(tenant, store, { source: sessions(OPTIONS), overlapMs: 24 * HOUR, startFrom: "P12D" });
    await runner.act({});
    assert.equal(payloads(messages).length, 10);
    simulator.requests.length = 0;
    await runner.act({});
    assert.ok(simulator.requests.length <= 2, `${simulator.requests.length} requests`);
  });

  it("alerts come with their details, also more than a page in one millisecond, and again when their state changes", async () => {
    const made = Array.from({ length: 70 }, (_, index) => makeAlert(index, { createdMs: NOW - HOUR + (index < 40 ? 0 : index) }));
    simulator.alerts.add(made);
    const { runner, messages } = makeQuery(tenant, store, { source: alerts({ ...OPTIONS, alertChanges: true }), overlapMs: 15 * MINUTE, pageSize: 15 });
    await runner.act({});
    assert.deepEqual(payloads(messages).map(({ id }) => id).sort(), made.map(({ id }) => id).sort());
    const data = payloads(messages).flatMap(({ observations }) => observations as { data: unknown }[]).map((observation) => observation.data);
    assert.ok(data.some((value) => typeof value === "object"));
    for (const value of data) if (typeof value === "string") assert.throws(() => JSON.parse(value) as unknown);
    now += 5 * MINUTE;
    simulator.alerts.change(made[3]?.id ?? "", (alert) => alertInState(alert, "RESOLVED", now - MINUTE));
    await runner.act({});
    await runner.act({});
    assert.deepEqual(payloads(messages).slice(70).map(({ id, state }) => [id, state]), [[made[3]?.id, "RESOLVED"]]);
  });

  it("the audit log is read beyond a full page, on request without the searches of our own client", async () => {
    simulator.auditLog.add(Array.from({ length: 90 }, (_, index) => makeAuditEntry(index, { timeMs: NOW - HOUR + index * 20 })));
    const own = { type$: "audit_log::search_issued/1", actorId: "1", actorName: simulator.clientId, actorAgent: "x", actorIpAddress: "127.0.0.1", actorType: "API_CLIENT", timestamp: new Date(NOW - MINUTE).toISOString() };
    simulator.auditLog.add([own]);
    const { runner, messages } = makeQuery(tenant, store, { source: auditLog({ ...OPTIONS, excludeOwn: true }), pageSize: 20 });
    await runner.act({});
    await runner.act({});
    const times = payloads(messages).map(({ timestamp }) => String(timestamp).slice(0, 23));
    assert.equal(times.length, 90);
    assert.deepEqual(times, [...times].sort());
  });

  for (const [name, source, path] of [
    ["sessions", sessions(OPTIONS), "/v1/sessions"], ["alerts", alerts(OPTIONS), "/v1/alerts/query-alerts"],
    ["audit-log", auditLog(OPTIONS), "/v1/audit/search-audit-log"], ["file-events-v1", fileEventsV1, "/v1/file-events"],
  ] as const) {
    it(`${name}: null is an empty list, and a cut answer is requested again`, async () => {
      simulator.faults.add({ kind: "null-events" }, { path });
      const { runner, messages } = makeQuery(tenant, store, { source });
      await runner.act({});
      simulator.faults.add({ kind: "truncate", bytes: 20 }, { path });
      await runner.act({});
      assert.equal(messages.length, 0);
      simulator.faults.add({ kind: "status", status: 403 }, { path, times: Infinity });
      await assert.rejects(runner.act({}), { code: "FORBIDDEN" });
    });
  }
});

describe("alerts whose details", () => {
  for (const [what, details] of Object.entries({ "are null": '{"alerts":null}', "are missing": "{}", "have null lists": '{"alerts":[{"id":"a","observations":null,"watchlists":null}]}', "have null observations": '{"alerts":[{"id":"a","observations":[null,{"data":null}]}]}' })) {
    it(`${what} come without them`, async () => {
      const tenant = new ModelTenant(NOW, randomOf(1));
      tenant.add({ ms: NOW - MINUTE, visibleAt: 0, flags: [], body: { id: "a", createdAt: new Date(NOW - MINUTE).toISOString() } }, "a");
      const ask = tenant.postAndRead.bind(tenant);
      tenant.postAndRead = async (path, body, read, options) => (path.endsWith("/query-details") ? { value: await read(bodyOf(Buffer.from(details))), date: NOW, elapsedMs: 0 } : ask(path, body, read, options));
      const { runner, messages, warnings } = makeQuery(tenant, new MemoryStore(), { source: alerts(OPTIONS) });
      await runner.act({});
      assert.deepEqual(messages.flatMap(({ payload }) => payload as { id: string }[]).map(({ id }) => id), ["a"]);
      assert.deepEqual(warnings, ["warning.noCursor"]);
    });
  }
});

describe("a checkpoint that is or holds an event id", () => {
  const forms: Record<string, (id: string) => unknown> = {
    "of code42cli": (id) => `${id}\n`,
    "of the incydr command line": (id) => `{"groupClause": "AND", "groups": [{"filterClause": "AND", "filters": []}], "pgNum": 1, "pgSize": 10000, "pgToken": "${id}", "srtDir": "asc", "srtKey": "event.id"}\n`,
    "of the incydr command line, as an object": (id) => ({ group_clause: "AND", groups: [], page_token: id }),
  };
  for (const [tool, form] of Object.entries(forms)) for (const source of [fileEvents, fileEventsV1]) {
    it(`is looked up, and ${source.name} continue from that event: ${tool}`, async () => {
      const simulator = await startTenantSimulator({ now: () => NOW, requestsPerMinute: 1_000_000 });
      const tenant = tenantOf(simulator);
      const events = Array.from({ length: 30 }, (_, index) => makeFileEvent(index, { insertedUs: (NOW - 30 * HOUR + index * HOUR) * 1000 }));
      simulator.add(events);
      try {
        const { runner, messages } = makeQuery(tenant, new MemoryStore(), { source });
        await assert.rejects(runner.act({ action: "set", cursor: form("0_00000000-0000-4000-8000-000000000000_1_2_3") }), { code: "CHECKPOINT_IS_EVENT_ID", message: /\(0_00000000-0000-4000-8000-000000000000_1_2_3\)/ });
        await runner.act({ action: "set", cursor: form(events[20]?.event.id ?? "") });
        await runner.act({});
        const ids = messages.flatMap(({ payload }) => payload as { event?: { id: string }; eventId?: string }[]).map(({ event, eventId }) => event?.id ?? eventId);
        assert.deepEqual(ids.slice(-10), events.slice(20).map(({ event }) => event.id));
        assert.ok(ids.length < 15, "nothing from long before it");
      } finally {
        tenant.close();
        await simulator.close();
      }
    });
  }
});

describe("a query that runs once", () => {
  const settings = { once: true, source: fileEvents, pageSize: 10 };
  const filled = (count: number) => {
    const tenant = new ModelTenant(NOW, randomOf(1));
    for (let index = 0; index < count; index++) {
      const ms = NOW - HOUR + index * 1000;
      const record = tenant.add({ ms, visibleAt: 0, flags: ["a"], body: {} });
      record.body = { event: { id: record.id, inserted: new Date(ms).toISOString() } };
    }
    return tenant;
  };

  it("ends with an empty page marked as complete if there are no events", async () => {
    const { runner, messages } = makeQuery(filled(0), new MemoryStore(), { ...settings, output: "event" });
    await runner.act({});
    assert.deepEqual(messages.map(({ payload, complete }) => [payload, complete]), [[[], true]]);
  });

  it("stops at `until`, and marks only the last of its event messages as complete", async () => {
    const { runner, messages } = makeQuery(filled(30), new MemoryStore(), { ...settings, output: "event", until: new Date(NOW - HOUR + 20_000).toISOString() });
    await runner.act({});
    assert.equal(messages.length, 21);
    assert.deepEqual(messages.flatMap(({ complete }, index) => (complete === true ? [index] : [])), [20]);
  });

  it("refuses a second message while it runs, and actions that need a cursor", async () => {
    const { runner } = makeQuery(filled(30), new MemoryStore(), settings);
    const running = runner.act({});
    await assert.rejects(runner.act({}), { code: "POLL_RUNNING" });
    await running;
    for (const action of ["reset", "set", "start"]) await assert.rejects(runner.act({ action }), { code: "ACTION_UNKNOWN" });
  });
});

describe("a poll of several pages", () => {
  it("is compared with Code42's own count, and where events are missing it warns and reads once more", async () => {
    const tenant = new ModelTenant(NOW, randomOf(3));
    tenant.reordersPages = true;
    for (let index = 0; index < 40; index++) {
      const ms = NOW - HOUR + Math.floor((index + 1) / 2);
      const record = tenant.add({ ms, visibleAt: 0, flags: ["a"], body: {} });
      record.body = { event: { id: record.id, inserted: new Date(ms).toISOString() } };
    }
    const { runner, messages, warnings } = makeQuery(tenant, new MemoryStore(), { source: fileEvents, pageSize: 8 });
    // The order settles before the count is requested.
    tenant.onRequest = () => {
      tenant.reordersPages = tenant.requests.length <= 5;
    };
    await runner.act({});
    const ids = messages.flatMap(({ payload }) => (payload as { event: { id: string } }[]).map(({ event }) => event.id));
    assert.ok(warnings.includes("warning.incomplete"), warnings.join());
    assert.equal(new Set(ids).size, 40);
    assert.equal(ids.length, 40);
  });

  it("warns once when an event was late by more than half the overlap", async () => {
    const tenant = new ModelTenant(NOW, randomOf(1));
    const { runner, messages, warnings } = makeQuery(tenant, new MemoryStore(), { source: fileEvents, criteria: flagged("a") });
    for (let round = 0; round < 3; round++) {
      await runner.act({});
      const ms = tenant.now - 3 * MINUTE;
      const record = tenant.add({ ms, visibleAt: tenant.now + 3 * MINUTE, flags: ["a"], body: {} });
      record.body = { event: { id: record.id, inserted: new Date(ms).toISOString() } };
      tenant.now += 3 * MINUTE;
    }
    await runner.act({});
    assert.equal(messages.length, 3);
    assert.deepEqual(warnings, ["warning.noCursor", "warning.late"]);
  });
});
