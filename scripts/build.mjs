/**
 * Builds dist/: compiles the runtime, bundles each editor script into its HTML, copies locales (with the shared texts
 * merged in) and icons beside the built node files, where Node-RED looks for them.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRequire } from "node:module";
import { build } from "esbuild";

const root = new URL("..", import.meta.url).pathname;
const at = (...parts) => join(root, ...parts);
const require = createRequire(import.meta.url);
const { "node-red": { nodes } } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const types = Object.keys(nodes);

rmSync(at("dist"), { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", at("tsconfig.build.json")], { stdio: "inherit" });
execFileSync(process.execPath, [at("scripts/check-tables.mjs")], { stdio: "inherit" });

for (const type of types) {
  const bundle = await build({
    entryPoints: [at("nodes", `${type}.editor.ts`)],
    bundle: true, write: false, format: "iife", target: "es2020", charset: "utf8", logLevel: "warning",
  });
  const marker = `<!-- editor: ${type}.editor.ts -->`;
  const html = readFileSync(at("nodes", `${type}.html`), "utf8");
  if (!html.includes(marker)) throw new Error(`nodes/${type}.html lacks the line ${marker}`);
  const script = `<script type="text/javascript">\n${bundle.outputFiles[0].text}</script>`;
  writeFileSync(at("dist/nodes", `${type}.html`), html.replace(marker, () => script));
}

for (const language of readdirSync(at("nodes/locales"))) {
  const target = at("dist/nodes/locales", language);
  mkdirSync(target, { recursive: true });
  const common = JSON.parse(readFileSync(at("nodes/locales", language, "common.json"), "utf8"));
  for (const type of types) {
    const own = JSON.parse(readFileSync(at("nodes/locales", language, `${type}.json`), "utf8"));
    writeFileSync(join(target, `${type}.json`), `${JSON.stringify({ ...own, common }, null, 2)}\n`);
    cpSync(at("nodes/locales", language, `${type}.html`), join(target, `${type}.html`));
  }
}
cpSync(at("icons"), at("dist/nodes/icons"), { recursive: true });
