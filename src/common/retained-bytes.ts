/** How much memory a value keeps: what a queue counts against its bound. */

/** Header and slot of a value; numbers and short texts cost little more. */
const VALUE_BYTES = 24;
/** V8 stores a text with such a character in two bytes a character. */
const WIDE = /[^\0-\xff]/;

export const textBytes = (text: string): number => (WIDE.test(text) ? 2 * text.length : text.length);

/**
 * About how many bytes of memory `value` keeps, with everything that it refers to. Stops counting above `limit`, so that
 * the work is bounded and a circle ends too. Reads every property: not for a packed payload.
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
    else if (typeof next === "object" && next !== null) {
      for (const key of Object.keys(next)) {
        bytes += key.length;
        open.push((next as Record<string, unknown>)[key]);
      }
    }
  }
  return bytes;
}
