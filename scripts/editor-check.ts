/**
 * Checks the editor as users see it: it drags every node in and opens every dialog and every help, on Node-RED 4 and 5, light
 * and dark, in English and German, below an admin root and behind a sign-in.
 *
 *     npm run test:browser
 *
 * Writes screenshots below .cache/editor-check. Ends with the line `N passed, N failed`, and exit code 1 if one failed.
 */
import { join } from "node:path";
import manifest from "../package.json";
import { checkEditor } from "../test/support/editor-check";
import { checkHelp } from "../test/support/help-check";
import { startEditorSite } from "../test/support/editor-site";
import { root } from "./built";

const types = Object.keys(manifest["node-red"].nodes);

async function main(): Promise<void> {
  const { BROWSER, ensureDebianPackages } = await import("./debian-packages.mjs");
  ensureDebianPackages(BROWSER);
  const { secondRuntime } = await import("./second-runtime.mjs");
  const totals = { passed: 0, failed: 0 };
  for (const [name, runtime] of [["node-red-4", undefined], ["node-red-5", secondRuntime()]] as const) {
    const { url, user, stop } = await startEditorSite(runtime);
    try {
      for (const language of ["en-US", "de"] as const) {
        for (const dark of [false, true]) {
          const title = `${name}-${language}-${dark ? "dark" : "light"}`;
          const check = { url, user, language, dark, types, screenshots: join(root, ".cache/editor-check", title) };
          const problems = [...await checkEditor(check), ...await checkHelp(check)];
          for (const problem of problems) console.error(`${title}: ${problem}`);
          console.log(`${problems.length === 0 ? "ok" : "FAILED"}: ${title}`);
          totals[problems.length === 0 ? "passed" : "failed"] += 1;
        }
      }
    } finally {
      await stop();
    }
  }
  console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
  process.exitCode = totals.failed === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
