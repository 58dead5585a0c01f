/**
 * Plays the scenarios of networks.ts in a process with a network namespace of its own, which needs root: their addresses are
 * free there, and their interfaces are gone when it ends. Most of their time is waiting, so several play at a time.
 */
import { execFileSync, fork } from "node:child_process";
import { packedPackage } from "../support/packed-package";
import { longNetworks, shortNetworks } from "./networks";
import { playTogether } from "./play";
import type { Row } from "./scenario";

/** Scenarios that play at a time; more would slow each other down. */
const AT_A_TIME = 9;

/** Plays `names` (scenarios of one form) and returns the rows to come, by name. They reject if the process ends early. */
export function playInOwnNetwork(form: "long" | "short", names: readonly string[], seed: number): Map<string, Promise<Row>> {
  if (names.length === 0) return new Map();
  // The namespace has no way to a package registry.
  packedPackage();
  const child = fork(__filename, [form, String(seed), ...names], { execPath: "unshare", execArgv: ["--net", process.execPath, "--import", "tsx"] });
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`the process of the networks ended: ${signal ?? code}`)));
  });
  const resolvers = new Map<string, (row: Row) => void>();
  child.on("message", (row: Row) => resolvers.get(row.scenario)?.(row));
  const rows = new Map(names.map((name) => [name, Promise.race([ended, new Promise<Row>((resolve) => resolvers.set(name, resolve))])]));
  void Promise.allSettled(rows.values());
  return rows;
}

async function main([form, seed, ...names]: readonly string[]): Promise<void> {
  // The parent was killed.
  process.once("disconnect", () => process.exit(1));
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const scenarios = (form === "long" ? longNetworks : shortNetworks).filter(({ name }) => names.includes(name));
  await Promise.all([...playTogether(scenarios, Number(seed), AT_A_TIME).values()].map(async (row) => process.send?.(await row)));
  process.disconnect();
}

if (require.main === module) void main(process.argv.slice(2));
