/** Makes sure that dist/ is what the sources say. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export const root = join(__dirname, "..");

const SOURCES = ["nodes", "src", "icons", "scripts/build.mjs", "package.json", "tsconfig.json", "tsconfig.build.json"];

/** What the build makes last: while it is missing, the build did not end well. */
const LAST_BUILT = join(root, "dist/nodes/icons");

function newest(path: string): number {
  const entry = statSync(path);
  const inside = entry.isDirectory() ? readdirSync(path).map((name) => newest(join(path, name))) : [];
  return Math.max(entry.mtimeMs, ...inside);
}

/** Builds if dist/ is missing or older than any source. Throws when the build fails. */
export function ensureBuilt(): void {
  const builtAt = existsSync(LAST_BUILT) ? statSync(LAST_BUILT).mtimeMs : 0;
  if (SOURCES.every((source) => newest(join(root, source)) <= builtAt)) return;
  execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { stdio: "inherit" });
}
