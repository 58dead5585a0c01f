/** What a row asks of a value: tests and conversions, by the rules of `src/cef/values.ts` and `src/instant.ts`. */
import { byte, isDigit, isHex } from "./json";

const ZERO: i32 = 0x30;

/** An IPv4 address in four decimal numbers without leading zeros, as node:net has it. */
export function isIpv4(at: i32, length: i32): bool {
  if (length > 15) return false;
  const end = at + length;
  for (let part = 0; part < 4; part++) {
    const start = at;
    let number = 0;
    while (at < end && isDigit(byte(at))) number = number * 10 + byte(at++) - ZERO;
    const digits = at - start;
    if (digits == 0 || digits > 3 || number > 255 || (digits > 1 && byte(start) == ZERO)) return false;
    if (part < 3) {
      if (at == end || byte(at) != 0x2e) return false;
      at += 1;
    }
  }
  return at == end;
}

export const YES: i32 = 1;
export const NO: i32 = 0;
export const ASK_ELSEWHERE: i32 = 2;

/** Whether it is an IPv6 address without a zone; those with an IPv4 part are left to node:net. */
export function isIpv6(at: i32, length: i32): i32 {
  if (length > 45) return NO;
  const end = at + length;
  let colons = 0;
  let hasDot = false;
  for (let each = at; each < end; each++) {
    const c = byte(each);
    if (c == 0x3a) colons += 1;
    else if (c == 0x2e) hasDot = true;
    else if (!isHex(c)) return NO;
  }
  if (colons < 2) return NO;
  if (hasDot) return ASK_ELSEWHERE;
  if (byte(at) == 0x3a && byte(at + 1) != 0x3a) return NO;
  let groups = 0;
  let gap = false;
  if (byte(at) == 0x3a) {
    if (length < 2 || byte(at + 1) != 0x3a) return NO;
  }
  while (at < end) {
    if (byte(at) == 0x3a && at + 1 < end && byte(at + 1) == 0x3a) {
      if (gap) return NO;
      gap = true;
      at += 2;
      if (at < end && byte(at) == 0x3a) return NO;
      continue;
    }
    if (byte(at) == 0x3a) {
      at += 1;
      if (at == end) return NO;
      continue;
    }
    const start = at;
    while (at < end && byte(at) != 0x3a) at += 1;
    if (at - start > 4) return NO;
    groups += 1;
  }
  return (gap ? groups < 8 : groups == 8) ? YES : NO;
}

/** The milliseconds of an instant that cannot be read here. */
export const NO_INSTANT: i64 = i64.MIN_VALUE;

const DAYS_BEFORE = <i32>memory.data<i32>([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]);

/** The number of two digits; large enough to be seen if one is no digit. */
function two(at: i32): i32 {
  const tens = byte(at) - ZERO;
  const ones = byte(at + 1) - ZERO;
  return <u32>tens < 10 && <u32>ones < 10 ? 10 * tens + ones : 100_000;
}

/** `epochMilliseconds`. */
export function instant(at: i32, length: i32): i64 {
  if (length < 20 || length > 35) return NO_INSTANT;
  if (byte(at + 4) != 0x2d || byte(at + 7) != 0x2d || byte(at + 10) != 0x54 || byte(at + 13) != 0x3a || byte(at + 16) != 0x3a) return NO_INSTANT;
  const year = two(at) * 100 + two(at + 2);
  const month = two(at + 5);
  const day = two(at + 8);
  const hour = two(at + 11);
  const minute = two(at + 14);
  const second = two(at + 17);
  if (year > 9999 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return NO_INSTANT;
  const isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const before = load<i32>(DAYS_BEFORE + 4 * (month - 1));
  const days = load<i32>(DAYS_BEFORE + 4 * month) - before + (isLeap && month == 2 ? 1 : 0);
  if (day < 1 || day > days) return NO_INSTANT;
  const end = at + length;
  let rest = at + 19;
  let fraction = 0;
  if (byte(rest) == 0x2e) {
    let scale = 100;
    const first = ++rest;
    for (; rest < end && rest - first < 9 && isDigit(byte(rest)); rest++) {
      fraction += (byte(rest) - ZERO) * scale;
      scale /= 10;
    }
    if (rest == first) return NO_INSTANT;
  }
  let offset = 0;
  if (rest >= end) return NO_INSTANT;
  if (byte(rest) == 0x5a) {
    if (rest + 1 != end) return NO_INSTANT;
  } else {
    const sign = byte(rest);
    if (sign != 0x2b && sign != 0x2d) return NO_INSTANT;
    const colon = rest + 3 < end && byte(rest + 3) == 0x3a ? 1 : 0;
    if (end - rest != 5 + colon) return NO_INSTANT;
    const hours = two(rest + 1);
    const minutes = two(rest + 3 + colon);
    if (hours > 23 || minutes > 59) return NO_INSTANT;
    offset = (sign == 0x2d ? -1 : 1) * (hours * 60 + minutes);
  }
  const past = year - 1;
  const day0 = past * 365 + floorDiv(past, 4) - floorDiv(past, 100) + floorDiv(past, 400) + before + (isLeap && month > 2 ? 1 : 0) + day - 719163;
  return (((<i64>day0 * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000 + fraction;
}

/** Year 0 has -1 years before it. */
function floorDiv(a: i32, b: i32): i32 {
  return a < 0 ? -((b - 1 - a) / b) : a / b;
}

/** Writes a number from 0 on; returns where it ends. */
export function writeNumber(at: i32, value: i64): i32 {
  let digits = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits += 1;
  const end = at + digits;
  let place = end;
  do {
    store<u8>(--place, <u8>(ZERO + <i32>(value % 10)));
    value /= 10;
  } while (place > at);
  return end;
}
