/** Interleaved rounds of contestants; the built package, because that is what users run; and the peers. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ensureBuilt, root } from "../scripts/built";
import { processorMs } from "../test/support/processor-time";
import { median } from "./report";

type Contestants = Record<string, () => unknown>;

/**
 * Items per second of each contestant; one call handles `items`. The figures are medians of `rounds` rounds, in each of which
 * every contestant runs for at least `leastMs`. `clock` counts milliseconds.
 */
export async function compare(contestants: Contestants, { items, rounds, leastMs = 150, clock = processorMs }: { items: number; rounds: number; leastMs?: number; clock?: () => number }): Promise<Record<string, number>> {
  const rates = new Map<string, number[]>(Object.keys(contestants).map((name) => [name, []]));
  // The first round compiles; it does not count.
  for (let round = -1; round < rounds; round++) {
    // The order alternates, because each contestant runs with the caches and the garbage of the previous one.
    const all = Object.entries(contestants);
    for (const [name, run] of round % 2 === 0 ? all : all.reverse()) {
      const started = clock();
      let calls = 0;
      do {
        await run();
        calls += 1;
      } while (clock() - started < leastMs);
      if (round >= 0) rates.get(name)?.push((calls * items) / ((clock() - started) / 1000));
    }
  }
  return Object.fromEntries([...rates].map(([name, values]) => [name, median(values)]));
}

export const perSecond = (rate: number | undefined): string => `${Math.round(rate ?? NaN).toLocaleString("en-US")}/s`;

/** A module of src/ as built in dist/, such as "cef/encoder". */
export function built<Module>(name: string): Module {
  ensureBuilt();
  return createRequire(__filename)(join(root, "dist/src", name)) as Module;
}

/** The path of a peer in the package of this folder, which is installed at first use. */
export function peerPath(name: string): string {
  if (!existsSync(join(__dirname, "node_modules", name))) execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: __dirname, stdio: "inherit" });
  return createRequire(__filename).resolve(name);
}

export const peer = <Module>(name: string): Module => createRequire(__filename)(peerPath(name)) as Module;
