/** `npm run bench -- NAME`: measures and prints figures. Nothing here is a test: a figure depends on the machine. */
import { memory } from "./memory";

const benches: Record<string, (options: string[]) => Promise<void>> = { memory };

async function main(): Promise<void> {
  const [name, ...options] = process.argv.slice(2);
  const chosen = name === undefined ? Object.values(benches) : Object.hasOwn(benches, name) ? [benches[name]] : [];
  if (chosen.length === 0) throw new Error(`there is no bench "${name}"; there are: ${Object.keys(benches).join(", ")}`);
  for (const bench of chosen) await bench?.(options);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
