/** The disk with the cursor is full, read-only, or returns a damaged file: no event is missing, and the error is reported. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Journey } from "../support/journey";
import { SmallDisk } from "../support/small-disk";
import { until } from "../support/until";

const PAGE = 100;
const PAGES_OUT = 4;

describe("the disk of the cursor", function () {
  this.timeout(120_000);
  let journey: Journey;
  let disk: SmallDisk;
  const stores = (config: Record<string, unknown>) => ({
    default: "memory", memory: { module: "memory" }, durable: { module: "localfilesystem", config: { dir: disk.path, ...config } },
  });

  beforeEach(async () => {
    journey = await Journey.prepare({ query: { pageSize: String(PAGE), pagesOut: String(PAGES_OUT) } });
    disk = SmallDisk.mount(join(journey.folder, "disk"));
  });
  afterEach(async () => {
    disk.remove();
    await journey.remove();
  });

  it("full, then read-only: the query turns red and stops reading, and continues by itself when the disk works again", async () => {
    const nodeRed = await journey.start({ contextStorage: stores({ cache: false }) });
    journey.addEvents(300);
    await journey.waitForAll();
    const faults: [text: RegExp, begin: () => void, end: () => void][] = [
      [/could not be saved.*ENOSPC/, () => disk.fill(), () => disk.free()],
      [/could not be saved.*EROFS/, () => disk.readOnly(true), () => disk.readOnly(false)],
    ];
    for (const [text, begin, end] of faults) {
      const before = journey.siem.received;
      begin();
      const begun = journey.tenant.requests.length;
      journey.addEvents(3000);
      await until(() => journey.status.get("query-job") === "red cursor not saved", "the query shows the error", 30_000);
      await until(() => text.test(nodeRed.log()), "the log has the reason", 5000);
      // The first page whose cursor cannot be saved causes the error; after it, pages may still be read up to `pagesOut`.
      await sleep(1000);
      const requests = journey.tenant.requests.length;
      await sleep(1500);
      assert.ok(journey.siem.received - before <= (PAGES_OUT + 1) * PAGE, `${journey.siem.received - before} events were sent on`);
      assert.ok(journey.tenant.requests.length - requests <= 1, "it continues to read although no cursor can be saved");
      const all = journey.tenant.requests.length - begun;
      assert.ok(all <= PAGES_OUT + 2, `${all} requests: more than the pages in flight, the one that waits and the next one`);
      end();
      await journey.waitForAll();
      await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "the query is green again", 30_000);
    }
    await nodeRed.stop();
    const again = await journey.start({ contextStorage: stores({ cache: false }) });
    journey.addEvents(1);
    await journey.waitForAll();
    await again.stop();
    journey.assertDelivered(0);
  });

  it("full below a cached store, which hides the error: a kill repeats events and loses none", async () => {
    const contextStorage = stores({ cache: true, flushInterval: 1 });
    const nodeRed = await journey.start({ contextStorage });
    assert.match(nodeRed.log(), /durable.*1 s/);
    journey.addEvents(300);
    await journey.waitForAll();
    disk.fill();
    journey.addEvents(500);
    await journey.waitForAll();
    nodeRed.kill("SIGKILL");
    await nodeRed.exited;
    disk.free();
    journey.addEvents(200);
    await journey.start({ contextStorage });
    await journey.waitForAll();
    journey.assertDelivered(800);
  });

  it("returns an empty context file: the query continues from its second slot, with a warning. Returns half a file: the query stops, red, and does not start over", async () => {
    const contextStorage = stores({ cache: false });
    const file = join(disk.path, "context/global/global.json");
    const first = await journey.start({ contextStorage });
    journey.addEvents(600);
    await journey.waitForAll();
    await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "everything is committed", 20_000);
    await first.stop();

    writeFileSync(file, "");
    journey.addEvents(100);
    const second = await journey.start({ contextStorage });
    await journey.waitForAll();
    assert.match(second.log(), /\[warn\] \[code42-query:job\].*cursor/);
    assert.doesNotMatch(second.log(), /There is no cursor/);
    await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "everything is committed again", 20_000);
    await second.stop();
    journey.assertDelivered(PAGES_OUT * PAGE);

    writeFileSync(file, '{"cursor_job":"{');
    const [received, requests] = [journey.siem.received, journey.tenant.requests.length];
    const third = await journey.start({ contextStorage });
    await until(() => third.log().includes('The cursor in "cursor_job" cannot be read'), "the log has the reason", 20_000);
    assert.deepEqual([journey.siem.received, journey.tenant.requests.length], [received, requests]);
  });

  it("holds a context file with broken JSON: Node-RED itself refuses to start and names the file, so no query starts over", async () => {
    const folder = join(disk.path, "context/global");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "global.json"), '{"cursor_job":"{\\"v\\":1');
    await assert.rejects(journey.start({ contextStorage: stores({ cache: true }), startTimeoutMs: 10_000 }), /global\.json/);
    assert.equal(journey.tenant.requests.length, 0);
  });
});
