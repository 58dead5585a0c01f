/** SHA-256 (FIPS 180-4) of short texts, and the ledger's key of it. */

const K = <i32>memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
  0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
  0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
  0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const WORDS = <i32>memory.data(256, 16);
/** The message with its padding: two blocks. */
const MESSAGE = <i32>memory.data(128, 16);

/** Longer texts are left to JavaScript. */
export const MOST_HASHED: i32 = 119;

let h0: u32 = 0, h1: u32 = 0, h2: u32 = 0, h3: u32 = 0, h4: u32 = 0, h5: u32 = 0, h6: u32 = 0, h7: u32 = 0;

/** Writes the first 72 bits of the hash as twelve characters of base64url (RFC 4648 section 5). */
export function writeKey(text: i32, length: i32, target: i32): void {
  memory.fill(MESSAGE, 0, 128);
  memory.copy(MESSAGE, text, length);
  store<u8>(MESSAGE + length, 0x80);
  const blocks = length < 56 ? 1 : 2;
  store<u32>(MESSAGE + 64 * blocks - 4, bswap<u32>(8 * length));
  h0 = 0x6a09e667; h1 = 0xbb67ae85; h2 = 0x3c6ef372; h3 = 0xa54ff53a; h4 = 0x510e527f; h5 = 0x9b05688c; h6 = 0x1f83d9ab; h7 = 0x5be0cd19;
  for (let block = 0; block < blocks; block++) digest(MESSAGE + 64 * block);
  for (let group = 0; group < 3; group++) {
    // 24 bits of the first 72.
    const bits = group == 0 ? h0 >> 8 : group == 1 ? (h0 << 16) | (h1 >> 16) : (h1 << 8) | (h2 >> 24);
    for (let digit = 0; digit < 4; digit++) store<u8>(target + 4 * group + digit, base64((bits >> (18 - 6 * digit)) & 63));
  }
}

function base64(value: u32): u32 {
  if (value < 26) return value + 0x41;
  if (value < 52) return value + 0x61 - 26;
  if (value < 62) return value + 0x30 - 52;
  return value == 62 ? 0x2d : 0x5f;
}

function digest(block: i32): void {
  for (let t = 0; t < 16; t++) store<u32>(WORDS + 4 * t, bswap(load<u32>(block + 4 * t)));
  for (let t = 16; t < 64; t++) {
    const at = WORDS + 4 * t;
    const two = load<u32>(at - 8);
    const fifteen = load<u32>(at - 60);
    store<u32>(at, (rotr(two, 17) ^ rotr(two, 19) ^ (two >> 10)) + load<u32>(at - 28) + (rotr(fifteen, 7) ^ rotr(fifteen, 18) ^ (fifteen >> 3)) + load<u32>(at - 64));
  }
  let a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
  for (let t = 0; t < 64; t++) {
    const first = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + load<u32>(K + 4 * t) + load<u32>(WORDS + 4 * t);
    const second = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g; g = f; f = e; e = d + first;
    d = c; c = b; b = a; a = first + second;
  }
  h0 += a; h1 += b; h2 += c; h3 += d; h4 += e; h5 += f; h6 += g; h7 += h;
}
