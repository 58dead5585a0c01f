/** Two queries of one process that share a cursor: each has a connection of its own, so they behave as two Node-REDs. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Kvm } from "@nats-io/kv";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import natsNode from "../../nodes/nats-connection";
import { deliveryRegistry } from "../../src/delivery/registry";
import type { FlowMessage } from "../../src/common/messages";
import { metricsOfProcess } from "../../src/metrics/metrics";
import type { QueryDialogNode } from "../../src/node-red/query-dialog";
import { bucketKey } from "../../src/scale-out/bucket";
import { makeFileEvent } from "../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { NatsServer } from "../support/nats";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode, type RecordedStatus } from "../support/node-red";
import { eventIds } from "../support/query";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy";

const LEASE_S = 3;
const INSTANCES = ["a", "b"] as const;
type Instance = (typeof INSTANCES)[number];

interface Caught {
  error: { code: string; message: string; source: { id: string } };
}

describe("code42-query with a shared cursor", () => {
  let nats: NatsServer;
  let proxies: Record<Instance, TcpProxy>;
  let simulator: TenantSimulator;
  let bucket: string;
  let made: number;
  let tests = 0;
  let statuses: Record<Instance, RecordedStatus[]>;
  let outs: Record<Instance, FlowMessage[]>;
  let caught: Caught[];

  before(async () => {
    nats = await NatsServer.start();
    await startServer();
  });
  after(async () => {
    await stopServer();
    await nats.remove();
  });
  beforeEach(async () => {
    made = 0;
    bucket = `test-${++tests}`;
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
    proxies = { a: await startTcpProxy(nats.port), b: await startTcpProxy(nats.port) };
  });
  afterEach(async () => {
    await unloadFlow();
    for (const instance of INSTANCES) await proxies[instance].close();
    await simulator.close();
  });

  function addEvents(count: number): string[] {
    const start = Date.now() - 3_600_000;
    const events = Array.from({ length: count }, () => makeFileEvent(made, { insertedUs: (start + made++ * 10) * 1000 }));
    simulator.add(events);
    return events.map((event) => event.event.id);
  }

  const instance = (id: Instance, properties: Record<string, unknown> = {}): FlowNode[] => [
    { id: `n-${id}`, type: "nats-connection", servers: [`127.0.0.1:${proxies[id].port}`], bucket },
    {
      id, type: "code42-query", name: id, tenant: "t", pollInterval: "1", pageSize: "100", cursor: "events", cursorType: "shared",
      connection: `n-${id}`, lease: String(LEASE_S), wires: [[`out-${id}`]], ...properties,
    },
    { id: `out-${id}`, type: "helper", wires: [] },
  ];
  /** Starts `flow`. What an instance sends is confirmed at once, unless `sink` does something else. */
  async function start(flow: FlowNode[], sink: (message: FlowMessage, id: Instance) => void = (message) => void deliveryRegistry().confirm(message)): Promise<void> {
    await loadFlow([tenantNode, queryNode, natsNode, coreNode("common/25-catch.js")], [{ id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client" }, ...flow, { id: "catcher", type: "catch", scope: null, wires: [["caught"]] }, { id: "caught", type: "helper", wires: [] }], {
      credentials: { t: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } },
    });
    statuses = { a: [], b: [] };
    outs = { a: [], b: [] };
    caught = recordMessages("caught") as unknown as Caught[];
    for (const id of INSTANCES.filter((each) => flow.some((node) => node.id === each))) {
      statuses[id] = recordStatus(id);
      outs[id] = recordMessages(`out-${id}`);
      getNode(`out-${id}`).on("input", ((message: FlowMessage) => sink(message, id)) as never);
    }
  }
  const last = (id: Instance) => statuses[id].at(-1)?.text ?? "";
  const isActive = (id: Instance) => metricsOfProcess().all().find((node) => node.id === id)?.["active"] === 1;
  const other = (id: Instance): Instance => (id === "a" ? "b" : "a");
  const activeOf = async (): Promise<Instance> => {
    await until(() => INSTANCES.filter(isActive).length === 1, "one is active");
    return INSTANCES.find(isActive)!;
  };
  const counts = (ids: string[]) => ids.reduce((found, id) => found.set(id, (found.get(id) ?? 0) + 1), new Map<string, number>());
  const delivered = () => counts([...eventIds(outs.a), ...eventIds(outs.b)]);
  const ask = <Answer>(question: (kv: Awaited<ReturnType<Kvm["open"]>>) => Promise<Answer>) => nats.ask(async (_jsm, connection) => question(await new Kvm(connection).open(bucket)));
  const panelOf = (id: Instance) => (getNode(id) as unknown as QueryDialogNode).cursorPanel();
  const act = async (id: Instance, message: Record<string, unknown>) => {
    const before = caught.length;
    getNode(id).receive({ ...message });
    await until(() => caught.length > before, "catch gets the error");
    return caught.at(-1)!.error.code;
  };

  it("reads with one of two instances, and the other goes on where that one was cut off, within the lease and a second", async () => {
    const ids = addEvents(250);
    await start([...instance("a"), ...instance("b")]);
    const first = await activeOf();
    await until(() => delivered().size === 250, "all events arrive");
    await until(() => last(first) === "status.idle", "the poll ends");
    assert.deepEqual(eventIds(outs[first]), ids);
    assert.deepEqual(outs[other(first)], []);

    const before = performance.now();
    proxies[first].rate = 0;
    const more = addEvents(150);
    await until(() => isActive(other(first)), "the other takes over", (LEASE_S + 1) * 1000);
    const seconds = (performance.now() - before) / 1000;
    assert.ok(seconds < LEASE_S + 1, `took over after ${seconds} s`);
    assert.equal(last(first), "status.away");
    await until(() => eventIds(outs[other(first)]).length >= 150, "the rest arrives");
    assert.deepEqual(eventIds(outs[other(first)]), more);

    proxies[first].rate = Infinity;
    await until(() => last(first) === "status.standby", "the first one is on standby");
    assert.deepEqual([...delivered().values()].filter((times) => times !== 1), []);
    assert.deepEqual(caught.map(({ error }) => error.code).filter((code) => code !== "NATS_UNREACHABLE"), []);
  });

  it("ignores poll and start on standby, and refuses set and reset there with the name of the holder", async () => {
    addEvents(20);
    await start([...instance("a"), ...instance("b")]);
    const active = await activeOf();
    const standby = other(active);
    await until(() => delivered().size === 20, "all events arrive");
    for (const message of [{}, { action: "poll" }, { action: "start" }, { action: "stop" }, { action: "start" }, { action: "yield" }]) getNode(standby).receive(message);
    await sleep(200);
    assert.deepEqual(outs[standby], []);
    assert.equal(caught.length, 0);
    for (const message of [{ action: "set", cursor: "2026-01-01" }, { action: "reset" }]) {
      assert.equal(await act(standby, message), "QUERY_STANDBY");
      assert.ok(caught.at(-1)!.error.message.includes(hostname()), caught.at(-1)!.error.message);
    }
    const report = await panelOf(standby).report();
    assert.deepEqual({ ...report.shared, since: undefined }, { connection: `n-${standby}`, phase: "standby", holder: `${hostname()}/${report.shared!.holder!.slice(-4)}`, since: undefined, revision: report.shared!.revision });
    assert.ok(Date.now() - Date.parse(report.shared!.since!) < 60_000);
    assert.deepEqual({ ...report.cursor, ids: undefined }, { ...(await panelOf(active).report()).cursor, ids: undefined });
    await assert.rejects(() => panelOf(standby).move("set", "2026-01-01"), { code: "QUERY_STANDBY" });
  });

  it("sets and resets the cursor on the active instance, and what it reads then comes after that", async () => {
    const ids = addEvents(20);
    await start([...instance("a"), ...instance("b")]);
    const active = await activeOf();
    await until(() => delivered().size === 20, "all events arrive");
    const before = (await panelOf(active).report()).shared!;
    assert.equal(before.phase, "active");
    const { cursor, shared } = await panelOf(active).move("set", "2020-01-01T00:00:00Z");
    assert.ok(cursor == null || cursor.floor >= "2020");
    assert.ok((shared?.revision ?? before.revision!) >= before.revision!);
    await until(() => eventIds(outs[active]).length === 40, "everything comes again");
    getNode(active).receive({ action: "reset" });
    await until(() => eventIds(outs[active]).length === 60, "everything comes again");
    assert.deepEqual([...delivered().keys()], ids);
    assert.deepEqual(caught, []);
  });

  it("hands over at once and without a second copy when it yields", async () => {
    addEvents(60);
    await start([...instance("a", { pagesOut: "2", pageSize: "20" }), ...instance("b", { pagesOut: "2", pageSize: "20" })], (message) => void setTimeout(() => deliveryRegistry().confirm(message), 150));
    const first = await activeOf();
    await until(() => outs[first].length > 0, "a page is under way");
    const before = performance.now();
    getNode(first).receive({ action: "yield" });
    await until(() => isActive(other(first)), "the other takes over");
    assert.ok(performance.now() - before < 1500, `after ${performance.now() - before} ms`);
    await until(() => delivered().size === 60, "the rest arrives");
    await until(() => last(other(first)) === "status.idle", "the poll ends");
    assert.ok(outs[other(first)].length > 0);
    assert.deepEqual([...delivered().values()].filter((times) => times !== 1), []);
    await until(() => last(first) === "status.standby", "the first one sees who has the lease");
    getNode(other(first)).receive({ action: "yield" });
    await until(() => isActive(first), "the first one gets it back");
    assert.deepEqual(caught, []);
  });

  it("leaves the lease to the other one when its pages are refused, stays red, and comes back only when it is started", async () => {
    addEvents(50);
    let isOpen = false;
    await start([...instance("a"), ...instance("b")], (message) => (isOpen ? void deliveryRegistry().confirm(message) : void deliveryRegistry().reject(message, new Error("cut"))));
    const first = await activeOf();
    const second = other(first);
    await until(() => last(first) === "status.undelivered", "the first one gives up", 40_000);
    await until(() => isActive(second), "the other takes over", 2500);
    // Until it has seen who has the lease.
    await sleep(1000);
    assert.equal(await act(first, { action: "reset" }), "QUERY_STANDBY");
    await until(() => last(second) === "status.undelivered", "the other one gives up too", 40_000);
    await until(() => !INSTANCES.some(isActive), "nobody is active");
    const copies = INSTANCES.map((id) => outs[id].length);
    assert.deepEqual(copies, [4, 4]);

    proxies[first].rate = 0;
    await sleep((LEASE_S + 3) * 1000);
    proxies[first].rate = Infinity;
    await sleep(2000);
    assert.deepEqual([INSTANCES.map(last), INSTANCES.map((id) => outs[id].length), INSTANCES.some(isActive)], [["status.undelivered", "status.undelivered"], copies, false]);
    assert.equal(await act(first, {}), "QUERY_GAVE_UP");

    isOpen = true;
    getNode(first).receive({ action: "start" });
    await until(() => last(first) === "status.idle", "it reads");
    assert.equal(await activeOf(), first);
    assert.deepEqual([last(second), [...delivered().values()].every((times) => times === 9)], ["status.undelivered", true]);
  }).timeout(100_000);

  it("frees the lease when it closes, so that the other one need not wait for its end", async () => {
    addEvents(30);
    await start([...instance("a"), ...instance("b")]);
    const first = await activeOf();
    await until(() => delivered().size === 30, "all events arrive");
    const before = performance.now();
    await getNode(first).close(false);
    await until(() => isActive(other(first)), "the other takes over");
    assert.ok(performance.now() - before < 1200, `after ${performance.now() - before} ms`);
  });

  it("stays where it is when NATS is down for longer than the lease, waits, and goes on without a gap or a second copy", async () => {
    addEvents(50);
    const waiting: FlowMessage[] = [];
    let isOpen = true;
    await start([...instance("a"), ...instance("b")], (message) => (isOpen ? void deliveryRegistry().confirm(message) : void waiting.push(message)));
    const first = await activeOf();
    await until(() => delivered().size === 50, "all events arrive");
    isOpen = false;
    addEvents(50);
    await until(() => waiting.length > 0, "a page is under way");
    await nats.kill();
    await until(() => INSTANCES.every((id) => last(id) === "status.away"), "both see it");
    for (const message of waiting.splice(0)) deliveryRegistry().confirm(message);
    isOpen = true;
    addEvents(50);
    await sleep((LEASE_S + 0.5) * 1000);
    assert.deepEqual(INSTANCES.map(last), ["status.away", "status.away"]);
    assert.equal(await act(first, { action: "set", cursor: "2026-01-01" }), "QUERY_AWAY");
    await nats.start();
    await until(() => delivered().size === 150, "the rest arrives", 15_000);
    assert.equal(await activeOf(), first);
    assert.deepEqual(outs[other(first)], []);
    assert.deepEqual([...delivered().values()].filter((times) => times !== 1), []);
    // Reported by the connections, once each.
    assert.deepEqual(caught.map(({ error }) => error.code).filter((code) => code !== "QUERY_AWAY"), ["NATS_UNREACHABLE", "NATS_UNREACHABLE"]);
  }).timeout(20_000);

  it("waits for a NATS that is down at the start", async () => {
    addEvents(30);
    proxies.a.rate = 0;
    await start(instance("a"));
    await until(() => caught.length > 0, "the connection reports it");
    assert.deepEqual(outs.a, []);
    proxies.a.rate = Infinity;
    await until(() => delivered().size === 30, "all events arrive");
    assert.deepEqual(caught.map(({ error }) => error.code), ["NATS_UNREACHABLE"]);
  });

  it("goes on when somebody deletes the bucket, with a backlog older than its start", async () => {
    addEvents(20);
    await start([...instance("a", { startFrom: "PT10M" }), ...instance("b", { startFrom: "PT10M" })]);
    const first = await activeOf();
    getNode(first).receive({ action: "set", cursor: "2020-01-01" });
    await until(() => delivered().size === 20, "all events arrive");
    // Before that it cannot know that somebody has the only copy of the cursor.
    await until(() => last(other(first)) === "status.standby", "the other one has seen who has the lease");
    await nats.ask((jsm) => jsm.streams.delete(`KV_${bucket}`));
    addEvents(20);
    await until(() => delivered().size === 40, "the rest arrives", 30_000);
    await sleep(1500);
    assert.equal(INSTANCES.filter(isActive).length, 1);
    assert.ok((await ask((kv) => kv.get(bucketKey("cursor", "events")))) !== null);
    assert.deepEqual(caught, []);
  }).timeout(60_000);

  it("is red with the reason while the bucket is one that loses cursors, and goes on when it is corrected", async () => {
    addEvents(10);
    const stream = `KV_${bucket}`;
    await nats.ask(async (jsm, connection) => {
      await new Kvm(connection).create(bucket, { ttl: 60_000, storage: "file" as never });
      void jsm;
    });
    await start(instance("a"));
    await until(() => caught.length > 0, "catch gets the reason");
    assert.equal(caught[0]!.error.code, "STREAM_UNSUITABLE");
    assert.equal(caught[0]!.error.source.id, "a");
    await until(() => statuses.a.at(-1)?.fill === "red", "it is red");
    await nats.ask(async (jsm) => jsm.streams.update(stream, { max_age: 0 }));
    await until(() => delivered().size === 10, "all events arrive", 10_000);
    assert.equal(caught.length, 1);
  });

  it("cannot commit with an instance that wakes after another has taken over, and that one sends nothing twice from then on", async () => {
    const ids = addEvents(40);
    let held: FlowMessage | undefined;
    await start([...instance("a"), ...instance("b")], (message) => {
      if (held === undefined) held = message;
      else deliveryRegistry().confirm(message);
    });
    await until(() => held !== undefined, "a page is under way");
    const first = INSTANCES.find((id) => outs[id].length > 0)!;
    proxies[first].rate = 0;
    await until(() => eventIds(outs[other(first)]).length === 40, "the other takes over");
    await until(() => last(other(first)) === "status.idle", "it has committed");
    const { revision } = (await panelOf(other(first)).report()).shared!;
    proxies[first].rate = Infinity;
    await until(() => last(first) === "status.standby", "the first one is on standby");
    deliveryRegistry().confirm(held!);
    await sleep(300);
    const now = (await panelOf(other(first)).report()).shared!;
    assert.deepEqual([now.phase, now.revision], ["active", revision]);
    const more = addEvents(10);
    await until(() => delivered().size === 50, "the rest arrives");
    assert.deepEqual(eventIds(outs[first]), ids);
    assert.deepEqual(eventIds(outs[other(first)]), [...ids, ...more]);
    assert.deepEqual(caught.map(({ error }) => error.code).filter((code) => code !== "NATS_UNREACHABLE"), []);
  });

  it("spreads the leases of six queries over two instances", async () => {
    const queries = INSTANCES.flatMap((id) => Array.from({ length: 6 }, (_, index): FlowNode => ({ ...instance(id)[1]!, id: `${id}${index}`, cursor: `events_${index}`, wires: [[]] })));
    await start([...INSTANCES.flatMap((id) => instance(id, { pollInterval: "0", cursor: `other_${id}` })), ...queries]);
    const held = () => INSTANCES.map((id) => metricsOfProcess().all().filter((node) => new RegExp(`^${id}\\d$`).test(node.id) && node["active"] === 1).length);
    await until(() => held()[0]! + held()[1]! === 6, "each has one");
    await sleep(1000);
    assert.equal(held()[0]! + held()[1]!, 6);
    assert.ok(Math.abs(held()[0]! - held()[1]!) <= 2, held().join(" and "));
  });

  it("counts takeovers and lapses, and shows which instance is active", async () => {
    await start([...instance("a"), ...instance("b")]);
    const first = await activeOf();
    const figures = (id: Instance) => {
      const { active, takeovers, leaseLapses } = metricsOfProcess().all().find((node) => node.id === id)!;
      return { active, takeovers, leaseLapses };
    };
    assert.deepEqual(figures(first), { active: 1, takeovers: 1, leaseLapses: 0 });
    assert.deepEqual(figures(other(first)), { active: 0, takeovers: 0, leaseLapses: 0 });
    proxies[first].rate = 0;
    await until(() => isActive(other(first)), "the other takes over");
    assert.deepEqual(figures(first), { active: 0, takeovers: 1, leaseLapses: 1 });
    assert.deepEqual(figures(other(first)), { active: 1, takeovers: 1, leaseLapses: 0 });
  });

  for (const [what, properties, expected] of [
    ["no connection", { connection: "" }, "CONNECTION_MISSING"],
    ["a connection that does not exist", { connection: "gone" }, "CONNECTION_MISSING"],
    ["another node as its connection", { connection: "t" }, "CONNECTION_MISSING"],
    ["a lease that a renewal could outlast", { lease: "1" }, "PROPERTY_NUMBER"],
    ["a lease of an hour", { lease: 3600 }, "PROPERTY_NUMBER"],
    ["a lease that is no number", { lease: "soon" }, "PROPERTY_NUMBER"],
    ["a key with a dot", { cursor: "a.b" }, "CURSOR_KEY_INVALID"],
    ["a variable that is not set as its connection", { connection: "${NO_SUCH_CONNECTION}" }, "ENVIRONMENT_UNSET"],
  ] as const) {
    it(`refuses ${what} with ${expected} and a red status`, async () => {
      await start(instance("a", properties));
      const status = statuses.a;
      getNode("a").receive({});
      await until(() => caught.some(({ error }) => error.code === expected), "catch gets the reason");
      assert.deepEqual(outs.a, []);
      assert.ok(status.every(({ fill }) => fill === "red"));
    });
  }

  it("refuses two queries on one cursor of one connection", async () => {
    await start([...instance("a"), { ...instance("b")[1]!, connection: "n-a", wires: [[]] }, instance("b")[2]!]);
    await until(() => caught.length > 0, "catch gets the reason");
    assert.equal(caught[0]!.error.code, "CURSOR_IN_USE");
  });

  it("lets a holder's name from the bucket into no status as it is", async () => {
    await nats.ask(async (_jsm, connection) => {
      const kv = await new Kvm(connection).create(bucket, { storage: "file" as never });
      await kv.put(bucketKey("lease", "events"), JSON.stringify({ holder: `evil\u001b[2J\n${"x".repeat(500)}`, since: 8.64e15, term: "t", seconds: 300 }));
    });
    await start(instance("a"));
    await until(() => last("a") === "status.standby", "it is on standby");
    const { shared } = await panelOf("a").report();
    assert.equal(shared!.holder, `evil [2J ${"x".repeat(30)}…`);
    assert.equal(shared!.since, "+275760-09-13T00:00:00.000Z");
  });

  it("knows yield only with a shared cursor", async () => {
    await start([{ ...instance("a")[1]!, cursorType: "global" }, { id: "out-a", type: "helper", wires: [] }]);
    assert.equal(await act("a", { action: "yield" }), "ACTION_UNKNOWN");
    assert.ok(!("active" in metricsOfProcess().all().find((node) => node.id === "a")!));
  });
});
