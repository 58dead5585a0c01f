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

/** Reads one value after the other. Throws RangeError for a value that is not there or has another type. */
export class MessagePackReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
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
    const length = this.rawLength(this.byte());
    if (length === undefined) malformed();
    const start = this.take(length);
    return this.bytes.subarray(start, this.at);
  }

  /** A str or bin as text; what is not UTF-8 in it becomes U+FFFD. */
  text(): string {
    return this.textOrSkip() ?? malformed();
  }

  /** Like `text`, but a value of another type is skipped and undefined. */
  textOrSkip(): string | undefined {
    const length = this.rawLength(this.byte());
    if (length === undefined) {
      this.at--;
      this.skip(1);
      return undefined;
    }
    const start = this.take(length);
    return length === 0 ? "" : this.bytes.toString("utf8", start, this.at);
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

  /** The length of the str or bin that `type` begins; undefined if it begins something else. */
  private rawLength(type: number): number | undefined {
    if ((type & 0xe0) === FIXRAW) return type & 0x1f;
    switch (type) {
      case 0xc4: case 0xd9: return this.unsigned(1);
      case 0xc5: case RAW16: return this.unsigned(2);
      case 0xc6: case RAW32: return this.unsigned(4);
      default: return undefined;
    }
  }

  private byte(): number {
    return this.bytes[this.at++] ?? malformed();
  }

  private unsigned(width: number): number {
    const at = this.take(width);
    return width === 1 ? this.bytes[at]! : width === 2 ? this.bytes.readUInt16BE(at) : this.bytes.readUInt32BE(at);
  }

  /** Passes `count` bytes and tells where they begin. */
  private take(count: number): number {
    const start = this.at;
    if (count > this.bytes.length - start) malformed();
    this.at = start + count;
    return start;
  }
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
