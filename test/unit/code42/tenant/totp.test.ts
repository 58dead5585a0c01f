import assert from "node:assert/strict";
import { totpCode, totpKey } from "../../../../src/code42/tenant/totp";

describe("one-time passwords", () => {
  // RFC 6238 appendix B, SHA-1, key "12345678901234567890".
  const vectors: [seconds: number, code: string][] = [
    [59, "94287082"], [1111111109, "07081804"], [1111111111, "14050471"], [1234567890, "89005924"], [2000000000, "69279037"], [20000000000, "65353130"],
  ];
  for (const [seconds, code] of vectors) {
    it(`are those of the standard at ${seconds} s, with 8 digits and with 6`, () => {
      const key = totpKey("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") ?? assert.fail();
      assert.equal(key.toString(), "12345678901234567890");
      assert.equal(totpCode(key, seconds * 1000, 8), code);
      assert.equal(totpCode(key, seconds * 1000), code.slice(2));
    });
  }

  it("take a secret as people copy it: blanks, hyphens, small letters, padding", () => {
    const plain = totpKey("GEZDGNBVGY3TQOJQGEZDGNBV");
    assert.deepEqual(totpKey("gezd gnbv-gy3t qojq gezd gnbv=="), plain);
    assert.equal(plain?.toString(), "123456789012345");
  });

  it("cannot be made from a code, a short text or other characters", () => {
    for (const secret of ["", "123456", "234567", "GEZDGNBVGY3TQOJ", "GEZDGNBVGY3TQOJ1", "https://example.com/qr.png"]) assert.equal(totpKey(secret), undefined, secret);
  });
});
