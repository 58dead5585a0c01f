/** The short form of `npm run chaos -- hostile`. */
import assert from "node:assert/strict";
import { fuzz } from "./fuzz";
import { randomOf } from "../support/model-tenant";

describe("damaged bytes from outside", () => {
  it("neither crash nor stop nor fill the process, and every error is one of ours", async () => {
    const seed = Date.now() % 1_000_000;
    const { faults, attempts } = await fuzz({ seconds: Number(process.env["FUZZ_SECONDS"] ?? 20), random: randomOf(seed) });
    assert.deepEqual(faults, [], `seed ${seed}`);
    assert.ok(Object.values(attempts).every((count) => count > 0), JSON.stringify(attempts));
  }).timeout(120_000);
});
