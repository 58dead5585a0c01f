import assert from "node:assert/strict";
import { SpareMemory } from "../../src/spare-memory";

const KB = 1024;

describe("spare memory", () => {
  it("gives the smallest size that fits, and the same memory again once nobody uses it", () => {
    const memory = new SpareMemory(256 * KB);
    const sizes = [256 * KB, 129 * KB, 128 * KB, 70 * KB, 17 * KB];
    const taken = sizes.map((size) => memory.take(size));
    assert.deepEqual(taken.map(({ length }) => length / KB), [256, 256, 128, 128, 32]);
    assert.equal(new Set(taken.map(({ buffer }) => buffer)).size, sizes.length, "what is in use is not given twice");
    taken.forEach((buffer, index) => memory.give(buffer.subarray(0, sizes[index])));
    const again = sizes.map((size) => memory.take(size));
    assert.deepEqual(again.map(({ length }) => length), taken.map(({ length }) => length));
    assert.deepEqual(new Set(again.map(({ buffer }) => buffer)), new Set(taken.map(({ buffer }) => buffer)));
    assert.ok(again.every(({ byteOffset }) => byteOffset === 0));
  });

  it("keeps neither short Buffers nor those over its largest", () => {
    const memory = new SpareMemory(64 * KB);
    for (const size of [16 * KB - 1, 64 * KB + 1]) {
      const taken = memory.take(size);
      assert.equal(taken.length, size);
      memory.give(taken);
      assert.notEqual(memory.take(size).buffer, taken.buffer);
    }
  });

  it("never keeps memory that other Buffers of the process share, however large its stretches are", () => {
    const { poolSize } = Buffer;
    Buffer.poolSize = 64 * KB;
    try {
      Buffer.allocUnsafe(poolSize);
      const memory = new SpareMemory(256 * KB);
      const short = memory.take(600);
      const foreign = Buffer.from("of somebody else");
      memory.give(short);
      memory.take(40 * KB).fill("X");
      assert.equal(foreign.toString(), "of somebody else");
      assert.notEqual(memory.take(40 * KB).buffer, short.buffer);
    } finally {
      Buffer.poolSize = poolSize;
    }
  });

  it("keeps a bounded number of them", () => {
    const memory = new SpareMemory(16 * KB);
    const taken = Array.from({ length: 100 }, () => memory.take(16 * KB));
    taken.forEach((buffer) => memory.give(buffer));
    const known = new Set(taken.map(({ buffer }) => buffer));
    const again = taken.filter(() => known.has(memory.take(16 * KB).buffer));
    assert.equal(again.length, 16);
  });
});
