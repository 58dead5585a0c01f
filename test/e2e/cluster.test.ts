/** The short form of the clusters of the chaos suite. `npm run chaos -- cluster` runs the long form. */
import assert from "node:assert/strict";
import { shortCluster } from "../chaos/cluster";
import { playTogether } from "../chaos/play";
import type { Row } from "../chaos/scenario";
import { table } from "../chaos/table";

/** Most of their time is waiting. More would slow each other down. */
const AT_A_TIME = 3;

describe("several Node-REDs on NATS: no event is missing, and only one of them searches", function () {
  this.timeout(300_000);
  const seed = Date.now() % 1_000_000;
  const rows: Row[] = [];
  let played: Map<string, Promise<Row>>;
  before(() => { played = playTogether(shortCluster, seed, AT_A_TIME); });
  after(() => process.stdout.write(`\n${table(rows)}\n\nnpm run chaos -- cluster --short --seed ${seed}\n`));

  for (const { name } of shortCluster) {
    it(name, async () => {
      const row = await played.get(name);
      assert.ok(row !== undefined);
      rows.push(row);
      assert.deepEqual(row.broken, []);
    });
  }
});
