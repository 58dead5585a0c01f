/**
 * Reads a page of events from its bytes: inflates it in pieces, cuts the one long array at event boundaries into bounded
 * slices, parses each, and lets other work run in between. Integers that are not safe become texts of their digits.
 *
 * `JSON.parse` of a whole page of 10,000 events would block the event loop for a quarter of a second. What stands around
 * the array is parsed as one small document, so that every byte passes `JSON.parse`: a damaged page is refused.
 */
import { messageOf, plain } from "../common/border";
import type { BufferPool } from "../common/buffer-pool";
import { parseExact } from "../common/exact-json";
import type { SiemError } from "../common/errors";
import { isTooDeep, stringEnd } from "../common/json";
import { inMegabytes, JSON_DEPTH, LIST_VALUES, WHOLE_JSON_BYTES } from "../common/limits";
import { isRecord } from "../common/messages";
import { yieldIfBusy } from "../common/turns";
import { BodyWindow, type Body } from "./body";
import { pageError } from "./errors";
import type { BodySlice } from "./packed-events";

const NO_JSON = "it is not valid JSON";

/** A slice is parsed again as a whole. In a small one, a name in a foreign script makes only a little text two bytes wide. */
const SLICE_BYTES = 16 * 1024;

const QUOTE = 0x22, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, COMMA = 0x2c, COLON = 0x3a;
/** JSON's white space (RFC 8259 section 2). */
const BLANKS: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];

/** Gets the elements of a slice, in order, where the slice is in the body, and the JSON array that was parsed. */
export type EachSlice = (elements: unknown[], slice: BodySlice, json: string) => void;

export interface ReadOptions {
  /** Memory to read in. */
  pool?: BufferPool | undefined;
  /** How many elements were asked for; more are refused. */
  most?: number;
}

/**
 * Parses `body`, a JSON object with an array at `arrayKey`, and hands that array's elements to `each` in slices. Returns
 * the object with an empty array (or null, or nothing) in the array's place. Throws PAGE_INVALID if the bytes are not
 * exactly one such object, PAGE_TOO_LARGE if an element, what stands around the array, or the number of elements is over
 * its limit, and what the body throws; `each` may have got the first slices by then.
 */
export async function readPage(body: Body, arrayKey: string, each: EachSlice, { pool, most = Infinity }: ReadOptions = {}): Promise<Record<string, unknown>> {
  const window = new BodyWindow(body, pool);
  try {
    let array = findArray(window.bytes, arrayKey);
    while (array === undefined) {
      refuseLongEnvelope(window.bytes.length);
      // Twice as much each time: searching a document without the array takes time in proportion to its length.
      if (!(await window.widen(window.bytes.length))) return withoutList(parseObject(window.bytes), arrayKey);
      array = findArray(window.bytes, arrayKey);
    }
    refuseLongEnvelope(array);
    const head = Buffer.from(window.bytes.subarray(0, array + 1));
    window.moveTo(array + 1);
    await readElements(body, window, each, most);
    do refuseLongEnvelope(head.length + window.bytes.length);
    while (await window.widen(1));
    return withoutList(parseObject(Buffer.concat([head, window.bytes])), arrayKey);
  } finally {
    await window.close();
  }
}

const tooLarge = (reason: string): SiemError => pageError("PAGE_TOO_LARGE", plain.params({ reason }));
const TOO_DEEP = `it is nested deeper than ${JSON_DEPTH} levels`;

function refuseLongEnvelope(bytes: number): void {
  if (bytes > WHOLE_JSON_BYTES) throw tooLarge(`what stands around its list is longer than ${inMegabytes(WHOLE_JSON_BYTES)} MiB`);
}

/** Reads the elements at the beginning of `window` to the end of their array, and moves the window there. */
async function readElements(body: Body, window: BodyWindow, each: EachSlice, most: number): Promise<void> {
  const pause = yieldIfBusy();
  let count = 0;
  let values = 0;
  for (let isBehindComma = false; ;) {
    const cut = sliceEnd(window.bytes);
    if (cut === undefined) {
      if (await window.widen(window.bytes.length)) continue;
      throw pageError("PAGE_INVALID", plain.params({ reason: `it ends in the middle, after ${window.start + window.bytes.length} bytes` }));
    }
    const { end, isLast } = cut;
    values += cut.values;
    if (values > LIST_VALUES) throw tooLarge(`its events have more than ${LIST_VALUES} values`);
    const json = `[${window.bytes.toString("utf8", 0, end)}]`;
    const elements = parse(json) as unknown[];
    count += elements.length;
    if (count > most) throw tooLarge(`its list is longer than the ${most} that were asked for`);
    if (elements.length > 0) each(elements, { body, start: window.start, end: window.start + end }, json);
    else if (isBehindComma || !isLast) throw pageError("PAGE_INVALID", plain.params({ reason: NO_JSON }));
    window.moveTo(window.start + (isLast ? end : end + 1));
    if (isLast) return;
    isBehindComma = true;
    await pause();
  }
}

/** The end of the page's body in which the properties behind its list are searched for. */
const END_BYTES = 4096;

/**
 * The text at `key` near the end of `body`. This costs no more than inflating it, so the answer comes before the page is
 * read; it is a guess, because nothing of the page is checked. Throws what the body throws.
 */
export async function textAtTheEnd(body: Pick<Body, "chunks">, key: string): Promise<string | undefined> {
  let end = Buffer.alloc(0);
  for await (const chunk of body.chunks()) end = Buffer.concat([end, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
  const name = `${JSON.stringify(key)}:`;
  const text = end.toString("utf8");
  const found = text.lastIndexOf(name);
  const value = /^\s*("(?:[^"\\]|\\.)*")/.exec(found < 0 ? "" : text.slice(found + name.length))?.[1];
  return value === undefined ? undefined : JSON.parse(value) as string;
}

/** Position of the `[` of `"key": [` in the outermost object. */
function findArray(bytes: Buffer, key: string): number | undefined {
  let depth = 0;
  for (let position = 0; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === QUOTE) {
      const end = stringEnd(bytes, position);
      if (depth === 1 && end < bytes.length && isText(bytes, position, end + 1, key)) {
        const colon = afterBlanks(bytes, end + 1);
        const value = afterBlanks(bytes, colon + 1);
        if (bytes[colon] === COLON && bytes[value] === OPEN_BRACKET) return value;
      }
      position = end;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return undefined;
}

/** True if the JSON text from `start` to `end` means `text`, whatever escapes it uses. */
function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start > ESCAPED_LENGTH * text.length + 2) return false;
  try {
    return JSON.parse(bytes.toString("utf8", start, end)) === text;
  } catch {
    return false;
  }
}

const ESCAPED_LENGTH = "\\u0000".length;

function afterBlanks(bytes: Buffer, start: number): number {
  let position = start;
  while (BLANKS.includes(bytes[position] ?? 0)) position += 1;
  return position;
}

/** Throws PAGE_INVALID if `document` holds elements that `each` did not get, such as those of a second list of this name. */
function withoutList(document: Record<string, unknown>, arrayKey: string): Record<string, unknown> {
  const list = document[arrayKey];
  if (Array.isArray(list) && list.length > 0) throw pageError("PAGE_INVALID", plain.params({ reason: `it has more than one list "${arrayKey}"` }));
  return document;
}

/**
 * Where a slice at the beginning of `bytes` ends: at the first comma between elements after SLICE_BYTES, or at the end of
 * the array (`isLast`), and how many values it has, about; undefined if `bytes` holds neither. Throws PAGE_TOO_LARGE for
 * an element over its limits.
 */
function sliceEnd(bytes: Buffer): { end: number; isLast: boolean; values: number } | undefined {
  let depth = 0;
  // Before each value stands a comma, or the beginning of its list or object.
  let values = 0;
  let elementStart = 0;
  const endElement = (position: number) => {
    if (position - elementStart > WHOLE_JSON_BYTES) throw tooLarge(`one of its entries is longer than ${inMegabytes(WHOLE_JSON_BYTES)} MiB`);
    elementStart = position + 1;
  };
  for (let position = 0; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === QUOTE) position = stringEnd(bytes, position);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > JSON_DEPTH) throw tooLarge(TOO_DEEP);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) {
        endElement(position);
        return { end: position, isLast: true, values };
      }
      depth -= 1;
    } else if (byte === COMMA) {
      values += 1;
      if (depth > 0) continue;
      endElement(position);
      if (position >= SLICE_BYTES) return { end: position, isLast: false, values };
    }
  }
  endElement(bytes.length);
  return undefined;
}

function parseObject(json: Buffer): Record<string, unknown> {
  if (isTooDeep(json)) throw tooLarge(TOO_DEEP);
  const value = parse(json.toString("utf8"));
  if (!isRecord(value)) throw pageError("PAGE_INVALID", plain.params({ reason: "it is not a JSON object" }));
  return value;
}

function parse(text: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    // V8 quotes the text around the fault, which is event data: only the kind of fault may reach a log.
    throw pageError("PAGE_INVALID", plain.params({ reason: messageOf(error).startsWith("Unexpected end") ? "it ends in the middle" : NO_JSON }));
  }
}
