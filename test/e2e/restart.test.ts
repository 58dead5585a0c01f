/** An orderly stop and start: each kind of cursor is found again, and no event is missing or arrives twice. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem } from "../../src/simulator/siem";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { mainJob } from "../support/flows";
import { durableStore, startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { until } from "../support/until";

describe("an orderly restart of Node-RED", () => {
  it("continues from cursors in global, flow and node context, with no event missing and none twice", async function () {
    this.timeout(120_000);
    const folder = mkdtempSync(join(tmpdir(), "siem-restart-"));
    const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
    let made = 0;
    const addEvents = (count: number) => tenant.add(Array.from({ length: count }, () => makeFileEvent(made, { insertedUs: (Date.now() - 3_600_000 + made++ * 10) * 1000 })));
    const scopes = ["global", "flow", "node"];
    const siems = await Promise.all(scopes.map(() => startSiem({})));
    const flows = mainJob(tenant, scopes.map((scope, index) => ({
      name: scope,
      query: { cursorType: scope },
      syslog: { host: "127.0.0.1", port: String(siems[index]?.port), transport: "tcp" },
    })));
    const options = { userDir: join(folder, "user"), modules: packedPackage().modules, contextStorage: durableStore, flows };
    try {
      for (const count of [700, 300]) {
        addEvents(count);
        const nodeRed = await startNodeRed(options);
        await until(() => siems.every(({ ids }) => ids.size === made), "all events arrived everywhere", 30_000);
        await nodeRed.stop();
      }
      assert.equal(made, 1000);
      assert.deepEqual(siems.map(({ received, duplicates, illegal }) => ({ received, duplicates, illegal })), scopes.map(() => ({ received: 1000, duplicates: 0, illegal: 0 })));
    } finally {
      for (const siem of siems) await siem.close();
      await tenant.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
