/**
 * A flood of DXL events through mosquitto, QoS 0: our nodes in a Node-RED, up to a node after them that counts, against a
 * bare MQTT client that only counts. Timed from the first packet to the last event. `npm run bench -- receive [--rounds N] [--events N]`
 * Each round starts its own Node-RED: V8 decides once in a process where it keeps the messages of Node-RED.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAsync } from "mqtt";
import type * as message from "../src/dxl/message";
import { makeThreatEvent } from "../src/simulator/threat-events";
import { makeCertificates } from "../test/support/certs";
import { Mosquitto } from "../test/support/mosquitto";
import { startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { helper } from "./helpers";
import type { Publish } from "./publisher";
import { median, parseOptions, type Row } from "./report";
import { built, perSecond } from "./rounds";

const TOPICS = { ours: "/mcafee/event/epo/threat/response", bare: "/bench/bare" };
/** The interval at which Node-RED is asked whether it is connected. */
const ASK_MS = 50;

/** The node after ours. It reports by itself: to ask Node-RED for its count would take processor time from what is measured. */
const SINK = { name: "bench-sink", says: "bench-sink has" };
const sinkScript = (every: number) => `module.exports = (RED) => RED.nodes.registerType("${SINK.name}", function (config) {
  RED.nodes.createNode(this, config);
  let seen = 0;
  this.on("input", (message, send, done) => {
    seen += 1;
    if (seen % ${every} === 0) console.log("${SINK.says}", seen);
    done();
  });
});
`;

export async function receive(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 7, events: 50_000 }, []);
  const count = numbers["events"] as number;
  const { encodeEvent } = built<typeof message>("dxl/message");
  const frames = Array.from({ length: 100 }, (_, index) => encodeEvent({
    messageId: `{4df1a3b2-${String(index).padStart(4, "0")}-11ee-8c90-0242ac120002}`,
    sourceClientId: "{0f3c8b8e-5a5e-4c4f-9d51-6a4b3f6f9a10}",
    sourceBrokerId: "{b9a1d4e2-70a6-4b8f-a3f5-1c2d3e4f5a6b}",
    otherFields: { "dxl.certs": "e9".padEnd(40, "0") },
    payload: JSON.stringify(makeThreatEvent(index)),
  }).toString("base64"));

  const certs = makeCertificates();
  const pem = { ca: certs.read(certs.ca.cert), cert: certs.read(certs.client.cert), key: certs.read(certs.client.key) };
  // Nobody loses an event: the bench compares the pace.
  const broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server, settings: ["log_type error", "max_queued_messages 0", "max_queued_bytes 0"] });
  const publisher = helper("publisher.ts");
  const publish = (topic: string) => publisher.send({ port: broker.plainPort, topic, frames, count } satisfies Publish);

  const seconds = async (topic: string, all: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    publish(topic);
    await all();
    return (performance.now() - started) / 1000;
  };
  const ours = async (): Promise<number> => {
    const userDir = mkdtempSync(join(tmpdir(), "siem-bench-"));
    mkdirSync(join(userDir, "nodes"));
    writeFileSync(join(userDir, "nodes", `${SINK.name}.js`), sinkScript(count));
    writeFileSync(join(userDir, "nodes", `${SINK.name}.html`), `<script type="text/javascript">RED.nodes.registerType("${SINK.name}", { category: "function", defaults: {}, inputs: 1, outputs: 0 })</script>`);
    let seen = 0;
    let arrived = (): void => undefined;
    const nodeRed = await startNodeRed({
      userDir,
      onLine: (line) => {
        if (line !== `${SINK.says} ${seen + count}`) return;
        seen += count;
        arrived();
      },
      modules: packedPackage().modules,
      flows: [
        { id: "tab", type: "tab", label: "bench" },
        { id: "fabric", type: "dxl-fabric", name: "", brokers: `${broker.port};127.0.0.1`, credentials: { brokerCertChain: pem.ca, certificate: pem.cert, privateKey: pem.key } },
        { id: "node", type: "dxl-threat-event", z: "tab", fabric: "fabric", topics: [TOPICS.ours], queueEvents: String(count), wires: [["out"]] },
        { id: "out", type: SINK.name, z: "tab", wires: [] },
      ],
    });
    const figure = async (name: string) => Number(new RegExp(`^security_events_${name}{.*type="dxl-threat-event".*} (\\d+)$`, "m").exec(await (await nodeRed.admin("/security-events/metrics")).text())?.[1]);
    const flood = () => seconds(TOPICS.ours, () => new Promise<void>((resolve) => { arrived = resolve; }));
    try {
      while (await figure("connected") !== 1) await sleep(ASK_MS);
      // The first flood compiles and does not count.
      await flood();
      return count / await flood();
    } finally {
      await nodeRed.stop();
      rmSync(userDir, { recursive: true, force: true });
    }
  };
  const bare = async (): Promise<number> => {
    const client = await connectAsync({ protocol: "mqtts", protocolVersion: 4, host: "127.0.0.1", port: broker.port, ...pem });
    await client.subscribeAsync(TOPICS.bare);
    const rate = count / await seconds(TOPICS.bare, () => new Promise<void>((resolve) => {
      let seen = 0;
      client.on("message", () => {
        seen += 1;
        if (seen === count) resolve();
      });
    }));
    await client.endAsync();
    return rate;
  };

  const rates: { ours: number; bare: number }[] = [];
  try {
    for (let round = 0; round < rounds; round++) rates.push({ ours: await ours(), bare: await bare() });
  } finally {
    publisher.kill();
    await broker.stop();
    certs.remove();
  }
  const [mine, client] = [median(rates.map((rate) => rate.ours)), median(rates.map((rate) => rate.bare))];
  return [{ what: "DXL events through mosquitto to a node in a flow, against a bare MQTT client", figure: perSecond(mine), peer: perSecond(client), ratio: median(rates.map((rate) => rate.ours / rate.bare)), atLeast: 0.4 }];
}
