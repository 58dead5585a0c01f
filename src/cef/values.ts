/**
 * Converts a value of an event to the text of an extension field, by the key's type in the dictionary. A value of another
 * type is left out, because a strict receiver would drop the field and a lax one would misread it.
 */
import { isIPv4, isIPv6 } from "node:net";
import { epochMs, ifSet, zonedEpochMs } from "../common/instant";
import type { CefType } from "./dictionary";

/** A value of a source: text is stripped and not empty, numbers are finite. */
export type Scalar = string | number | boolean;

/** Returns the text of `value`, which needs no escaping; undefined if `value` does not have the type. */
export type Convert = (value: Scalar) => string | undefined;

const MAX_INT32 = 2147483647;
/** The latest time that a Date can hold, epoch ms. */
const MAX_TIME = 8.64e15;
const MAX_INT64 = 9223372036854775807n;

/** True if the value is too large for an `integer` field; strict receivers would drop it. */
export const exceedsInt32 = (value: Scalar) => Number(value) > MAX_INT32;

function integer(value: Scalar): string | undefined {
  const number = typeof value === "string" && /^-?\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number <= MAX_INT32 && number >= -MAX_INT32 - 1 ? String(number) : undefined;
}

/** Accepts digits in a text too: integers beyond 2^53 come so, because a number cannot hold them. */
function long(value: Scalar): string | undefined {
  if (typeof value === "number" ? !Number.isInteger(value) : typeof value !== "string" || !/^-?\d{1,19}$/.test(value)) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  const number = BigInt(value);
  return number <= MAX_INT64 && number >= -MAX_INT64 - 1n ? String(number) : undefined;
}

function double(value: Scalar): string | undefined {
  if (typeof value === "number") return String(value);
  if (typeof value !== "string" || value.length > 32 || !/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) || !Number.isFinite(Number(value))) return undefined;
  // A number would round such an integer.
  return Number.isSafeInteger(Number(value)) || !/^-?\d+$/.test(value) ? String(Number(value)) : String(BigInt(value));
}

/** Six pairs with colons, as the standard requires. Products often send dashes or no separators. */
function mac(value: Scalar): string | undefined {
  if (typeof value !== "string" || !/^([\da-f]{12}|[\da-f]{2}([:-])([\da-f]{2}\2){4}[\da-f]{2})$/i.test(value)) return undefined;
  return value.replace(/[:-]/g, "").replace(/..(?=.)/g, "$&:");
}

/** Epoch ms of a time in a source; undefined for a value that is no time, and for a time that is not set. */
export function timeOf(value: Scalar): number | undefined {
  const ms = typeof value === "string" ? zonedEpochMs(value) : typeof value === "number" ? Math.trunc(value) : undefined;
  return ifSet(ms);
}

/** True for the times that products write for a time that is not set; without a zone too. */
export const isUnsetTime = (value: Scalar): boolean => typeof value !== "boolean" && (Number(value) < 1 || (epochMs(value) ?? 1) <= 0);

/** Leaves out 0 and times before 1970: some receivers refuse the whole line then. */
function timestamp(value: Scalar): string | undefined {
  const ms = timeOf(value);
  return ms !== undefined && ms <= MAX_TIME ? String(ms) : undefined;
}

/** A cheap check that spares most texts the regular expressions of node:net. */
const endsWithDigit = (text: string) => {
  const code = text.charCodeAt(text.length - 1);
  return code >= 48 && code <= 57;
};

export const isV4 = (value: Scalar): value is string => typeof value === "string" && value.length <= 15 && endsWithDigit(value) && isIPv4(value);
/** Refuses an address with a zone, because a zone has a meaning only on one host. */
export const isV6 = (value: Scalar): value is string =>
  typeof value === "string" && value.length <= 45 && value.includes(":") && !value.includes("%") && isIPv6(value);

/** Strings are not converted; they are cut and escaped. */
export const convert: Record<Exclude<CefType, "string">, Convert> = {
  integer,
  long,
  double,
  mac,
  timestamp,
  ipv4: (value) => (isV4(value) ? value : undefined),
  ipv6: (value) => (isV6(value) ? value : undefined),
};
