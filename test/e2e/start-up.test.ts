/** What the built node files do in a process that has nothing else. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { ensureBuilt, root } from "../../scripts/built";

const types = Object.keys((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { "node-red": { nodes: object } })["node-red"].nodes);

/** Runs `script` in a fresh process, with a RED that registers, and `loaded()`: the files below the project that were loaded since. */
function run<Result>(script: string, ...args: string[]): Result {
  const before = `
const path = require("node:path");
const [root, ...args] = process.argv.slice(1);
const registered = {};
const RED = { nodes: { registerType(type, make) { registered[type] = make; }, createNode() {}, getNode: () => null, eachNode() {} }, httpAdmin: { get() {}, post() {}, use() {} }, auth: { needsPermission: () => () => {} }, events: { on() {}, off() {} }, settings: {}, hooks: { add() {}, has: () => false }, _: (key) => key, log: {}, util: {} };
const load = (type) => require(path.join(root, "dist/nodes", type + ".js"))(RED);
const loaded = () => Object.keys(require.cache).map((file) => path.relative(root, file));
`;
  return JSON.parse(execFileSync(process.execPath, ["-e", `${before}\nPromise.resolve((() => {${script}})()).then((result) => process.stdout.write(JSON.stringify(result)));`, root, ...args], { encoding: "utf8" })) as Result;
}

describe("the built node files", function () {
  this.timeout(120_000);
  before(ensureBuilt);

  it("load no dependency until a node of theirs connects", () => {
    const loaded = run<string[]>("args.forEach(load); return loaded();", ...types);
    assert.deepEqual(loaded.filter((file) => !file.startsWith("dist/")), []);
  });

  for (const type of types) {
    it(`work one without the others: ${type}`, () => {
      const registered = run<string[]>(`
        load(args[0]);
        const node = { id: "n1", type: args[0], on() {}, error() {}, warn() {}, status() {}, log() {}, debug() {}, send() {} };
        registered[args[0]].call(node, { id: "n1", type: args[0] });
        node.getTenant && (() => { try { node.getTenant(); } catch {} })();
        node.getFabric && node.getFabric().catch(() => undefined);
        setImmediate(() => process.exit());
        return Object.keys(registered);`, type);
      assert.deepEqual(registered, [type]);
    });
  }

  it("name in a stack trace the file that the source has", () => {
    const stack = run<string>(`
      load("dxl-fabric");
      const node = { id: "n1", on() {} };
      registered["dxl-fabric"].call(node, { brokers: "" });
      return node.getFabric().catch((error) => error.stack);`);
    assert.match(stack, /dist\/src\/dxl\/client-config\.js:\d+/);
    assert.match(stack, /dist\/nodes\/dxl-fabric\.js:\d+/);
  });
});

describe("the built forms", () => {
  before(ensureBuilt);

  /** What the editor asks for and runs, in its order: first what has an address. */
  const scriptsOf = (type: string): [shared: string, own: string] => {
    const html = readFileSync(join(root, "dist/nodes", `${type}.html`), "utf8");
    const source = /<script src="resources\/@security-events\/node-red-siem\/([^"?]+)\?[0-9a-f]{8}"><\/script>/.exec(html)?.[1] ?? "";
    return [readFileSync(join(root, "resources", source), "utf8"), /<script type="text\/javascript">([^]*?)<\/script>/.exec(html)?.[1] ?? ""];
  };

  it("hold nothing of src/, which Node-RED would search through at each start", () => {
    for (const type of types) {
      const [shared, own] = scriptsOf(type);
      assert.match(shared, /^ *\/\/ src\//m);
      assert.doesNotMatch(own, /^ *\/\/ src\//m, type);
    }
  });

  it("register their types, and the parts that they share run once", () => {
    const registered: string[] = [];
    const editor = createContext({ RED: { nodes: { registerType: (type: string) => registered.push(type) }, validators: { number: () => () => true, regex: () => () => true, typedInput: () => () => true }, _: (key: string) => key } });
    const parts = new Set<unknown>();
    for (const type of types) {
      for (const script of scriptsOf(type)) runInContext(script, editor);
      parts.add(runInContext("securityEventsEditor", editor));
    }
    assert.deepEqual(registered, types);
    assert.equal(parts.size, 1);
  });
});
