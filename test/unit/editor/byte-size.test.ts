import assert from "node:assert/strict";
import { byteSize } from "../../../src/editor/byte-size";

describe("the size beside a field with a number of bytes", () => {
  it("has the unit and the digits that a person reads", () => {
    for (const [bytes, size] of [["67108864", "= 64 MiB"], [1024, "= 1 KiB"], ["524288", "= 512 KiB"], [1_500_000, "= 1.43 MiB"], [2 ** 30, "= 1 GiB"], [2 ** 42, "= 4,096 GiB"]] as const) {
      assert.equal(byteSize(bytes, "en-US"), size);
    }
    assert.equal(byteSize(1_500_000, "de"), "= 1,43 MiB");
  });

  it("is absent where it would say nothing", () => {
    for (const bytes of ["", "1023", 0, -1, "${QUEUE}", "many", undefined, null]) assert.equal(byteSize(bytes), "", String(bytes));
  });
});
