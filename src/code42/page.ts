/**
 * Reads a page of events from its bytes without blocking the event loop, and without ever having all of them in memory.
 *
 * `JSON.parse` of a page of 10,000 events stops everything else for a quarter of a second and more. So the bytes are
 * cut at the event boundaries of the one long array while they are inflated, the slices are parsed one by one, and other
 * work runs between them. What is around the array is parsed as one small document. Every byte goes through
 * `JSON.parse`, or through a parser for events of this shape that gives up where they differ: a damaged page cannot pass.
 */
import { BodyWindow, type Body } from "../body";
import { queryError } from "./errors";
import type { EventShapes } from "./event-shapes";
import type { Kernel, Status } from "../kernel/kernel";
import { messageOf } from "../errors";
import { isRecord } from "../messages";
import type { BodySlice } from "../packed-events";
import { breather } from "../turns";

const NO_JSON = "it is not valid JSON";

/** A slice is read again as a whole. Small ones also keep a name in a foreign script from making the text of the whole page twice as wide. */
export const SLICE_BYTES = 16 * 1024;

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, COMMA = 0x2c, COLON = 0x3a;
/** JSON's. */
const BLANKS: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];

/** Gets elements in order, and where they stand in the body. */
export type EachSlice = (elements: unknown[], slice: BodySlice) => void;

export interface PageHelpers {
  /**
   * Best used for all pages of a query: most elements are read much faster. But then `each` must not keep them or texts of
   * them, only what it makes of them, because each text keeps that of its whole slice alive.
   */
  shapes?: EventShapes;
  /** Reads all elements that it can before anything else is tried. */
  kernel?: Kernel;
  /** Gets what the kernel has found, instead of `each`; the kernel's places are counted from byte `start` of the body. */
  found?: (start: number) => void;
}

/**
 * Parses `body`, a JSON object with an array at `arrayKey`, and hands that array's elements to `each` in slices. Returns
 * the object with an empty array (or null, or nothing) in the array's place. Throws PAGE_INVALID when the bytes are not
 * exactly one such object, and what the body throws; `each` may have seen the beginning by then.
 */
export async function readPage(body: Body, arrayKey: string, each: EachSlice, helpers: PageHelpers = {}): Promise<Record<string, unknown>> {
  const window = new BodyWindow(body);
  try {
    return await new PageReader(body, window, each, helpers).read(arrayKey);
  } finally {
    await window.close();
  }
}

/** In which the rest of a page behind its list ends. */
const END_BYTES = 4096;

/**
 * The text that the end of `body` has at `key`, found at the price of inflating it: it is there before the page can be
 * read, but only a guess, because nothing of the page is checked. Throws what the body throws.
 */
export async function textAtTheEnd(body: Pick<Body, "chunks">, key: string): Promise<string | undefined> {
  let end = Buffer.alloc(0);
  for await (const chunk of body.chunks()) end = chunk.length < END_BYTES ? Buffer.concat([end, chunk]).subarray(-END_BYTES) : Buffer.from(chunk.subarray(-END_BYTES));
  const name = `${JSON.stringify(key)}:`;
  const text = end.toString("utf8");
  const found = text.lastIndexOf(name);
  const value = /^\s*("(?:[^"\\]|\\.)*")/.exec(found < 0 ? "" : text.slice(found + name.length))?.[1];
  return value === undefined ? undefined : JSON.parse(value) as string;
}

class PageReader {
  private readonly between = breather();
  /** A comma was the last that was read. */
  private isBehindComma = false;

  constructor(private readonly body: Body, private readonly window: BodyWindow, private readonly each: EachSlice, private readonly helpers: PageHelpers) {}

  async read(arrayKey: string): Promise<Record<string, unknown>> {
    const { window } = this;
    let array = findArray(window.bytes, arrayKey);
    while (array === undefined) {
      // Twice as much each time: a document without the array is searched in time that grows with its length.
      if (!(await window.widen(window.bytes.length))) return withoutList(parseObject(window.bytes.toString("utf8")), arrayKey);
      array = findArray(window.bytes, arrayKey);
    }
    const head = window.bytes.toString("utf8", 0, array + 1);
    window.moveTo(array + 1);
    if (!(await this.readByKernel())) {
      await this.readFast();
      await this.readExactly();
    }
    return withoutList(parseObject(head + (await window.rest()).toString("utf8")), arrayKey);
  }

  /** True at the end of the array; else what is left begins with an element, or is damaged. */
  private async readByKernel(): Promise<boolean> {
    const { window, helpers: { kernel, found } } = this;
    if (kernel === undefined) return false;
    for (;;) {
      kernel.load(window.bytes);
      let status: Status;
      let start = 0;
      do {
        status = kernel.read(start, !this.isBehindComma);
        start = kernel.consumed;
        if (kernel.count === 0) continue;
        found?.(window.start);
        this.isBehindComma = true;
      } while (status === "needs output");
      const isPart = window.bytes.length > kernel.capacity;
      window.moveTo(window.start + kernel.consumed);
      if (status === "at end") return true;
      if (status === "damaged" || (isPart ? kernel.consumed === 0 : !(await window.widen(1)))) return false;
      await this.between();
    }
  }

  /**
   * The beginning of an element, as the first one shows it, cannot occur inside of a string, because its quotes would
   * have to be escaped there. Inside of an element it can; then the slice is no JSON, and the exact way takes over.
   */
  private async readFast(): Promise<void> {
    const { window } = this;
    if (window.bytes.length < FIRST_BYTES) await window.widen(FIRST_BYTES);
    const boundary = boundaryAfter(window.bytes);
    if (boundary === undefined) return;
    for (let searched = SLICE_BYTES; ;) {
      const next = window.bytes.indexOf(boundary, searched);
      if (next < 0) {
        searched = Math.max(SLICE_BYTES, window.bytes.length - boundary.length);
        if (!(await window.widen(window.bytes.length))) return;
        continue;
      }
      const elements = this.helpers.shapes?.parse(window.bytes, next + 1) ?? this.parseSlice(next + 1);
      if (elements === undefined) return;
      this.hand(elements, next + 1);
      window.moveTo(window.start + next + 2);
      searched = SLICE_BYTES;
      await this.between();
    }
  }

  private parseSlice(end: number): unknown[] | undefined {
    const elements = tryParse(this.window.bytes, end);
    if (elements !== undefined) this.helpers.shapes?.learn(elements);
    return elements;
  }

  /** Follows the nesting byte by byte, to the end of the array. */
  private async readExactly(): Promise<void> {
    const { window } = this;
    for (;;) {
      const found = elementEnd(window.bytes);
      if (found === undefined) {
        if (await window.widen(window.bytes.length)) continue;
        throw queryError("PAGE_INVALID", { reason: `it ends in the middle, after ${window.start + window.bytes.length} bytes` });
      }
      const [end, last] = found;
      const elements = parse(`[${window.bytes.toString("utf8", 0, end)}]`) as unknown[];
      if (elements.length > 0) this.hand(elements, end);
      else if (this.isBehindComma) throw queryError("PAGE_INVALID", { reason: NO_JSON });
      window.moveTo(window.start + end + (last ? 0 : 1));
      if (last) return;
      await this.between();
    }
  }

  private hand(elements: unknown[], length: number): void {
    const { start } = this.window;
    this.each(elements, { body: this.body, start, end: start + length });
  }
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

/** True if the JSON text from `start` to `end` says `text`, however it is written. */
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

/** Throws PAGE_INVALID if `document` holds elements that nobody was given, such as those of a second list of this name. */
function withoutList(document: Record<string, unknown>, arrayKey: string): Record<string, unknown> {
  const list = document[arrayKey];
  if (Array.isArray(list) && list.length > 0) throw queryError("PAGE_INVALID", { reason: `it has more than one list "${arrayKey}"` });
  return document;
}

/** Enough to see the first key of the first element. */
const FIRST_BYTES = 128;

/** `},{"first":` as it stands between elements that begin with the key of the first one. */
function boundaryAfter(bytes: Buffer): Buffer | undefined {
  const first = /^\{"[^"\\]{1,100}":/.exec(bytes.toString("latin1", 0, FIRST_BYTES));
  return first === null ? undefined : Buffer.from(`},${first[0]}`, "latin1");
}

/**
 * Where the elements at the beginning of `bytes` may be cut: at the first comma after a slice, or (`last`) at the end of
 * the array; undefined if neither is in sight.
 */
function elementEnd(bytes: Buffer): [end: number, last: boolean] | undefined {
  let depth = 0;
  for (let position = 0; position < bytes.length; position++) {
    const byte = bytes[position];
    if (byte === QUOTE) position = stringEnd(bytes, position);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return [position, true];
      depth -= 1;
    } else if (byte === COMMA && depth === 0 && position >= SLICE_BYTES) return [position, false];
  }
  return undefined;
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

function tryParse(bytes: Buffer, end: number): unknown[] | undefined {
  try {
    return JSON.parse(`[${bytes.toString("utf8", 0, end)}]`) as unknown[];
  } catch {
    return undefined;
  }
}

function parseObject(text: string): Record<string, unknown> {
  const value = parse(text);
  if (!isRecord(value)) throw queryError("PAGE_INVALID", { reason: "it is not a JSON object" });
  return value;
}

/** Throws PAGE_INVALID. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the fault, which is event data: only the kind of fault may reach a log.
    throw queryError("PAGE_INVALID", { reason: messageOf(error).startsWith("Unexpected end") ? "it ends in the middle" : NO_JSON });
  }
}
