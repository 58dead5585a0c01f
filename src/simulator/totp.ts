/** Time-based one-time passwords (RFC 6238 and RFC 4226, SHA-1), as an authenticator app shows them. */
import { createHmac } from "node:crypto";

const STEP_MS = 30_000;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The bytes of a Base32 text (RFC 4648 section 6), with or without padding. */
export function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const char of text.toUpperCase().replace(/[\s=]/g, "")) {
    const digit = ALPHABET.indexOf(char);
    if (digit < 0) throw new Error(`${char} is not Base32`);
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  return Buffer.from(bytes);
}

/** The password of the 30 s step that contains `nowMs` (epoch ms). */
export function totp(secret: Buffer, nowMs: number, digits = 6): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / STEP_MS)));
  const digest = createHmac("sha1", secret).update(counter).digest();
  const offset = (digest.at(-1) as number) & 0x0f;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits).padStart(digits, "0");
}

/** True for a password of the current step, the one before or the one after (RFC 6238 section 5.2). */
export const acceptsTotp = (secret: Buffer, password: string, nowMs: number): boolean => [-STEP_MS, 0, STEP_MS].some((shift) => totp(secret, nowMs + shift) === password);
