import assert from "node:assert/strict";
import { setImmediate as nextTick } from "node:timers/promises";
import { freeMemory } from "../../src/free-memory";

const MB = 1024 * 1024;

describe("memory that is given back", () => {
  it("is gone at once, without a collection", async () => {
    freeMemory(Buffer.allocUnsafeSlow(1));
    await nextTick();
    let most = 0;
    for (let count = 0; count < 200; count++) {
      const bytes = Buffer.allocUnsafeSlow(MB);
      freeMemory(bytes);
      assert.equal(bytes.length, 0);
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    assert.ok(most < 50 * MB, `${Math.round(most / MB)} MB`);
  });

  it("is left alone where a part of it may be somebody else's", () => {
    const part = Buffer.allocUnsafeSlow(100).subarray(1);
    freeMemory(part);
    assert.equal(part.length, 99);
    const pooled = Buffer.from("text");
    freeMemory(pooled);
    assert.equal(pooled.toString(), "text");
  });
});
