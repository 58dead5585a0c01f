import assert from "node:assert/strict";
import { forIndexes } from "../../../src/common/turns";

describe("long work in turns", () => {
  it("does every index in order and lets other work run in between", async () => {
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const done: number[] = [];
    await forIndexes(10_000, (index) => {
      const until = performance.now() + 0.02;
      while (performance.now() < until);
      done.push(index);
    });
    running = false;
    assert.deepEqual(done, Array.from({ length: 10_000 }, (_, index) => index));
    assert.ok(turns >= 25, `${turns} turns in 200 ms`);
  });

  it("needs no turn for little work", async () => {
    let others = 0;
    setImmediate(() => { others += 1; });
    await forIndexes(3, () => undefined);
    assert.equal(others, 0);
  });
});
