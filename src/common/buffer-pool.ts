/**
 * Large Buffers of one size that are used again and again. A Buffer that lives for a while waits for a full garbage
 * collection: pages_and_chunks_figures.
 */
const MOST_SPARE = 16;

export class BufferPool {
  private readonly spare: Buffer[] = [];

  constructor(readonly bytes: number) {}

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bytes);
  }

  /** `buffer` is a view of a whole one that `take` gave; nobody uses it any more. Any other Buffer is left to V8. */
  give({ buffer }: Buffer): void {
    if (buffer.byteLength === this.bytes && this.spare.length < MOST_SPARE) this.spare.push(Buffer.from(buffer));
  }
}
