/** Faults in the search of each source: the poll retries or fails with a fitting error, and the cursor does not move. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventSource } from "../../../../src/code42/sources/source";
import { sources } from "../../../../src/code42/sources";
import { Tenant } from "../../../../src/code42/tenant/tenant";
import { makeAlert } from "../../../../src/simulator/alerts";
import { makeAuditEntry } from "../../../../src/simulator/audit-log";
import { makeFileEvent } from "../../../../src/simulator/events";
import type { FaultScope, TenantFault } from "../../../../src/simulator/faults";
import { makeSession } from "../../../../src/simulator/sessions";
import { startTenantSimulator, type TenantSimulator } from "../../../../src/simulator/tenant";
import { makeQuery, MemoryStore } from "../../../support/query";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const EVENTS = 12;
const OPTIONS = { sessionOutput: "session", alertChanges: false, excludeOwn: false } as const;
const at = (index: number) => NOW - 3_600_000 + index * 60_000;

const all: { name: string; path: string; fill: (simulator: TenantSimulator, index: number) => void }[] = [
  { name: "file-events", path: "/v2/file-events", fill: (simulator, index) => simulator.add([makeFileEvent(index, { insertedUs: at(index) * 1000 })]) },
  { name: "file-events-v1", path: "/v1/file-events", fill: (simulator, index) => simulator.add([makeFileEvent(index, { insertedUs: at(index) * 1000 })]) },
  { name: "sessions", path: "/v1/sessions", fill: (simulator, index) => simulator.sessions.add([makeSession(index, { beginMs: at(index) })]) },
  { name: "alerts", path: "/v1/alerts/query-alerts", fill: (simulator, index) => simulator.alerts.add([makeAlert(index, { createdMs: at(index) })]) },
  { name: "audit-log", path: "/v1/audit/search-audit-log", fill: (simulator, index) => simulator.auditLog.add([makeAuditEntry(index, { timeMs: at(index) })]) },
];

const forEver: FaultScope = { times: Infinity };
const faults: [what: string, fault: TenantFault, scope: FaultScope, codes: string[]][] = [
  ["a query that Code42 refuses", { kind: "status", status: 400, body: { problems: [{ type: "INVALID", description: "no such term" }] } }, forEver, ["QUERY_REFUSED"]],
  ["a second 401", { kind: "status", status: 401 }, { times: 2 }, ["UNAUTHORIZED"]],
  ["a missing permission", { kind: "status", status: 403 }, forEver, ["FORBIDDEN"]],
  ["an address that has no such search", { kind: "status", status: 404 }, forEver, ["NOT_FOUND"]],
  ["servers that fail", { kind: "status", status: 500 }, forEver, ["SERVER_ERROR"]],
  ["no answer", { kind: "stall" }, forEver, ["TIMED_OUT"]],
  ["answers that end in the middle", { kind: "truncate", bytes: 60 }, forEver, ["CONNECTION_FAILED", "PAGE_INVALID"]],
  ["a login page", { kind: "login-page" }, forEver, ["NOT_JSON"]],
];

for (const { name, path, fill } of all) {
  describe(`${name}: when something fails`, () => {
    let simulator: TenantSimulator;
    let tenant: Tenant;
    let store: MemoryStore;
    let source: EventSource;

    beforeEach(async () => {
      simulator = await startTenantSimulator({ now: () => NOW, requestsPerMinute: 1_000_000, auditQueries: false });
      for (let index = 0; index < EVENTS; index++) fill(simulator, index);
      tenant = tenantWith(20_000);
      store = new MemoryStore();
      const make = sources[name];
      assert.ok(make !== undefined);
      source = make(OPTIONS);
    });
    afterEach(async () => {
      tenant.close();
      await simulator.close();
    });

    const tenantWith = (timeoutMs: number) => new Tenant({
      baseUrl: simulator.url, clientId: simulator.clientId, clientSecret: simulator.clientSecret, userAgent: "test", requestsPerMinute: 100_000, timeoutMs,
    }, { sleep: (ms, signal) => sleep(Math.min(ms, 5), undefined, { signal }) });
    const query = () => makeQuery(tenant, store, { source, overlapMs: source.overlapS * 1000 }, undefined, { api: () => tenant });

    for (const [what, fault, scope, codes] of faults) {
      it(`${what}: the poll fails with a fitting error, the cursor stays, and the next poll delivers everything`, async () => {
        simulator.faults.add(fault, { ...scope, path });
        const patient = tenant;
        const hasty = tenantWith(100);
        if (fault.kind === "stall") tenant = hasty;
        const { runner, messages } = query();
        await assert.rejects(runner.act({}), (error: { code?: string }) => codes.includes(error.code ?? ""));
        assert.equal(messages.length, 0);
        assert.equal(store.cursor?.lastInserted ?? null, null);
        simulator.faults.clear();
        hasty.close();
        tenant = patient;
        await runner.act({});
        assert.equal(messages.flatMap(({ payload }) => payload).length, EVENTS);
      });
    }

    it("retries after 429 and after a refused token, and delivers each event once", async () => {
      simulator.faults.add({ kind: "status", status: 429, retryAfter: 0 }, { path });
      simulator.faults.add({ kind: "status", status: 401 }, { path, after: 1 });
      const { runner, messages } = query();
      await runner.act({});
      assert.equal(messages.flatMap(({ payload }) => payload).length, EVENTS);
    });

    it("reads null in place of the list as an empty one", async () => {
      simulator.faults.add({ kind: "null-events" }, { path, times: Infinity });
      const { runner, messages } = query();
      await runner.act({});
      assert.equal(messages.length, 0);
      simulator.faults.clear();
      await runner.act({});
      assert.equal(messages.flatMap(({ payload }) => payload).length, EVENTS);
    });
  });
}
