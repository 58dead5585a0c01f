/** Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, 6 digits, a new one every 30 s. */
import { createHmac } from "node:crypto";

export const TOTP_STEP_MS = 30_000;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** 80 bits, the shortest secret in use. A one-time code that somebody enters by mistake is shorter. */
const SHORTEST_SECRET = 16;
/** More than the 512 bits that the longest hash of the standard uses (RFC 6238 section 1.2). */
const LONGEST_SECRET = 256;

/** The key in `secret`, base32 (RFC 4648 section 6) with or without blanks, hyphens and padding; undefined if it is not base32, too short or too long. */
export function totpKey(secret: string): Buffer | undefined {
  if (secret.length > LONGEST_SECRET) return undefined;
  const letters = secret.toUpperCase().replace(/[\s-]/g, "").replace(/(?<!=)=+$/, "");
  if (letters.length < SHORTEST_SECRET || !/^[A-Z2-7]+$/.test(letters)) return undefined;
  const bytes: number[] = [];
  let [bits, count] = [0, 0];
  for (const letter of letters) {
    bits = (bits << 5) | BASE32.indexOf(letter);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push(bits >> count);
    bits &= (1 << count) - 1;
  }
  return Buffer.from(bytes);
}

/** The password of `key` at `ms` (epoch). */
export function totpCode(key: Buffer, ms: number, digits = 6): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / TOTP_STEP_MS)));
  const hash = createHmac("sha1", key).update(counter).digest();
  // RFC 4226 section 5.3: the last half byte is the offset of the four bytes that are used.
  const offset = hash.readUInt8(hash.length - 1) & 0x0f;
  return String((hash.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** digits).padStart(digits, "0");
}
