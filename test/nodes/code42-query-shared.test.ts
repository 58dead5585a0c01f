/** Two queries of one process that share a cursor: each has a connection of its own, so they behave as two Node-REDs. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Kvm } from "@nats-io/kv";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import natsNode from "../../nodes/nats-connection";
import { deliveryRegistry } from "../../src/delivery/registry";
import type { FlowMessage } from "../../src/common/messages";
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
  const isActive = (id: Instance) => ["status.active", "status.polling", "status.idle", "status.waiting"].includes(last(id)) || last(id).startsWith("status.startsAt");
  const other = (id: Instance): Instance => (id === "a" ? "b" : "a");
  const activeOf = async (): Promise<Instance> => {
    await until(() => INSTANCES.filter(isActive).length === 1 && INSTANCES.some((id) => last(id) === "status.standby"), "one is active, the other on standby");
    return INSTANCES.find(isActive)!;
  };
  const counts = (ids: string[]) => ids.reduce((found, id) => found.set(id, (found.get(id) ?? 0) + 1), new Map<string, number>());
  const delivered = () => counts([...eventIds(outs.a), ...eventIds(outs.b)]);
  const ask = <Answer>(question: (kv: Awaited<ReturnType<Kvm["open"]>>) => Promise<Answer>) => nats.ask(async (_jsm, connection) => question(await new Kvm(connection).open(bucket)));
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
  void [sleep, bucketKey, ask, act];
});
