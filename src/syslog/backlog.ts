/** What waits to be written, in order: chunks that have to be written again, then batches, which are cut into chunks here. */
import type { BufferPool } from "../common/buffer-pool";
import { Chunk, type Batch, type Share } from "./chunk";
import { FrameBuilder, type Framing } from "./framing";
import type { HeaderSource } from "./header";
import { BoundedQueue, type QueueLimits } from "../delivery/queue";
import type { Transport } from "./transport";

export interface BacklogOptions {
  transport: Transport;
  framing: Framing;
  header: HeaderSource;
  /** Header and line together. */
  maxBytes: number;
  limits: QueueLimits;
}

export class Backlog {
  readonly queue: BoundedQueue<Batch>;
  private readonly frames: FrameBuilder;
  /** The batch that is being cut. */
  private current: Batch | undefined;
  private resend: Chunk[] = [];

  /** `skipped` is called for each line that is empty: there is nothing to send. */
  constructor(private readonly options: BacklogOptions, pool: BufferPool, private readonly skipped: (batch: Batch) => void) {
    this.queue = new BoundedQueue(options.limits);
    this.frames = new FrameBuilder(options.framing, options.maxBytes, pool);
  }

  get isEmpty(): boolean {
    return this.resend.length === 0 && this.current === undefined && this.queue.waitingEvents === 0;
  }

  get hasResend(): boolean {
    return this.resend.length > 0;
  }

  /** Bytes that were written before and have to be written again. */
  get resendBytes(): number {
    return this.resend.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  resendFirst(chunks: readonly Chunk[]): void {
    this.resend = [...chunks, ...this.resend];
  }

  resendLast(chunks: readonly Chunk[]): void {
    this.resend.push(...chunks);
  }

  /** The next chunk that has to be written again, or only its first line. */
  nextResend(oneLine: boolean): Chunk | undefined {
    const [chunk] = this.resend;
    return oneLine && chunk !== undefined && chunk.ends.length > 1 ? chunk.takeFront(1) : this.resend.shift();
  }

  /** As many new lines as one write takes, of one or several batches; `date` (milliseconds since 1970) goes into their headers. */
  nextNew(date: number): Chunk | undefined {
    const header = this.options.header(date);
    const shares: Share[] = [];
    for (let batch = this.nextBatch(); batch !== undefined; batch = this.nextBatch()) {
      this.fill(batch, header, shares);
      if (batch.next < batch.lines.length) break;
      // A server that answers may still refuse a line, which is then set aside as the message had it.
      if (this.options.transport.stream) batch.lines.release();
      this.current = undefined;
    }
    if (shares.length === 0) return undefined;
    const { bytes, ends } = this.frames.take();
    return new Chunk(bytes, ends, shares);
  }

  private nextBatch(): Batch | undefined {
    return this.current ??= this.queue.take();
  }

  /** Frames lines of `batch` until there are no more, or one write takes no more, and adds to `shares` which they are. */
  private fill(batch: Batch, header: Buffer, shares: Share[]): void {
    let first = batch.next;
    const share = () => {
      if (batch.next > first) shares.push({ batch, first, count: batch.next - first });
      first = batch.next + 1;
    };
    for (; batch.next < batch.lines.length && this.frames.count < this.options.transport.maxFrames; batch.next += 1) {
      const added = this.frames.add(header, batch.lines.at(batch.next));
      if (added === "full") break;
      if (added === "shortened") batch.shortened += 1;
      if (added === "empty") {
        share();
        this.skipped(batch);
      }
    }
    share();
  }
}
