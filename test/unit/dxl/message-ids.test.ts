import assert from "node:assert/strict";
import { MessageIds } from "../../../src/dxl/message-ids";

describe("ids of messages", () => {
  it("are 16 hexadecimal digits, and each comes once", () => {
    const [one, other] = [new MessageIds(), new MessageIds()];
    const ids = Array.from({ length: 10_000 }, (_, index) => (index % 2 === 0 ? one : other).next());
    assert.ok(ids.every((id) => /^[0-9a-f]{16}$/.test(id)));
    assert.equal(new Set(ids).size, ids.length);
    for (let digit = 0; digit < 16; digit++) assert.equal(new Set(ids.map((id) => id[digit])).size, 16);
  });
});
