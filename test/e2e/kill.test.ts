/**
 * Kills Node-RED with kill -9 at random moments while it reads 20,000 events. No event may be missing, and each kill may
 * repeat at most the pages in flight (`pagesOut`).
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem } from "../../src/simulator/siem";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { mainJob } from "../support/flows";
import { durableStore, startNodeRed } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { until } from "../support/until";

const EVENTS = 20_000;
const PAGE = 100;
const KILLS = 12;

for (const pagesOut of [1, 4]) {
  describe(`kill -9 with ${pagesOut} page(s) in flight`, () => {
    it("loses no event and repeats at most the pages in flight", async function () {
      this.timeout(240_000);
      const folder = mkdtempSync(join(tmpdir(), "siem-kill-"));
      const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000 });
      tenant.preload({ count: EVENTS, startMs: Date.now() - 48 * 3_600_000 });
      const siem = await startSiem({});
      const flows = mainJob(tenant, [{
        name: "kill",
        query: { pageSize: String(PAGE), pagesOut: String(pagesOut) },
        // Each page stays in flight this long, so that a kill hits some.
        syslog: { host: "127.0.0.1", port: String(siem.port), transport: "tcp", confirmDelay: String(100 * pagesOut) },
      }]);
      const options = { userDir: join(folder, "user"), modules: packedPackage().modules, contextStorage: durableStore, flows };
      const duplicates: number[] = [];
      try {
        for (let kill = 0; kill < KILLS; kill++) {
          const [received, before] = [siem.received, siem.duplicates];
          const nodeRed = await startNodeRed(options);
          // At a random moment after the flows start; every third time only after a page has arrived.
          if (kill % 3 === 0) await until(() => siem.received >= received + PAGE, "a page arrives", 30_000);
          await sleep(Math.random() * 700);
          nodeRed.kill("SIGKILL");
          assert.deepEqual(await nodeRed.exited, { code: null, signal: "SIGKILL" });
          await sleep(50);
          duplicates.push(siem.duplicates - before);
        }
        assert.ok(siem.ids.size < EVENTS, "the kills came too late: everything was delivered");
        const before = siem.duplicates;
        const nodeRed = await startNodeRed(options);
        await until(() => siem.ids.size >= EVENTS, "all events arrived", 120_000);
        duplicates.push(siem.duplicates - before);
        const fresh = makeFileEvent(EVENTS, { seed: 7, insertedUs: Date.now() * 1000 });
        tenant.add([fresh]);
        await until(() => siem.ids.has(fresh.event.id), "a new event still passes", 20_000);
        await nodeRed.stop();

        assert.equal(siem.ids.size, EVENTS + 1);
        assert.equal(siem.illegal, 0);
        for (const [index, count] of duplicates.entries()) assert.ok(count <= pagesOut * PAGE, `${count} duplicates after kill ${index}: ${duplicates.join(", ")}`);
      } finally {
        await siem.close();
        await tenant.close();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}
