/**
 * What it costs a Node-RED to have the package installed, before a flow uses it: processor time a second after
 * its start, and memory when the garbage is collected; and the node files alone, in a process that has nothing else. `npm run bench -- startup [--rounds N]`
 * A start takes a second of processor time and varies by several times what the package costs. So it is installed ten times
 * over, under other names; the figures are a tenth of what that costs.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../scripts/built";
import { startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { residentMB } from "../test/support/process-memory";
import { processorMsOf } from "../test/support/processor-time";
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

/** Node-RED gives back what it needed for its start only, at a signal: when it would do so by itself varies by megabytes. */
const COLLECT = `
process.on("SIGWINCH", () => {
  require("node:v8").setFlagsFromString("--expose-gc");
  const collect = require("node:vm").runInNewContext("gc");
  for (let times = 0; times < 3; times++) collect();
});
`;

const COPIES = 10;
const PACKAGE = "@security-events/node-red-siem";

const nodeTypes = (modules: string) => Object.keys((JSON.parse(readFileSync(join(modules, PACKAGE, "package.json"), "utf8")) as { "node-red": { nodes: object } })["node-red"].nodes);

/** Fills `target` with what is installed in `modules`, and with copies of it in which packages and node types have other names. */
function installCopies(modules: string, target: string): void {
  cpSync(modules, target, { recursive: true });
  const names = new RegExp(nodeTypes(modules).join("|"), "g");
  const others = readdirSync(modules, { recursive: true, encoding: "utf8" }).filter((path) => basename(path) === "package.json" && !path.startsWith(PACKAGE) && path.split("/").length - (path.startsWith("@") ? 1 : 0) === 2);
  for (let copy = 1; copy < COPIES; copy++) {
    const renamed = (text: string) => text.replace(names, `$&-${copy}`);
    const folder = join(target, `${PACKAGE}-${copy}`);
    cpSync(join(modules, PACKAGE), folder, { recursive: true });
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).map((each) => join(folder, each))) {
      if (!statSync(path).isFile() || !/\.(js|json|html)$/.test(path)) continue;
      writeFileSync(path, renamed(readFileSync(path, "utf8")).replaceAll(`"${PACKAGE}"`, `"${PACKAGE}-${copy}"`));
      renameSync(path, join(dirname(path), renamed(basename(path))));
    }
    // Of what it depends on, Node-RED reads package.json to see whether there are nodes in it.
    for (const path of others) {
      const copied = join(target, `${dirname(path)}-${copy}`);
      mkdirSync(copied, { recursive: true });
      cpSync(join(modules, path), join(copied, "package.json"));
    }
  }
}

/** The least that a package of as many nodes can be: what is left of the cost is Node-RED's own. */
function installLeast(modules: string, target: string): void {
  for (let copy = 1; copy <= COPIES; copy++) {
    const folder = join(target, `least-${copy}`);
    mkdirSync(folder, { recursive: true });
    const types = nodeTypes(modules).map((type) => `${type}-${copy}`);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: basename(folder), version: "1.0.0", "node-red": { nodes: Object.fromEntries(types.map((type) => [type, `${type}.js`])) } }));
    for (const type of types) {
      writeFileSync(join(folder, `${type}.js`), `module.exports = (RED) => RED.nodes.registerType("${type}", function (config) { RED.nodes.createNode(this, config); });\n`);
      writeFileSync(join(folder, `${type}.html`), `<script type="text/javascript">RED.nodes.registerType("${type}", { category: "function", defaults: {}, inputs: 1, outputs: 1 })</script>\n<script type="text/html" data-template-name="${type}"></script>\n`);
    }
  }
}

interface Cost {
  ms: number;
  mb: number;
}

async function start(modules: string): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const nodeRed = await startNodeRed({ userDir: join(folder, "user"), modules, flows: [], settingsScript: COLLECT });
  await sleep(1000);
  const ms = processorMsOf(nodeRed.pid);
  nodeRed.kill("SIGWINCH");
  await sleep(1000);
  const mb = residentMB(nodeRed.pid);
  await nodeRed.stop();
  rmSync(folder, { recursive: true, force: true });
  return { ms, mb };
}

export async function startup(options: string[]): Promise<Row[]> {
  const { rounds } = parseOptions(options, { rounds: 11 }, []);
  const { modules } = packedPackage();
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const at = (name: string) => join(folder, name, "node_modules");
  mkdirSync(at("plain"), { recursive: true });
  installCopies(modules, at("ours"));
  installLeast(modules, at("least"));
  const costs: Record<"plain" | "ours" | "least", Cost[]> = { plain: [], ours: [], least: [] };
  const { plain, ours, least } = costs;
  const alone: Cost[] = [];
  for (let round = 0; round < rounds; round++) {
    const names = ["plain", "ours", "least"] as const;
    for (const name of round % 2 === 0 ? names : names.toReversed()) costs[name].push(await start(at(name)));
    alone.push(JSON.parse(execFileSync(process.execPath, ["--expose-gc", "-e", ALONE, root], { encoding: "utf8" })) as Cost);
  }
  rmSync(folder, { recursive: true });
  const of = (costs: Cost[], value: (cost: Cost) => number) => median(costs.map(value));
  const over = (value: (cost: Cost) => number, installed = ours) => median(installed.map((cost, round) => value(cost) - value(plain[round] as Cost))) / COPIES;
  const [ms, mb] = [(cost: Cost) => cost.ms, (cost: Cost) => cost.mb];
  return [
    { what: `start of Node-RED with the package ${COPIES} times, ms of processor time over plain for each`, figure: `${of(ours, ms).toFixed(0)} ms`, peer: `${of(plain, ms).toFixed(0)} ms`, ratio: over(ms), atMost: 15 },
    { what: `memory of Node-RED with the package ${COPIES} times, MB over plain for each`, figure: `${of(ours, mb).toFixed(1)} MB`, peer: `${of(plain, mb).toFixed(1)} MB`, ratio: over(mb), atMost: 3 },
    { what: "the same of a package with as many nodes that do nothing, ms", figure: `${of(least, ms).toFixed(0)} ms`, peer: `${of(plain, ms).toFixed(0)} ms`, ratio: over(ms, least) },
    { what: "the same of a package with as many nodes that do nothing, MB", figure: `${of(least, mb).toFixed(1)} MB`, peer: `${of(plain, mb).toFixed(1)} MB`, ratio: over(mb, least) },
    { what: "node files alone, ms of processor time", figure: `${of(alone, ms).toFixed(1)} ms`, ratio: of(alone, ms), atMost: 15 },
    { what: "node files alone, MB", figure: `${of(alone, mb).toFixed(1)} MB`, ratio: of(alone, mb), atMost: 3 },
  ];
}
