/**
 * Reads the JSON of payloads whose shape is known from those that came before: the events of a topic have the same keys in
 * the same order, without blanks between them. What is written otherwise is left to `JSON.parse`.
 *
 * Of a known shape, all that stands between two values is compared four bytes at a time, and the object is made as one
 * literal, which V8 makes in one go. That takes less than half the time of `JSON.parse`.
 */
import { plainEnd, standsAt, wordsOf, type Words } from "../json-bytes";
import { isRecord } from "../messages";

/** So many payloads of a shape are seen before it gets a parser. */
const LEARNED = 20;
/** Shapes that are counted, and those of them that get a parser. */
const MOST_SHAPES = 16;
const MOST_PARSERS = 4;
/** So many more payloads may come that no parser fits than others, in the end. */
const PATIENCE = 1000;
/** Then all is forgotten, and so many are left to `JSON.parse` without a try; twice as many the next time. */
const REST = 10_000;
/** Longer payloads are not tried, and shapes of more values or levels are not learned. */
const LONGEST = 32 * 1024;
const MOST_VALUES = 1000;
const MOST_LEVELS = 20;
/** Places for strings with escapes or beyond ASCII that are remembered, a power of two; and the bytes of the longest. */
const PLACES = 512;
/** Bits of a hash that do not tell the place. */
const OTHER_BITS = 32 - Math.log2(PLACES);
const LONGEST_KNOWN = 200;

/** Stands behind every payload: nothing else matches it, so that no look ahead needs to ask for the end. */
const END = "\0\0\0\0";
const PADDING = 2 * END.length;

const QUOTE = 0x22, COMMA = 0x2c, ZERO = 0x30, NINE = 0x39, OPEN_BRACKET = 0x5b, BACKSLASH = 0x5c, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
/** Integers of so many digits are exact. */
const EXACT_DIGITS = 15;

const bytesWhere = (test: (byte: number) => boolean) => Uint8Array.from({ length: 256 }, (_, byte) => (test(byte) ? 1 : 0));
/** 1 for a byte behind a number or a literal. */
const BEHIND = bytesWhere((byte) => byte === COMMA || byte === CLOSE_BRACE || byte === 0);

interface Shape {
  /** What stands before each value, and behind the last one. */
  before: readonly Words[];
  end: Words;
  make(values: readonly unknown[]): object;
}

/** What stands before, between and behind the values of an object, and the literal that makes it of `values`; undefined if it cannot be learned. */
function outline(object: Record<string, unknown>): { between: string[]; literal: string } | undefined {
  const between: string[] = [];
  let text = "";
  let possible = true;
  const literalOf = (inner: Record<string, unknown>, level: number): string => {
    const properties = Object.entries(inner).map(([key, value], index) => {
      const name = JSON.stringify(key);
      text += `${index === 0 ? "{" : ","}${name}:`;
      // In a literal, __proto__ is no key.
      possible &&= key !== "__proto__" && between.length < MOST_VALUES && level <= MOST_LEVELS;
      if (possible && isRecord(value) && Object.keys(value).length > 0) return `${name}: ${literalOf(value, level + 1)}`;
      between.push(text);
      text = "";
      return `${name}: values[${between.length - 1}]`;
    });
    text += "}";
    return `{ ${properties.join(", ")} }`;
  };
  const literal = literalOf(object, 1);
  return possible && between.length > 0 ? { between: [...between, text], literal } : undefined;
}

/** The literal holds keys only, as string constants that JSON.stringify has written. Undefined where the process forbids code that is made at run time. */
function makerOf(literal: string): Shape["make"] | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    return new Function("values", `return ${literal};\n//# sourceURL=${GENERATED}`) as Shape["make"];
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** The generated code's file, in profiles and stack traces. */
const GENERATED = "generated-payloads.js";

export class PayloadParser {
  /** Payloads that were not left to `JSON.parse`. */
  taken = 0;
  private readonly bytes = Buffer.alloc(LONGEST + PADDING);
  private readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  /** The bytes as latin1. What is sliced from it keeps all of it alive. */
  private text = "";
  /** Behind what was read last. */
  private at = 0;
  private readonly values: unknown[] = [];
  /** How often each literal came. */
  private readonly seen = new Map<string, number>();
  /** The one of the last payload comes first. */
  private readonly shapes: Shape[] = [];
  /** Strings that were read last, at a place that their bytes tell: the same paths and names come again and again. */
  private readonly known = new Array<{ piece: Words; value: string } | undefined>(PLACES).fill(undefined);
  private patience = PATIENCE;
  private resting = 0;
  private nextRest = REST;

  /**
   * What `JSON.parse` makes of the payload, or undefined if it must be asked. The texts in it are parts of one, as long as
   * the payload, that lives as long as one of them.
   */
  parse(payload: Buffer): object | undefined {
    const { length } = payload;
    const { shapes, bytes } = this;
    if (shapes.length === 0 || length > LONGEST) return undefined;
    bytes.set(payload);
    bytes.fill(0, length, length + PADDING);
    this.text = bytes.toString("latin1", 0, length);
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index] as Shape;
      if (!this.read(shape) || this.at !== length + END.length) continue;
      if (index > 0) [shapes[0], shapes[index]] = [shape, shapes[0] as Shape];
      if (this.patience < PATIENCE) this.patience += 1;
      this.taken += 1;
      return shape.make(this.values);
    }
    return undefined;
  }

  /** Learns from a payload of `length` bytes that `JSON.parse` had to read. */
  learn(payload: unknown, length: number): void {
    if (length > LONGEST) return;
    if (this.resting > 0) {
      this.resting -= 1;
      return;
    }
    this.patience -= 1;
    if (this.patience === 0) this.forget();
    else if (isRecord(payload) && this.shapes.length < MOST_PARSERS) this.learnShape(payload);
  }

  private forget(): void {
    this.shapes.length = 0;
    this.seen.clear();
    this.patience = PATIENCE;
    this.resting = this.nextRest;
    this.nextRest *= 2;
  }

  private learnShape(payload: Record<string, unknown>): void {
    const found = outline(payload);
    if (found === undefined) return;
    const { between, literal } = found;
    const count = (this.seen.get(literal) ?? 0) + 1;
    if (count === 1 && this.seen.size === MOST_SHAPES) return;
    this.seen.set(literal, count);
    if (count !== LEARNED) return;
    const make = makerOf(literal);
    if (make === undefined) return;
    const end = wordsOf(Buffer.from(between.pop() + END));
    this.shapes.unshift({ before: between.map((text) => wordsOf(Buffer.from(text))), end, make });
  }

  /** Reads the values of a payload; false if it has another shape, or is no JSON. */
  private read({ before, end }: Shape): boolean {
    const { values } = this;
    this.at = 0;
    for (let index = 0; index < before.length; index++) {
      if (!this.skip(before[index] as Words)) return false;
      const value = this.value();
      if (value === undefined) return false;
      values[index] = value;
    }
    return this.skip(end);
  }

  private skip(text: Words): boolean {
    const { view, at } = this;
    if (at + text.bytes > view.byteLength || !standsAt(view, at, text)) return false;
    this.at = at + text.bytes;
    return true;
  }

  /** The value that begins here; undefined if there is none. */
  private value(): unknown {
    const { at } = this;
    switch (this.bytes[at] as number) {
      case QUOTE: return this.string(at);
      case OPEN_BRACKET: case OPEN_BRACE: return this.nested(at);
      default: return this.simple(at);
    }
  }

  private string(start: number): string | undefined {
    const { bytes, view } = this;
    const at = plainEnd(bytes, view, start + 1);
    if (bytes[at] !== QUOTE) return this.oddString(start, at);
    this.at = at + 1;
    return this.text.slice(start + 1, at);
  }

  /** A string that is plain up to `from` only. */
  private oddString(start: number, from: number): string | undefined {
    const { bytes, view, known } = this;
    let end = from;
    for (; bytes[end] !== QUOTE; end++) {
      if ((bytes[end] as number) < 0x20) return undefined;
      if (bytes[end] === BACKSLASH) end += 1;
    }
    end += 1;
    const length = end - start;
    const place = Math.imul(view.getInt32(start, true) ^ Math.imul(view.getInt32(end - 4, true), 31) ^ length, 0x9e3779b1) >>> OTHER_BITS;
    const last = known[place];
    this.at = start;
    if (last !== undefined && last.piece.bytes === length && this.skip(last.piece)) return last.value;
    this.at = end;
    const value = this.parsed(start, end) as string | undefined;
    // A single byte that is no UTF-8 is too short for a piece.
    if (value !== undefined && length >= 4 && length <= LONGEST_KNOWN) known[place] = { piece: wordsOf(bytes.subarray(start, end)), value };
    return value;
  }

  /** A number or a literal. */
  private simple(start: number): unknown {
    const { bytes } = this;
    let at = start;
    let value = 0;
    for (; (bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE; at++) value = value * 10 + (bytes[at] as number) - ZERO;
    const digits = at - start;
    if (digits > 0 && digits <= EXACT_DIGITS && BEHIND[bytes[at] as number] === 1 && (bytes[start] !== ZERO || digits === 1)) {
      this.at = at;
      return value;
    }
    while (BEHIND[bytes[at] as number] === 0) at += 1;
    this.at = at;
    return this.text.slice(start, at) === "null" ? null : this.parsed(start, at);
  }

  /** A list, or an object in a place that had none. */
  private nested(start: number): unknown {
    const { bytes } = this;
    if (bytes[start] === OPEN_BRACKET && bytes[start + 1] === CLOSE_BRACKET) {
      this.at = start + 2;
      return [];
    }
    let at = start;
    for (let depth = 0; ; at++) {
      const byte = bytes[at];
      if (byte === 0) return undefined;
      if (byte === QUOTE) at = this.quoteAfter(at);
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) break;
    }
    this.at = at + 1;
    return this.parsed(start, at + 1);
  }

  /** The end of the string that begins at `start`, or of the payload. */
  private quoteAfter(start: number): number {
    const { bytes } = this;
    let at = start + 1;
    for (; bytes[at] !== QUOTE; at++) {
      if (bytes[at] === 0) return at - 1;
      if (bytes[at] === BACKSLASH) at += 1;
    }
    return at;
  }

  private parsed(start: number, end: number): unknown {
    try {
      return JSON.parse(this.bytes.toString("utf8", start, end)) as unknown;
    } catch {
      return undefined;
    }
  }
}
