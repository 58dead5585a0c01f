/**
 * Builds dist/ and resources/: compiles and bundles the runtime, puts each editor script into its HTML, copies locales (with
 * the shared texts merged in) and icons beside the built node files, where Node-RED looks for them.
 *
 * Node-RED loads every node file when it starts, whether a flow has such a node or not. So dist/nodes/<type>.js holds the
 * adapter alone, and what that imports from src/ is loaded when it is first used; all of src/ is one file, dist/runtime.js,
 * whose modules run when they are asked for. Its HTML is read and searched then too, so that holds the form and the editor's
 * adapter alone; what that imports from src/ is resources/editor.js, which only the browser asks for.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { buildKernel } from "./kernel.mjs";

const root = new URL("..", import.meta.url).pathname;
const at = (...parts) => join(root, ...parts);
const require = createRequire(import.meta.url);
const { name: packageName, "node-red": { nodes } } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const types = Object.keys(nodes);

/** Where the compiler puts the single modules; outDir of tsconfig.build.json. */
const COMPILED = at(".cache/compiled");
/** What the node files use while Node-RED starts: small, and without state of their own. It is part of each node file. */
const AT_START = ["node/metrics-route", "node/dialog-route", "node/query-dialog", "cursor/store-safety", "messages", "process-wide"];

for (const folder of [at("dist"), at("resources"), COMPILED]) rmSync(folder, { recursive: true, force: true });
buildKernel();
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", at("tsconfig.build.json")], { stdio: "inherit" });

const bundle = (options) => build({ bundle: true, platform: "node", target: "node20", packages: "external", sourcemap: "linked", sourcesContent: false, logLevel: "warning", ...options });
const moduleOf = (file) => relative(join(COMPILED, "src"), file).replaceAll("\\", "/").replace(/\.js$/, "");
const quoted = (text) => JSON.stringify(text);

/** A module of src/ as a node file sees it: the same names, and the module itself at the first use of one of them. */
function deferred(name) {
  const getters = Object.keys(require(join(COMPILED, "src", name))).map((exported) => `get ${exported}() { return loaded().${exported}; }`);
  return `let found;\nconst loaded = () => (found ??= require("../runtime.js")[${quoted(name)}]);\nmodule.exports = { ${getters.join(", ")} };`;
}

const deferSources = {
  name: "defer-sources",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.\/runtime\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = require.resolve(join(resolveDir, path));
      return file.startsWith(join(COMPILED, "src")) && !AT_START.includes(moduleOf(file)) ? { path: moduleOf(file), namespace: "deferred" } : { path: file };
    });
    onLoad({ filter: /./, namespace: "deferred" }, ({ path }) => ({ contents: deferred(path) }));
  },
};

const modules = readdirSync(join(COMPILED, "src"), { recursive: true }).filter((file) => file.endsWith(".js")).map((file) => moduleOf(join(COMPILED, "src", file)));
const contents = `module.exports = {\n${modules.map((name) => `  get ${quoted(name)}() { return require(${quoted(`./src/${name}.js`)}); },`).join("\n")}\n};`;
await bundle({ stdin: { contents, resolveDir: COMPILED, sourcefile: "runtime.js" }, outfile: at("dist/runtime.js") });
await bundle({ entryPoints: types.map((type) => join(COMPILED, "nodes", `${type}.js`)), outdir: at("dist/nodes"), plugins: [deferSources] });
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
writeFileSync(at("resources/editor.js"), shared);
// Nothing between Node-RED and the browser may give out the script of another version.
const version = createHash("sha256").update(shared).digest("hex").slice(0, 8);
for (const [index, type] of types.entries()) {
  const marker = `<!-- editor: ${type}.editor.ts -->`;
  const html = readFileSync(at("nodes", `${type}.html`), "utf8");
  if (!html.includes(marker)) throw new Error(`nodes/${type}.html lacks the line ${marker}`);
  const scripts = `<script src="resources/${packageName}/editor.js?${version}"></script>\n<script type="text/javascript">\n${adapters[index]}</script>`;
  writeFileSync(at("dist/nodes", `${type}.html`), html.replace(marker, () => scripts));
}

for (const language of readdirSync(at("nodes/locales"))) {
  const target = at("dist/nodes/locales", language);
  mkdirSync(target, { recursive: true });
  const common = JSON.parse(readFileSync(at("nodes/locales", language, "common.json"), "utf8"));
  for (const type of types) {
    const own = JSON.parse(readFileSync(at("nodes/locales", language, `${type}.json`), "utf8"));
    writeFileSync(join(target, `${type}.json`), JSON.stringify({ ...own, common }));
    cpSync(at("nodes/locales", language, `${type}.html`), join(target, `${type}.html`));
  }
}
cpSync(at("icons"), at("dist/nodes/icons"), { recursive: true });
