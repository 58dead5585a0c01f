import assert from "node:assert/strict";
import { LineBytes, PackedLines, PIECE_BYTES } from "../../src/packed-lines";
import { SpareMemory } from "../../src/spare-memory";

const texts = (count: number, letter: string) => Array.from({ length: count }, (_, index) => `${index} ${letter.repeat(index % 900)} größe 値 😀`);

function pack(spare: SpareMemory, lines: string[], pages = 1) {
  const memory = new LineBytes(spare);
  const numbers = lines.map((line) => memory.add(line) as number);
  memory.holdFor(pages);
  return { memory, numbers };
}

describe("packed lines", () => {
  it("gives every line as bytes and as text, in the order asked for", () => {
    const lines = texts(3000, "a");
    const { memory, numbers } = pack(new SpareMemory(PIECE_BYTES), lines);
    const wanted = numbers.filter((number) => number % 7 !== 3).reverse();
    const packed = new PackedLines(memory, wanted, () => assert.fail("they are still there"));
    const expected = wanted.map((number) => lines[number] as string);
    assert.equal(packed.length, expected.length);
    assert.equal(packed.bytes, Buffer.byteLength(expected.join("")));
    assert.deepEqual(packed.unpackAtOnce(), expected);
    assert.deepEqual(expected.map((_, index) => packed.at(index).toString()), expected);
    assert.equal(packed.text(5), expected[5]);
  });

  it("uses memory again when every page of an answer is through, not before", () => {
    const spare = new SpareMemory(PIECE_BYTES);
    const lines = texts(400, "a");
    const { memory, numbers } = pack(spare, lines, 2);
    const used = memory.view(0).buffer;
    const pages = [numbers.slice(0, 200), numbers.slice(200)].map((part) => new PackedLines(memory, part, () => part.map((number) => lines[number] as string)));
    const [first, second] = pages as [PackedLines, PackedLines];
    first.release();
    first.release();
    const other = pack(spare, texts(400, "b"));
    assert.deepEqual(second.unpackAtOnce(), lines.slice(200));
    second.release();
    const third = pack(spare, texts(400, "c"));
    assert.equal(third.memory.view(0).buffer, used, "the memory of the first answer");
    assert.notEqual(other.memory.view(0).buffer, used);
    assert.deepEqual(first.unpackAtOnce(), lines.slice(0, 200), "made anew for whoever asks all the same");
    assert.equal(second.text(3), lines[203]);
  });

  it("stays readable after the release if it was to be kept", () => {
    const spare = new SpareMemory(PIECE_BYTES);
    const lines = texts(50, "a");
    const { memory, numbers } = pack(spare, lines);
    const packed = new PackedLines(memory, numbers, () => assert.fail("not made anew"));
    packed.keep();
    packed.release();
    pack(spare, texts(50, "b"));
    assert.deepEqual(packed.unpackAtOnce(), lines);
  });

  it("takes no line that is longer than a piece of memory", () => {
    const memory = new LineBytes(new SpareMemory(PIECE_BYTES));
    assert.equal(memory.add("x".repeat(100_000)), undefined);
    assert.equal(memory.add("short"), 0);
  });

  it("copies what stands together, each line with a line feed, as far as there is room", () => {
    const lines = texts(3000, "a").concat("", "last");
    const { memory, numbers } = pack(new SpareMemory(PIECE_BYTES), lines);
    for (const [wanted, most] of [[numbers, 1000], [numbers, 500], [numbers.filter((number) => number % 5 !== 2), 1000], [numbers.toReversed(), 1000]] as const) {
      const packed = new PackedLines(memory, wanted, () => assert.fail("they are still there"));
      const target = Buffer.alloc(100_000);
      let done = 0;
      while (done < wanted.length) {
        const ends: number[] = [];
        const copied = packed.copyTo(target, 7, done, most, ends);
        assert.equal(copied, ends.length);
        let start = 7;
        for (const end of ends) {
          const line = lines[wanted[done++] as number] as string;
          assert.equal(target.toString("utf8", start, end), `${line}\n`);
          assert.ok(Buffer.byteLength(line) <= most);
          start = end;
        }
        if (copied > 0) continue;
        assert.ok(Buffer.byteLength(lines[wanted[done] as number] as string) > most);
        done += 1;
      }
    }
    const packed = new PackedLines(memory, numbers, () => lines);
    assert.equal(packed.copyTo(Buffer.alloc(3), 0, 0, 1000, []), 0);
    memory.holdFor(1);
    packed.release();
    assert.equal(packed.copyTo(Buffer.alloc(1000), 0, 0, 1000, []), 0);
  });

  it("takes many lines at a time", () => {
    const lines = texts(2000, "b");
    const written = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const behind: number[] = [];
    for (const line of lines) behind.push((behind.at(-1) ?? 0) + Buffer.byteLength(line) + 1);
    const memory = new LineBytes(new SpareMemory(PIECE_BYTES));
    memory.add("before");
    assert.equal(memory.addAll(written, 0, lines.length, (index) => behind[index] as number), 1);
    assert.equal(memory.add("after"), lines.length + 1);
    const packed = new PackedLines(memory, Array.from({ length: lines.length + 2 }, (_, index) => index), () => assert.fail("they are still there"));
    assert.deepEqual(packed.unpackAtOnce(), ["before", ...lines, "after"]);
  });

  it("takes empty lines, also as the first one", () => {
    const lines = ["", "a", "", "b"];
    const { memory, numbers } = pack(new SpareMemory(PIECE_BYTES), lines);
    assert.deepEqual(new PackedLines(memory, numbers, () => assert.fail("they are still there")).unpackAtOnce(), lines);
  });
});
