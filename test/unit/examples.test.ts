import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/built";
import { examples } from "../support/examples";
import { layoutFaults } from "../support/flow-layout";
import type { FlowNode } from "../support/node-red-process";

const moving = join(root, "docs/flows");
const movingFlows = readdirSync(moving).map((file) => ({ name: file.replace(/\.json$/, ""), flow: JSON.parse(readFileSync(join(moving, file), "utf8")) as FlowNode[] }));

/** Every text in `value`, at any depth. */
const textsIn = (value: unknown): string[] => (typeof value === "string" ? [value] : typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []);

describe("the examples", () => {
  for (const { name, flow } of examples()) {
    it(`"${name}" is whole: it names only nodes of its own, and its tab has its name`, () => {
      const number = name.slice(0, 2);
      const ids = new Set(flow.map(({ id }) => id));
      assert.equal(ids.size, flow.length, "an id is used twice");
      for (const node of flow) {
        assert.match(node.id, new RegExp(`^siem${number}`));
        for (const text of textsIn(node)) if (/^siem\d\d\w{10}$/.test(text)) assert.ok(ids.has(text), `${node.id} names ${text}`);
      }
      const [tab] = flow;
      assert.equal(tab?.type, "tab");
      assert.equal(tab["label"], name.replace(/^\d\d - /, ""));
      assert.ok(flow.every(({ type, z, x }) => type === "tab" || x === undefined || z === tab.id), "a node is on another tab");
      // `npm start` fills in 13.
      if (number !== "13") assert.match(String(flow.find(({ type }) => type === "comment")?.["name"]), /[Ff]ill in/);
    });
  }

  for (const { name, flow } of [...examples().filter(({ name }) => !name.startsWith("13")), ...movingFlows]) {
    it(`"${name}" can be read: nothing overlaps, no wire runs back, through a node or across the page, and it fits in a window`, () => {
      assert.deepEqual(layoutFaults(flow), []);
    });
  }

  it("the layout of a flow is judged: what overlaps, runs back, runs through a node, is too long or too wide is found", () => {
    const node = (id: string, x: number, y: number, targets: string[] = []): FlowNode => ({ id, type: "change", name: id, x, y, wires: [targets] });
    assert.deepEqual(layoutFaults([node("a", 100, 100, ["b"]), node("b", 300, 100)]), []);
    assert.deepEqual(layoutFaults([node("a", 100, 100), { ...node("b", 100, 140), type: "comment" }]), ['"a" and "b" overlap']);
    assert.deepEqual(layoutFaults([node("a", 300, 100, ["b"]), node("b", 100, 200)]), ['the wire from "a" to "b" runs back']);
    assert.deepEqual(layoutFaults([node("a", 100, 100, ["c"]), node("b", 300, 100), node("c", 500, 100)]), ['the wire from "a" to "c" runs through "b"']);
    assert.deepEqual(layoutFaults([node("a", 100, 100, ["b"]), node("b", 800, 100)]), ['the wire from "a" to "b" is 600 long']);
    assert.deepEqual(layoutFaults([node("a", 1300, 100)]), ['"a" ends at 1350']);
  });
});
