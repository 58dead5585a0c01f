/**
 * Large Buffers of one size that are used again and again, because a Buffer that lives for seconds waits for a full garbage
 * collection. Without it for the sender's chunks, collections took 24 % of the thread and not 7 % (`npm run bench -- flow
 * --profile 1 v1-10000`).
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
