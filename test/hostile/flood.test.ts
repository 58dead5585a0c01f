/**
 * Floods of events into a Node-RED with little memory, while the SIEM takes only a part. `FLOOD_SECONDS` makes them longer
 * (the bound on memory is meant for 60).
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeEvent } from "../../src/dxl/message";
import { EPO_THREAT_EVENT_TOPIC } from "../../src/dxl/topics";
import { makeThreatEvent } from "../../src/simulator/threat-events";
import { makeCertificates } from "../support/certs";
import { Mosquitto } from "../support/mosquitto";
import { startNodeRed, type FlowNode } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { residentMB } from "../support/process-memory";
import { until } from "../support/until";

const SECONDS = Number(process.env["FLOOD_SECONDS"] ?? 20);
const EVENTS_A_SECOND = 500;
const LINES_A_SECOND = 500;
const HEAP_MB = 256;
const MOST_RESIDENT_MB = 400;
const TEXT = "a\\b=c|".repeat(334).slice(0, 2000);

/** An ePO event whose texts all have 2,000 characters that CEF must escape: some 60 kB. */
function enlarged(value: unknown): unknown {
  if (typeof value === "string") return TEXT;
  if (Array.isArray(value)) return value.map(enlarged);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "eventMessageType" || key === "eventMsgType" ? item : enlarged(item)]));
}

const frameOf = (payload: unknown) => encodeEvent({
  messageId: "{4df1a3b2-0000-11ee-8c90-0242ac120002}", sourceClientId: "{0f3c8b8e-5a5e-4c4f-9d51-6a4b3f6f9a10}",
  sourceBrokerId: "{b9a1d4e2-70a6-4b8f-a3f5-1c2d3e4f5a6b}", payload: JSON.stringify(payload),
});

/** A SIEM that reads at most so many lines a second. */
async function slowSiem(linesASecond: number) {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let pace = linesASecond;
  let allowed = 0;
  let rest = "";
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      const parts = (rest + data.toString("latin1")).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
      allowed -= parts.length;
      if (allowed <= 0) socket.pause();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const timer = setInterval(() => {
    allowed = Math.min(allowed + pace / 20, pace);
    if (allowed > 0) for (const socket of sockets) socket.resume();
  }, 50);
  return {
    port: (server.address() as { port: number }).port, lines,
    hurry: () => { pace = Infinity; allowed = Infinity; },
    stop: () => {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function eventually(holds: () => Promise<boolean>, what: string, limitMs: number): Promise<void> {
  for (const end = performance.now() + limitMs; !(await holds()); await sleep(100)) assert.ok(performance.now() < end, `timed out waiting until ${what}`);
}

type NodeFigures = Record<string, number>;

describe("a flood of DXL events with long texts, a slow SIEM and little memory", () => {
  const certs = makeCertificates();
  let broker: Mosquitto;
  before(async () => {
    broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server, settings: ["log_type error", "max_queued_messages 0", "max_queued_bytes 0"] });
  });
  after(() => broker.stop());

  const ways: Record<string, FlowNode[]> = {
    "straight to the SIEM": [{ id: "dxl", type: "dxl-threat-event", z: "tab", fabric: "fabric", payloadType: "json", topics: [EPO_THREAT_EVENT_TOPIC], wires: [["cef"]] }],
    "through a function that makes new messages": [
      { id: "dxl", type: "dxl-threat-event", z: "tab", fabric: "fabric", payloadType: "json", topics: [EPO_THREAT_EVENT_TOPIC], wires: [["new"]] },
      { id: "new", type: "function", z: "tab", func: "node.send({ payload: msg.payload, kind: msg.kind });", outputs: 1, wires: [["cef"]] },
    ],
  };
  for (const [way, source] of Object.entries(ways)) {
    it(`${way}: the process lives, every event is delivered or counted as dropped, and a new one passes`, async () => {
      const userDir = mkdtempSync(join(tmpdir(), "flood-"));
      const siem = await slowSiem(LINES_A_SECOND);
      const nodeRed = await startNodeRed({
        userDir,
        modules: packedPackage().modules,
        env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
        flows: [
          { id: "tab", type: "tab", label: "flood" },
          { id: "fabric", type: "dxl-fabric", name: "", brokers: `${broker.port};127.0.0.1`, credentials: { brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key) } },
          ...source,
          { id: "cef", type: "cef-format", z: "tab", property: "payload", kind: "auto", profile: "standard", wires: [["out"]] },
          { id: "out", type: "syslog-out", z: "tab", host: "127.0.0.1", port: String(siem.port), transport: "tcp", header: "none", wires: [[]] },
        ],
      });
      let peak = 0;
      const watch = setInterval(() => { peak = Math.max(peak, residentMB(nodeRed.pid)); }, 100);
      const metrics = async () => (await nodeRed.admin("/security-events/metrics")).text();
      const figures = async (type: string): Promise<NodeFigures> => Object.fromEntries(
        [...(await metrics()).matchAll(new RegExp(`^security_events_(\\w+){([^}]*type="${type}"[^}]*)} (\\d+)$`, "gm"))]
          .map(([, name, labels, value]) => [`${name}${/reason="(\w+)"/.exec(labels ?? "")?.[1] ?? ""}`, Number(value)]),
      );
      try {
        await eventually(async () => (await figures("dxl-threat-event"))["connected"] === 1, "the fabric is connected", 20_000);
        const frame = frameOf(enlarged(makeThreatEvent(1)));
        assert.ok(frame.length > 40_000, `${frame.length} bytes an event`);
        const started = performance.now();
        let published = 0;
        while (performance.now() - started < SECONDS * 1000) {
          for (const due = (performance.now() - started) / 1000 * EVENTS_A_SECOND; published < due; published++) await broker.publish(EPO_THREAT_EVENT_TOPIC, frame);
          await sleep(10);
        }
        siem.hurry();
        await broker.publish(EPO_THREAT_EVENT_TOPIC, frameOf(makeThreatEvent(2)));
        const total = (dropped: NodeFigures) => Object.entries(dropped).reduce((sum, [name, value]) => sum + (name.startsWith("dropped") ? value : 0), 0);
        await eventually(async () => {
          const [dxl, out] = await Promise.all([figures("dxl-threat-event"), figures("syslog-out")]);
          return dxl["read_total"] === published + 1 && (dxl["waiting"] ?? 0) === 0 && (out["waiting"] ?? 0) === 0;
        }, "everything was delivered or dropped", 60_000);
        const [dxl, cef, out] = await Promise.all([figures("dxl-threat-event"), figures("cef-format"), figures("syslog-out")]);
        const told = JSON.stringify({ published, peak: Math.round(peak), dxl, cef, out });
        assert.equal(dxl["read_total"], (dxl["sent_total"] ?? 0) + total(dxl), told);
        assert.equal(cef["received_total"], dxl["sent_total"], told);
        assert.equal(cef["received_total"], (cef["sent_total"] ?? 0) + (cef["failed_total"] ?? 0) + total(cef), told);
        assert.equal(out["received_total"], (cef["sent_total"] ?? 0) + (cef["failed_total"] ?? 0), told);
        assert.equal(out["received_total"], (out["sent_total"] ?? 0) + total(out), told);
        await until(() => siem.lines.length === out["sent_total"], "the SIEM has what was sent");
        assert.ok(siem.lines.at(-1)?.includes("CEF:0"), told);
        assert.ok(peak < MOST_RESIDENT_MB, told);
      } finally {
        clearInterval(watch);
        siem.stop();
        await nodeRed.stop();
        rmSync(userDir, { recursive: true, force: true });
      }
    }).timeout(SECONDS * 1000 + 150_000);
  }
});
