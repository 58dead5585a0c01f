import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../scripts/built";

describe("icons", () => {
  for (const file of readdirSync(join(root, "icons"))) {
    it(`${file} is a white drawing of 40 by 60, as Node-RED requires`, () => {
      const svg = readFileSync(join(root, "icons", file), "utf8");
      assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="40" height="60" viewBox="0 0 40 60">/);
      const colours = [...svg.matchAll(/(?:fill|stroke)="([^"]*)"/g)].map(([, colour]) => colour);
      assert.deepEqual(colours.filter((colour) => colour !== "#fff" && colour !== "none"), []);
      assert.ok(colours.includes("#fff"));
    });
  }
});
