/** `npm run chaos -- [--short] [--seed N] [NAME...]` runs the scenarios and prints a row for each. Ends with exit code 1 if a rule was broken. */
import { parseArgs } from "node:util";
import { play } from "./play";
import { long, short } from "./scenarios";
import { table } from "./table";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { short: { type: "boolean" }, seed: { type: "string" } } });
  const all = values.short === true ? short : long;
  const unknown = positionals.filter((name) => !all.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(", ")}; there are: ${all.map(({ name }) => name).join(", ")}`);
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const rows = [];
  for (const scenario of all) {
    if (positionals.length === 0 || positionals.includes(scenario.name)) rows.push(await play(scenario, seed));
  }
  process.stdout.write(`\n${table(rows)}\n\nseed ${seed}\n`);
  if (rows.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
