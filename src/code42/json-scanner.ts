/**
 * Reads single values of compact JSON from bytes, for parsers that know what stands where (shape-parser.ts).
 *
 * What is common in events is read here; anything else is cut out and given to `JSON.parse` by itself. So either the
 * result is that of `JSON.parse`, or a SyntaxError is thrown. Blanks are not common: to them everything here is deaf.
 */
import { plainEnd, standsAt, type Words } from "../json-bytes";

/** Bytes that it can hold at a time. */
export const SCANNER_BYTES = 64 * 1024;

/** Zeros behind the text: nothing matches them, so that no look ahead needs to ask for the end. */
const PADDING = 8;

const QUOTE = 0x22, PLUS = 0x2b, COMMA = 0x2c, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, UPPER_E = 0x45, OPEN_BRACKET = 0x5b, BACKSLASH = 0x5c, CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65, LOWER_F = 0x66, LOWER_N = 0x6e, LOWER_T = 0x74, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;

/** Four bytes as the view reads them. */
const word = (text: string) => Buffer.from(text, "latin1").readInt32LE();
const NULL = word("null"), TRUE = word("true"), ALSE = word("alse");

/** Integers of so many digits are exact. */
const EXACT_DIGITS = 15;

export class JsonScanner {
  readonly bytes = Buffer.alloc(SCANNER_BYTES + PADDING);
  readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  /** Behind what was read last. */
  at = 0;
  /** Behind the text. */
  end = 0;
  /** The bytes as latin1. What is sliced from it keeps all of it alive. */
  private text = "";

  /** Takes a copy of the first `end` bytes, SCANNER_BYTES at most. */
  load(bytes: Buffer, end: number): void {
    bytes.copy(this.bytes, 0, 0, end);
    this.bytes.fill(0, end, end + PADDING);
    this.text = this.bytes.toString("latin1", 0, end);
    this.end = end;
  }

  /** True if this text stands at `at`, which is moved behind it. */
  skip(text: Words): boolean {
    if (!standsAt(this.view, this.at, text)) return false;
    this.at += text.bytes;
    return true;
  }

  /** Any value that begins at byte `start`. Like all that read here it leaves `at` behind it, and throws a SyntaxError. */
  value(start: number): unknown {
    switch (this.bytes[start] as number) {
      case QUOTE: return this.string(start);
      case LOWER_N: return this.literal(start, NULL, start + 4, null);
      case LOWER_T: return this.literal(start, TRUE, start + 4, true);
      case LOWER_F: return this.literal(start + 1, ALSE, start + 5, false);
      case OPEN_BRACKET: return this.list(start, this.item);
      case OPEN_BRACE: return this.nested(start);
      default: return this.number(start);
    }
  }

  /** A list whose items `item` reads, or any other value. */
  list(start: number, item: (start: number) => unknown): unknown {
    const { bytes } = this;
    if (bytes[start] !== OPEN_BRACKET) return this.value(start);
    const items: unknown[] = [];
    let at = start + 1;
    if (bytes[at] !== CLOSE_BRACKET) {
      for (; ; at += 1) {
        items.push(item(at));
        at = this.at;
        if (bytes[at] === CLOSE_BRACKET) break;
        if (bytes[at] !== COMMA) throw new SyntaxError();
      }
    }
    this.at = at + 1;
    return items;
  }

  /** An item of a list of which nothing is known; lists in lists go no deeper here. */
  private readonly item = (start: number): unknown => (this.bytes[start] === OPEN_BRACKET ? this.nested(start) : this.value(start));

  private literal<Value>(start: number, expected: number, end: number, value: Value): Value {
    if (this.view.getInt32(start, true) !== expected) throw new SyntaxError();
    this.at = end;
    return value;
  }

  private string(start: number): string {
    const { bytes, view } = this;
    const at = plainEnd(bytes, view, start + 1);
    if (bytes[at] !== QUOTE) return this.oddString(start, at);
    this.at = at + 1;
    return this.text.slice(start + 1, at);
  }

  /** A string that is plain up to `from` only. */
  private oddString(start: number, from: number): string {
    const { bytes } = this;
    let escapes = false;
    let at = from;
    for (; bytes[at] !== QUOTE; at++) {
      const byte = bytes[at] as number;
      if (byte < 0x20) throw new SyntaxError();
      if (byte !== BACKSLASH) continue;
      escapes = true;
      at += 1;
    }
    this.at = at + 1;
    return escapes ? this.parse(start, at + 1) as string : bytes.toString("utf8", start + 1, at);
  }

  private number(start: number): number {
    const { bytes } = this;
    const first = bytes[start] === MINUS ? start + 1 : start;
    let value = 0;
    let at = first;
    for (; isDigit(bytes[at] as number); at++) value = value * 10 + (bytes[at] as number) - ZERO;
    const digits = at - first;
    if (digits === 0 || digits > EXACT_DIGITS || (bytes[first] === ZERO && digits > 1) || isNumeric(bytes[at] as number)) return this.oddNumber(start);
    this.at = at;
    return first === start ? value : -value;
  }

  private oddNumber(start: number): number {
    let end = start;
    while (isNumeric(this.bytes[end] as number)) end += 1;
    this.at = end;
    return this.parse(start, end) as number;
  }

  /** A list or an object, whatever is in it. */
  private nested(start: number): unknown {
    const { bytes, end } = this;
    let at = start;
    for (let depth = 0; at < end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) at = this.quoteAfter(at);
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) break;
    }
    this.at = at + 1;
    return this.parse(start, at + 1);
  }

  private quoteAfter(start: number): number {
    const { bytes, end } = this;
    let at = start + 1;
    while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    return at;
  }

  private parse(start: number, end: number): unknown {
    return JSON.parse(this.bytes.toString("utf8", start, end));
  }
}

const isDigit = (byte: number) => byte >= ZERO && byte <= ZERO + 9;

const isNumeric = (byte: number) => isDigit(byte) || byte === DOT || byte === LOWER_E || byte === UPPER_E || byte === MINUS || byte === PLUS;
