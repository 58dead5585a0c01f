/** The short form of the networks of the chaos suite. `npm run chaos -- networks` runs the long form. Needs root. */
import assert from "node:assert/strict";
import { shortNetworks } from "../chaos/networks";
import { playInOwnNetwork } from "../chaos/own-network";
import type { Row } from "../chaos/scenario";
import { table } from "../chaos/table";

describe("networks that fail: no event is missing", function () {
  this.timeout(300_000);
  const seed = Date.now() % 1_000_000;
  const rows: Row[] = [];
  let played: Map<string, Promise<Row>>;
  before(() => { played = playInOwnNetwork("short", shortNetworks.map(({ name }) => name), seed); });
  after(() => process.stdout.write(`\n${table(rows)}\n\nnpm run chaos -- networks --short --seed ${seed}\n`));

  for (const { name } of shortNetworks) {
    it(name, async () => {
      const row = await played.get(name);
      assert.ok(row !== undefined);
      rows.push(row);
      assert.deepEqual(row.broken, []);
    });
  }
});
