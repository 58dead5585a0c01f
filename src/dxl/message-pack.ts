/**
 * The part of MessagePack that DXL messages use (MessagePack specification, "Formats"). The broker writes every text, and
 * the payload too, as the "raw" type of the first specification: today's str, with any bytes in it, and never str 8.
 * Clients also write str 8 and bin. So the reader takes str and bin alike, and its caller says whether it wants text or bytes.
 */

const FIXARRAY = 0x90;
const FIXRAW = 0xa0;
const NIL = 0xc0;
const BIN8 = 0xc4;
const BIN16 = 0xc5;
const BIN32 = 0xc6;
const STR8 = 0xd9;
const RAW16 = 0xda;
const RAW32 = 0xdb;
const ARRAY16 = 0xdc;
const ARRAY32 = 0xdd;
const MAP16 = 0xde;

/** For the types c0 to db: the width of the length field, 0 if there is none, and the bytes of fixed size after it. */
const SIZES: readonly { length: number; rest: number }[] = [
  ...[0, 0, 0, 0].map((rest) => ({ length: 0, rest })), // nil, (never used), false, true
  ...[1, 2, 4].map((length) => ({ length, rest: 0 })), // bin
  ...[1, 2, 4].map((length) => ({ length, rest: 1 })), // ext: and its type
  ...[4, 8].map((rest) => ({ length: 0, rest })), // float
  ...[1, 2, 4, 8, 1, 2, 4, 8].map((rest) => ({ length: 0, rest })), // uint, int
  ...[2, 3, 5, 9, 17].map((rest) => ({ length: 0, rest })), // fixext: type and data
  ...[1, 2, 4].map((length) => ({ length, rest: 0 })), // str
];

/** Reads one value after the other. Throws RangeError for a value that is missing or has another type. */
export class MessagePackReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** A whole number; beyond 2^53 it loses precision. */
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
    const start = this.takeRaw();
    return this.bytes.subarray(start, this.at);
  }

  /** A str or bin as text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    const start = this.takeRaw();
    return this.bytes.toString("utf8", start, this.at);
  }

  /** Like `text`, but skips a value of another type and returns undefined. */
  textOrSkip(): string | undefined {
    if (isRaw(this.bytes[this.at] ?? NIL)) return this.text();
    this.skip(1);
    return undefined;
  }

  /** The number of values in the array that begins here; they follow. */
  arrayLength(): number {
    const type = this.byte();
    if ((type & 0xf0) === FIXARRAY) return type & 0x0f;
    if (type === ARRAY16) return this.unsigned(2);
    if (type === ARRAY32) return this.unsigned(4);
    return malformed();
  }

  /** Skips `count` values of any type. Counts the values that are still open instead of calling itself, so that no nesting is too deep. */
  skip(count: number): void {
    for (let open = count; open > 0; open--) {
      const type = this.byte();
      if (type < 0x80 || type >= 0xe0) continue;
      if (type < FIXARRAY) open += 2 * (type & 0x0f); // fixmap
      else if (type < FIXRAW) open += type & 0x0f;
      else if (type < NIL) this.take(type & 0x1f);
      else if (type >= ARRAY16) open += this.unsigned(type & 1 ? 4 : 2) * (type >= MAP16 ? 2 : 1);
      else {
        const { length, rest } = SIZES[type - NIL]!;
        this.take(rest + (length === 0 ? 0 : this.unsigned(length)));
      }
    }
  }

  /** Takes a str or bin; its bytes are those from the returned offset up to `at`. */
  private takeRaw(): number {
    const type = this.byte();
    if ((type & 0xe0) === FIXRAW) return this.take(type & 0x1f);
    switch (type) {
      case BIN8: case STR8: return this.take(this.unsigned(1));
      case BIN16: case RAW16: return this.take(this.unsigned(2));
      case BIN32: case RAW32: return this.take(this.unsigned(4));
      default: return malformed();
    }
  }

  private byte(): number {
    return this.bytes[this.take(1)]!;
  }

  private unsigned(width: number): number {
    return this.bytes.readUIntBE(this.take(width), width);
  }

  /** Moves past `count` bytes and returns the offset of the first one. */
  private take(count: number): number {
    const start = this.at;
    if (count > this.bytes.length - start) malformed();
    this.at = start + count;
    return start;
  }
}

const isRaw = (type: number): boolean => (type & 0xe0) === FIXRAW || (type >= BIN8 && type <= BIN32) || (type >= STR8 && type <= RAW32);

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
