/**
 * The vendor's client publishes through Debian's mosquitto, over TLS with client certificates. Our nodes use the same client
 * configuration file, receive the events and forward them to a SIEM.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import cefFormat from "../../nodes/cef-format";
import dxlFabric from "../../nodes/dxl-fabric";
import dxlThreatEvent from "../../nodes/dxl-threat-event";
import syslogOut from "../../nodes/syslog-out";
import manifest from "../../package.json";
import { root } from "../../scripts/built";
import type { CefEvent } from "../../src/simulator/cef-parser";
import { makeAuthority } from "../../src/simulator/certificates";
import { startDxlBroker } from "../../src/simulator/dxl-broker";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { indexOfAgent, makeThreatEvent } from "../../src/simulator/threat-events";
import { makeCertificates, type Certificates } from "../support/certs";
import { dxlClient } from "../support/dxl-client";
import { Mosquitto } from "../support/mosquitto";
import { startNodeRed, type FlowNode as ProcessNode } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { loadFlow, recordMessages, recordStatus, unloadFlow, until, type FlowNode } from "../support/node-red";

const TOPIC = "/mcafee/event/epo/threat/response";

interface VendorClient {
  connect(callback: (error?: Error) => void): void;
  sendEvent(event: { payload: unknown }): void;
  destroy(callback: () => void): void;
}
const { Client, Config, Event } = dxlClient as {
  Client: new (config: unknown) => VendorClient;
  Config: { createDxlConfigFromFile(path: string): unknown };
  Event: new (topic: string) => { payload: unknown };
};

interface Received { payload: unknown; topic: string; dxl: { version: number; messageId: string } }

describe("DXL, with the vendor's client and a real MQTT broker", () => {
  let certs: Certificates;
  let broker: Mosquitto;
  let client: VendorClient;
  let configFile: string;

  before(async () => {
    certs = makeCertificates();
    broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
    configFile = join(certs.folder, "dxlclient.config");
    writeFileSync(configFile, `[Certs]\nBrokerCertChain=ca.pem\nCertFile=client.pem\nPrivateKey=client.key\n\n[Brokers]\nmosquitto=mosquitto;${broker.port};127.0.0.1\n`);
    client = new Client(Config.createDxlConfigFromFile(configFile));
    await new Promise<void>((resolve, reject) => client.connect((error) => (error == null ? resolve() : reject(error))));
  });
  afterEach(() => unloadFlow());
  after(async () => {
    await new Promise<void>((resolve) => client.destroy(resolve));
    await broker.stop();
    certs.remove();
  });

  const publish = (payload: string | Buffer, topic = TOPIC) => {
    const event = new Event(topic);
    event.payload = payload;
    client.sendEvent(event);
  };

  async function load(properties: Record<string, unknown>, target: string, more: FlowNode[] = []) {
    await loadFlow([dxlFabric, dxlThreatEvent, cefFormat, syslogOut] as never, [
      { id: "fabric", type: "dxl-fabric", name: "", configFile },
      { id: "source", type: "dxl-threat-event", fabric: "fabric", wires: [[target]], ...properties },
      { id: "out", type: "helper", wires: [] },
      { id: "caught", type: "helper", wires: [] },
      { id: "catch", type: "catch", scope: null, uncaught: false, wires: [["caught"]] },
      ...more,
    ]);
    const statuses = recordStatus("source");
    const caught = recordMessages("caught");
    await until(() => statuses.at(-1)?.text === "status.connected", "the node is connected");
    return { caught, received: recordMessages("out") as unknown as Received[] };
  }

  it("receives text and Buffers of every MessagePack length type, each once, and in order", async () => {
    const { received, caught } = await load({ payloadType: "string", topics: [TOPIC, "/mcafee/event/#"] }, "out");
    const texts = [0, 1, 31, 32, 255, 256, 65_535, 65_536].map((length) => "ü".repeat(length >> 1).padEnd(length - (length >> 1), "x"));
    for (const text of texts) {
      publish(text);
      publish(Buffer.from(text));
    }
    await until(() => received.length >= texts.length * 2, "all arrived");
    await delay(200);
    assert.deepEqual(received.map(({ payload }) => payload), texts.flatMap((text) => [text, text]));
    assert.equal(new Set(received.map(({ dxl }) => dxl.messageId)).size, received.length, "an event came twice");
    assert.ok(received.every(({ topic, dxl }) => topic === TOPIC && dxl.version === 2));
    assert.deepEqual(caught, []);
  });

  it("reads JSON with the trailing bytes that products send", async () => {
    const { received } = await load({}, "out");
    const text = JSON.stringify(makeThreatEvent(1));
    for (const rest of ["", "\0", "\n", "\r\n\u0013"]) publish(Buffer.from(text + rest));
    await until(() => received.length === 4, "all arrived");
    for (const { payload } of received) assert.deepEqual(payload, makeThreatEvent(1));
  });

  it("forwards threat events to the SIEM as legal CEF, each once", async () => {
    const events: CefEvent[] = [];
    const illegal: string[] = [];
    const siem = await startSiem({ onEvent: (event) => events.push(event), onIllegal: (reason, line) => illegal.push(`${reason}: ${line}`) });
    try {
      const { caught } = await load({}, "format", [
        { id: "format", type: "cef-format", wires: [["syslog"]] },
        { id: "syslog", type: "syslog-out", host: "127.0.0.1", port: siem.port, transport: "tcp", header: "rfc3164", wires: [[]] },
      ]);
      const count = 300;
      for (let index = 0; index < count; index++) {
        const text = JSON.stringify(makeThreatEvent(index));
        publish(index % 2 === 0 ? text : Buffer.from(`${text}\0`));
      }
      await until(() => siem.received >= count, "the SIEM has all", 20_000);
      assert.deepEqual(illegal, []);
      assert.deepEqual(caught, []);
      assert.equal(siem.received, count);
      const agents = events.map((event) => [...event.extension.values()].map((value) => indexOfAgent(value)).find((index) => index !== undefined));
      assert.deepEqual([...agents].sort((a, b) => Number(a) - Number(b)), Array.from({ length: count }, (_, index) => index));
    } finally {
      await unloadFlow();
      await siem.close();
    }
  }).timeout(30_000);
});

describe("DXL, in a real Node-RED", () => {
  it("a partial deploy of one of two subscribers removes the old one, and the other gets no event twice", async () => {
    const folder = mkdtempSync(join(tmpdir(), "siem-dxl-"));
    const authority = makeAuthority("fabric");
    const identity = authority.issue("node-red");
    const broker = await startDxlBroker({ tls: { ...authority.issue("broker"), ca: authority.cert } });
    const siems = [await startSiem(), await startSiem()] as const;
    const line = (name: string, row: number, siem: Siem, properties: Record<string, unknown>): ProcessNode[] => {
      const place = (column: number) => ({ z: "tab", x: 150 + 200 * column, y: 60 + 60 * row });
      return [
        { id: `source-${name}`, type: "dxl-threat-event", ...place(0), fabric: "fabric", wires: [[`format-${name}`]], ...properties },
        { id: `format-${name}`, type: "cef-format", ...place(1), wires: [[`syslog-${name}`]] },
        { id: `syslog-${name}`, type: "syslog-out", ...place(2), host: "127.0.0.1", port: siem.port, transport: "tcp", wires: [[]] },
      ];
    };
    const flows = (properties: Record<string, unknown>): ProcessNode[] => [
      { id: "tab", type: "tab", label: "threat events" },
      {
        id: "fabric", type: "dxl-fabric", name: "", brokers: `${broker.port};127.0.0.1`,
        credentials: { brokerCertChain: authority.cert, certificate: identity.cert, privateKey: identity.key },
      },
      ...line("changed", 0, siems[0], properties),
      ...line("kept", 1, siems[1], {}),
    ];
    /** Deploys as the editor does: without credentials, because they did not change, so that the connection stays open. */
    const deploy = (properties: Record<string, unknown>) => nodeRed.deploy(flows(properties).map(({ credentials: _, ...node }) => node as ProcessNode), "nodes");
    const publish = (index: number) => broker.publish(TOPIC, JSON.stringify(makeThreatEvent(index)));
    const received = () => siems.map((siem) => siem.received);
    const nodeRed = await startNodeRed({ userDir: join(folder, "user"), modules: packedPackage().modules, flows: flows({}) });
    try {
      await until(() => broker.filters.length === 1, "both share one subscription", 20_000);
      await publish(1);
      await until(() => received().every((count) => count === 1), "both have the event", 20_000);

      await deploy({ topics: ["/mcafee/event/tie/file/detection"] });
      await until(() => broker.filters.length === 2, "the changed one has its new topic", 20_000);
      await publish(2);
      await until(() => received()[1] === 2, "the kept one has the event");
      await delay(500);
      assert.deepEqual(received(), [1, 2]);

      await deploy({});
      await until(() => broker.filters.join() === TOPIC, "the old topic is gone", 20_000);
      await publish(3);
      await until(() => received().join() === "2,3", "both have the event");
      await delay(500);
      assert.deepEqual(received(), [2, 3]);
      assert.equal(broker.clients, 1);
      assert.equal(nodeRed.log().match(/connected to /g)?.length, 1, "a deploy closed the other one's connection");
    } finally {
      await nodeRed.stop();
      await broker.close();
      for (const siem of siems) await siem.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(120_000);
});

describe("together with the vendor's nodes", () => {
  /** The node types of @opendxl/node-red-contrib-dxl and its ePO and TIE packages. */
  const VENDOR_TYPES = /^dxl-(client|core-|epo-|tie-|mar-)/;

  it("our node types and admin routes do not conflict with theirs", () => {
    for (const type of Object.keys(manifest["node-red"].nodes)) {
      assert.doesNotMatch(type, VENDOR_TYPES);
      const runtime = readFileSync(join(root, "nodes", `${type}.ts`), "utf8");
      for (const [, route] of runtime.matchAll(/httpAdmin\.\w+\(\s*["'`]([^"'`]*)/g)) assert.doesNotMatch(route ?? "", /^\/dxl-client\//);
    }
  });

  it("our only globals are the delivery registry and the metrics, of which a process has one", () => {
    const sources = ["src", "nodes"].flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(root, folder, name)));
    const global = sources.filter((path) => path.endsWith(".ts") && /\bglobalThis\b|\bglobal\./.test(readFileSync(path, "utf8")));
    assert.deepEqual(global.map((path) => path.slice(root.length).replace(/^\//, "")), ["src/process-wide.ts"]);
  });
});
