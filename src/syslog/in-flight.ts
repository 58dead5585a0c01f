/** Chunks that were written: in flight until they are confirmed, and kept for a while after that. */
import type { Chunk } from "./chunk";
import type { Clock } from "../common/clock";

/** Bytes that may be unconfirmed before the sender waits: memory stays bounded whatever the confirm delay. */
const UNCONFIRMED_BYTES = 16 * 1024 * 1024;
/** Linux takes up to 4 MiB to send and up to 6 MiB for a receiver that does not read (man 7 tcp: tcp_wmem, tcp_rmem). */
const KEPT_BYTES = 12 * 1024 * 1024;

export interface InFlightOptions {
  clock: Clock;
  /** Milliseconds from hand-over to confirmation, if the link is still sound then. */
  confirmDelay: number;
  /** What was written in so many milliseconds before a link broke may be lost with it, even if it was confirmed. */
  resendWindow: number;
}

export class InFlight {
  /** Oldest first. */
  private unconfirmed: Chunk[] = [];
  private unconfirmedBytes = 0;
  /** Confirmed, oldest first. */
  private kept: Chunk[] = [];
  private keptBytes = 0;
  private cancelCheck: (() => void) | undefined;

  /** `confirmed` is called for each chunk that time confirms, each in its own turn of the event loop. */
  constructor(private readonly options: InFlightOptions, private readonly confirmed: (chunk: Chunk) => void) {}

  get isEmpty(): boolean {
    return this.unconfirmed.length === 0;
  }

  get isFull(): boolean {
    return this.unconfirmedBytes >= UNCONFIRMED_BYTES;
  }

  add(chunk: Chunk): void {
    chunk.writtenAt = this.options.clock.now();
    chunk.handedOverAt = undefined;
    this.unconfirmed.push(chunk);
    this.unconfirmedBytes += chunk.bytes.length;
  }

  /** The server answered the next `count` lines of `chunk`, which is the oldest: takes them out. */
  takeAnswered(chunk: Chunk, count: number): Chunk {
    const answered = chunk.takeFront(count);
    this.unconfirmedBytes -= answered.bytes.length;
    if (chunk.ends.length === 0) this.unconfirmed.shift();
    return answered;
  }

  /** The kernel has all of `chunk`; no answer will come, so time confirms it. */
  handedOver(chunk: Chunk): void {
    chunk.handedOverAt = this.options.clock.now();
    if (this.cancelCheck === undefined) this.checkAfter(this.options.confirmDelay);
  }

  /** Time confirms nothing more, unless another chunk is handed over. */
  stop(): void {
    this.cancelCheck?.();
    this.cancelCheck = undefined;
  }

  /** The link is lost: takes out everything that may be lost with it, in order. */
  takeAll(): Chunk[] {
    this.stop();
    const horizon = this.options.clock.now() - this.options.resendWindow;
    const all = [...this.kept.filter(({ writtenAt }) => writtenAt >= horizon), ...this.unconfirmed];
    this.kept = [];
    this.unconfirmed = [];
    this.keptBytes = this.unconfirmedBytes = 0;
    return all;
  }

  private checkAfter(delay: number): void {
    let cancel = () => {};
    // Timers run before sockets are read: an `end` that came while the loop was busy must be seen first.
    const inOwnTurn = () => {
      const turn = setImmediate(() => this.check());
      cancel = () => clearImmediate(turn);
    };
    if (delay > 0) cancel = this.options.clock.after(delay, inOwnTurn);
    else inOwnTurn();
    this.cancelCheck = () => cancel();
  }

  /** Confirms the oldest chunk if it is due, and comes back for the next one. */
  private check(): void {
    this.cancelCheck = undefined;
    const [oldest] = this.unconfirmed;
    if (oldest?.handedOverAt === undefined) return;
    const wait = oldest.handedOverAt + this.options.confirmDelay - this.options.clock.now();
    if (wait <= 0) {
      this.unconfirmed.shift();
      this.unconfirmedBytes -= oldest.bytes.length;
      this.keep(oldest);
      this.confirmed(oldest);
    }
    this.checkAfter(wait);
  }

  private keep(chunk: Chunk): void {
    const { clock, resendWindow } = this.options;
    if (resendWindow === 0) return;
    this.kept.push(chunk);
    this.keptBytes += chunk.bytes.length;
    const horizon = clock.now() - resendWindow;
    for (let old = this.kept[0]; old !== undefined && (this.keptBytes > KEPT_BYTES || old.writtenAt < horizon); old = this.kept[0]) {
      this.keptBytes -= old.bytes.length;
      this.kept.shift();
    }
  }
}
