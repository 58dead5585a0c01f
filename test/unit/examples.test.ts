import assert from "node:assert/strict";
import { examples } from "../support/examples";

/** Every text in `value`, at any depth. */
const textsIn = (value: unknown): string[] => (typeof value === "string" ? [value] : typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []);

describe("the examples", () => {
  for (const { name, flow } of examples()) {
    it(`"${name}" is whole: it names only nodes of its own, and fits in a window`, () => {
      const number = name.slice(0, 2);
      const ids = new Set(flow.map(({ id }) => id));
      assert.equal(ids.size, flow.length, "an id is used twice");
      for (const node of flow) {
        assert.match(node.id, new RegExp(`^siem${number}`));
        for (const text of textsIn(node)) if (/^siem\d\d\w{10}$/.test(text)) assert.ok(ids.has(text), `${node.id} names ${text}`);
        assert.ok(Number(node["x"] ?? 0) <= 1300, node.id);
      }
      const [tab] = flow;
      assert.equal(tab?.type, "tab");
      assert.ok(flow.every(({ type, z, x }) => type === "tab" || x === undefined || z === tab.id), "a node is on another tab");
      assert.match(String(flow.find(({ type }) => type === "comment")?.["name"]), /[Ff]ill in/);
    });
  }
});
