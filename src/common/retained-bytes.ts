/** How much memory a value keeps: what a queue counts against its bound. */
import { types } from "node:util";

const { isAnyArrayBuffer, isMap, isSet } = types;

/** Header and slot of a value; numbers and short texts cost little more. */
const VALUE_BYTES = 24;
/** Counting of a message stops here. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Counting stops at so many objects, which take 100 MB at the least: a Set takes no more than 16 million. */
const MOST_OBJECTS = 2 ** 22;
/** V8 stores a text with such a character in two bytes per character. */
const WIDE = /[^\0-\xff]/;

/**
 * False for a request or a socket, for example: a message may carry one, and it refers to half of the process. Function nodes
 * have an Object.prototype of their own, so it is recognised by having no prototype.
 */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Bytes of memory that V8 takes for the characters of `text`. */
export const textBytes = (text: string): number => (WIDE.test(text) ? 2 * text.length : text.length);

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/**
 * About how many bytes of memory `value` keeps, with all texts, bytes, arrays and plain objects that it refers to. Counting
 * stops above `limit`. An object that refers to others counts once. The rest, most of an event, counts as often as something
 * refers to it: to remember it too takes twice as long. Do not use it on a packed payload: it reads every property.
 */
export const retainedBytes = (value: unknown, limit: number): number => bytesOf(value, limit, isPlain);

/** `retainedBytes` of a payload: also what objects of a class refer to, rows of a database for example. */
export const payloadBytes = (payload: unknown, limit: number): number => bytesOf(payload, limit, () => true);

function bytesOf(value: unknown, limit: number, follows: (object: object) => boolean): number {
  let bytes = 0;
  const seen = new Set<object>();
  const open = [value];
  while (open.length > 0 && bytes <= limit) {
    const next = open.pop();
    bytes += VALUE_BYTES;
    if (typeof next === "string") bytes += textBytes(next);
    if (!isObject(next) || seen.has(next)) continue;
    let refersToOthers = false;
    if (ArrayBuffer.isView(next) || isAnyArrayBuffer(next)) bytes += next.byteLength;
    else if (Array.isArray(next)) {
      if (bytes + VALUE_BYTES * next.length > limit) return limit + VALUE_BYTES;
      for (const item of next) {
        refersToOthers ||= isObject(item);
        open.push(item);
      }
    }
    else if (follows(next)) {
      if (isMap(next) || isSet(next)) {
        refersToOthers = true;
        open.push(Array.from<unknown>(next));
      }
      for (const key of Object.keys(next)) {
        const item = (next as Record<string, unknown>)[key];
        bytes += key.length;
        refersToOthers ||= isObject(item);
        open.push(item);
      }
    }
    if (!refersToOthers) continue;
    if (seen.size === MOST_OBJECTS) return limit + VALUE_BYTES;
    seen.add(next);
  }
  return bytes;
}

/** `retainedBytes` of all properties of `message` except `property`, whose bytes the caller counts. */
export function bytesBeside(message: object, property: string): number {
  const names = Object.keys(message).filter((name) => name !== property);
  return retainedBytes(names.map((name) => (message as Record<string, unknown>)[name]), MOST_BYTES);
}
