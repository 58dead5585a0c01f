/** The chaos suite in its short form: few faults, the same rules. `npm run chaos` plays the long one. */
import assert from "node:assert/strict";
import { play } from "../chaos/play";
import { short } from "../chaos/scenarios";
import type { Row } from "../chaos/scenario";
import { table } from "../chaos/table";

describe("chaos: nothing is missing and nothing comes twice without an excuse", () => {
  const seed = Date.now() % 1_000_000;
  const rows: Row[] = [];
  after(() => process.stdout.write(`\n${table(rows)}\n\nnpm run chaos -- --short --seed ${seed}\n`));

  for (const scenario of short) {
    it(scenario.name, async function () {
      this.timeout(600_000);
      const row = await play(scenario, seed);
      rows.push(row);
      assert.deepEqual(row.broken, []);
    });
  }
});
