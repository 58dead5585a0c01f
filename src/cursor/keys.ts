/**
 * Ledger keys of many events, in memory that the garbage collector need not look into: as texts in Sets they would be
 * copied again and again while pages are out, and the pauses for it would be felt in the whole process.
 */

/** Characters of a key. */
export const KEY_LENGTH = 12;
/** A key is as many 32-bit numbers. */
const WORDS = KEY_LENGTH / 4;

/** Keys, one behind the other. */
export class KeyColumn {
  private readonly bytes: Buffer;

  /** Of KEY_LENGTH ASCII characters each. */
  constructor(readonly words: Int32Array) {
    this.bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  }

  static of(texts: readonly string[]): KeyColumn {
    const column = new KeyColumn(new Int32Array(texts.length * WORDS));
    texts.forEach((text, index) => column.bytes.write(text, index * KEY_LENGTH, KEY_LENGTH, "latin1"));
    return column;
  }

  get length(): number {
    return this.words.length / WORDS;
  }

  text(index: number): string {
    return this.bytes.toString("latin1", index * KEY_LENGTH, (index + 1) * KEY_LENGTH);
  }

  /** A view of some of them. */
  part(start: number, end: number): KeyColumn {
    return new KeyColumn(this.words.subarray(start * WORDS, end * WORDS));
  }

  /** A copy of those with these indexes. */
  chosen(indexes: readonly number[]): KeyColumn {
    const words = new Int32Array(indexes.length * WORDS);
    for (let index = 0; index < indexes.length; index++) {
      const from = indexes[index]! * WORDS;
      for (let word = 0; word < WORDS; word++) words[index * WORDS + word] = this.words[from + word]!;
    }
    return new KeyColumn(words);
  }
}

const FEWEST_SLOTS = 64;

/** A number for each of many keys: a hash table with open addressing and linear probing, at most half full. */
export class KeyTable {
  private words = new Int32Array(FEWEST_SLOTS * WORDS);
  private values = new Float64Array(FEWEST_SLOTS);
  private mask = FEWEST_SLOTS - 1;
  private count = 0;

  get size(): number {
    return this.count;
  }

  has(keys: KeyColumn, index: number): boolean {
    return this.find(keys.words, index * WORDS) >= 0;
  }

  get(keys: KeyColumn, index: number): number | undefined {
    const slot = this.find(keys.words, index * WORDS);
    return slot < 0 ? undefined : this.values[slot];
  }

  /** Returns false if the key was there. */
  set(keys: KeyColumn, index: number, value: number): boolean {
    return this.put(keys.words, index * WORDS, value);
  }

  delete(keys: KeyColumn, index: number): void {
    const found = this.find(keys.words, index * WORDS);
    if (found < 0) return;
    const { words, values, mask } = this;
    this.count -= 1;
    // What stands behind it moves up if it was only here because its own slot was taken.
    let free = found;
    for (let slot = (free + 1) & mask; words[slot * WORDS] !== 0; slot = (slot + 1) & mask) {
      const home = hash(words, slot * WORDS) & mask;
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      words.copyWithin(free * WORDS, slot * WORDS, (slot + 1) * WORDS);
      values[free] = values[slot]!;
      free = slot;
    }
    words.fill(0, free * WORDS, (free + 1) * WORDS);
  }

  /** Those whose value is above `limit`, in a table of their own. */
  above(limit: number): KeyTable {
    const table = new KeyTable();
    for (let slot = 0; slot < this.values.length; slot++) {
      if (this.words[slot * WORDS] !== 0 && this.values[slot]! > limit) table.put(this.words, slot * WORDS, this.values[slot]!);
    }
    return table;
  }

  /** The slot of the key at `at` of `keys`; if it is absent, the free slot minus the number of slots (negative). */
  private find(keys: Int32Array, at: number): number {
    const { words, mask } = this;
    for (let slot = hash(keys, at) & mask; ; slot = (slot + 1) & mask) {
      const place = slot * WORDS;
      if (words[place] === 0) return slot - this.values.length;
      if (words[place] === keys[at] && words[place + 1] === keys[at + 1] && words[place + 2] === keys[at + 2]) return slot;
    }
  }

  private put(keys: Int32Array, at: number, value: number): boolean {
    const found = this.find(keys, at);
    if (found >= 0) {
      this.values[found] = value;
      return false;
    }
    if (2 * (this.count + 1) > this.values.length) {
      this.grow();
      return this.put(keys, at, value);
    }
    const slot = found + this.values.length;
    for (let word = 0; word < WORDS; word++) this.words[slot * WORDS + word] = keys[at + word]!;
    this.values[slot] = value;
    this.count += 1;
    return true;
  }

  private grow(): void {
    const { words, values } = this;
    this.words = new Int32Array(2 * words.length);
    this.values = new Float64Array(2 * values.length);
    this.mask = this.values.length - 1;
    this.count = 0;
    for (let slot = 0; slot < values.length; slot++) if (words[slot * WORDS] !== 0) this.put(words, slot * WORDS, values[slot]!);
  }
}

function hash(words: Int32Array, at: number): number {
  const mixed = Math.imul(words[at]!, 0x9e3779b1) ^ Math.imul(words[at + 1]!, 0x85ebca6b) ^ Math.imul(words[at + 2]!, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
