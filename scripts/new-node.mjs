/**
 * `npm run new-node NAME` makes a working node with everything that a node needs: form, help, texts in both languages, icon,
 * logic in src/, tests, an example, the entry in package.json and the row in the README.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const at = (...parts) => join(root, ...parts);
const [type = ""] = process.argv.slice(2);

function fail(why) {
  console.error(why);
  process.exit(1);
}

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(type) || type.length > 40) fail("Give the node a name of lower-case words with hyphens, such as: npm run new-node event-counter");
const manifest = JSON.parse(readFileSync(at("package.json"), "utf8"));
if (Object.hasOwn(manifest["node-red"].nodes, type)) fail(`There is a node ${type} already.`);

const title = type.replaceAll("-", " ");
const fill = (text) => text
  .replaceAll("@type@", type)
  .replaceAll("@Type@", type.replace(/(^|-)([a-z0-9])/g, (_, hyphen, letter) => letter.toUpperCase()))
  .replaceAll("@title@", title);

const files = {
  "node.ts": `nodes/${type}.ts`,
  "form.html": `nodes/${type}.html`,
  "editor.ts": `nodes/${type}.editor.ts`,
  "en-US.json": `nodes/locales/en-US/${type}.json`,
  "en-US.html": `nodes/locales/en-US/${type}.html`,
  "de.json": `nodes/locales/de/${type}.json`,
  "de.html": `nodes/locales/de/${type}.html`,
  "icon.svg": `icons/${type}.svg`,
  "logic.ts": `src/${type}/event-count.ts`,
  "unit-test.ts": `test/unit/${type}/event-count.test.ts`,
  "node-test.ts": `test/nodes/${type}.test.ts`,
};
for (const file of Object.values(files)) if (existsSync(at(file))) fail(`${file} is there already; nothing was changed.`);

const number = String(Math.max(0, ...readdirSync(at("examples")).map((name) => Number.parseInt(name, 10) || 0)) + 1).padStart(2, "0");
const example = `examples/${number} - ${title[0].toUpperCase()}${title.slice(1)}.json`;
const id = (part) => `siem${number}${part}`.padEnd(15, "0") + "1";
const flow = [
  { id: id("tab"), type: "tab", label: title, disabled: false, info: `Shows what ${type} does.` },
  { id: id("comment"), type: "comment", z: id("tab"), name: "Press the button; nothing to fill in", info: "", x: 180, y: 60, wires: [] },
  {
    id: id("inject"), type: "inject", z: id("tab"), name: "three events", props: [{ p: "payload" }], repeat: "", crontab: "", once: false, onceDelay: 0.1, topic: "",
    payload: JSON.stringify([{ id: 1 }, { id: 2 }, { id: 3 }]), payloadType: "json", x: 130, y: 120, wires: [[id("node")]],
  },
  { id: id("node"), type, z: id("tab"), name: "", property: "payload", x: 330, y: 120, wires: [[id("debug")]] },
  {
    id: id("debug"), type: "debug", z: id("tab"), name: "Events", active: true, tosidebar: true, console: false, tostatus: false, complete: "payload", targetType: "msg",
    statusVal: "", statusType: "auto", x: 530, y: 120, wires: [],
  },
];

function write(file, text) {
  mkdirSync(dirname(at(file)), { recursive: true });
  writeFileSync(at(file), text);
  console.log(`  ${file}`);
}

console.log(`New node ${type}:`);
for (const [template, file] of Object.entries(files)) write(file, fill(readFileSync(at("scripts/new-node", `${template}.txt`), "utf8")));
write(example, `${JSON.stringify(flow, null, 2)}\n`);
manifest["node-red"].nodes[type] = `dist/nodes/${type}.js`;
write("package.json", `${JSON.stringify(manifest, null, 2)}\n`);

const readme = readFileSync(at("README.md"), "utf8");
const rows = readme.match(/^\| `[a-z0-9-]+` \| .*$/gm) ?? [];
const last = rows.at(-1) ?? fail("The README has no table of nodes.");
write("README.md", readme.replace(last, () => `${last}\n| \`${type}\` | Counts the events that pass. |`));
execFileSync(process.execPath, ["--import", "tsx", "scripts/docs.ts"], { cwd: root, stdio: "inherit" });
console.log(`
Look at it:   npm run build && npm run screenshot -- .cache/screenshots
Test it:      npx mocha test/unit/${type}/*.test.ts test/nodes/${type}.test.ts
Then:         CONTRIBUTING.md, "A node in ten minutes"`);
