import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Journey } from "../support/journey";

const EVENTS = 12_000;
const PAGE = 1000;

describe("large pages in a real Node-RED", () => {
  let journey: Journey;
  afterEach(() => journey.remove());

  it("are read by a thread, and by Node-RED's own when that one ends, and every event arrives once", async () => {
    journey = await Journey.prepare({ query: { pageSize: String(PAGE) } });
    journey.offer(EVENTS);
    const file = join(journey.folder, "threads");
    await journey.start({ env: { NODE_OPTIONS: `--require ${join(__dirname, "../support/threads.cjs")}`, THREADS_FILE: file, THREADS_KILL_AT: "3" } });
    await journey.arrived();
    journey.settle(0);
    const threads = readFileSync(file, "utf8").trim().split("\n");
    assert.equal(threads.length, 3, threads.join("; "));
    assert.match(threads[0] as string, /^begins .*node-red-siem\/dist\/page-worker\.js$/);
    assert.equal(threads[1], "ends 1 after 3");
    assert.equal(threads[2], threads[0], "another one, which still lives");
  });
});
