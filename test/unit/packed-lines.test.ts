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

  it("takes empty lines, also as the first one", () => {
    const lines = ["", "a", "", "b"];
    const { memory, numbers } = pack(new SpareMemory(PIECE_BYTES), lines);
    assert.deepEqual(new PackedLines(memory, numbers, () => assert.fail("they are still there")).unpackAtOnce(), lines);
  });
});
