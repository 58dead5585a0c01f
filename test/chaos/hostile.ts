/** Feeds damaged bytes to all readers for half an hour. */
import { fuzz } from "../hostile/fuzz";
import type { Chaos, Row } from "./scenario";

export async function hostile({ random, say }: Chaos, { seconds }: { seconds: number }): Promise<Omit<Row, "scenario">> {
  say(`${seconds} s`);
  const { attempts, faults, longestTurnMs, heapGrowthMB } = await fuzz({ seconds, random });
  const count = Object.values(attempts).reduce((sum, value) => sum + value, 0);
  const note = `${count} attempts at ${Object.keys(attempts).length} readers, longest turn ${longestTurnMs} ms, heap ${heapGrowthMB >= 0 ? "+" : ""}${heapGrowthMB} MB`;
  return { transport: "", events: 0, faults: note, missing: 0, duplicates: 0, bound: 0, note: "", broken: faults };
}
