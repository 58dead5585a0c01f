import assert from "node:assert/strict";
import { NumberColumn, TextColumn } from "../../src/columns";

describe("columns", () => {
  it("keep any number, and as many as come", () => {
    const column = new NumberColumn(new Float64Array(4));
    const numbers = Array.from({ length: 5000 }, (_, index) => [index, -1, 2 ** 40 + index, NaN, 0.5][index % 5] as number);
    assert.deepEqual(numbers.map((number) => column.push(number)), numbers.map((_, index) => index));
    assert.equal(column.length, 5000);
    assert.deepEqual([...column.view()], numbers);
    assert.deepEqual([column.at(2), column.at(4003)], [numbers[2], numbers[4003]]);
    assert.equal(new NumberColumn(new Int32Array(1)).view().length, 0);
  });

  it("keep texts of one length, and as many as come", () => {
    const column = new TextColumn(3);
    const texts = Array.from({ length: 5000 }, (_, index) => (index % 1000).toString().padStart(3, "_"));
    for (const text of texts) column.push(text);
    assert.equal(column.view().toString(), texts.join(""));
    column.pushAll(Buffer.from(texts.join("")));
    assert.equal(column.view().toString(), texts.join("").repeat(2));
    assert.equal(new TextColumn(3).view().length, 0);
  });
});
