/**
 * Runs all tests, on both runtimes. Ends with the line `N passed, N failed`. A step that is not a test itself (the build, a
 * smoke test, a test run that crashed) counts as one test.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureDebianPackages } from "./debian-packages.mjs";
import { secondRuntime } from "./second-runtime.mjs";

const root = new URL("..", import.meta.url).pathname;
const mochaBin = createRequire(import.meta.url).resolve("mocha/bin/mocha.js");
const scratch = mkdtempSync(join(tmpdir(), "siem-test-"));
const totals = { passed: 0, failed: 0 };
/** Printed again at the end, because the last lines of a long log are read first. */
const failures = [];

function title(text) {
  console.log(`\n=== ${text}`);
}

function count(name, ok, why = "") {
  totals[ok ? "passed" : "failed"] += 1;
  const text = `${name}${why === "" ? "" : ` (${why})`}`;
  if (!ok) failures.push(text);
  console.log(`${ok ? "ok" : "FAILED"}: ${text}`);
}

/** Runs one preparation; returns true if it succeeded. */
async function step(name, run) {
  title(name);
  try {
    await run();
    count(name, true);
    return true;
  } catch (error) {
    count(name, false, error instanceof Error ? error.message : String(error));
    return false;
  }
}

const run = (node, args, env = {}) => spawnSync(node, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });

function program(name, node, args, env) {
  title(name);
  count(name, run(node, args, env).status === 0);
}

/** `options` are more options of mocha. */
function mocha(name, node, spec, timeoutMs, options = [], env = {}) {
  title(name);
  const file = join(scratch, "totals.json");
  rmSync(file, { force: true });
  const { status, signal } = run(node, [mochaBin, "--reporter", join(root, "scripts/mocha-totals.cjs"), "--timeout", String(timeoutMs), ...options, spec], { ...env, MOCHA_TOTALS: file });
  const ran = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { passed: 0, failed: 0, failures: [] };
  totals.passed += ran.passed;
  totals.failed += ran.failed;
  for (const { title: test, why } of ran.failures) failures.push(`${name}: ${test}\n${why}`);
  const crashed = (status !== 0 && ran.failed === 0) || ran.passed + ran.failed === 0;
  if (crashed) count(name, false, signal ?? `exit code ${status}`);
}

/** Two files at a time. Only for tests that mostly wait: those of `hostile` and `e2e` measure what a busy machine would change. */
const SIDE_BY_SIDE = ["--parallel", "--jobs", "2"];

const started = Date.now();
let finished = false;
// On exit, so that the totals are the last line even if a step ends the process.
process.on("exit", () => {
  rmSync(scratch, { recursive: true, force: true });
  if (!finished) {
    totals.failed += 1;
    failures.push("the run ended before its last step");
  }
  if (totals.failed > 0 || totals.passed === 0) process.exitCode = 1;
  if (failures.length > 0) console.log(`\n=== what failed\n${failures.join("\n\n")}`);
  console.log(`\nin ${Math.round((Date.now() - started) / 1000)} s\n\n${totals.passed} passed, ${totals.failed} failed`);
});

const packages = await step("Debian packages", ensureDebianPackages);
const built = packages && await step("build", () => {
  if (run(process.execPath, ["scripts/build.mjs"]).status !== 0) throw new Error("the build failed");
});
if (built) {
  mocha("unit tests", process.execPath, "test/unit/**/*.test.ts", 20_000, SIDE_BY_SIDE);
  mocha("node tests, Node-RED 4", process.execPath, "test/nodes/**/*.test.ts", 20_000, SIDE_BY_SIDE);
  mocha("hostile tests, Node-RED 4", process.execPath, "test/hostile/**/*.test.ts", 180_000);
  mocha("end-to-end tests, Node-RED 4", process.execPath, "test/e2e/**/*.test.ts", 300_000);
  program("package smoke test, Node-RED 4", process.execPath, ["--import", "tsx", "scripts/pack-smoke.ts"]);
  let second;
  if (await step("second runtime", () => { second = secondRuntime(); })) {
    const env = { NODE_RED_MODULES: second.modules };
    mocha("node tests, Node-RED 5", second.node, "test/nodes/**/*.test.ts", 20_000, SIDE_BY_SIDE, env);
    program("package smoke test, Node-RED 5", second.node, ["--import", "tsx", "scripts/pack-smoke.ts"], env);
  }
}
finished = true;
