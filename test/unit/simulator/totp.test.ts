import assert from "node:assert/strict";
import { acceptsTotp, fromBase32, totp } from "../../../src/simulator/totp";

describe("one-time passwords of the simulated users", () => {
  // RFC 6238 appendix B, the rows for SHA-1.
  const vectors: [seconds: number, password: string][] = [
    [59, "94287082"], [1_111_111_109, "07081804"], [1_111_111_111, "14050471"], [1_234_567_890, "89005924"], [2_000_000_000, "69279037"], [20_000_000_000, "65353130"],
  ];
  const secret = Buffer.from("12345678901234567890");
  for (const [seconds, password] of vectors) {
    it(`is ${password} at ${seconds} s`, () => {
      assert.equal(totp(secret, seconds * 1000, 8), password);
      assert.equal(totp(secret, seconds * 1000), password.slice(2));
    });
  }

  // RFC 4648 section 10.
  for (const [text, plain] of [["MY======", "f"], ["MZXQ====", "fo"], ["MZXW6===", "foo"], ["MZXW6YQ=", "foob"], ["MZXW6YTB", "fooba"], ["mzxw 6ytb oi", "foobar"]] as const) {
    it(`reads ${text} as ${plain}`, () => assert.equal(fromBase32(text).toString(), plain));
  }

  it("is accepted one step early or late, but not two", () => {
    const now = 1_234_567_890_000;
    const accepted = [-60_000, -30_000, 0, 30_000, 60_000].map((shift) => acceptsTotp(secret, totp(secret, now + shift), now));
    assert.deepEqual(accepted, [false, true, true, true, false]);
  });

  it("refuses a secret that is not Base32", () => assert.throws(() => fromBase32("SECRET1!"), /Base32/));
});
