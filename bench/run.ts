/**
 * `npm run bench -- NAME` measures and prints figures; without a name it runs all benches and writes bench/results.md too.
 * Nothing here is a test, because figures depend on the machine.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cluster } from "./cluster";
import { dxl } from "./dxl";
import { flow } from "./flow";
import { memory } from "./memory";
import { receive } from "./receive";
import { machine, table, type Row } from "./report";
import { send } from "./send";
import { startup } from "./startup";

const benches: Record<string, (options: string[]) => Promise<Row[]>> = { send, dxl, receive, startup, flow, cluster, memory };

async function main(): Promise<void> {
  const [name, ...options] = process.argv.slice(2);
  const chosen = name === undefined ? Object.values(benches) : Object.hasOwn(benches, name) ? [benches[name]] : [];
  if (chosen.length === 0) throw new Error(`there is no bench "${name}"; there are: ${Object.keys(benches).join(", ")}`);
  const rows: Row[] = [];
  for (const bench of chosen) rows.push(...await bench?.(options) ?? []);
  if (rows.length === 0) return;
  const results = `${machine()}\n\n${table(rows)}\n`;
  process.stdout.write(`\n${results}`);
  if (name === undefined) writeFileSync(join(__dirname, "results.md"), `# Results\n\nWritten by \`npm run bench\`. Only ratios are worth comparing: the figures are those of one machine.\n\n${results}`);
}

// Without exit, open servers and sinks, and peers that connect again after their close, would keep the process alive.
main().then(() => process.exit(), (error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
