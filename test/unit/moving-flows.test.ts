import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/built";
import { checkCriteria } from "../../src/code42/criteria/criteria-check";
import { criteriaGroups } from "../../src/code42/criteria/criteria";
import { isEnvironment } from "../../src/editor/validators";
import type { FlowNode } from "../support/node-red-process";
import { ownTypes, type Definition } from "../support/own-types";

interface WiredNode extends FlowNode {
  z?: string;
  wires?: string[][];
}

/** Properties of every node, with or without a field in the form. */
const COMMON = ["id", "type", "z", "x", "y", "wires", "credentials"];

function coreTypes(): Set<string> {
  const core = join(root, "node_modules/@node-red/nodes/core");
  const forms = readdirSync(core, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html") && !file.startsWith("locales"));
  return new Set(forms.flatMap((file) => [...readFileSync(join(core, file), "utf8").matchAll(/registerType\(\s*['"]([^'"]+)['"]/g)].map(([, type]) => type ?? "")));
}

describe("the flows for moving from c42eventextractor", () => {
  const folder = join(root, "docs/flows");
  const files = readdirSync(folder).sort();
  const flows = files.map((file) => ({ file, nodes: JSON.parse(readFileSync(join(folder, file), "utf8")) as WiredNode[] }));
  const page = readFileSync(join(root, "docs/moving-from-c42eventextractor.md"), "utf8");
  let own: ReadonlyMap<string, Definition>;
  let core: Set<string>;
  before(async () => {
    own = await ownTypes();
    core = coreTypes();
  });

  it("include one for each example of its README, each of them linked", () => {
    assert.deepEqual(files, ["all-events.json", "cef-to-file.json", "cef-to-syslog.json", "conditional-filters.json", "open-alerts.json", "time-range.json"]);
    for (const file of files) assert.ok(page.includes(`](flows/${file})`), file);
  });

  it("can be imported together: they share no id and no cursor", () => {
    const ids = flows.flatMap(({ nodes }) => nodes.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length);
    const cursors = flows.flatMap(({ nodes }) => nodes.flatMap(({ type, cursor }) => (type === "code42-query" ? [cursor] : [])));
    assert.equal(new Set(cursors).size, flows.length);
  });

  for (const { file, nodes } of flows) {
    describe(file, () => {
      it("has only existing node types, on its tab, wired to each other", () => {
        const ids = new Set(nodes.map(({ id }) => id));
        for (const { id, type, z, wires = [] } of nodes) {
          assert.ok(type === "tab" || own.has(type) || core.has(type), type);
          assert.ok(z === undefined || ids.has(z), id);
          for (const target of wires.flat()) assert.ok(ids.has(target), `${id} → ${target}`);
        }
      });

      it("has only properties and values that our forms accept, and no secret", () => {
        for (const node of nodes) {
          const definition = own.get(node.type);
          if (definition === undefined) continue;
          for (const name of Object.keys(node).filter((key) => !COMMON.includes(key))) assert.ok(Object.hasOwn(definition.defaults, name), `${node.type}.${name}`);
          for (const [name, { validate, required }] of Object.entries(definition.defaults)) {
            if (required === true) assert.ok(![undefined, ""].includes(node[name] as undefined), `${node.type}.${name} is missing`);
            // The test does not know values from the environment; the nodes accept them, although some forms mark them.
            if (validate !== undefined && !isEnvironment(node[name])) assert.equal(validate.call(Object.assign({ _: (key: string) => key }, node), node[name], {}), true, `${node.type}.${name}`);
          }
          const credentials = node["credentials"] ?? {};
          for (const [name, value] of Object.entries(credentials)) {
            assert.ok(Object.hasOwn(definition.credentials ?? {}, name), name);
            assert.match(String(value), /^\$\{\w+\}$/);
          }
        }
      });

      it("has criteria that its source accepts, and confirms each page", () => {
        const queries = nodes.filter(({ type }) => type === "code42-query");
        assert.equal(queries.length, 1);
        for (const query of queries) {
          const criteria = { clause: "AND" as const, groups: criteriaGroups(query["criteria"], "criteria") };
          assert.deepEqual(checkCriteria(String(query["source"]), criteria), []);
        }
        assert.ok(nodes.some(({ type }) => type === "syslog-out" || type === "delivery-confirm"));
      });
    });
  }
});
