/**
 * Follows JSON (RFC 8259) byte by byte: what is accepted here is what `JSON.parse` accepts, up to a depth.
 *
 * Zeros stand behind the text. They match nothing, so a text that ends too early fails at its end, which `failedAt` tells.
 */

export const QUOTE: i32 = 0x22;
export const BACKSLASH: i32 = 0x5c;
const ZERO: i32 = 0x30;

/** What a string holds, beside the characters of ASCII that stand for themselves. */
export const HAS_BACKSLASHES: i32 = 1; // written as two, and no other escape
export const HAS_WIDE: i32 = 2; // bytes from 0x80
export const IS_ODD: i32 = 4; // any other escape, or DEL

/** Deeper values are left to `JSON.parse`. */
const MAX_DEPTH: i32 = 64;

export let failedAt: i32 = 0;
/** Of the string that was read last. */
export let flags: i32 = 0;
/** Of the number that was read last: whole, of at most 15 digits and not -0, so that its text is that of its value. */
export let isPlainNumber: bool = false;

export function byte(at: i32): i32 {
  return <i32>load<u8>(at);
}

export function fail(at: i32): i32 {
  failedAt = at;
  return -1;
}

export function skipBlanks(at: i32): i32 {
  let c = byte(at);
  if (c > 0x20) return at;
  while (c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09) c = byte(++at);
  return at;
}

/** Where the string ends whose first character is at `at`: at its closing quote. */
export function stringEnd(at: i32): i32 {
  flags = 0;
  const quotes = i8x16.splat(<i8>QUOTE);
  const backslashes = i8x16.splat(<i8>BACKSLASH);
  const blanks = i8x16.splat(0x20);
  const deletes = i8x16.splat(0x7f);
  while (true) {
    const block = v128.load(at);
    // As signed bytes, those from 0x80 are below 0x20 too.
    const special = v128.or(v128.or(i8x16.eq(block, quotes), i8x16.eq(block, backslashes)), v128.or(i8x16.lt_s(block, blanks), i8x16.eq(block, deletes)));
    const mask = i8x16.bitmask(special);
    if (mask == 0) {
      at += 16;
      continue;
    }
    at += ctz(mask);
    const c = byte(at);
    if (c == QUOTE) return at;
    if (c >= 0x80) {
      flags |= HAS_WIDE;
      at += 1;
    } else if (c == BACKSLASH) {
      const length = escapeLength(at);
      if (length == 0) return fail(at + 1);
      at += length;
    } else if (c == 0x7f) {
      flags |= IS_ODD;
      at += 1;
    } else return fail(at);
  }
}

/** 0 if it is no escape. */
function escapeLength(at: i32): i32 {
  switch (byte(at + 1)) {
    case BACKSLASH:
      flags |= HAS_BACKSLASHES;
      return 2;
    case QUOTE: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: // / b f n r t
      flags |= IS_ODD;
      return 2;
    case 0x75: // u
      flags |= IS_ODD;
      return isHex(byte(at + 2)) && isHex(byte(at + 3)) && isHex(byte(at + 4)) && isHex(byte(at + 5)) ? 6 : 0;
    default:
      return 0;
  }
}

export function isDigit(c: i32): bool {
  return <u32>(c - ZERO) < 10;
}

export function isHex(c: i32): bool {
  return isDigit(c) || <u32>((c | 0x20) - 0x61) < 6;
}

/** Where the number ends that begins at `at`. */
export function numberEnd(at: i32): i32 {
  const start = at;
  if (byte(at) == 0x2d) at += 1; // -
  const first = at;
  while (isDigit(byte(at))) at += 1;
  const digits = at - first;
  if (digits == 0 || (digits > 1 && byte(first) == ZERO)) return fail(at);
  isPlainNumber = digits <= 15 && (first == start || byte(first) != ZERO);
  if (byte(at) == 0x2e) { // .
    isPlainNumber = false;
    const decimals = ++at;
    while (isDigit(byte(at))) at += 1;
    if (at == decimals) return fail(at);
  }
  if ((byte(at) | 0x20) == 0x65) { // e
    isPlainNumber = false;
    at += 1;
    const sign = byte(at);
    if (sign == 0x2b || sign == 0x2d) at += 1;
    const exponent = at;
    while (isDigit(byte(at))) at += 1;
    if (at == exponent) return fail(at);
  }
  return at;
}

const NULL: u32 = 0x6c6c756e;
const TRUE: u32 = 0x65757274;
const ALSE: u32 = 0x65736c61;

/** Where the `null`, `true` or `false` ends that begins at `at`. */
export function wordEnd(at: i32): i32 {
  const c = byte(at);
  if (c == 0x6e) return load<u32>(at) == NULL ? at + 4 : fail(at + shared(at, NULL));
  if (c == 0x74) return load<u32>(at) == TRUE ? at + 4 : fail(at + shared(at, TRUE));
  return load<u32>(at + 1) == ALSE ? at + 5 : fail(at + 1 + shared(at + 1, ALSE));
}

/** How many bytes at `at` are as they should be. */
function shared(at: i32, word: u32): i32 {
  return ctz(load<u32>(at) ^ word) >> 3;
}

/** Where the value ends that begins at `at`. */
export function valueEnd(at: i32, depth: i32): i32 {
  switch (byte(at)) {
    case QUOTE: {
      const end = stringEnd(at + 1);
      return end < 0 ? end : end + 1;
    }
    case 0x6e: case 0x74: case 0x66:
      return wordEnd(at);
    case 0x7b:
      return objectEnd(at + 1, depth + 1);
    case 0x5b:
      return listEnd(at + 1, depth + 1);
    default:
      return numberEnd(at);
  }
}

function objectEnd(at: i32, depth: i32): i32 {
  if (depth > MAX_DEPTH) return fail(at);
  at = skipBlanks(at);
  if (byte(at) == 0x7d) return at + 1;
  while (true) {
    if (byte(at) != QUOTE) return fail(at);
    at = stringEnd(at + 1);
    if (at < 0) return at;
    at = afterColon(at + 1);
    if (at < 0) return at;
    at = valueEnd(at, depth);
    if (at < 0) return at;
    at = skipBlanks(at);
    const c = byte(at);
    if (c == 0x7d) return at + 1;
    if (c != 0x2c) return fail(at);
    at = skipBlanks(at + 1);
  }
}

/** Where the value begins that stands behind the colon at `at`. */
export function afterColon(at: i32): i32 {
  at = skipBlanks(at);
  if (byte(at) != 0x3a) return fail(at);
  return skipBlanks(at + 1);
}

function listEnd(at: i32, depth: i32): i32 {
  if (depth > MAX_DEPTH) return fail(at);
  at = skipBlanks(at);
  if (byte(at) == 0x5d) return at + 1;
  while (true) {
    at = valueEnd(at, depth);
    if (at < 0) return at;
    at = skipBlanks(at);
    const c = byte(at);
    if (c == 0x5d) return at + 1;
    if (c != 0x2c) return fail(at);
    at = skipBlanks(at + 1);
  }
}

/** True if the bytes from `a` and from `b` on are the same; both may be read a little behind their ends. */
export function same(a: i32, b: i32, length: i32): bool {
  for (; length >= 8; length -= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
  }
  return length == 0 || ((load<u64>(a) ^ load<u64>(b)) << (<u64>(64 - 8 * length))) == 0;
}
