/** The query with a lease that the test gives and takes away. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { plain, printable } from "../../../../src/common/border";
import type { FlowMessage } from "../../../../src/common/messages";
import { cursorError } from "../../../../src/cursor/errors";
import type { Lease, LeaseState } from "../../../../src/cursor/lease";
import { makeFileEvent } from "../../../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator } from "../../../../src/simulator/tenant";
import { eventIds, makeQuery, MemoryStore, tenantOf } from "../../../support/query";
import { until } from "../../../support/until";

class TestLease implements Lease {
  state: LeaseState = { phase: "away" };
  takeovers = 0;
  lapses = 0;
  calls: string[] = [];
  private changed: (state: LeaseState) => void = () => undefined;

  start(changed: (state: LeaseState) => void): void {
    this.changed = changed;
  }

  become(state: LeaseState): void {
    this.state = state;
    this.changed(state);
  }

  async yield(): Promise<void> {
    this.calls.push("yield");
    this.become({ phase: "standby" });
  }

  async withdraw(): Promise<void> {
    this.calls.push("withdraw");
    this.become({ phase: "standby" });
  }

  compete(): void {
    this.calls.push("compete");
  }

  async close(): Promise<void> {
    this.calls.push("close");
  }
}

const ACTIVE: LeaseState = { phase: "active", since: 1 };
const STANDBY: LeaseState = { phase: "standby", holder: printable("host-2"), since: 2 };
const AWAY: LeaseState = { phase: "away" };

describe("query with a lease", () => {
  let simulator: TenantSimulator;
  let store: MemoryStore;
  let lease: TestLease;
  let waiting: FlowMessage[];
  let made = 0;

  beforeEach(async () => {
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
    store = new MemoryStore();
    lease = new TestLease();
    waiting = [];
  });
  afterEach(() => simulator.close());

  function addEvents(count: number): string[] {
    const start = Date.now() - 3_600_000;
    const events = Array.from({ length: count }, () => makeFileEvent(made, { insertedUs: (start + made++ * 10) * 1000 }));
    simulator.add(events);
    return events.map((event) => event.event.id);
  }
  /** A query whose pages wait for `confirmAll`. */
  function query(settings: { pollIntervalMs?: number } = {}) {
    const made = makeQuery(tenantOf(simulator), store, { pollIntervalMs: 20, pagesOut: 2, ...settings }, (message) => void waiting.push(message), { lease });
    made.runner.start();
    return made;
  }
  const confirmAll = ({ registry }: ReturnType<typeof query>) => {
    for (const message of waiting.splice(0)) registry.confirm(message);
  };

  it("reads nothing before it is active, and says who is", async () => {
    addEvents(10);
    const made = query();
    await made.runner.act({});
    lease.become(STANDBY);
    await made.runner.act({ action: "start" });
    await sleep(50);
    assert.deepEqual([made.messages.length, made.errors, store.value], [0, [], undefined]);
    assert.deepEqual(made.statuses, ["yellow status.away", "grey status.standby"]);
    await assert.rejects(made.runner.act({ action: "set", cursor: "2026-01-01" }), { code: "QUERY_STANDBY", params: { holder: "host-2" } });
    lease.become(AWAY);
    await assert.rejects(made.runner.act({ action: "reset" }), { code: "QUERY_AWAY" });
    lease.become(ACTIVE);
    await until(() => made.messages.length === 1, "it reads");
    confirmAll(made);
    await made.runner.close();
    assert.deepEqual(lease.calls, ["close"]);
  });

  it("stops reading when its lease ends, but its pages can still be confirmed and committed", async () => {
    const ids = addEvents(500);
    const made = query();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 2, "two pages are under way");
    lease.become(AWAY);
    confirmAll(made);
    await until(() => made.runner.figures.confirmed === 200, "they are committed");
    await sleep(100);
    assert.equal(made.messages.length, 2);
    assert.equal(made.statuses.at(-1), "yellow status.away");
    lease.become(ACTIVE);
    await until(() => made.messages.length >= 4, "it goes on");
    assert.deepEqual(eventIds(made.messages), ids.slice(0, eventIds(made.messages).length));
    await made.runner.act({ action: "stop" });
  });

  it("goes on in the same term without sending its pages in flight again", async () => {
    const ids = addEvents(300);
    const made = query();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 2, "two pages are under way");
    lease.become(AWAY);
    await sleep(50);
    lease.become(ACTIVE);
    await sleep(100);
    confirmAll(made);
    await until(() => made.messages.length >= 3, "it goes on");
    await until(() => {
      confirmAll(made);
      return made.runner.figures.confirmed === 300;
    }, "all is committed");
    assert.deepEqual(eventIds(made.messages), ids);
    await made.runner.close();
  });

  it("reads the cursor again in a new term, because others may have moved it", async () => {
    const ids = addEvents(200);
    const made = query();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 2, "two pages are under way");
    lease.become(STANDBY);
    const late = waiting.splice(0);
    lease.become({ phase: "active", since: 3 });
    await until(() => made.messages.length === 4, "it reads again");
    for (const message of late) made.registry.confirm(message);
    await sleep(50);
    assert.equal(made.runner.figures.confirmed, 0);
    confirmAll(made);
    await until(() => made.runner.figures.confirmed === 200, "all is committed");
    assert.deepEqual(eventIds(made.messages), [...ids, ...ids]);
    await made.runner.close();
  });

  it("gives up its pages without an error when another instance has moved the cursor", async () => {
    addEvents(100);
    const made = query();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 1, "a page is under way");
    store.value = JSON.stringify({ ...JSON.parse(store.value!), floor: new Date().toISOString() });
    confirmAll(made);
    await until(() => made.warnings.includes("warning.cursorTaken"), "it sees that");
    const more = addEvents(5).length;
    await sleep(1500);
    assert.deepEqual([made.errors, made.messages.length, more], [[], 1, 5]);
    assert.ok(!made.statuses.some((status) => status.startsWith("red")), made.statuses.join());
    await made.runner.close();
  });

  it("does not read with a cursor that another instance has claimed, and that shows before a page is sent", async () => {
    addEvents(10);
    const made = query({ pollIntervalMs: 0 });
    lease.become(ACTIVE);
    const poll = made.runner.act({});
    await until(() => made.messages.length === 1, "a page is under way");
    confirmAll(made);
    await poll;
    store.value = `${store.value} `;
    const requests = simulator.requests.length;
    await assert.rejects(made.runner.act({}), { code: "CURSOR_CHANGED" });
    assert.equal(simulator.requests.length, requests);
    await made.runner.act({});
    assert.deepEqual(made.errors, []);
    assert.ok(!made.statuses.some((status) => status.startsWith("red")), made.statuses.join());
  });

  it("keeps trying to commit while the store is away, without an error of its own, and reads meanwhile nothing", async () => {
    addEvents(100);
    const made = query();
    let isAway = false;
    const away = () => cursorError("CURSOR_AWAY", plain.params({ key: "test", reason: "gone" }));
    const [commit, look] = [store.commit.bind(store), store.look.bind(store)];
    store.commit = async (...args) => { if (isAway) throw away(); return commit(...args); };
    store.look = async () => { if (isAway) throw away(); return look(); };
    lease.become(ACTIVE);
    await until(() => made.messages.length === 1, "a page is under way");
    isAway = true;
    confirmAll(made);
    addEvents(100);
    await sleep(500);
    assert.deepEqual([made.errors, made.messages.length, made.statuses.at(-1)], [[], 1, "yellow status.away"]);
    isAway = false;
    await until(() => made.runner.figures.confirmed === 100, "it is committed");
    await until(() => made.messages.length >= 2, "it goes on");
    await made.runner.act({ action: "stop" });
  });

  it("hands over when its pages are confirmed, and reads nothing while it waits for that", async () => {
    addEvents(300);
    const made = query();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 2, "two pages are under way");
    const yielding = made.runner.act({ action: "yield" });
    await made.runner.act({});
    await sleep(100);
    assert.deepEqual([made.messages.length, lease.calls], [2, []]);
    confirmAll(made);
    await yielding;
    assert.deepEqual([lease.calls, made.runner.figures.confirmed, made.messages.length], [["yield"], 200, 2]);
    lease.become({ phase: "active", since: 4 });
    await until(() => made.messages.length >= 3, "it goes on");
    await made.runner.act({ action: "stop" });
  });

  it("stops and starts by itself as its messages said while it was on standby", async () => {
    addEvents(10);
    const made = query();
    lease.become(STANDBY);
    await made.runner.act({ action: "stop" });
    lease.become(ACTIVE);
    await sleep(100);
    assert.equal(made.messages.length, 0);
    lease.become(STANDBY);
    await made.runner.act({ action: "start" });
    lease.become({ phase: "active", since: 5 });
    await until(() => made.messages.length === 1, "it reads");
    await made.runner.act({ action: "stop" });
  });

  it("stays stopped when its lease lapses and returns, and when it gets the lease, until it is started", async () => {
    addEvents(10);
    const made = query();
    lease.become(ACTIVE);
    await made.runner.act({ action: "stop" });
    const sent = made.messages.length;
    for (const state of [AWAY, ACTIVE, STANDBY, { phase: "active", since: 6 } as const]) {
      lease.become(state);
      if (state.phase === "active") assert.equal(made.statuses.at(-1), "grey status.stopped");
    }
    await sleep(100);
    assert.deepEqual([made.messages.length, made.runner.figures.active, lease.calls], [sent, 1, []]);
    waiting.length = 0;
    const starting = made.runner.act({ action: "start" });
    await until(() => waiting.length === 1, "it reads");
    confirmAll(made);
    await starting;
    await made.runner.close();
  });

  describe("that gave up", () => {
    let isOpen: boolean;
    let made: ReturnType<typeof query>;
    beforeEach(async () => {
      addEvents(500);
      isOpen = false;
      made = makeQuery(tenantOf(simulator), store, { pollIntervalMs: 20, pagesOut: 2 }, (message, registry) => void setImmediate(() => (isOpen ? registry.confirm(message) : registry.reject(message, new Error("cut")))), { lease });
      made.runner.start();
      lease.become(ACTIVE);
      await until(() => made.errors.length > 0, "it gives up");
    });
    afterEach(() => made.runner.close());

    it("leaves the lease to others when it gives up, once, with nothing in flight", async () => {
      await sleep(100);
      const { active, pagesOut } = made.runner.figures;
      assert.deepEqual([lease.calls, active, pagesOut], [["withdraw"], 0, 0]);
      assert.deepEqual(made.errors.map((error) => (error as Error & { code: string }).code), ["DELIVERY_REJECTED"]);
    });

    it("stays red and reads nothing, whatever becomes of the lease", async () => {
      const sent = made.messages.length;
      for (const state of [AWAY, STANDBY, AWAY, ACTIVE, { phase: "active", since: 7 } as const, STANDBY]) lease.become(state);
      await made.runner.act({});
      await made.runner.act({ action: "stop" });
      lease.become(AWAY);
      await sleep(100);
      assert.deepEqual([made.statuses.at(-1), made.messages.length], ["red status.undelivered", sent]);
    });

    it("says what to do when it is asked to read or to move the cursor, or who has the lease", async () => {
      for (const message of [{}, { action: "reset" }, { action: "set", cursor: "2026-01-01" }]) await assert.rejects(made.runner.act(message), { code: "QUERY_GAVE_UP" });
      lease.become(AWAY);
      await assert.rejects(made.runner.act({ action: "reset" }), { code: "QUERY_GAVE_UP" });
      lease.become(STANDBY);
      await made.runner.act({});
      await assert.rejects(made.runner.act({ action: "reset" }), { code: "QUERY_STANDBY" });
    });

    it("reads nothing while a renewal keeps it from leaving the lease", async () => {
      const sent = made.messages.length;
      lease.become(ACTIVE);
      await assert.rejects(made.runner.act({}), { code: "QUERY_GAVE_UP" });
      assert.deepEqual([made.messages.length, made.statuses.at(-1)], [sent, "red status.undelivered"]);
    });

    it("competes again when it is started, and reads when it has the lease", async () => {
      const sent = made.messages.length;
      lease.become(STANDBY);
      isOpen = true;
      await made.runner.act({ action: "start" });
      assert.deepEqual([lease.calls, made.statuses.at(-1), made.messages.length], [["withdraw", "compete"], "grey status.standby", sent]);
      lease.become({ phase: "active", since: 8 });
      await until(() => made.runner.figures.confirmed === 500, "all is committed");
    });
  });

  it("tells nobody on standby that its old pages were never confirmed", async () => {
    addEvents(10);
    const made = makeQuery(tenantOf(simulator), store, { pollIntervalMs: 20, confirmTimeoutMs: 50 }, () => undefined, { lease });
    made.runner.start();
    lease.become(ACTIVE);
    await until(() => made.messages.length === 1, "a page is under way");
    lease.become(STANDBY);
    await until(() => made.runner.figures.pagesOut === 0, "it is given up");
    assert.deepEqual([made.errors, made.statuses.at(-1)], [[], "grey status.standby"]);
    await made.runner.close();
  });
});
