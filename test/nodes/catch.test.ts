/** Every error of every node type reaches `catch` nodes: once, with its code and the node that it comes from. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Node, NodeAPI, NodeDef } from "node-red";
import cefFormat from "../../nodes/cef-format";
import code42Query from "../../nodes/code42-query";
import code42Tenant from "../../nodes/code42-tenant";
import deliveryConfirm from "../../nodes/delivery-confirm";
import dxlFabric from "../../nodes/dxl-fabric";
import dxlThreatEvent from "../../nodes/dxl-threat-event";
import eventStreamIn from "../../nodes/event-stream-in";
import eventStreamOut from "../../nodes/event-stream-out";
import natsConnection from "../../nodes/nats-connection";
import syslogOut from "../../nodes/syslog-out";
import manifest from "../../package.json";
import type { FabricNode } from "../../src/dxl/fabric";
import { FlowStarts } from "../../src/node-red/flow-starts";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates, type Certificates } from "../support/certs";
import { freePort } from "../support/free-port";
import { Mosquitto } from "../support/mosquitto";
import { nodeRedRequire } from "../support/node-red-process";
import { coreNode, getNode, loadFlow, unloadFlow, until, type FlowNode } from "../support/node-red";

const TOPIC = "/mcafee/event/epo/threat/response";

interface Caught { error: { code?: string; message: string; source: { id: string; type: string } }; payload?: unknown }

describe("errors that no message waits for reach catch nodes", () => {
  let certs: Certificates;
  let broker: Mosquitto;
  let caught: Caught[];

  before(async () => {
    certs = makeCertificates();
    broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
  });
  after(async () => {
    await broker.stop();
    certs.remove();
  });
  beforeEach(() => { caught = []; });
  afterEach(() => unloadFlow());

  /** Notes what arrives from its first moment on. */
  const recorder = (RED: NodeAPI) => {
    function Recorder(this: Node, config: NodeDef) {
      RED.nodes.createNode(this, config);
      this.on("input", (message, _send, done) => {
        caught.push(message as unknown as Caught);
        done();
      });
    }
    RED.nodes.registerType("recorder", Recorder);
  };

  const types = [cefFormat, code42Query, code42Tenant, deliveryConfirm, dxlFabric, dxlThreatEvent, eventStreamIn, eventStreamOut, natsConnection, syslogOut];
  const load = (flow: FlowNode[], credentials: Record<string, Record<string, string>> = {}) =>
    loadFlow([...types as never[], recorder, coreNode("common/25-catch.js"), coreNode("network/05-tls.js")], [
      // After the nodes, as in a flow that was drawn from left to right.
      ...flow, { id: "catch", type: "catch", scope: null, uncaught: false, wires: [["recorder"]] }, { id: "recorder", type: "recorder", wires: [[]] },
    ], { credentials });
  /** Waits for `count` errors and for more than there should be. */
  const errors = async (count: number) => {
    await until(() => caught.length >= count, `errors arrived: ${JSON.stringify(caught)}`);
    await delay(100);
    return caught.map(({ error: { code, source } }) => [code, source.type, source.id]);
  };

  const pem = () => ({ brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key) });
  const subscriber = (id: string, properties: object = {}): FlowNode => ({ id, type: "dxl-threat-event", fabric: "fabric", wires: [[]], ...properties });
  const fabric = (port: number): FlowNode => ({ id: "fabric", type: "dxl-fabric", name: "", brokers: `${port};127.0.0.1` });
  const query = (properties: object = {}): FlowNode => ({ id: "node", type: "code42-query", tenant: "tenant", pollInterval: "60", cursor: "errors", cursorType: "node", wires: [[]], ...properties });

  it("are tested for each node type", () => {
    assert.equal(types.length, Object.keys(manifest["node-red"].nodes).length);
  });

  describe("from the constructor", () => {
    const settings: [code: string, FlowNode][] = [
      ["PROPERTY_NUMBER", { id: "node", type: "cef-format", maxBytes: "many", wires: [[]] }],
      ["PROPERTY_EMPTY", { id: "node", type: "code42-query", tenant: "", cursor: "", wires: [[]] }],
      ["PROPERTY_CHOICE", { id: "node", type: "delivery-confirm", mode: "perhaps", wires: [[]] }],
      ["FABRIC_MISSING", { id: "node", type: "dxl-threat-event", fabric: "", wires: [[]] }],
      ["PROPERTY_NUMBER", { id: "node", type: "syslog-out", host: "127.0.0.1", port: "many", wires: [[]] }],
      ["CONNECTION_MISSING", { id: "node", type: "event-stream-out", connection: "", wires: [[], []] }],
      ["CONNECTION_MISSING", { id: "node", type: "event-stream-in", connection: "", wires: [[]] }],
    ];
    for (const [code, node] of settings) {
      it(`of ${node.type}`, async () => {
        await load([node]);
        assert.deepEqual(await errors(1), [[code, node.type, "node"]]);
        assert.doesNotMatch(caught[0]!.error.message, /SiemError|Property/, "the sentence alone");
      });
    }

    it("of dxl-fabric, from each node that uses it", async () => {
      await load([fabric(broker.port), subscriber("one"), subscriber("two")], { fabric: { ...pem(), privateKey: "no key" } });
      assert.deepEqual(await errors(2), [["CREDENTIALS_INVALID", "dxl-threat-event", "one"], ["CREDENTIALS_INVALID", "dxl-threat-event", "two"]]);
    });

    it("of nats-connection, from each node that uses it", async () => {
      await load([
        { id: "nats", type: "nats-connection", servers: "" },
        { id: "one", type: "event-stream-out", connection: "nats", wires: [[], []] }, { id: "two", type: "event-stream-in", connection: "nats", wires: [[]] },
      ]);
      assert.deepEqual(await errors(2), [["SERVERS_EMPTY", "event-stream-out", "one"], ["SERVERS_EMPTY", "event-stream-in", "two"]]);
    });

    it("of code42-tenant, from the query that uses it", async () => {
      await load([{ id: "tenant", type: "code42-tenant", baseUrl: "nonsense" }, query()]);
      assert.deepEqual(await errors(1), [["BASE_URL_SCHEME", "code42-query", "node"]]);
    });
  });

  describe("of a connection", () => {
    it("of dxl-fabric on a tab, once", async () => {
      await load([{ ...fabric(await freePort()), z: "tab" }, subscriber("one"), subscriber("two")], { fabric: pem() });
      assert.deepEqual(await errors(1), [["CONNECTION_REFUSED", "dxl-fabric", "fabric"]]);
    });

    it("of dxl-fabric, once for each node that uses it", async () => {
      const own = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
      try {
        await load([fabric(own.port), subscriber("one"), subscriber("two")], { fabric: pem() });
        const used = await (getNode("fabric") as unknown as FabricNode).getFabric();
        const connected = () => used.state.phase === "connected";
        await until(connected, "it is connected");
        await own.kill("SIGKILL");
        const lost = (await errors(2)).filter(([code]) => code === "BROKER_CLOSED");
        assert.deepEqual(lost, [["BROKER_CLOSED", "dxl-fabric", "fabric"], ["BROKER_CLOSED", "dxl-fabric", "fabric"]]);
        // A node that was removed uses it no more.
        await (getNode("two") as unknown as { close(): Promise<void> }).close();
        caught = [];
        await own.start();
        await until(connected, "it is connected again", 15_000);
        await delay(5500);
        await own.kill("SIGKILL");
        assert.deepEqual((await errors(1)).filter(([code]) => code === "BROKER_CLOSED").length, 1);
      } finally {
        await own.stop();
      }
    }).timeout(40_000);

    it("of dxl-fabric that fails while flows start", async () => {
      await load([fabric(await freePort()), subscriber("one")], { fabric: pem() });
      assert.deepEqual(await errors(1), [["CONNECTION_REFUSED", "dxl-fabric", "fabric"]]);
    });

    it("of nats-connection, once for each node that uses it", async () => {
      await load([
        { id: "nats", type: "nats-connection", servers: `127.0.0.1:${await freePort()}` },
        { id: "one", type: "event-stream-out", connection: "nats", wires: [[], []] }, { id: "two", type: "event-stream-in", connection: "nats", wires: [[]] },
      ]);
      assert.deepEqual(await errors(2), [["NATS_UNREACHABLE", "nats-connection", "nats"], ["NATS_UNREACHABLE", "nats-connection", "nats"]]);
    });

    it("of syslog-out", async () => {
      await load([{ id: "node", type: "syslog-out", host: "127.0.0.1", port: String(await freePort()), transport: "tcp", wires: [[]] }]);
      getNode("node").receive({ payload: "line" });
      assert.deepEqual(await errors(1), [["CONNECTION_REFUSED", "syslog-out", "node"]]);
    });

    it("of code42-query", async () => {
      const simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
      await simulator.close();
      await load(
        [{ id: "tenant", type: "code42-tenant", baseUrl: simulator.url, timeout: "1" }, query()],
        { tenant: { clientId: simulator.clientId, clientSecret: simulator.clientSecret } },
      );
      await until(() => caught.length > 0, "the error arrived", 45_000);
      assert.deepEqual(await errors(1), [["CONNECTION_FAILED", "code42-query", "node"]]);
    }).timeout(60_000);
  });

  describe("from later work", () => {
    it("of dxl-threat-event: an event that cannot be read", async () => {
      await load([fabric(broker.port), subscriber("node")], { fabric: pem() });
      const used = await (getNode("fabric") as unknown as FabricNode).getFabric();
      await until(() => used.state.phase === "connected", "it is connected");
      await broker.publish(TOPIC, "no message");
      assert.deepEqual(await errors(1), [["NOT_A_DXL_MESSAGE", "dxl-threat-event", "node"]]);
    });

    it("of code42-query: a tenant that is missing", async () => {
      await load([query()]);
      assert.deepEqual(await errors(1), [["TENANT_MISSING", "code42-query", "node"]]);
    });
  });

  it("with one listener for a whole flow: Node.js warns in the log of more than ten", async () => {
    const { events } = nodeRedRequire("@node-red/util") as { events: EventEmitter };
    const listeners = () => ["flows:starting", "flows:started"].map((event) => events.listenerCount(event));
    await load([]);
    const before = listeners();
    await unloadFlow();
    const nodes = ["code42-query", "event-stream-in", "event-stream-out", "cef-format", "syslog-out", "dxl-threat-event", "delivery-confirm"]
      .flatMap((type) => Array.from({ length: 6 }, (_none, index) => ({ id: `${type}-${index}`, type, wires: [[], []] })));
    await load(nodes);
    assert.deepEqual(listeners(), before.map((count) => count + 1));
  });
});

describe("the start of flows", () => {
  const nodeWith = (raised: string[]) => Object.assign(new EventEmitter(), { error: ({ message }: Error) => void raised.push(message) });

  it("keeps what a node raises while the flows of another deploy start", () => {
    const events = new EventEmitter();
    const raised: string[] = [];
    const raise = new FlowStarts(events).watch(nodeWith(raised));
    events.emit("flows:started");
    raise(new Error("running"));
    events.emit("flows:starting");
    raise(new Error("starting"));
    assert.deepEqual(raised, ["running"]);
    events.emit("flows:started");
    assert.deepEqual(raised, ["running", "starting"]);
  });

  it("is known by one listener for all nodes, which all learn of it, and by none when they are closed", () => {
    const events = new EventEmitter();
    const starts = new FlowStarts(events);
    let changes = 0;
    const listeners = () => events.listenerCount("flows:starting") + events.listenerCount("flows:started");
    for (let round = 0; round < 2; round++) {
      const raised: string[] = [];
      const nodes = Array.from({ length: 20 }, () => nodeWith(raised));
      const raises = nodes.map((node) => starts.watch(node, () => { changes += 1; }));
      assert.equal(listeners(), 2);
      events.emit("flows:started");
      assert.equal(changes, 20 * (round + 1));
      events.emit("flows:starting");
      raises[0]?.(new Error("early"));
      assert.deepEqual(raised, []);
      for (const node of nodes) node.emit("close");
      assert.equal(listeners(), 0);
      assert.deepEqual(raised, ["early"], "an error was lost");
    }
  });
});
