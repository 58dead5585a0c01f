import assert from "node:assert/strict";
import { Socket } from "node:net";
import { runInNewContext } from "node:vm";
import { payloadBytes, retainedBytes } from "../../../src/common/retained-bytes";
import { eventWriter } from "../../support/measured-events";

const sizeOf = (value: unknown) => retainedBytes(value, Infinity);

describe("retained bytes", () => {
  it("count a text with wide characters double", () => {
    const base = sizeOf("");
    assert.equal(sizeOf("a".repeat(1000)) - base, 1000);
    assert.equal(sizeOf("é".repeat(1000)) - base, 1000);
    assert.equal(sizeOf(`${"a".repeat(999)}東`) - base, 2000);
  });
  it("count everything that a value refers to, bytes too", () => {
    assert.ok(sizeOf({ a: [{ b: Buffer.alloc(5000) }, { c: "x".repeat(3000) }] }) > 8000);
    assert.ok(sizeOf(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${"k".repeat(50)}${index}`, 1]))) > 5000);
  });
  it("are not less than V8 needs for an event, and less than twice as much", () => {
    const write = eventWriter("v2");
    const texts = Array.from({ length: 2000 }, (_, index) => write(index));
    const bytes = texts.reduce((sum, text) => sum + sizeOf(JSON.parse(text)), 0) / texts.length;
    assert.ok(bytes > 4300 && bytes < 8600, `${bytes} bytes`);
  });
  it("do not follow objects of the process, such as a socket", () => {
    assert.ok(sizeOf({ req: new Socket(), payload: "x" }) < 200);
  });
  it("follow objects of any class in a payload, with what maps, sets and their bytes hold", () => {
    const text = "x".repeat(1000);
    class Row {
      readonly values = { text };
    }
    for (const value of [new Row(), new Map([["a", text]]), new Map([[text, 1]]), new Set([text]), new ArrayBuffer(1000), runInNewContext(`new Map([["a", "${text}"]])`)]) {
      const bytes = payloadBytes([value], Infinity);
      assert.ok(bytes > 1000 && bytes < 1300, `${bytes} bytes`);
    }
    assert.ok(payloadBytes([new Date()], Infinity) < 100);
  });
  it("follow objects that a function node made", () => {
    assert.ok(sizeOf(runInNewContext(`({ a: [{ b: "x".repeat(1000) }] })`)) > 1000);
  });
  it("count objects that refer to each other once, so that a circle has an end", () => {
    const page: Record<string, unknown> = { text: "x".repeat(1000) };
    page["self"] = page;
    page["rows"] = [1, 2, 3].map((id) => ({ id, page }));
    const bytes = retainedBytes(page, 2 ** 26);
    assert.ok(bytes > 1000 && bytes < 2000, `${bytes} bytes`);
  });
  it("end above the limit", () => {
    assert.ok(retainedBytes(Array(1000).fill("x".repeat(1000)), 5000) < 10_000);
  });
});
