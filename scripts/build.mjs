/**
 * Builds dist/ and resources/. dist/ mirrors the sources: the compiler writes each module there, and the forms, locales (with
 * the shared texts merged in) and icons go beside the node files, where Node-RED looks for them.
 *
 * Node-RED reads and searches the form of every node type when it starts. So a form holds its own script alone, and what
 * the scripts share is resources/editor.js, which only the browser asks for, as it does for their style.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRequire } from "node:module";
import { build } from "esbuild";

const root = new URL("..", import.meta.url).pathname;
const at = (...parts) => join(root, ...parts);
const { name: packageName, "node-red": { nodes } } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const types = Object.keys(nodes);
const quoted = (text) => JSON.stringify(text);

for (const folder of [at("dist"), at("resources")]) rmSync(folder, { recursive: true, force: true });
execFileSync(process.execPath, [createRequire(import.meta.url).resolve("typescript/bin/tsc"), "-p", at("tsconfig.build.json")], { stdio: "inherit" });
execFileSync(process.execPath, [at("scripts/check-tables.mjs")], { stdio: "inherit" });

/** What the editor scripts import, for all of them together. It is loaded once for each node type, and runs once. */
const EDITOR_PARTS = "globalThis.securityEventsEditor";
const editorParts = new Set();
const shareEditorParts = {
  name: "share-editor-parts",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.\/src\// }, ({ path }) => ({ path: path.slice("../src/".length), namespace: "shared" }));
    onLoad({ filter: /./, namespace: "shared" }, async ({ path }) => {
      editorParts.add(path);
      return { contents: `export const { ${(await exportsOf(path)).join(", ")} } = ${EDITOR_PARTS}[${quoted(path)}];` };
    });
  },
};
async function exportsOf(path) {
  const { metafile } = await build({ stdin: { contents: `export * from "./src/${path}";`, resolveDir: root }, bundle: true, write: false, format: "esm", metafile: true });
  return Object.values(metafile.outputs)[0].exports;
}
const forBrowser = async (options) => {
  const { outputFiles: [{ text }] } = await build({ bundle: true, write: false, format: "iife", target: "es2020", charset: "utf8", logLevel: "warning", ...options });
  return text;
};

const adapters = await Promise.all(types.map((type) => forBrowser({ entryPoints: [at("nodes", `${type}.editor.ts`)], plugins: [shareEditorParts] })));
const parts = [...editorParts].sort();
const shared = await forBrowser({
  stdin: {
    contents: `${parts.map((path, index) => `import * as part${index} from "./src/${path}";`).join("\n")}\n${EDITOR_PARTS} = { ${parts.map((path, index) => `${quoted(path)}: part${index}`).join(", ")} };`,
    resolveDir: root,
  },
  banner: { js: `if (${EDITOR_PARTS} === undefined) {` },
  footer: { js: "}" },
});
mkdirSync(at("resources"), { recursive: true });
/** Writes what the browser asks for, and returns its address. Nothing between Node-RED and the browser may give out that of another version. */
const resource = (name, text) => {
  writeFileSync(at("resources", name), text);
  return `resources/${packageName}/${name}?${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
};
const script = resource("editor.js", shared);
const style = resource("editor.css", readFileSync(at("src/editor/form.css")));
for (const [index, type] of types.entries()) {
  const marker = `<!-- editor: ${type}.editor.ts -->`;
  const html = readFileSync(at("nodes", `${type}.html`), "utf8");
  if (!html.includes(marker)) throw new Error(`nodes/${type}.html lacks the line ${marker}`);
  const editor = `<link rel="stylesheet" href="${style}">\n<script src="${script}"></script>\n<script type="text/javascript">\n${adapters[index]}</script>`;
  writeFileSync(at("dist/nodes", `${type}.html`), html.replace(marker, () => editor));
}

for (const language of readdirSync(at("nodes/locales"))) {
  const target = at("dist/nodes/locales", language);
  mkdirSync(target, { recursive: true });
  // Node-RED looks for the name of a palette category in the catalog of its first node.
  const { palette, ...common } = JSON.parse(readFileSync(at("nodes/locales", language, "common.json"), "utf8"));
  for (const type of types) {
    const own = JSON.parse(readFileSync(at("nodes/locales", language, `${type}.json`), "utf8"));
    writeFileSync(join(target, `${type}.json`), JSON.stringify({ ...own, palette, common }));
    cpSync(at("nodes/locales", language, `${type}.html`), join(target, `${type}.html`));
  }
}
cpSync(at("icons"), at("dist/nodes/icons"), { recursive: true });
