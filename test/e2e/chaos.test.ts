/** The short form of the chaos suite: fewer faults, the same rules. `npm run chaos` runs the long form. */
import assert from "node:assert/strict";
import { play } from "../chaos/play";
import { short } from "../chaos/scenarios";
import type { Row } from "../chaos/scenario";
import { table } from "../chaos/table";

describe("chaos: no event is missing, and events arrive twice only where a fault allows it", () => {
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
