import assert from "node:assert/strict";
import { BufferPool } from "../../../src/common/buffer-pool";
import { PackedLines, PIECE_BYTES } from "../../../src/pages/packed-lines";

const texts = (count: number, letter: string) => Array.from({ length: count }, (_, index) => `${index} ${letter.repeat(index % 900)} größe 値 😀`);

function pack(pool: BufferPool, lines: string[]): PackedLines {
  const packed = new PackedLines(pool);
  packed.again = () => assert.fail("the lines are still there");
  for (const line of lines) assert.ok(packed.add(line));
  return packed;
}

const memoryOf = (packed: PackedLines) => (packed.at(0) as Buffer).buffer;

describe("packed lines", () => {
  it("are given as bytes and as texts, in order", () => {
    const lines = ["", ...texts(3000, "a"), "", "last"];
    const packed = pack(new BufferPool(PIECE_BYTES), lines);
    assert.equal(packed.length, lines.length);
    assert.equal(packed.bytes, Buffer.byteLength(lines.join("")));
    assert.deepEqual(packed.unpackAtOnce(), lines);
    assert.deepEqual(lines.map((_, index) => packed.at(index).toString()), lines);
    assert.equal(packed.text(5), lines[5]);
  });

  it("use the memory of a page again after its release, not before", () => {
    const pool = new BufferPool(PIECE_BYTES);
    const first = pack(pool, texts(200, "a"));
    const memory = memoryOf(first);
    const second = pack(pool, texts(200, "b"));
    assert.notEqual(memoryOf(second), memory);
    first.release();
    first.release();
    first.again = () => texts(200, "a");
    const third = pack(pool, texts(200, "c"));
    const fourth = pack(pool, texts(200, "d"));
    assert.equal(memoryOf(third), memory);
    assert.notEqual(memoryOf(fourth), memory);
    for (const [packed, letter] of [[first, "a"], [second, "b"], [third, "c"], [fourth, "d"]] as const) assert.deepEqual(packed.unpackAtOnce(), texts(200, letter));
    assert.equal(first.text(3), texts(4, "a")[3]);
  });

  it("take no line that may be longer than a piece of memory", () => {
    const packed = new PackedLines(new BufferPool(PIECE_BYTES));
    assert.equal(packed.add("x".repeat(100_000)), false);
    assert.equal(packed.length, 0);
    assert.ok(packed.add("short"));
    assert.deepEqual(packed.unpackAtOnce(), ["short"]);
  });
});
