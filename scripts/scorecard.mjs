/**
 * Makes the scorecard of flows.nodered.org for this package, with `node-red-dev validate`. That tool always ends with exit
 * code 0, so this script reads its report and ends with 1 if a check failed. It installs the tool below .cache/, because the
 * tool's dependencies are old. Needs a build.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TOOL = "node-red-dev";
const VERSION = "0.1.6";
/** All checks of the tool. A check that is missing from the report counts as failed. */
const CHECKS = ["P01", "P03", "P04", "P05", "P06", "P07", "P08", "N01", "N02", "D01", "D02", "D03"];

const root = new URL("..", import.meta.url).pathname;
const cache = join(root, ".cache/scorecard");
const installed = join(cache, "node_modules", TOOL);
const card = join(cache, "scorecard.json");

if (!existsSync(installed) || JSON.parse(readFileSync(join(installed, "package.json"), "utf8")).version !== VERSION) {
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "package.json"), JSON.stringify({ private: true }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", `${TOOL}@${VERSION}`], { cwd: cache, stdio: "inherit" });
}
rmSync(card, { force: true });
const { status } = spawnSync(process.execPath, ["--require", join(root, "scripts/catalogue.cjs"), join(installed, "bin/run"), "validate", "-o", card], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  timeout: 300_000,
});
if (!existsSync(card)) {
  console.error(`${TOOL} made no scorecard (exit code ${status})`);
  process.exit(1);
}
const results = JSON.parse(readFileSync(card, "utf8"));
const failed = CHECKS.filter((check) => results[check]?.test !== true);
for (const check of failed) console.error(`failed: ${check} ${JSON.stringify(results[check] ?? "was not made")}`);
console.log(`scorecard: ${CHECKS.length - failed.length} of ${CHECKS.length} checks passed; ${card}`);
process.exitCode = failed.length === 0 ? 0 : 1;
