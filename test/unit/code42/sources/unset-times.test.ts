/** Times that products write for a time that is not set: they must neither move a cursor nor make an event known or unknown. */
import assert from "node:assert/strict";
import { sources } from "../../../../src/code42/sources";
import type { EventSource } from "../../../../src/code42/sources/source";
import { makeFileEvent } from "../../../../src/simulator/events";
import { startTenantSimulator } from "../../../../src/simulator/tenant";
import { ModelTenant, randomOf } from "../../../support/model-tenant";
import { makeQuery, MemoryStore, tenantOf } from "../../../support/query";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;
const UNSET = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "1601-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"];

const source = (name: string): EventSource => sources[name]!({ sessionOutput: "session", alertChanges: true, excludeOwn: false });
const iso = (ms: number) => new Date(ms).toISOString();

/** How a record of each source looks if its cursor's time is `time` (undefined: its real one). */
const bodies: Record<string, (id: string, ms: number, time?: string | number) => Record<string, unknown>> = {
  "file-events": (id, ms, time = iso(ms)) => ({ event: { id, inserted: time } }),
  "file-events-v1": (id, ms, time = iso(ms)) => ({ eventId: id, insertionTimestamp: time }),
  "alerts": (id, ms, time = iso(ms)) => ({ id, createdAt: time, state: "OPEN", stateLastModifiedAt: time }),
  "audit-log": (id, ms, time = iso(ms)) => ({ actorId: id, timestamp: time }),
  "sessions": (id, ms, time = ms) => ({ sessionId: id, beginTime: time, lastUpdated: time, endTime: time }),
};

describe("a time that is not set", () => {
  for (const [name, body] of Object.entries(bodies)) {
    it(`of an event among others: it is delivered once, and the cursor moves on without it: ${name}`, async () => {
      for (const unset of name === "sessions" ? [0, -1, -62_135_596_800_000] : UNSET) {
        const tenant = new ModelTenant(NOW, randomOf(1));
        const store = new MemoryStore();
        const { runner, messages, warnings } = makeQuery(tenant, store, { source: source(name), overlapMs: name === "sessions" ? 86_400_000 : 300_000 });
        const add = (id: string, time?: string | number) => {
          const ms = tenant.now - MINUTE;
          tenant.add({ ms, visibleAt: 0, flags: [], body: body(id, ms, time) }, id);
        };
        add("a");
        await runner.act({});
        tenant.now += 5000;
        add("b", unset);
        add("c");
        for (let poll = 0; poll < 3; poll++) await runner.act({});
        const delivered = messages.flatMap(({ payload }) => payload as unknown[]).map((event) => /"(?:id|eventId|actorId|sessionId)":"(\w)"/.exec(JSON.stringify(event))?.[1]);
        assert.deepEqual(delivered.sort(), ["a", "b", "c"], String(unset));
        assert.equal(store.cursor?.lastInserted, iso(tenant.now - MINUTE), String(unset));
        assert.deepEqual(warnings, ["warning.noCursor", "warning.withoutId"], String(unset));
      }
    });
  }

  it("of a file does not set a cursor back to 1970 when an event id is looked up", async () => {
    for (const [name, properties] of [["file-events", { "@timestamp": UNSET[2] }], ["file-events-v1", { "@timestamp": UNSET[0] }]] as const) {
      const simulator = await startTenantSimulator({ now: () => NOW, requestsPerMinute: 1_000_000 });
      const tenant = tenantOf(simulator);
      const store = new MemoryStore();
      try {
        const event = { ...makeFileEvent(0, { insertedUs: (NOW - 60 * MINUTE) * 1000 }), ...properties };
        simulator.add([event]);
        await makeQuery(tenant, store, { source: source(name) }).runner.act({ action: "set", cursor: event.event.id });
        assert.equal(store.cursor?.floor, iso(NOW - 60 * MINUTE), name);
      } finally {
        tenant.close();
        await simulator.close();
      }
    }
  });

  it("of a session's last change: the session is sent again whenever it has changed", async () => {
    const tenant = new ModelTenant(NOW, randomOf(1));
    const { runner, messages } = makeQuery(tenant, new MemoryStore(), { source: source("sessions"), overlapMs: 86_400_000 });
    const record = tenant.add({ ms: NOW - MINUTE, visibleAt: 0, flags: [], body: { sessionId: "s", beginTime: NOW - MINUTE, lastUpdated: 0, endTime: 0, highEvents: 1 } }, "s");
    await runner.act({});
    await runner.act({});
    record.body = { ...record.body, highEvents: 2 };
    await runner.act({});
    await runner.act({});
    assert.deepEqual(messages.flatMap(({ payload }) => payload as { highEvents: number }[]).map(({ highEvents }) => highEvents), [1, 2]);
  });
});
