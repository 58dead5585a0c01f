/**
 * Numbers and short texts of many events, in memory that the garbage collector need not look into: as arrays of objects
 * they would be copied again and again while a page is read.
 */

const FIRST_ROOM = 1024;

/** A list of numbers that grows. */
export class NumberColumn {
  private values = new Float64Array(FIRST_ROOM);
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** Returns its index. */
  push(value: number): number {
    if (this.count === this.values.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count] = value;
    return this.count++;
  }

  at(index: number): number {
    return this.values[index] as number;
  }

  /** A view of what is there now. */
  view(): Float64Array {
    return this.values.subarray(0, this.count);
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
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.used + bytes));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
  }

  /** A view of all of them, one behind the other, in memory of their own. */
  view(): Buffer {
    return this.bytes.subarray(0, this.used);
  }
}
