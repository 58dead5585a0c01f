/**
 * The part of MessagePack that DXL messages are made of (MessagePack specification, "Formats"). The broker writes
 * every text, and the payload too, as the "raw" type of the first specification: what is str today, whatever bytes it
 * holds, and never str 8. Clients write str 8 and bin as well. So text and bytes are one thing here, and the reader
 * of a field says which of the two it wants.
 */

const FIXARRAY = 0x90;
const FIXRAW = 0xa0;
const NIL = 0xc0;
const RAW16 = 0xda;
const RAW32 = 0xdb;
const ARRAY16 = 0xdc;
const ARRAY32 = 0xdd;

/** Bytes of the fixed-size rest of the types c0 to df, and of the length that stands first in those that have one. */
const SIZES: readonly { rest: number; length: number }[] = [
  ...[0, 0, 0, 0].map((rest) => ({ rest, length: 0 })), // nil, (never used), false, true
  ...[1, 2, 4].map((length) => ({ rest: 0, length })), // bin
  ...[1, 2, 4].map((length) => ({ rest: 1, length })), // ext: and its type
  ...[4, 8].map((rest) => ({ rest, length: 0 })), // float
  ...[1, 2, 4, 8, 1, 2, 4, 8].map((rest) => ({ rest, length: 0 })), // uint, int
  ...[2, 3, 5, 9, 17].map((rest) => ({ rest, length: 0 })), // fixext: type and data
  ...[1, 2, 4].map((length) => ({ rest: 0, length })), // str
];

/**
 * A message is mostly short ASCII texts that lie close together. To make one text of them all and to cut them out of it
 * spares a call into native code for each. What is cut out keeps the window alive.
 */
const WINDOW = 256;
const MOST_SHARED = 128;

/**
 * Names that were read last, at a place that their bytes tell. They are the same in every message of a stream, and one
 * that V8 knows already as the name of a property becomes one without a search among all names.
 */
export type KnownNames = string[];

export const newKnownNames = (): KnownNames => new Array<string>(64).fill("");

/** Reads one value after the other. Throws RangeError for a value that is not there or has another type. */
export class MessagePackReader {
  private at = 0;
  private readonly end: number;
  /** The bytes from `windowStart` on as text, a character a byte. */
  private window = "";
  private windowStart = 0;

  constructor(private readonly bytes: Buffer, private readonly names?: KnownNames) {
    this.end = bytes.length;
  }

  get atEnd(): boolean {
    return this.at >= this.end;
  }

  /** A whole number; one beyond 2^53 loses precision. */
  integer(): number {
    const type = this.byte();
    if (type < 0x80) return type;
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xcc: return this.unsigned(1);
      case 0xcd: return this.unsigned(2);
      case 0xce: return this.unsigned(4);
      case 0xcf: return Number(this.bytes.readBigUInt64BE(this.take(8)));
      case 0xd0: return this.bytes.readInt8(this.take(1));
      case 0xd1: return this.bytes.readInt16BE(this.take(2));
      case 0xd2: return this.bytes.readInt32BE(this.take(4));
      case 0xd3: return Number(this.bytes.readBigInt64BE(this.take(8)));
      default: return malformed();
    }
  }

  /** The bytes of a str or bin: a view, not a copy. */
  raw(): Buffer {
    const length = this.rawLength();
    if (length < 0) malformed();
    const start = this.take(length);
    return this.bytes.subarray(start, this.at);
  }

  /** A str or bin as text; what is not UTF-8 in it becomes U+FFFD. */
  text(): string {
    const length = this.rawLength();
    if (length < 0) malformed();
    return this.slice(length);
  }

  /** Like `text`, but a value of another type is skipped and undefined. */
  textOrSkip(): string | undefined {
    const length = this.rawLength();
    if (length < 0) {
      this.at--;
      this.skip(1);
      return undefined;
    }
    return this.slice(length);
  }

  /** Like `textOrSkip`, for texts that become the names of properties. */
  nameOrSkip(): string | undefined {
    const { bytes, at, names } = this;
    const length = (bytes[at] ?? NIL) ^ FIXRAW;
    const start = at + 1;
    const end = start + length;
    if (names === undefined || length === 0 || length > 0x1f || end > this.end) return this.textOrSkip();
    const place = (7 * length + bytes[start]! + bytes[end - 1]!) % names.length;
    const name = names[place]!;
    if (spells(bytes, start, end, name)) {
      this.at = end;
      return name;
    }
    const text = this.textOrSkip()!;
    // Only of ASCII is a character a byte. The list of an object's keys has the names as V8 keeps them.
    if (isAscii(bytes, start, end)) names[place] = Object.keys({ [text]: true })[0]!;
    return text;
  }

  /** How many values the array holds that begins here; they follow. */
  arrayLength(): number {
    const type = this.byte();
    if ((type & 0xf0) === FIXARRAY) return type & 0x0f;
    if (type === ARRAY16) return this.unsigned(2);
    if (type === ARRAY32) return this.unsigned(4);
    malformed();
  }

  /** Passes `count` values of any type. Counts what is open instead of descending, so that no nesting is too deep. */
  skip(count: number): void {
    for (let open = count; open > 0; open--) {
      const type = this.byte();
      if (type < 0x80 || type >= 0xe0) continue;
      if (type < 0x90) open += 2 * (type & 0x0f); // fixmap
      else if (type < 0xa0) open += type & 0x0f; // fixarray
      else if (type < NIL) this.take(type & 0x1f); // fixraw
      else if (type >= ARRAY16) open += this.unsigned(type & 1 ? 4 : 2) * (type >= 0xde ? 2 : 1); // array, map
      else {
        const { rest, length } = SIZES[type - NIL]!;
        this.take(rest + (length === 0 ? 0 : this.unsigned(length)));
      }
    }
  }

  private slice(length: number): string {
    if (length === 0) return "";
    const start = this.take(length);
    const { bytes, at } = this;
    if (length > MOST_SHARED || !isAscii(bytes, start, at)) return bytes.toString("utf8", start, at);
    if (at > this.windowStart + this.window.length) {
      this.window = bytes.toString("latin1", start, start + WINDOW);
      this.windowStart = start;
    }
    return this.window.slice(start - this.windowStart, at - this.windowStart);
  }

  /** Reads the beginning of a str or bin, and tells its length; -1 (and only one byte read) if it is something else. */
  private rawLength(): number {
    const type = this.byte();
    if ((type & 0xe0) === FIXRAW) return type & 0x1f;
    switch (type) {
      case 0xc4: case 0xd9: return this.byte();
      case 0xc5: case RAW16: return this.byte() * 256 + this.byte();
      case 0xc6: case RAW32: return this.unsigned(4);
      default: return -1;
    }
  }

  private byte(): number {
    const { at } = this;
    if (at >= this.end) malformed();
    this.at = at + 1;
    return this.bytes[at]!;
  }

  private unsigned(width: number): number {
    let at = this.take(width);
    let value = 0;
    for (; at < this.at; at++) value = value * 256 + this.bytes[at]!;
    return value;
  }

  /** Passes `count` bytes and tells where they begin. */
  private take(count: number): number {
    const start = this.at;
    if (count > this.end - start) malformed();
    this.at = start + count;
    return start;
  }
}

function spells(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (text.length !== end - start) return false;
  for (let at = start; at < end; at++) if (bytes[at]! !== text.charCodeAt(at - start)) return false;
  return true;
}

/** Eight bytes at a time and without a branch for each, because nearly every text is ASCII to its end. */
function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let all = 0;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    all |= bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]! | bytes[at + 4]! | bytes[at + 5]! | bytes[at + 6]! | bytes[at + 7]!;
  }
  for (; at < end; at++) all |= bytes[at]!;
  return all < 0x80;
}

function malformed(): never {
  throw new RangeError("not the expected MessagePack value");
}

/** A text or bytes as the broker writes them: raw, of any length. */
export function packRaw(value: string | Uint8Array): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  const { length } = bytes;
  const head = length < 0x20 ? [FIXRAW | length] : length < 0x10000 ? [RAW16, ...bigEndian(length, 2)] : [RAW32, ...bigEndian(length, 4)];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** An array of texts. */
export function packTexts(texts: readonly string[]): Buffer {
  const { length } = texts;
  const head = length < 0x10 ? [FIXARRAY | length] : length < 0x10000 ? [ARRAY16, ...bigEndian(length, 2)] : [ARRAY32, ...bigEndian(length, 4)];
  return Buffer.concat([Buffer.from(head), ...texts.map(packRaw)]);
}

const bigEndian = (value: number, width: number) => Array.from({ length: width }, (_, index) => (value >>> (8 * (width - 1 - index))) & 0xff);
