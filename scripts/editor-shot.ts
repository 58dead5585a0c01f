/**
 * Takes screenshots of the first example and of every node's dialog, by default into .cache/screenshots.
 *
 *     npm run screenshot -- [folder] [--lang de] [--dark]
 *
 * If the editor shows an error, prints it and ends with exit code 1.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json";
import { modulesWithDashboard } from "../test/support/dashboard";
import { visitEditor } from "../test/support/editor";
import { examples } from "../test/support/examples";
import { startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { lang: { type: "string", default: "en-US" }, dark: { type: "boolean", default: false } },
  });
  const { BROWSER, ensureDebianPackages } = await import("./debian-packages.mjs");
  ensureDebianPackages(BROWSER);
  const userDir = mkdtempSync(join(tmpdir(), "siem-shot-"));
  // The variables of the examples, as their comments ask for.
  const env = Object.fromEntries([...JSON.stringify(examples()).matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, name]) => [String(name), "set"]));
  const nodeRed = await startNodeRed({ userDir, env, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true });
  try {
    const { problems } = await visitEditor({
      url: nodeRed.url,
      language: values.lang,
      dark: values.dark,
      types: Object.keys(manifest["node-red"].nodes),
      flows: examples().map(({ flow }) => flow),
      screenshots: resolve(positionals[0] ?? ".cache/screenshots"),
    });
    for (const problem of problems) console.error(problem);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    await nodeRed.stop();
    rmSync(userDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
