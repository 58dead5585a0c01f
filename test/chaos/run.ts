/**
 * `npm run chaos -- [--short] [--seed N] [NAME...]` runs the scenarios and prints a row for each. The names `cluster`
 * and `networks` stand for all scenarios of cluster.ts and networks.ts. Ends with exit code 1 if a rule was broken.
 */
import { parseArgs } from "node:util";
import { longCluster, shortCluster } from "./cluster";
import { longNetworks, shortNetworks } from "./networks";
import { playInOwnNetwork } from "./own-network";
import { play } from "./play";
import { long, short } from "./scenarios";
import type { Scenario } from "./scenario";
import { table } from "./table";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { short: { type: "boolean" }, seed: { type: "string" } } });
  const form = values.short === true ? "short" : "long";
  const [onLoopback, overNetworks] = form === "short" ? [[...short, ...shortCluster], shortNetworks] : [[...long, ...longCluster], longNetworks];
  const names = [...onLoopback, ...overNetworks].map(({ name }) => name);
  const groups = ["cluster", "networks"];
  const unknown = positionals.filter((name) => ![...groups, ...names].includes(name));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(", ")}; there are: ${[...groups, ...names].join(", ")}`);
  const chosen = ({ name }: Scenario) => positionals.length === 0 || positionals.includes(name) || positionals.includes(name.split("/")[0] ?? "");
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const rows = [];
  for (const scenario of onLoopback.filter(chosen)) rows.push(await play(scenario, seed));
  rows.push(...await Promise.all(playInOwnNetwork(form, overNetworks.filter(chosen).map(({ name }) => name), seed).values()));
  process.stdout.write(`\n${table(rows)}\n\nseed ${seed}\n`);
  if (rows.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
