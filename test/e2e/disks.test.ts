/** The disk below the cursor is full, read-only, or gave back a damaged file: nothing is missing, and somebody is told. */
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

  it("full, then read-only: red, reading stops, and it goes on by itself when the disk does", async () => {
    const nodeRed = await journey.start({ contextStorage: stores({ cache: false }) });
    journey.offer(300);
    await journey.arrived();
    const faults: [text: RegExp, begin: () => void, end: () => void][] = [
      [/could not be saved.*ENOSPC/, () => disk.fill(), () => disk.free()],
      [/could not be saved.*EROFS/, () => disk.readOnly(true), () => disk.readOnly(false)],
    ];
    for (const [text, begin, end] of faults) {
      const before = journey.siem.received;
      begin();
      const begun = journey.tenant.requests.length;
      journey.offer(3000);
      await until(() => journey.status.get("query-job") === "red cursor not saved", "the query shows it", 30_000);
      await until(() => text.test(nodeRed.log()), "the log says why", 5000);
      // The first page that cannot be saved shows it, while the places for pages that are out may still be filling up.
      await sleep(1000);
      const requests = journey.tenant.requests.length;
      await sleep(1500);
      assert.ok(journey.siem.received - before <= (PAGES_OUT + 1) * PAGE, `${journey.siem.received - before} events were sent on`);
      assert.ok(journey.tenant.requests.length - requests <= 1, "it reads on although nothing can be saved");
      const all = journey.tenant.requests.length - begun;
      assert.ok(all <= PAGES_OUT + 2, `${all} requests: more than the pages that are out, the one that waits and the one behind it`);
      end();
      await journey.arrived();
      await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "the query is well again", 30_000);
    }
    await nodeRed.stop();
    const again = await journey.start({ contextStorage: stores({ cache: false }) });
    journey.offer(1);
    await journey.arrived();
    await again.stop();
    journey.settle(0);
  });

  it("full below a cached store, which hides it: a kill repeats events and loses none", async () => {
    const contextStorage = stores({ cache: true, flushInterval: 1 });
    const nodeRed = await journey.start({ contextStorage });
    assert.match(nodeRed.log(), /durable.*1 s/);
    journey.offer(300);
    await journey.arrived();
    disk.fill();
    journey.offer(500);
    await journey.arrived();
    nodeRed.kill("SIGKILL");
    await nodeRed.exited;
    disk.free();
    journey.offer(200);
    await journey.start({ contextStorage });
    await journey.arrived();
    journey.settle(800);
  });

  it("that gives a context file back empty: the query goes on from the other slot with a warning; cut: it stops red and starts nothing over", async () => {
    const contextStorage = stores({ cache: false });
    const file = join(disk.path, "context/global/global.json");
    const first = await journey.start({ contextStorage });
    journey.offer(600);
    await journey.arrived();
    await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "everything is committed", 20_000);
    await first.stop();

    writeFileSync(file, "");
    journey.offer(100);
    const second = await journey.start({ contextStorage });
    await journey.arrived();
    assert.match(second.log(), /\[warn\] \[code42-query:job\].*cursor/);
    assert.doesNotMatch(second.log(), /There is no cursor/);
    await until(() => journey.status.get("query-job")?.startsWith("green") ?? false, "everything is committed again", 20_000);
    await second.stop();
    journey.settle(PAGES_OUT * PAGE);

    writeFileSync(file, '{"cursor_job":"{');
    const [received, requests] = [journey.siem.received, journey.tenant.requests.length];
    const third = await journey.start({ contextStorage });
    await until(() => third.log().includes('The cursor in "cursor_job" cannot be read'), "the log says why", 20_000);
    assert.deepEqual([journey.siem.received, journey.tenant.requests.length], [received, requests]);
  });

  it("with a context file of broken JSON: Node-RED itself refuses to start and names the file, so nothing starts over", async () => {
    const folder = join(disk.path, "context/global");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "global.json"), '{"cursor_job":"{\\"v\\":1');
    await assert.rejects(journey.start({ contextStorage: stores({ cache: true }), startTimeoutMs: 10_000 }), /global\.json/);
    assert.equal(journey.tenant.requests.length, 0);
  });
});
