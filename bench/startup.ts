/**
 * What it costs a Node-RED to have the package installed, before a flow uses it: time until it runs, memory a second
 * later; and the node files alone, in a process that has nothing else. `npm run bench -- startup [--rounds N]`
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../scripts/built";
import { startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { residentMB } from "../test/support/process-memory";
import { median, parseOptions, type Row } from "./report";

/** Loads what Node-RED has loaded anyway, and then the node files; prints ms and MB. */
const ALONE = `
for (const name of ["http", "https", "net", "tls", "dgram", "dns", "zlib", "crypto", "stream", "url", "os", "fs", "path", "events", "util", "timers/promises", "dns/promises"]) require("node:" + name);
const { nodes } = require(process.argv[1] + "/package.json")["node-red"];
global.gc();
const before = { at: process.cpuUsage(), rss: process.memoryUsage.rss() };
const RED = { nodes: { registerType() {} }, httpAdmin: { get() {}, post() {}, use() {} }, auth: { needsPermission: () => () => {} }, events: { on() {}, off() {} }, settings: {}, hooks: { add() {}, has: () => false }, _: (key) => key, log: { info() {}, warn() {}, debug() {}, error() {} }, util: {} };
for (const file of Object.values(nodes)) require(process.argv[1] + "/" + file)(RED);
const { user, system } = process.cpuUsage(before.at);
global.gc();
console.log(JSON.stringify({ ms: (user + system) / 1000, mb: (process.memoryUsage.rss() - before.rss) / 2 ** 20 }));
`;

interface Cost {
  ms: number;
  mb: number;
}

async function start(modules: string): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const started = performance.now();
  const nodeRed = await startNodeRed({ userDir: join(folder, "user"), modules, flows: [] });
  const ms = performance.now() - started;
  await sleep(1000);
  const mb = residentMB(nodeRed.pid);
  await nodeRed.stop();
  rmSync(folder, { recursive: true, force: true });
  return { ms, mb };
}

export async function startup(options: string[]): Promise<Row[]> {
  const { rounds } = parseOptions(options, { rounds: 7 }, []);
  const { modules } = packedPackage();
  const empty = join(mkdtempSync(join(tmpdir(), "siem-bench-")), "node_modules");
  mkdirSync(empty);
  const [plain, ours, alone]: [Cost[], Cost[], Cost[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    plain.push(await start(empty));
    ours.push(await start(modules));
    alone.push(JSON.parse(execFileSync(process.execPath, ["--expose-gc", "-e", ALONE, root], { encoding: "utf8" })) as Cost);
  }
  rmSync(join(empty, ".."), { recursive: true });
  const of = (costs: Cost[], value: (cost: Cost) => number) => median(costs.map(value));
  const [ms, mb] = [(cost: Cost) => cost.ms, (cost: Cost) => cost.mb];
  return [
    { what: "start of Node-RED with the package, ms over plain", figure: `${of(ours, ms).toFixed(0)} ms`, peer: `${of(plain, ms).toFixed(0)} ms`, ratio: of(ours, ms) - of(plain, ms), atMost: 15 },
    { what: "memory of Node-RED with the package, MB over plain", figure: `${of(ours, mb).toFixed(1)} MB`, peer: `${of(plain, mb).toFixed(1)} MB`, ratio: of(ours, mb) - of(plain, mb), atMost: 3 },
    { what: "node files alone, ms of processor time", figure: `${of(alone, ms).toFixed(1)} ms`, ratio: of(alone, ms), atMost: 15 },
    { what: "node files alone, MB", figure: `${of(alone, mb).toFixed(1)} MB`, ratio: of(alone, mb), atMost: 3 },
  ];
}
