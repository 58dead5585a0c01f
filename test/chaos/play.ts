import { numbers } from "../../src/simulator/events";
import type { Row, Scenario } from "./scenario";

/** Runs one scenario. If it throws, the error becomes a row too, so that the others still run. */
export async function play({ name, run }: Scenario, seed: number): Promise<Row> {
  const started = Date.now();
  const say = (text: string) => process.stdout.write(`${name} (seed ${seed}), ${Math.round((Date.now() - started) / 1000)} s: ${text}\n`);
  say("starts");
  try {
    // The seed includes the name, so that a scenario gets the same random numbers when it runs alone.
    const row = { scenario: name, ...await run({ random: numbers(seed, [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 0)), say }) };
    say(row.broken.length === 0 ? "held" : `BROKEN: ${row.broken.join("; ")}`);
    return row;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`FAILED: ${reason}`);
    return { scenario: name, transport: "", events: 0, faults: "", missing: 0, duplicates: 0, bound: 0, note: "", broken: [reason] };
  }
}
