/**
 * From a value of an event to the text of an extension field, by the type that the dictionary gives the key. A value
 * of another type has no text: a strict reader would drop the field, a lax one would misread it.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { CefType } from "./dictionary";

/** What a source yields: text is stripped and not empty, numbers are finite. */
export type Scalar = string | number | boolean;

/** The text of `value`, which needs no escaping; undefined if it is not of the type. */
export type Convert = (value: Scalar) => string | undefined;

const MAX_INT32 = 2147483647;
/** The last moment that a Date can hold. */
const MAX_TIME = 8.64e15;
const MAX_INT64 = 9223372036854775807n;

/** Larger than an `integer` field holds, so that strict readers would drop it. */
export const exceedsInt32 = (value: Scalar) => Number(value) > MAX_INT32;

function integer(value: Scalar): string | undefined {
  const number = typeof value === "string" && /^-?\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number <= MAX_INT32 && number >= -MAX_INT32 - 1 ? String(number) : undefined;
}

/** Digits in text keep the precision that a JSON number above 2^53 has lost. */
function long(value: Scalar): string | undefined {
  if (typeof value === "number" ? !Number.isInteger(value) : typeof value !== "string" || !/^-?\d{1,19}$/.test(value)) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  const number = BigInt(value);
  return number <= MAX_INT64 && number >= -MAX_INT64 - 1n ? String(number) : undefined;
}

function double(value: Scalar): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value.length <= 32 && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) && Number.isFinite(Number(value)) ? String(Number(value)) : undefined;
}

/** Six pairs with colons, as the standard wants them; dashes and no separator at all are common in what products send. */
function mac(value: Scalar): string | undefined {
  if (typeof value !== "string" || !/^([\da-f]{12}|[\da-f]{2}([:-])([\da-f]{2}\2){4}[\da-f]{2})$/i.test(value)) return undefined;
  return value.replace(/[:-]/g, "").replace(/..(?=.)/g, "$&:");
}

/** Not before 1970: readers do not expect a sign, and what products send as 1601 is an unset file time. */
function timestamp(value: Scalar): string | undefined {
  const milliseconds = typeof value === "string" ? epochMilliseconds(value) : value;
  return typeof milliseconds === "number" && milliseconds >= 0 && milliseconds <= MAX_TIME ? String(Math.trunc(milliseconds)) : undefined;
}

/** A look at one character spares most texts the regular expressions of node:net. */
const endsWithDigit = (text: string) => {
  const code = text.charCodeAt(text.length - 1);
  return code >= 48 && code <= 57;
};

export const isV4 = (value: Scalar): value is string => typeof value === "string" && value.length <= 15 && endsWithDigit(value) && isIPv4(value);
/** Without a zone, which has a meaning on one host only. */
export const isV6 = (value: Scalar): value is string =>
  typeof value === "string" && value.length <= 45 && value.includes(":") && !value.includes("%") && isIPv6(value);

/** Strings are not here: they are cut and escaped instead. */
export const convert: Record<Exclude<CefType, "string">, Convert> = {
  integer,
  long,
  double,
  mac,
  timestamp,
  ipv4: (value) => (isV4(value) ? value : undefined),
  ipv6: (value) => (isV6(value) ? value : undefined),
};

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/** The decimal number of `count` digits at `at`; NaN if one is no digit. */
function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let index = at; index < at + count; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

/**
 * Milliseconds since 1970 of an RFC 3339 section 5.6 date-time (`2025-01-28T01:27:24.362976Z`) with at most 9 decimals,
 * those beyond the third cut off, and a zone (`Z`, `+05:30`, `+0530`). Undefined for any other text: without a zone
 * the time would be a guess. Date.parse takes ten times as long and knows 3 decimals for sure only.
 */
export function epochMilliseconds(text: string): number | undefined {
  if (text.length < 20 || text.length > 35) return undefined;
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45 || text.charCodeAt(10) !== 84 || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const before = DAYS_BEFORE_MONTH[month - 1];
  const after = DAYS_BEFORE_MONTH[month];
  if (before === undefined || after === undefined) return undefined;
  const length = after - before + (leap && month === 2 ? 1 : 0);
  if (!(day >= 1 && day <= length && hour <= 23 && minute <= 59 && second <= 59)) return undefined;

  let at = 19;
  let fraction = 0;
  if (text.charCodeAt(at) === 46) {
    let scale = 100;
    const first = ++at;
    for (; at - first < 9; at++, scale /= 10) {
      const digit = text.charCodeAt(at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      if (scale >= 1) fraction += digit * scale;
    }
    if (at === first) return undefined;
  }
  const offset = zoneMinutes(text, at);
  if (offset === undefined) return undefined;

  const past = year - 1;
  const days = past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) + before + (leap && month > 2 ? 1 : 0) + day - 719163;
  const milliseconds = (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

function zoneMinutes(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at);
  if (sign === 90) return at + 1 === text.length ? 0 : undefined;
  if (sign !== 43 && sign !== 45) return undefined;
  const colon = text.charCodeAt(at + 3) === 58 ? 1 : 0;
  if (text.length !== at + 5 + colon) return undefined;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 3 + colon, 2);
  if (!(hours <= 23 && minutes <= 59)) return undefined;
  return (sign === 45 ? -1 : 1) * (hours * 60 + minutes);
}
