/** Large Buffers that are used again and again: garbage of their size that lives for seconds is only freed by a full collection. */
import { freeMemory } from "./free-memory";

const SMALLEST = 16 * 1024;
const MOST_SPARE = 16;

export class SpareMemory {
  private readonly spare = new Map<number, Buffer[]>();
  /** What was made here. Short Buffers share their memory with those of the whole process, in stretches of any size. */
  private readonly own = new WeakSet<ArrayBufferLike>();

  /** Buffers of `largest` bytes, of half as many, and so on are kept, at most `most` of each size; 0 keeps none. */
  constructor(private readonly largest: number, private readonly most = MOST_SPARE) {}

  /** A Buffer of at least `size` bytes. */
  take(size: number): Buffer {
    if (size < SMALLEST || size > this.largest) return Buffer.allocUnsafe(size);
    let room = this.largest;
    while (room / 2 >= size) room /= 2;
    const known = this.spare.get(room)?.pop();
    if (known !== undefined) return known;
    const made = Buffer.allocUnsafeSlow(room);
    this.own.add(made.buffer);
    return made;
  }

  /** `bytes` are a view of what `take` gave, which nobody uses any more. */
  give({ buffer }: Buffer): void {
    if (!this.own.has(buffer)) return;
    const room = buffer.byteLength;
    const spare = this.spare.get(room) ?? [];
    this.spare.set(room, spare);
    if (spare.length < this.most) spare.push(Buffer.from(buffer));
    else freeMemory(Buffer.from(buffer));
  }
}
