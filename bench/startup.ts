/**
 * The cost of an installed package that no flow uses: processor time one second after the start of Node-RED, and memory
 * after a garbage collection. `npm run bench -- startup [--rounds N]`
 *
 * A start takes a second of processor time and varies by more than the package costs. So the package is installed ten times
 * under different names; the figures are a tenth of the cost.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { residentMB } from "../test/support/process-memory";
import { processorMsOf } from "../test/support/processor-time";
import { median, parseOptions, type Row } from "./report";

/** Collects garbage at a signal: without that, the memory of the start still in use varies by megabytes. */
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

/** Copies `modules` to `target`, and adds copies of the package with other names and node types. */
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
    // Node-RED reads package.json of every dependency to see whether it has nodes.
    for (const path of others) {
      const copied = join(target, `${dirname(path)}-${copy}`);
      mkdirSync(copied, { recursive: true });
      cpSync(join(modules, path), join(copied, "package.json"));
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
  const costs: Record<"plain" | "ours", Cost[]> = { plain: [], ours: [] };
  for (let round = 0; round < rounds; round++) {
    const names = ["plain", "ours"] as const;
    for (const name of round % 2 === 0 ? names : names.toReversed()) costs[name].push(await start(at(name)));
  }
  rmSync(folder, { recursive: true });
  const row = (what: string, unit: string, value: (cost: Cost) => number, atMost: number): Row => {
    const of = (all: Cost[]) => median(all.map(value));
    const over = median(costs.ours.map((cost, round) => value(cost) - value(costs.plain[round]!))) / COPIES;
    return { what, figure: `${of(costs.ours).toFixed(0)} ${unit}`, peer: `${of(costs.plain).toFixed(0)} ${unit}`, ratio: over, atMost };
  };
  return [
    row(`start of Node-RED with the package ${COPIES} times, ms of processor time over plain for each`, "ms", ({ ms }) => ms, 60),
    row(`memory of Node-RED with the package ${COPIES} times, MB over plain for each`, "MB", ({ mb }) => mb, 8),
  ];
}
