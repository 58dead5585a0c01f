/** How much memory a value keeps: what a queue counts against its bound. */

/** Header and slot of a value; numbers and short texts cost little more. */
const VALUE_BYTES = 24;
/** A message that keeps more is not measured to its end. */
const MOST_BYTES = 64 * 1024 * 1024;
/** V8 stores a text with such a character in two bytes a character. */
const WIDE = /[^\0-\xff]/;

/**
 * Not a request or a socket, for example, which a message may carry and which leads to half of the process. The objects of
 * a function node have a prototype of their own realm.
 */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export const textBytes = (text: string): number => (WIDE.test(text) ? 2 * text.length : text.length);

/**
 * About how many bytes of memory `value` keeps, with all texts, bytes, arrays and plain objects that it refers to. Stops
 * counting above `limit`, so that the work is bounded and a circle ends too. Reads every property: not for a packed payload.
 */
export function retainedBytes(value: unknown, limit: number): number {
  let bytes = 0;
  const open = [value];
  while (open.length > 0 && bytes <= limit) {
    const next = open.pop();
    bytes += VALUE_BYTES;
    if (typeof next === "string") bytes += textBytes(next);
    else if (ArrayBuffer.isView(next)) bytes += next.byteLength;
    else if (Array.isArray(next)) for (const item of next) open.push(item);
    else if (typeof next === "object" && next !== null && isPlain(next)) {
      for (const key of Object.keys(next)) {
        bytes += key.length;
        open.push((next as Record<string, unknown>)[key]);
      }
    }
  }
  return bytes;
}

/** As `retainedBytes`, of all properties of `message` but one, whose bytes are counted elsewhere. */
export function bytesBeside(message: object, property: string): number {
  const names = Object.keys(message).filter((name) => name !== property);
  return retainedBytes(names.map((name) => (message as Record<string, unknown>)[name]), MOST_BYTES);
}
