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

/** Plays the scenarios, `atATime` of them together, and returns the rows to come, by name. */
export function playTogether(scenarios: readonly Scenario[], seed: number, atATime: number): Map<string, Promise<Row>> {
  const played = new Map<string, (row: Row) => void>();
  const rows = new Map(scenarios.map(({ name }) => [name, new Promise<Row>((resolve) => played.set(name, resolve))]));
  const waiting = [...scenarios];
  const player = async () => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) played.get(scenario.name)?.(await play(scenario, seed));
  };
  for (let players = 0; players < atATime; players++) void player();
  return rows;
}
