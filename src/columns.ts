/**
 * Numbers and short texts of many events, in memory that the garbage collector need not look into: as arrays of objects
 * they would be copied again and again while a page is read.
 */

import { freeMemory } from "./free-memory";

/** How many texts there is room for at first. */
const FIRST_ROOM = 1024;

type Numbers = Float64Array | Int32Array | Uint8Array;

/** A list of numbers that grows. */
export class NumberColumn<Values extends Numbers = Float64Array> {
  private values: Values;
  private count = 0;

  /** `values` is the room that it begins with. */
  constructor(values: Values) {
    this.values = values;
  }

  get length(): number {
    return this.count;
  }

  /** Returns its index. */
  push(value: number): number {
    if (this.count === this.values.length) this.grow();
    this.values[this.count] = value;
    return this.count++;
  }

  at(index: number): number {
    return this.values[index] as number;
  }

  /** A view of what is there now, good until the next `push`. */
  view(): Values {
    return this.values.subarray(0, this.count) as Values;
  }

  private grow(): void {
    const { values } = this;
    const larger = new (values.constructor as new (length: number) => Values)(2 * values.length);
    larger.set(values);
    this.values = larger;
    freeMemory(Buffer.from(values.buffer));
  }
}

/** A list of texts in ASCII, all of one length. */
export class TextColumn {
  private bytes: Buffer;
  private used = 0;

  constructor(private readonly width: number) {
    this.bytes = Buffer.allocUnsafeSlow(FIRST_ROOM * width);
  }

  push(text: string): void {
    this.makeRoom(this.width);
    this.used += this.bytes.write(text, this.used, this.width, "latin1");
  }

  /** Several, one behind the other. */
  pushAll(texts: Buffer): void {
    this.makeRoom(texts.length);
    this.used += texts.copy(this.bytes, this.used);
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.bytes.length) return;
    const smaller = this.bytes;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(2 * smaller.length, this.used + bytes));
    smaller.copy(this.bytes, 0, 0, this.used);
    freeMemory(smaller);
  }

  /** A view of all of them, one behind the other, in memory of their own; good until the next one is added. */
  view(): Buffer {
    return this.bytes.subarray(0, this.used);
  }
}
