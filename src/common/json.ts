/** Parses JSON from outside as a whole, within bounds. */
import { parseExact } from "./exact-json";
import { JSON_DEPTH, WHOLE_JSON_BYTES } from "./limits";

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;

/**
 * The value of JSON in `data` (UTF-8), as `parseExact` gives it; undefined if that is no JSON, longer than WHOLE_JSON_BYTES
 * or deeper than JSON_DEPTH.
 */
export function parsed(data: Buffer): unknown {
  if (data.length > WHOLE_JSON_BYTES || isTooDeep(data)) return undefined;
  try {
    return parseExact(data.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** True if the JSON in `data` has more than JSON_DEPTH levels. */
export function isTooDeep(data: Buffer): boolean {
  let depth = 0;
  for (let position = 0; position < data.length; position++) {
    const byte = data[position];
    if (byte === QUOTE) position = stringEnd(data, position);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > JSON_DEPTH) return true;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}

/** Position of the quote that ends the string which begins at `start`; the end of the bytes if there is none. */
export function stringEnd(bytes: Buffer, start: number): number {
  let position = start + 1;
  for (; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === BACKSLASH) position += 1;
    else if (byte === QUOTE) break;
  }
  return position;
}
