import assert from "node:assert/strict";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import dxlFabric from "../../nodes/dxl-fabric";
import dxlThreatEvent from "../../nodes/dxl-threat-event";
import english from "../../nodes/locales/en-US/dxl-threat-event.json";
import german from "../../nodes/locales/de/dxl-threat-event.json";
import { encodeEvent } from "../../src/dxl/message";
import { fill } from "../../src/common/errors";
import { makeAuthority } from "../../src/simulator/certificates";
import { startDxlBroker, type DxlBroker } from "../../src/simulator/dxl-broker";
import { makeThreatEvent } from "../../src/simulator/threat-events";
import vectors from "../data/dxl-vectors.json";
import { getNode, loadFlow, recordMessages, recordStatus, unloadFlow, until, type FlowNode } from "../support/node-red";

const TOPIC = "/mcafee/event/epo/threat/response";
const DETECTION = "/mcafee/event/tie/file/detection";

interface Received { _msgid: string; payload: unknown; topic: string; kind?: string; dxl: Record<string, unknown> }
interface Caught { payload: Buffer; topic: string; size: number; dxl: Record<string, unknown>; error: { message: string; code?: string; source: { id: string } } }

describe("dxl-threat-event", () => {
  const authority = makeAuthority("fabric");
  const identity = authority.issue("node-red");
  let broker: DxlBroker;
  const startBroker = async (port = 0) => {
    broker = await startDxlBroker({ port, tls: { ...authority.issue("broker"), ca: authority.cert } });
  };
  beforeEach(() => startBroker());
  afterEach(async () => {
    await unloadFlow();
    await broker.close();
  });

  const credentials = { fabric: { brokerCertChain: authority.cert, certificate: identity.cert, privateKey: identity.key, passphrase: "" } };
  const subscriber = (id: string, properties: Record<string, unknown> = {}): FlowNode =>
    ({ id, type: "dxl-threat-event", fabric: "fabric", wires: [[`${id}-out`]], ...properties });
  const helperNode = (id: string): FlowNode => ({ id, type: "helper", wires: [] });

  /** Loads the subscriber `node` (and `more`), and waits until it is subscribed. */
  async function load(properties: Record<string, unknown> = {}, more: FlowNode[] = [], filters = 1) {
    await loadFlow([dxlFabric, dxlThreatEvent], [
      { id: "fabric", type: "dxl-fabric", name: "", brokers: `${broker.port};127.0.0.1`, keepAlive: "30" },
      subscriber("node", properties),
      helperNode("node-out"),
      helperNode("caught"),
      { id: "catch", type: "catch", scope: ["node"], uncaught: false, wires: [["caught"]] },
      ...more,
    ], { credentials });
    const statuses = recordStatus("node");
    const loaded = {
      received: recordMessages("node-out") as unknown as Received[],
      caught: recordMessages("caught") as unknown as Caught[],
      status: () => statuses.at(-1) ?? (getNode("node") as unknown as { status: { lastCall?: { args: [{ fill?: string; text?: string }] } } }).status.lastCall?.args[0] ?? {},
    };
    await until(() => broker.filters.length === filters, "the topics are subscribed");
    return loaded;
  }
  const publish = (message: unknown, topic = TOPIC) => broker.publish(topic, typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));

  it("sends an event with its topic, its kind and its way through the fabric", async () => {
    const { received, status } = await load();
    await until(() => status().text === "status.connected", "it shows that it is connected");
    await publish(makeThreatEvent(3));
    await until(() => received.length === 1, "the event arrived");
    const { _msgid, payload, topic, kind, dxl } = received[0]!;
    assert.match(_msgid, /^[0-9a-f]{16}$/);
    assert.deepEqual(payload, makeThreatEvent(3));
    assert.equal(topic, TOPIC);
    assert.equal(kind, "epo.threat-event");
    assert.deepEqual(Object.keys(dxl).sort(), ["brokerIds", "clientIds", "destinationTenantGuids", "messageId", "otherFields", "sourceBrokerId", "sourceClientId", "sourceTenantGuid", "version"]);
    assert.equal(dxl["version"], 3);
    assert.deepEqual(JSON.parse(JSON.stringify(received[0])), received[0], "the message does not survive JSON");
    await until(() => status().text === "status.received", "it shows that it received");
    assert.equal(status().fill, "green");
  });

  it("reads every recorded event, whoever encoded it", async () => {
    const { received } = await load({ payloadType: "buffer" });
    const events = vectors.filter(({ decoded }) => decoded.messageType === 2);
    for (const { hex } of vectors) await publish(Buffer.from(hex, "hex"));
    await until(() => received.length === events.length, "all arrived");
    assert.deepEqual(received.map(({ payload }) => (payload as Buffer).toString("hex")), events.map(({ decoded }) => decoded.payloadHex));
  });

  it("takes several topics and a # topic, and sends an event that matches two of them once", async () => {
    const { received } = await load({ topics: [DETECTION, "/mcafee/event/epo/#", TOPIC] }, [], 2);
    await publish("{\"n\":1}");
    await publish("{\"n\":2}", DETECTION);
    await publish("{\"n\":3}", "/mcafee/event/atd/file/report");
    await publish("{\"n\":4}", "/mcafee/event/epo/other");
    await until(() => received.length >= 3, "three arrived");
    await delay(50);
    assert.deepEqual(received.map(({ payload, topic }) => [payload, topic]), [[{ n: 1 }, TOPIC], [{ n: 2 }, DETECTION], [{ n: 4 }, "/mcafee/event/epo/other"]]);
    assert.equal(received[0]?.kind, undefined);
  });

  it("sends text and bytes as they are, and aggregates as lists, on demand", async () => {
    for (const [payloadType, expected] of [["string", "nö JSON\0"], ["buffer", Buffer.from("nö JSON\0")]] as const) {
      const { received } = await load({ payloadType });
      await publish("nö JSON\0");
      await until(() => received.length === 1, "it arrived");
      assert.deepEqual(received[0]?.payload, expected);
      await unloadFlow();
      await until(() => broker.clients === 0, "the connection is gone");
    }
    const { received } = await load({ expandAggregates: true });
    await publish(makeThreatEvent(0));
    await until(() => received.length === 1, "it arrived");
    const { event } = received[0]!.payload as { event: { otherData: Record<string, unknown> } };
    assert.equal((event.otherData["listOfTargetUserName"] as string[]).length, 2);
  });

  it("reports an unreadable event with its bytes to catch nodes, and goes on with the next one", async () => {
    const { received, caught } = await load();
    const bad = Buffer.concat([Buffer.from("not JSON "), Buffer.from([0xff, 0xfe])]);
    await publish(encodeEvent({ messageId: "{m}", sourceClientId: "client", payload: bad }));
    await publish(Buffer.from("no message"));
    await publish({ n: 1 });
    await until(() => received.length === 1 && caught.length === 2, "one event and two errors arrived");
    assert.deepEqual(caught.map(({ error, topic, size, payload }) => [error.code, topic, size, Buffer.isBuffer(payload) && payload.toString("hex")]), [
      ["PAYLOAD_NOT_JSON", TOPIC, bad.length, bad.toString("hex")],
      ["NOT_A_DXL_MESSAGE", TOPIC, 10, Buffer.from("no message").toString("hex")],
    ]);
    assert.equal(caught[0]?.dxl["messageId"], "{m}");
    assert.deepEqual(received[0]?.payload, { n: 1 });
  });

  it("adds the payload as it arrived, on demand", async () => {
    const { received } = await load({ rawPayload: true });
    await publish("{\"a\":\t1}\0");
    await until(() => received.length === 1, "it arrived");
    assert.deepEqual([received[0]?.payload, received[0]?.dxl["payload"]], [{ a: 1 }, Buffer.from("{\"a\":\t1}\0")]);
  });

  it("receives events after a thousand unreadable messages", async () => {
    const { received, caught } = await load();
    for (let n = 0; n < 1000; n++) await publish(Buffer.from([n % 256, n >> 8, 1, 2, 3]));
    await publish({ n: 1 });
    await until(() => received.length === 1, "the good one arrived");
    assert.equal(caught.length, 1000);
  });

  it("keeps no more events than its queue holds, and reports the drops", async () => {
    const { received, caught, status } = await load({ queueEvents: 5 });
    // One turn of the event loop brings more than the queue holds.
    await Promise.all(Array.from({ length: 500 }, (_, n) => publish({ n })));
    await until(() => caught.length > 0, "the drops are reported");
    assert.equal(caught[0]?.error.code, "EVENTS_DROPPED");
    assert.equal(caught[0]?.payload, undefined);
    await until(() => status().text === "status.dropped", "the drops are shown");
    assert.equal(status().fill, "yellow");
    const before = received.length;
    assert.ok(before < 500);
    await publish("\"later\"");
    await until(() => received.at(-1)?.payload === "later", "the next one arrived");
  });

  it("sends each event of a flood once and in order", async () => {
    const { received } = await load();
    const events = Array.from({ length: 2000 }, (_, index) => makeThreatEvent(index));
    for (const event of events) await publish(event);
    await until(() => received.length >= events.length, "all arrived");
    assert.deepEqual(received.map(({ payload }) => payload), events);
    assert.equal(new Set(received.map(({ _msgid }) => _msgid)).size, events.length);
  });

  it("does not block the event loop while a flood arrives", async () => {
    const { received } = await load();
    const text = JSON.stringify(makeThreatEvent(1));
    let longest = 0;
    let watching = true;
    const watch = (async () => {
      for (let last = performance.now(); watching; last = performance.now()) {
        await turn();
        longest = Math.max(longest, performance.now() - last);
      }
    })();
    const sent = Promise.all(Array.from({ length: 3000 }, () => publish(text)));
    await until(() => received.length === 3000, "all arrived");
    await sent;
    watching = false;
    await watch;
    assert.ok(longest < 500, `a turn took ${longest.toFixed(0)} ms`);
  });

  it("shows an outage and its cause, and receives again after it", async () => {
    const { received, status } = await load();
    const { port } = broker;
    await broker.close();
    await until(() => status().fill === "red", "the outage is shown");
    assert.match(status().text ?? "", /^status\.(BROKER_CLOSED|CONNECTION_REFUSED|CONNECTION_FAILED)$/);
    await startBroker(port);
    await until(() => broker.filters.length === 1, "it subscribed again", 15_000);
    await publish({ n: 1 });
    await until(() => received.length === 1, "the event arrived");
    await until(() => status().fill === "green", "it is green again");
  }).timeout(20_000);

  it("shares one connection; a stopped node receives nothing more, and the other one no second copy", async () => {
    const { received } = await load({}, [subscriber("other"), helperNode("other-out")]);
    const others = recordMessages("other-out");
    await publish({ n: 1 });
    await until(() => received.length === 1 && others.length === 1, "both have it");
    assert.equal(broker.clients, 1);
    await (getNode("other") as unknown as { close(): Promise<void> }).close();
    await publish({ n: 2 });
    await until(() => received.length === 2, "the one that is left has it");
    await delay(50);
    assert.equal(others.length, 1);
    assert.deepEqual(received.map(({ payload }) => payload), [{ n: 1 }, { n: 2 }]);
    await (getNode("node") as unknown as { close(): Promise<void> }).close();
    await until(() => broker.clients === 0, "the connection ends with its last user");
  });

  it("says what is wrong with its settings, and stays up", async () => {
    for (const properties of [{ topics: ["/a/+/b"] }, { topics: ["/a#"] }, { topics: "x" }, { topics: [5, {}] }, { queueEvents: 0 }, { queueBytes: 1000 }, { payloadType: "xml" }, { fabric: "none" }]) {
      await loadFlow([dxlFabric, dxlThreatEvent], [
        { id: "fabric", type: "dxl-fabric", name: "", brokers: `${broker.port};127.0.0.1` },
        subscriber("node", properties),
        helperNode("node-out"),
      ], { credentials });
      const { status, error } = getNode("node") as unknown as { status: { lastCall?: { args: [object] } }; error: { lastCall?: { args: [Error & { code: string }] } } };
      assert.deepEqual(status.lastCall?.args[0], { fill: "red", shape: "ring", text: "common.status.badConfig" }, JSON.stringify(properties));
      assert.match(error.lastCall?.args[0].code ?? "", /^(FILTER_PLUS|FILTER_INVALID|PROPERTY_\w+|FABRIC_MISSING)$/);
      assert.equal(broker.clients, 0, "it still connected");
      await unloadFlow();
    }
  });

  it("has every text in both languages, and status texts that fit", () => {
    const keys = (value: object, path = ""): string[] => Object.entries(value).flatMap(([key, inner]) => (typeof inner === "object" ? keys(inner as object, `${path}${key}.`) : [`${path}${key}`]));
    assert.deepEqual(keys(german).sort(), keys(english).sort());
    for (const text of [...Object.values(english.status), ...Object.values(german.status)]) {
      const shown = fill(text, { count: 1234567, time: "14:03:22" });
      assert.ok(shown.length < 20, shown);
    }
  });
});
