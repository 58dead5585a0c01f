/** The clock of Node-RED's machine is an hour off, or steps while it runs: no event is missing or arrives twice, and polls continue. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";
import { Journey } from "../support/journey";
import { until } from "../support/until";

/** From Debian's package `faketime`. */
const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const POLL_SECONDS = 1;

describe("the clock of this machine", function () {
  this.timeout(120_000);

  it("may be an hour fast or slow, and may step by hours during a poll, without any effect", async () => {
    // Pages take long enough that a step happens during a poll.
    const journey = await Journey.prepare({ query: { pollInterval: String(POLL_SECONDS) }, syslog: { confirmDelay: "1000" } });
    const clock = join(journey.folder, "clock");
    const step = (hours: number) => writeFileSync(clock, `${hours < 0 ? "-" : "+"}${Math.abs(hours)}h\n`);
    assert.ok(existsSync(LIBRARY), "run scripts/debian-packages.mjs to install faketime");
    const env = { LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: "1", FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1" };
    try {
      for (const [start, steps] of [[1, [-1, 3]], [-1, [-5]]] as const) {
        step(start);
        const nodeRed = await journey.start({ env });
        // Inserted now, so that a query with the slow local clock as its upper limit would miss them.
        journey.addEvents(300, 0);
        await journey.waitForAll();
        for (const hours of steps) {
          const received = journey.siem.received;
          journey.addEvents(300, 0);
          await until(() => journey.siem.received > received, "a page is out", 20_000);
          step(hours);
          journey.addEvents(50, 0);
          await journey.waitForAll();
          const polls = journey.tenant.requests.length;
          await until(() => journey.tenant.requests.length >= polls + 3, `it continues to poll after a step to ${hours} h`, 3 * (POLL_SECONDS * 1000) + 10_000);
          assert.match(journey.status.get("query-job") ?? "", /^(green|blue) /);
        }
        await nodeRed.stop();
      }
      journey.assertDelivered(0);
    } finally {
      await journey.remove();
    }
  });
});
