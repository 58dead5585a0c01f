/**
 * Reads a page of events from its bytes without blocking the event loop.
 *
 * `JSON.parse` of a page of 10,000 events stops everything else for a quarter of a second and more. So the bytes are
 * cut at the event boundaries of the one long array, the slices are parsed one by one, and other work runs between
 * them. What is around the array is parsed as one small document. Every byte goes through `JSON.parse`: a damaged page
 * cannot pass.
 */
import { setImmediate as nextTick } from "node:timers/promises";
import { queryError } from "./errors";
import { isRecord } from "../messages";
import { messageOf } from "../errors";

/** Small slices also keep a name in a foreign script from making the text of the whole page twice as wide. */
const SLICE_BYTES = 16 * 1024;
const BUSY_MS = 3;

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, COMMA = 0x2c;

/**
 * Parses `bytes`, a JSON object with an array at `arrayKey`, and hands that array's elements to `each` in slices, in
 * order. Returns the object with an empty array (or null, or nothing) in the array's place. Throws PAGE_INVALID when
 * the bytes are not exactly one such object; `each` may have seen the beginning by then.
 */
export async function readPage(bytes: Buffer, arrayKey: string, each: (elements: unknown[]) => void): Promise<Record<string, unknown>> {
  const array = findArray(bytes, arrayKey);
  if (array === undefined) return parseObject(bytes.toString("utf8"));
  const between = breather();
  let start = array + 1;

  // Fast: the beginning of an element, as the first one shows it, cannot occur inside of a string, because its quotes
  // would have to be escaped there. Inside of an element it can; then the slice is no JSON and the slow way takes over.
  const boundary = boundaryAfter(bytes, start);
  while (boundary !== undefined) {
    const next = bytes.indexOf(boundary, start + SLICE_BYTES);
    const elements = next < 0 ? undefined : tryParse(bytes, start, next + 1);
    if (elements === undefined) break;
    each(elements);
    start = next + 2;
    await between();
  }

  // Exact: follow the nesting byte by byte.
  for (;;) {
    const [end, last] = elementEnd(bytes, start);
    const elements = parseElements(bytes, start, end);
    if (elements.length > 0) each(elements);
    if (last) return parseObject(bytes.toString("utf8", 0, array + 1) + bytes.toString("utf8", end));
    start = end + 1;
    await between();
  }
}

/** Lets other work run when this one has been busy for a while. */
function breather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < BUSY_MS) return undefined;
    return nextTick().then(() => {
      since = performance.now();
    });
  };
}

/** Position of the `[` of `"key": [` in the outermost object. */
function findArray(bytes: Buffer, key: string): number | undefined {
  const wanted = Buffer.from(JSON.stringify(key));
  let depth = 0;
  for (let position = 0; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === QUOTE) {
      const end = stringEnd(bytes, position);
      if (depth === 1 && end < bytes.length && bytes.compare(wanted, 0, wanted.length, position, end + 1) === 0) {
        const value = /^\s*:\s*\[/.exec(bytes.toString("latin1", end + 1, end + 64));
        if (value !== null) return end + value[0].length;
      }
      position = end;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return undefined;
}

/** `},{"first":` as it stands between elements that begin with the key of the first one. */
function boundaryAfter(bytes: Buffer, start: number): Buffer | undefined {
  const first = /^\{"[^"\\]{1,100}":/.exec(bytes.toString("latin1", start, start + 128));
  return first === null ? undefined : Buffer.from(`},${first[0]}`, "latin1");
}

/** Where the elements from `start` on may be cut: at the first comma after a slice, or (`last`) at the end of the array. */
function elementEnd(bytes: Buffer, start: number): [end: number, last: boolean] {
  let depth = 0;
  for (let position = start; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === QUOTE) position = stringEnd(bytes, position);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return [position, true];
      depth -= 1;
    } else if (byte === COMMA && depth === 0 && position - start >= SLICE_BYTES) return [position, false];
  }
  throw queryError("PAGE_INVALID", { reason: `it ends in the middle, after ${bytes.length} bytes` });
}

/** Position of the quote that ends the string which begins at `start`; the end of the bytes if none does. */
function stringEnd(bytes: Buffer, start: number): number {
  let position = start + 1;
  for (; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === BACKSLASH) position += 1;
    else if (byte === QUOTE) break;
  }
  return position;
}

function tryParse(bytes: Buffer, start: number, end: number): unknown[] | undefined {
  try {
    return JSON.parse(`[${bytes.toString("utf8", start, end)}]`) as unknown[];
  } catch {
    return undefined;
  }
}

function parseElements(bytes: Buffer, start: number, end: number): unknown[] {
  return parse(`[${bytes.toString("utf8", start, end)}]`) as unknown[];
}

function parseObject(text: string): Record<string, unknown> {
  const value = parse(text);
  if (!isRecord(value)) throw queryError("PAGE_INVALID", { reason: "it is not a JSON object" });
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the fault, which is event data: only the kind of fault may reach a log.
    throw queryError("PAGE_INVALID", { reason: messageOf(error).startsWith("Unexpected end") ? "it ends in the middle" : "it is not valid JSON" });
  }
}
