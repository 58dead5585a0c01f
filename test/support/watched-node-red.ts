/** A real Node-RED whose memory and pauses are measured, and in which each query node polls when it is asked over HTTP. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNodeRed, type FlowNode, type NodeRedProcess } from "./node-red-process";
import { packedPackage } from "./packed-package";

export interface Watched {
  nodeRed: NodeRedProcess;
  /** Polls with the query `id`; the code of its error, or "" if the poll succeeded. */
  poll(id: string): Promise<string>;
  /** Posts `body` to an admin route; the answer as text. */
  post(path: string, body: string): Promise<string>;
  /** Since the last call: the most resident memory, in MB, and the longest time that the event loop stood still, in ms. */
  measure(): Promise<{ residentMB: number; stallMs: number }>;
  close(): Promise<void>;
}

const LOOP_SCRIPT = `
const loop = require("node:perf_hooks").monitorEventLoopDelay({ resolution: 5 });
loop.enable();
require("node:v8").setFlagsFromString("--expose-gc");
module.exports.functionGlobalContext = { loop, gc: require("node:vm").runInNewContext("gc") };
`;
/** What was done before would leave more or less garbage to the next figure, as V8 pleases. */
const READ_LOOP = 'const loop = global.get("loop"); msg.payload = loop.max / 1e6; global.get("gc")(); loop.reset(); return msg;';

/** The nodes that let the query `id` poll at POST /poll/<id>, and answer with the code of its error. */
export const polledOverHttp = (id: string): FlowNode[] => [
  { id: `${id}-in`, type: "http in", z: "tab", url: `/poll/${id.replace(" ", "_")}`, method: "post", wires: [[id]] },
  { id: `${id}-done`, type: "complete", z: "tab", scope: [id], wires: [[`${id}-ok`]] },
  { id: `${id}-ok`, type: "function", z: "tab", outputs: 1, func: 'msg.payload = "none"; return msg;', wires: [["http-out"]] },
  { id: `${id}-catch`, type: "catch", z: "tab", scope: [id], wires: [[`${id}-failed`]] },
  { id: `${id}-failed`, type: "function", z: "tab", outputs: 1, func: "if (msg.res === undefined) return null; msg.payload = String(msg.error.code ?? msg.error.message); return msg;", wires: [["http-out"]] },
];

/** Starts Node-RED with `flows`, whose nodes are on the tab "tab". */
export async function startWatched(flows: readonly FlowNode[]): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), "siem-watched-"));
  const all: FlowNode[] = [
    { id: "tab", type: "tab", label: "hostile" },
    { id: "loop-in", type: "http in", z: "tab", url: "/loop", method: "get", wires: [["loop-read"]] },
    { id: "loop-read", type: "function", z: "tab", outputs: 1, func: READ_LOOP, wires: [["http-out"]] },
    { id: "http-out", type: "http response", z: "tab", wires: [] },
    ...flows,
  ];
  const nodeRed = await startNodeRed({
    userDir: join(folder, "user"), modules: packedPackage().modules, settingsScript: LOOP_SCRIPT, settings: { apiMaxLength: "5mb" },
    flows: all.map((node) => (node["z"] === undefined ? node : { x: 100, y: 100, ...node })),
  });
  const peak = () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${nodeRed.pid}/status`, "utf8"))?.[1]) / 1024;
  return {
    nodeRed,
    poll: async (id) => {
      const code = await (await nodeRed.admin(`/poll/${id.replace(" ", "_")}`, { method: "POST" })).text();
      return code === "none" ? "" : code;
    },
    post: async (path, body) => (await fetch(`${nodeRed.url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body })).text(),
    async measure() {
      const stallMs = Number(await (await nodeRed.admin("/loop")).text());
      const residentMB = peak();
      // "5" resets the peak (Documentation/filesystems/proc.rst, /proc/PID/clear_refs).
      writeFileSync(`/proc/${nodeRed.pid}/clear_refs`, "5");
      return { residentMB, stallMs };
    },
    async close() {
      await nodeRed.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
