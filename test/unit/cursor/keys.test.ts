import assert from "node:assert/strict";
import { KeyColumn, KeyTable } from "../../../src/cursor/keys";
import { ledgerKey } from "../../../src/cursor/ledger";
import { numbers } from "../../../src/simulator/events";

const texts = Array.from({ length: 3000 }, (_, index) => ledgerKey(String(index)));
const keys = KeyColumn.of(texts);

describe("columns of keys", () => {
  it("give back what was put in, in parts and chosen", () => {
    assert.equal(keys.length, texts.length);
    assert.deepEqual(texts.map((_, index) => keys.text(index)), texts);
    const part = keys.part(100, 103);
    assert.deepEqual([0, 1, 2].map((index) => part.text(index)), texts.slice(100, 103));
    const chosen = keys.chosen([7, 2999, 0]);
    assert.deepEqual([0, 1, 2].map((index) => chosen.text(index)), [texts[7], texts[2999], texts[0]]);
    assert.equal(KeyColumn.of([]).length, 0);
  });
});

describe("tables of keys", () => {
  it("do what a Map does, whatever is put in and taken out", () => {
    const random = numbers(6, 1);
    const table = new KeyTable();
    const model = new Map<string, number>();
    for (let step = 0; step < 200_000; step++) {
      const index = Math.floor(random() * texts.length);
      const text = texts[index] as string;
      // It fills, and is emptied again.
      if (random() < (step % 40_000 < 20_000 ? 0.7 : 0.3)) {
        assert.equal(table.set(keys, index, step), !model.has(text));
        model.set(text, step);
      } else {
        table.delete(keys, index);
        model.delete(text);
      }
      assert.equal(table.size, model.size);
      if (step % 5000 > 0) continue;
      assert.deepEqual(texts.map((_, each) => table.get(keys, each)), texts.map((each) => model.get(each)));
    }
  });

  it("find keys that begin alike", () => {
    const alike = KeyColumn.of(Array.from({ length: 500 }, (_, index) => `AAAAAAAA${String(index).padStart(4, "0")}`));
    const table = new KeyTable();
    for (let index = 0; index < 400; index++) assert.ok(table.set(alike, index, index));
    for (let index = 0; index < 500; index++) assert.equal(table.has(alike, index), index < 400);
  });

  it("part from those with a value up to a limit", () => {
    const table = new KeyTable();
    for (let index = 0; index < 1000; index++) table.set(keys, index, index);
    const above = table.above(899);
    assert.equal(above.size, 100);
    for (let index = 0; index < 1000; index++) assert.equal(above.get(keys, index), index > 899 ? index : undefined);
    assert.equal(table.size, 1000);
  });
});
