import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { GarbageCounter } from "../../src/garbage";

const MB = 1024 * 1024;

/** Counts full collections in a process that does little, before it asks for one and after that. */
const PROGRAM = `
const { constants, PerformanceObserver } = require("node:perf_hooks");
const { setTimeout: sleep } = require("node:timers/promises");
const { GarbageCounter } = require("./src/garbage");
let full = 0;
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full += 1;
}).observe({ entryTypes: ["gc"] });
const littleWork = async () => {
  for (let turn = 0; turn < 100; turn++, await sleep(2)) Array.from({ length: 20_000 }, (_, index) => ({ index }));
  return full;
};
(async () => {
  const [start, before] = [await littleWork(), await littleWork()];
  new GarbageCounter(1).add(1);
  console.log(JSON.stringify([before - start, await littleWork() - before]));
})();
`;

describe("garbage of a backlog", () => {
  it("is asked for when there is as much as may lie about, and again for as much more", () => {
    let asked = 0;
    const counter = new GarbageCounter(10 * MB, () => void asked++);
    for (let page = 0; page < 35; page++) counter.add(MB);
    assert.equal(asked, 3);
  });

  it("is then collected, although little else goes on in the process", () => {
    const [before, after] = JSON.parse(execFileSync(process.execPath, ["--import", "tsx", "--eval", PROGRAM], { encoding: "utf8" })) as [number, number];
    assert.equal(before, 0);
    assert.ok(after > 0);
  });
});
