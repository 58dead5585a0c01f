import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../scripts/built";

/** `npm run test:browser` measures its contrast in the editor. */
const INK = "#1b3a57";

describe("icons", () => {
  for (const file of readdirSync(join(root, "icons"))) {
    it(`${file} is a dark drawing of 40 by 60`, () => {
      const svg = readFileSync(join(root, "icons", file), "utf8");
      assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="40" height="60" viewBox="0 0 40 60">/);
      const colours = [...svg.matchAll(/(?:fill|stroke)="([^"]*)"/g)].map(([, colour]) => colour);
      assert.deepEqual(colours.filter((colour) => colour !== INK && colour !== "none"), []);
      assert.ok(colours.includes(INK));
    });
  }
});
