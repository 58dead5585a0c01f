import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { plain } from "../../../../src/common/border";
import type { Api } from "../../../../src/code42/tenant/api";
import { bodyOf, type Body } from "../../../../src/pages/body";
import { packedEvents } from "../../../../src/pages/packed-events";
import type { Tenant } from "../../../../src/code42/tenant/tenant";
import { makeFileEvent, type FileEvent } from "../../../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator } from "../../../../src/simulator/tenant";
import type { Delivery, FlowMessage } from "../../../../src/common/messages";
import { eventIds, makeQuery, MemoryStore, tenantOf } from "../../../support/query";
import { until } from "../../../support/until";
import { postWhole } from "../../../support/whole-reply";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;

describe("query", () => {
  let simulator: TenantSimulator;
  let tenant: Tenant;
  let store: MemoryStore;
  let now: number;
  let made = 0;

  beforeEach(async () => {
    now = NOW;
    made = 0;
    simulator = await startTenantSimulator({ now: () => now, requestsPerMinute: 1_000_000 });
    tenant = tenantOf(simulator);
    // The tenant learns the server's time from the first answer.
    await postWhole(tenant, "/v2/file-events", { groups: [{ filters: [{ term: "event.inserted", operator: "ON_OR_AFTER", value: "2026-03-01T12:00:00.000Z" }] }], pgToken: "" }, {});
    simulator.requests.length = 0;
    store = new MemoryStore();
  });
  afterEach(async () => {
    tenant.close();
    await simulator.close();
  });

  /** Adds `count` events, the first one inserted `minutesAgo`, with `stepMs` between them. */
  function addEvents(count: number, minutesAgo: number, stepMs = 10, visibleInMs = 0): string[] {
    const events: FileEvent[] = [];
    for (let index = 0; index < count; index++) events.push(makeFileEvent(made++, { insertedUs: (NOW - minutesAgo * MINUTE + index * stepMs) * 1000 + 7 }));
    simulator.add(events, { visibleInMs });
    return events.map((event) => event.event.id);
  }

  const searches = () => simulator.requests.filter(({ path }) => path === "/v2/file-events").map(({ body }) => body as { pgSize: number; pgToken: string; groups: unknown[]; srtKey: string; srtDir: string });

  it("reads everything from startFrom on, oldest first, in pages, each event once", async () => {
    addEvents(5, 26 * 60);
    const ids = addEvents(250, 600);
    const { runner, messages } = makeQuery(tenant, store);
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
    assert.deepEqual(messages.map(({ payload }) => (payload as unknown[]).length), [100, 100, 50]);
    assert.deepEqual(Object.keys(messages[0] ?? {}), ["payload", "topic", "kind", "delivery"]);
    assert.equal(messages[0]?.topic, "code42/file-events");
    assert.equal(messages[0]?.kind, "code42.file-event.v2");
    const [first, second] = searches();
    assert.deepEqual([first?.srtKey, first?.srtDir, first?.pgToken, second?.pgToken], ["event.inserted", "asc", "", ids[99]]);
    const [{ filters: [cursor] }] = first?.groups as [{ filters: [{ term: string; operator: string; value: string }] }];
    assert.deepEqual([first?.groups.length, cursor.term, cursor.operator], [1, "event.inserted", "ON_OR_AFTER"]);
    assert.ok(Math.abs(Date.parse(cursor.value) - (NOW - 24 * 60 * MINUTE)) < 2000, cursor.value);
  });

  it("says where it starts, and stores the start at once so that it does not move", async () => {
    const { runner, warnings, statuses } = makeQuery(tenant, store, { startFrom: "PT0S" });
    await runner.act({});
    assert.deepEqual(warnings, ["warning.noCursor"]);
    assert.ok(statuses.includes("yellow status.startsAt"));
    assert.equal(store.cursor?.floor.slice(0, 18), "2026-03-01T12:00:0");
    await runner.close();
    now += 60 * MINUTE;
    const later = makeFileEvent(made++, { insertedUs: (NOW + 30 * MINUTE) * 1000 });
    simulator.add([later]);
    const next = makeQuery(tenant, store, { startFrom: "PT0S" });
    await next.runner.act({});
    assert.deepEqual(eventIds(next.messages), [later.event.id]);
  });

  it("finds an event that becomes visible late within the overlap, and sends nothing twice", async () => {
    const ids = addEvents(30, 3);
    const [late] = addEvents(1, 2, 0, 90_000);
    const { runner, messages } = makeQuery(tenant, store);
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
    now += 2 * MINUTE;
    await runner.act({});
    assert.deepEqual(eventIds(messages), [...ids, late]);
    now += 10 * MINUTE;
    await runner.act({});
    await runner.act({});
    assert.equal(eventIds(messages).length, 31);
  });

  it("takes the cursor's floor from the server's clock, not from the local one", async () => {
    addEvents(10, 1);
    const { runner } = makeQuery(tenant, store);
    await runner.act({});
    assert.ok(Math.abs(Date.parse(store.cursor?.floor ?? "") - (NOW - 5 * MINUTE)) < 3000, store.cursor?.floor);
  });

  it("reads more events of one millisecond than a page holds", async () => {
    const ids = addEvents(350, 10, 0);
    const { runner, messages } = makeQuery(tenant, store, { pageSize: 50 });
    await runner.act({});
    assert.deepEqual([...eventIds(messages)].sort(), [...ids].sort());
    await runner.act({});
    assert.equal(eventIds(messages).length, 350);
    const after = addEvents(3, 10, 0);
    await runner.act({});
    assert.deepEqual([...eventIds(messages).slice(350)].sort(), [...after].sort());
  });

  it("reads the overlap again in one large page", async () => {
    addEvents(450, 4, 1);
    const { runner, messages } = makeQuery(tenant, store);
    await runner.act({});
    simulator.requests.length = 0;
    addEvents(30, 3);
    await runner.act({});
    assert.deepEqual(searches().map(({ pgSize }) => pgSize), [10_000]);
    assert.equal(eventIds(messages).length, 480);
  });

  it("moves the cursor only past the contiguous run of confirmed pages", async () => {
    const ids = addEvents(400, 600);
    const waiting: FlowMessage[] = [];
    const query = makeQuery(tenant, store, {}, (message) => void waiting.push(message));
    const poll = query.runner.act({});
    await until(() => waiting.length === 4, "four pages are in flight");
    const initial = store.value;
    for (const page of [1, 2]) query.registry.confirm(waiting[page] ?? {});
    await sleep(20);
    assert.equal(store.value, initial);
    query.registry.confirm(waiting[0] ?? {});
    await until(() => store.commits === 2, "the run is committed");
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 299 * 10).toISOString());
    // After a kill, only events that were not committed come again.
    query.registry.confirm = () => "ignored";
    const next = makeQuery(tenant, store);
    await next.runner.act({});
    assert.deepEqual(eventIds(next.messages), ids.slice(300));
    void query.runner.close();
    await poll;
  });

  it("keeps at most pagesOut pages in flight, and stops reading while the sink is down", async () => {
    addEvents(1000, 600);
    const releases: (() => void)[] = [];
    const { runner, messages, statuses } = makeQuery(tenant, store, { pagesOut: 2 }, (message, registry) => void releases.push(registry.hold(message)));
    const poll = runner.act({});
    await until(() => messages.length === 2, "two pages are in flight");
    await sleep(2100);
    assert.equal(messages.length, 2);
    assert.ok(searches().length <= 4, `${searches().length} searches`);
    assert.ok(statuses.includes("yellow status.waiting"));
    await runner.act({});
    assert.equal(messages.length, 2);
    for (const release of releases) release();
    await runner.close();
    await poll;
  });

  it("sends one message per event with Node-RED's own sequence if output is event", async () => {
    const ids = addEvents(120, 600);
    const { runner, messages } = makeQuery(tenant, store, { output: "event" });
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
    const token = (messages[0]?.delivery as { token: string }).token;
    assert.deepEqual(messages[5]?.delivery, { token, index: 5, count: 100 });
    assert.deepEqual(messages[5]?.parts, { id: token, index: 5, count: 100, type: "array", len: 1, token });
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 119 * 10).toISOString());
  });

  it("moves the cursor without confirmation if advance is sent, and adds no msg.delivery", async () => {
    addEvents(120, 600);
    const { runner, messages } = makeQuery(tenant, store, { advance: "sent" }, () => undefined);
    await runner.act({});
    assert.equal(messages.length, 2);
    assert.ok(messages.every((message) => !("delivery" in message)));
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 119 * 10).toISOString());
  });

  it("sends an unconfirmed page three more times, then stops red with the reason, and continues on start", async () => {
    const ids = addEvents(50, 600);
    let deaf = true;
    const query = makeQuery(tenant, store, { confirmTimeoutMs: 30, pollIntervalMs: 10 * MINUTE }, (message, registry) => {
      if (!deaf) registry.confirm(message);
    });
    query.runner.start();
    await until(() => query.errors.length > 0, "it gives up");
    assert.equal(query.messages.length, 4);
    assert.equal((query.errors[0] as Error & { code: string }).code, "DELIVERY_UNCONFIRMED");
    assert.equal(query.statuses.at(-1), "red status.undelivered");
    assert.equal(store.cursor?.lastInserted, null);
    for (const message of query.messages) assert.deepEqual(eventIds([message]), ids);
    deaf = false;
    await query.runner.act({ action: "start" });
    assert.deepEqual(eventIds(query.messages.slice(4)), ids);
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 49 * 10).toISOString());
    await query.runner.close();
  });

  it("sends a page again with the events of Code42, even if a node has changed them", async () => {
    const ids = addEvents(250, 600);
    const seen = new Set<unknown>();
    const query = makeQuery(tenant, store, { confirmTimeoutMs: 30, pageSize: 100 }, (message, registry) => {
      const events = message.payload as { event: { id: string } }[];
      const { token } = message.delivery as { token: string };
      if (seen.has(token)) return void registry.confirm(message);
      seen.add(token);
      for (const event of events) event.event.id = "changed";
      events.length = 1;
    });
    await query.runner.act({});
    const again = query.messages.filter(({ payload }) => (payload as { event: { id: string } }[])[0]?.event.id !== "changed");
    assert.deepEqual(eventIds(again).sort(), [...ids].sort());
    assert.equal(query.runner.counters.resent, 250);
  });

  it("gives a page compressed to a formatter, and as an ordinary array to any other reader", async () => {
    const ids = addEvents(250, 600);
    const formatter = { format: (event: unknown) => `line of ${(event as { event: { id: string } }).event.id}`, failure: undefined };
    const query = makeQuery(tenant, store, { pageSize: 100 }, undefined, { nextFormatter: () => formatter });
    await query.runner.act({});
    const [first, second, third] = query.messages as [FlowMessage, FlowMessage, FlowMessage];
    assert.deepEqual(packedEvents(first)?.takeLines(formatter)?.unpackAtOnce(), ids.slice(0, 100).map((id) => `line of ${id}`));
    const events = (await packedEvents(first)?.unpack()) as { event: { id: string } }[];
    assert.deepEqual(events.map(({ event }) => event.id), ids.slice(0, 100));
    assert.deepEqual(JSON.parse(JSON.stringify(second)), { ...second, payload: second.payload });
    assert.deepEqual(eventIds([second]), ids.slice(100, 200));
    assert.equal(packedEvents(third)?.takeLines({ ...formatter }), undefined, "another formatter may have other settings");
    assert.deepEqual(eventIds([third]), ids.slice(200));
    assert.equal(packedEvents(second), undefined, "a reader may have changed the array");
    assert.ok(Array.isArray(second.payload) && second.payload === second.payload);
  });

  it("sends a page to several nodes in short messages that are confirmed one by one", async () => {
    const ids = addEvents(1300, 600);
    let deaf = true;
    const query = makeQuery(tenant, store, { pageSize: 600, confirmTimeoutMs: 30 }, (message, registry) => {
      const { index } = message.delivery as { index: number };
      if (index !== 1 || !deaf) setImmediate(() => registry.confirm(message));
      else setTimeout(() => (deaf = false), 10);
    }, { copies: () => true });
    await query.runner.act({});
    const first = query.messages.filter(({ delivery }, at) => query.messages.findIndex((other) => isDeepStrictEqual(other.delivery, delivery)) === at);
    assert.deepEqual(first.map(({ payload, delivery }) => [(payload as unknown[]).length, (delivery as Delivery).index, (delivery as Delivery).count]), [
      [250, 0, 3], [250, 1, 3], [100, 2, 3], [250, 0, 3], [250, 1, 3], [100, 2, 3], [100, 0, 1],
    ]);
    assert.ok(first.every(({ parts }) => parts === undefined));
    assert.deepEqual(eventIds(first), ids);
    const again = query.messages.filter((message) => !first.includes(message));
    assert.ok(again.length > 0 && again.every(({ delivery }) => (delivery as Delivery).index === 1), "only what was not confirmed");
    assert.equal(query.runner.counters.confirmed, 1300);
  });

  it("reads again from the cursor when the page token is refused, without repeating an event", async () => {
    const ids = addEvents(250, 600);
    simulator.faults.add({ kind: "reject-token" });
    const { runner, messages } = makeQuery(tenant, store);
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
    simulator.faults.add({ kind: "reject-token" }, { times: Infinity });
    addEvents(900, 500);
    await assert.rejects(runner.act({}), { code: "PAGE_TOKEN_LOOP" });
  });

  for (const [name, fault, expected] of [
    ["a page with problems", { kind: "problems", description: "search timed out" }, "SEARCH_PROBLEMS"],
    ["a page that is no JSON", { kind: "not-json" }, "PAGE_INVALID"],
    ["a missing permission", { kind: "status", status: 403 }, "FORBIDDEN"],
  ] as const) {
    it(`counts ${name} as failed: nothing is sent, the cursor stays, and the next poll reads the events`, async () => {
      const ids = addEvents(50, 600);
      const { runner, messages } = makeQuery(tenant, store);
      simulator.faults.add(fault, { times: 6 });
      await assert.rejects(runner.act({}), { code: expected });
      assert.equal(messages.length, 0);
      assert.equal(store.cursor?.lastInserted, null);
      simulator.faults.clear();
      await runner.act({});
      assert.deepEqual(eventIds(messages), ids);
    });
  }

  it("survives cut pages, resets, 5xx, 429 and an expired token in the middle of a poll", async () => {
    const ids = addEvents(900, 600);
    const kinds = [{ kind: "truncate", bytes: 5000 }, { kind: "reset", when: "before-headers" }, { kind: "reset", when: "after-headers" }, { kind: "status", status: 503 }, { kind: "status", status: 429, retryAfter: "0" }, { kind: "status", status: 401 }] as const;
    for (const [index, fault] of kinds.entries()) simulator.faults.add(fault, { after: index });
    const { runner, messages } = makeQuery(tenant, store);
    await runner.act({});
    assert.equal(simulator.faults.hits, kinds.length);
    assert.deepEqual(eventIds(messages), ids);
  });

  it("ends the poll at a page without events, and at a repeated page token", async () => {
    simulator.faults.add({ kind: "null-events" });
    const { runner, messages, warnings } = makeQuery(tenant, store);
    await runner.act({});
    assert.equal(messages.length, 0);
    const ids = addEvents(300, 600);
    simulator.faults.add({ kind: "same-token" }, { after: 1 });
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids.slice(0, 200));
    assert.deepEqual(warnings, ["warning.noCursor", "warning.late", "warning.tokenRepeated"]);
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
  });

  it("refuses a page without any insertion time, and the cursor stays", async () => {
    const event = makeFileEvent(made++, { insertedUs: (NOW - MINUTE) * 1000 });
    const body = Buffer.from(JSON.stringify({ totalCount: 1, fileEvents: [{ ...event, event: { ...event.event, inserted: "soon" } }], nextPgToken: null }));
    const reply = async <Value>(read: (body: Body) => Promise<Value>) => ({ date: now, elapsedMs: 1, value: await read(bodyOf(body)) });
    const api: Api = { baseUrl: simulator.url, principal: "key", border: plain, serverNow: () => now, serverTime: async () => now, get: async () => ({ data: body }), getAndRead: (_path, read) => reply(read), postAndRead: (_path, _body, read) => reply(read) };
    const { runner, messages } = makeQuery(tenant, store, {}, undefined, { api: () => api });
    await assert.rejects(runner.act({}), (error: Error & { code?: string }) => error.code === "EVENT_WITHOUT_ID" && error.message.includes("event.inserted"));
    assert.equal(messages.length, 0);
    assert.equal(store.cursor?.lastInserted, null);
  });

  it("waits while the cursor cannot be saved, reports that once, and loses nothing", async () => {
    const ids = addEvents(500, 600);
    const query = makeQuery(tenant, store, { pagesOut: 1 }, undefined, { random: () => 0 });
    await query.runner.act({ action: "stop" });
    await query.runner.act({});
    store.fault = new Error("ENOSPC: no space left on device");
    const more = addEvents(300, 400);
    const poll = query.runner.act({});
    await until(() => query.errors.length === 1, "the error is reported");
    assert.match(query.errors[0]?.message ?? "", /ENOSPC/);
    await sleep(30);
    // Only the page that was in flight when the fault began.
    assert.ok(eventIds(query.messages).length <= 600);
    store.fault = undefined;
    await poll;
    assert.deepEqual(eventIds(query.messages), [...ids, ...more]);
    assert.equal(query.errors.length, 1);
  });

  it("continues when the store saved the cursor and lost only its answer", async () => {
    const ids = addEvents(300, 600);
    const query = makeQuery(tenant, store, {}, undefined, { random: () => 0 });
    store.losesAnswers = 1;
    await assert.rejects(query.runner.act({}), { code: "CURSOR_NOT_SAVED" });
    await query.runner.act({});
    store.losesAnswers = 1;
    const more = addEvents(300, 400);
    await query.runner.act({});
    assert.deepEqual(query.errors.map((error) => (error as Error & { code?: string }).code), ["CURSOR_NOT_SAVED"]);
    assert.deepEqual(eventIds(query.messages), [...ids, ...more]);
  });

  it("looks back from the server's time at the first poll, whatever the local clock says", async () => {
    const fresh = tenantOf(simulator);
    const { runner } = makeQuery(fresh, store, { startFrom: "PT0S" }, undefined, { now: () => NOW + 3_600_000 });
    await runner.act({});
    assert.equal(store.cursor?.floor.slice(0, 18), "2026-03-01T12:00:0");
    fresh.close();
  });

  it("stops when somebody else changed the cursor, and does not overwrite it", async () => {
    addEvents(10, 600);
    const query = makeQuery(tenant, store, {}, (message, registry) => {
      store.value = "theirs";
      registry.confirm(message);
    });
    await query.runner.act({});
    assert.equal((query.errors[0] as Error & { code?: string }).code, "CURSOR_CHANGED");
    assert.equal(store.value, "theirs");
  });

  describe("on messages", () => {
    it("resets the cursor and sets it to an instant or to epoch seconds", async () => {
      const ids = addEvents(100, 600, 1000);
      const { runner, messages } = makeQuery(tenant, store);
      await runner.act({});
      await runner.act({ action: "reset" });
      assert.equal(store.value, undefined);
      await runner.act({});
      assert.deepEqual(eventIds(messages), [...ids, ...ids]);
      messages.length = 0;
      await runner.act({ action: "set", cursor: (NOW - 600 * MINUTE + 90 * 1000) / 1000 });
      await runner.act({});
      assert.deepEqual(eventIds(messages), ids.slice(90));
      messages.length = 0;
      await runner.act({ action: "set", cursor: new Date(NOW - 600 * MINUTE + 95 * 1000).toISOString() });
      await runner.act({});
      assert.deepEqual(eventIds(messages), ids.slice(95));
      await assert.rejects(runner.act({ action: "set", cursor: "soon" }), { code: "CURSOR_VALUE_INVALID" });
      await assert.rejects(runner.act({ action: "jump" }), { code: "ACTION_UNKNOWN" });
    });

    it("resets a cursor that cannot be read, and refuses to poll until then", async () => {
      const ids = addEvents(10, 600);
      store.value = "{ damaged";
      const { runner, messages } = makeQuery(tenant, store);
      await assert.rejects(runner.act({}), { code: "CURSOR_UNREADABLE" });
      assert.equal(store.value, "{ damaged");
      await runner.act({ action: "reset" });
      await runner.act({});
      assert.deepEqual(eventIds(messages), ids);
    });

    it("adds criteria for one poll", async () => {
      const ids = addEvents(20, 600);
      const { runner, messages } = makeQuery(tenant, store);
      await runner.act({ criteria: [{ filters: [{ term: "event.id", operator: "IS", value: ids[3] }] }] });
      assert.deepEqual(eventIds(messages), [ids[3]]);
      await assert.rejects(runner.act({ criteria: "all" }), { code: "CRITERIA_INVALID" });
      const running = runner.act({});
      await assert.rejects(runner.act({ criteria: [{ filters: [{ term: "event.id", operator: "EXISTS" }] }] }), { code: "POLL_RUNNING" });
      await running;
    });

    it("stops in the middle of a poll, keeps the pages in flight, and continues on start", async () => {
      const ids = addEvents(500, 600);
      const waiting: FlowMessage[] = [];
      const { runner, messages, registry } = makeQuery(tenant, store, { pagesOut: 2, pollIntervalMs: 10 * MINUTE }, (message) => void waiting.push(message));
      runner.start();
      await until(() => waiting.length === 2, "two pages are in flight");
      await until(() => searches().length >= 4, "the third page waits and the fourth was requested");
      await runner.act({ action: "stop" });
      for (const message of waiting.splice(0)) registry.confirm(message);
      await until(() => store.commits >= 2, "they are committed");
      assert.equal(messages.length, 2);
      const going = runner.act({ action: "start" });
      const confirmer = setInterval(() => waiting.splice(0).forEach((message) => registry.confirm(message)), 2);
      await going;
      clearInterval(confirmer);
      assert.deepEqual(eventIds(messages), ids);
      await runner.close();
    });
  });

  it("refuses a criterion on the cursor's term once a cursor exists, with the error name IncompatibleFilterError", async () => {
    const ids = addEvents(20, 30 * 60, 1000);
    const criteria = { clause: "AND" as const, groups: [{ filterClause: "AND" as const, filters: [{ term: "event.inserted", operator: "ON_OR_AFTER", value: new Date(NOW - 40 * 60 * MINUTE).toISOString() }] }] };
    const { runner, messages } = makeQuery(tenant, store, { criteria });
    await runner.act({});
    assert.deepEqual(eventIds(messages), ids);
    await assert.rejects(runner.act({}), { name: "IncompatibleFilterError", code: "INCOMPATIBLE_FILTER" });
  });

  it("warns once that the criteria have changed since the cursor was saved", async () => {
    addEvents(10, 600);
    await makeQuery(tenant, store).runner.act({});
    const criteria = { clause: "AND" as const, groups: [{ filterClause: "AND" as const, filters: [{ term: "risk.severity", operator: "EXISTS", value: null }] }] };
    const { runner, warnings } = makeQuery(tenant, store, { criteria });
    await runner.act({});
    await runner.act({});
    assert.deepEqual(warnings, ["warning.queryChanged"]);
  });

  it("refuses a cursor of another tenant", async () => {
    await makeQuery(tenant, store).runner.act({});
    store.value = store.value?.replace(simulator.url, "https://api.eu.example");
    await assert.rejects(makeQuery(tenant, store).runner.act({}), { code: "CURSOR_OTHER_STREAM" });
  });

  it("commits pages that the sink confirms while the query closes", async () => {
    addEvents(100, 600);
    const query = makeQuery(tenant, store, {}, (message, registry) => {
      const release = registry.hold(message);
      setTimeout(() => {
        registry.confirm(message);
        release();
      }, 150);
    });
    const poll = query.runner.act({});
    await until(() => query.messages.length === 1, "the page is in flight");
    await query.runner.close();
    await poll;
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 99 * 10).toISOString());
    assert.equal(query.registry.size, 0);
  });

  it("stops reading and sending when it closes during a poll, and commits what is confirmed meanwhile", async () => {
    addEvents(1000, 600);
    const query = makeQuery(tenant, store, { pagesOut: 2, pollIntervalMs: 20 }, () => undefined);
    query.runner.start();
    await until(() => query.messages.length === 2, "two pages are in flight");
    await sleep(50);
    const { length } = searches();
    const closed = query.runner.close();
    for (const message of query.messages) {
      await sleep(20);
      query.registry.confirm(message);
    }
    await closed;
    await query.runner.act({});
    await sleep(100);
    assert.deepEqual([searches().length, query.messages.length], [length, 2]);
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 199 * 10).toISOString());
  });

  it("repeats nothing after an orderly close, even if an earlier page was not delivered", async () => {
    const ids = addEvents(400, 600);
    const waiting: FlowMessage[] = [];
    const query = makeQuery(tenant, store, {}, (message) => void waiting.push(message));
    const poll = query.runner.act({});
    await until(() => waiting.length === 4, "four pages are in flight");
    for (const page of [0, 2, 3]) query.registry.confirm(waiting[page] ?? {});
    await query.runner.close();
    await poll;
    assert.equal(store.cursor?.lastInserted, new Date(NOW - 600 * MINUTE + 99 * 10).toISOString());
    const next = makeQuery(tenant, store);
    await next.runner.act({});
    assert.deepEqual(eventIds(next.messages), ids.slice(100, 200));
    assert.deepEqual(query.errors, []);
  });

  it("loses nothing over random kills, late events, bursts and faults, and repeats at most the pages in flight", async function () {
    this.timeout(60_000);
    let seed = 20260301;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const all: string[] = [];
    const delivered = new Map<string, number>();
    let kills = 0;
    let clock = 0;
    for (let round = 0; round < 40; round++) {
      // New events: some in one millisecond, some that become visible up to 4 minutes after their insertion.
      const count = Math.floor(random() * 120);
      const burst = random() < 0.3;
      const events = Array.from({ length: count }, (_, index) => makeFileEvent(made++, { insertedUs: (now - 30_000 + (burst ? 0 : index * 100)) * 1000 }));
      for (const event of events) simulator.add([event], { visibleInMs: random() < 0.2 ? Math.floor(random() * 4 * MINUTE) : 0 });
      all.push(...events.map((event) => event.event.id));
      if (random() < 0.3) simulator.faults.add([{ kind: "status", status: 500 }, { kind: "truncate", bytes: 100 }, { kind: "reject-token" }][Math.floor(random() * 3)] as never, { after: Math.floor(random() * 2) });
      const killAfter = random() < 0.5 ? Math.floor(random() * 3) : Infinity;
      let units = 0;
      const { runner } = makeQuery(tenant, store, { pageSize: 20, pagesOut: 2, output: random() < 0.5 ? "page" : "event" }, (message, registry) => {
        for (const id of eventIds([message])) delivered.set(id, (delivered.get(id) ?? 0) + 1);
        units += 1;
        if (units <= killAfter) setImmediate(() => registry.confirm(message));
      });
      const poll = runner.act({}).catch(() => undefined);
      if (killAfter === Infinity) {
        await poll;
      } else {
        await Promise.race([poll, sleep(30)]);
        kills += 1;
        // Like a kill: no close, no commit, no further confirmation.
        runner.act({ action: "stop" }).catch(() => undefined);
        await sleep(2);
      }
      now += Math.floor(random() * 3 * MINUTE);
      clock += 1;
    }
    simulator.faults.clear();
    now += 5 * MINUTE;
    const last = makeQuery(tenant, store, { pageSize: 20 }, (message, registry) => {
      for (const id of eventIds([message])) delivered.set(id, (delivered.get(id) ?? 0) + 1);
      setImmediate(() => registry.confirm(message));
    });
    await last.runner.act({});
    assert.ok(kills >= 10 && clock === 40 && all.length > 1500, `${kills} kills, ${all.length} events`);
    assert.deepEqual(all.filter((id) => !delivered.has(id)), []);
    const repeats = [...delivered.values()].reduce((sum, times) => sum + times - 1, 0);
    assert.ok(repeats <= kills * 2 * 20, `${repeats} repeats in ${kills} kills`);
  });
});
