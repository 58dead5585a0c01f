/** Compiles kernel/ to dist/kernel.wasm: for the package, and for tests from sources, which look for it there. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const target = join(root, "dist/kernel.wasm");
const FLAGS = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--initialMemory", "32", "--maximumMemory", "32"];

export function buildKernel() {
  mkdirSync(join(root, "dist"), { recursive: true });
  const made = `${target}.${process.pid}`;
  const asc = join(createRequire(import.meta.url).resolve("assemblyscript/package.json"), "../bin/asc.js");
  execFileSync(process.execPath, [asc, "kernel/index.ts", "-o", made, ...FLAGS], { cwd: root, stdio: "inherit" });
  // In one go: somebody may be about to read it.
  renameSync(made, target);
}

/** Only if a source is newer. */
export function ensureKernel() {
  const sources = readdirSync(join(root, "kernel")).map((file) => statSync(join(root, "kernel", file)).mtimeMs);
  if (!existsSync(target) || statSync(target).mtimeMs < Math.max(...sources)) buildKernel();
}
