import assert from "node:assert/strict";
import { Frames } from "../../../src/scale-out/frames";

describe("the check of what a NATS server sends", () => {
  it("takes time in proportion to a line that comes in small pieces", () => {
    const frames = new Frames();
    const piece = Buffer.from(`-ERR ${"x".repeat(45)}`);
    const began = performance.now();
    for (let bytes = piece.length; bytes <= 2 ** 20; bytes += piece.length) assert.equal(frames.check(piece), undefined);
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 1500, `${Math.round(tookMs)} ms`);
    assert.match(frames.check(piece)?.message ?? "", /more than 1048576 bytes/);
  });
});
