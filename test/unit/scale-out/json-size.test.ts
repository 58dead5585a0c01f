import assert from "node:assert/strict";
import fc from "fast-check";
import { leastJsonBytes } from "../../../src/scale-out/json-size";

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe("the least size of JSON", () => {
  it("is never more than the size", () => {
    const values = [fc.string({ unit: "binary" }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.uint8Array().map((bytes) => Buffer.from(bytes))];
    const value = fc.object({ values, withDate: true, withTypedArray: true, withMap: true, withSet: true, withSparseArray: true, withNullPrototype: true });
    fc.assert(fc.property(value, (object) => assert.ok(leastJsonBytes(object, Infinity) <= bytesOf(object))));
  });
  it("is the size for plain texts and digits", () => {
    const value = { a: ["x", 1, { bcd: "yyy" }] };
    assert.equal(leastJsonBytes(value, Infinity), bytesOf(value));
  });
});
