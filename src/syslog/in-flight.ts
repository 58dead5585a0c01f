/** Chunks that were written: in flight until they are confirmed, and kept for a while after that. */
import type { BufferPool } from "../common/buffer-pool";
import type { Clock } from "../common/clock";
import type { Arrival } from "./arrival";
import type { Chunk } from "./chunk";
import type { LinkLife } from "./link-life";

/** Bytes that may be unconfirmed before the sender waits: memory stays bounded however long nothing is acknowledged. */
const UNCONFIRMED_BYTES = 16 * 1024 * 1024;
/** Linux takes up to 4 MiB to send and up to 6 MiB for a receiver that does not read (man 7 tcp: tcp_wmem, tcp_rmem). */
const KEPT_BYTES = 12 * 1024 * 1024;
/** Milliseconds between two looks for one acknowledgement. */
const LOOK_AGAIN = 20;

export interface InFlightOptions {
  clock: Clock;
  /** Milliseconds from hand-over to confirmation, if the link is still sound then. */
  confirmDelay: number;
  /** What was confirmed in so many milliseconds before a link broke may be lost with it. 0: it is never sent again. */
  resendWindow: number;
}

export class InFlight {
  /** Oldest first. */
  private unconfirmed: Chunk[] = [];
  private unconfirmedBytes = 0;
  /** Confirmed on the present link, oldest first. */
  private kept: Chunk[] = [];
  private keptBytes = 0;
  private answers = 0;
  /** Of the present link, if it is a stream. */
  private arrival: Arrival | undefined;
  private cancelCheck: (() => void) | undefined;

  /** `confirmed` is called for each chunk that was confirmed without an answer, each in its own turn of the event loop. */
  constructor(
    private readonly options: InFlightOptions,
    private readonly pool: BufferPool,
    private readonly life: LinkLife,
    private readonly confirmed: (chunk: Chunk) => void,
  ) {}

  get isEmpty(): boolean {
    return this.unconfirmed.length === 0;
  }

  get isFull(): boolean {
    return this.unconfirmedBytes >= UNCONFIRMED_BYTES;
  }

  /** Something is not acknowledged. */
  get waits(): boolean {
    const newest = this.unconfirmed.at(-1);
    return newest !== undefined && !this.isAcknowledged(newest);
  }

  get unacknowledgedBytes(): number {
    return this.unconfirmed.reduce((sum, chunk) => (this.isAcknowledged(chunk) ? sum : sum + chunk.bytes.length), 0);
  }

  /** Changes with each acknowledgement on the present link. */
  get signs(): number {
    return this.arrival?.signs ?? this.answers;
  }

  get hasEvidence(): boolean {
    return this.arrival?.hasEvidence ?? false;
  }

  /** A stream is ready. */
  begin(arrival: Arrival): void {
    this.arrival = arrival;
  }

  add(chunk: Chunk): void {
    chunk.handedOver = undefined;
    this.unconfirmed.push(chunk);
    this.unconfirmedBytes += chunk.bytes.length;
  }

  /** The server answered the next `count` lines of `chunk`, which is the oldest: takes them out. */
  takeAnswered(chunk: Chunk, count: number): Chunk {
    const answered = chunk.takeFront(count);
    this.answers += 1;
    this.unconfirmedBytes -= answered.bytes.length;
    if (chunk.ends.length === 0) this.unconfirmed.shift();
    return answered;
  }

  /** The kernel has all of `chunk`, and no answer will come. */
  handedOver(chunk: Chunk): void {
    if (this.arrival === undefined) return;
    chunk.handedOver = { at: this.options.clock.now(), end: this.arrival.handedOver(chunk.bytes.length) };
    if (this.cancelCheck === undefined) this.checkAfter(this.options.confirmDelay);
  }

  /** Looks what the peer has acknowledged. */
  async look(): Promise<void> {
    await this.arrival?.look();
  }

  /** Confirms nothing more, unless another chunk is handed over. */
  stop(): void {
    this.cancelCheck?.();
    this.cancelCheck = undefined;
  }

  /** The link is lost: takes out everything that may be lost with it, in order. */
  takeAll(): Chunk[] {
    this.stop();
    this.forgetOld();
    const all = [...this.kept, ...this.unconfirmed];
    this.kept = [];
    this.unconfirmed = [];
    this.keptBytes = this.unconfirmedBytes = 0;
    this.arrival = undefined;
    return all;
  }

  private isAcknowledged({ handedOver }: Chunk): boolean {
    return handedOver !== undefined && this.arrival?.covers(handedOver.end) === true;
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

  private checkAfterLook(oldest: Chunk): void {
    let cancelled = false;
    this.cancelCheck = () => { cancelled = true; };
    void this.look().then(() => {
      if (!cancelled) this.checkAfter(this.isAcknowledged(oldest) ? 0 : LOOK_AGAIN);
    });
  }

  /** Confirms the oldest chunk if it is due, acknowledged and on a link that has proved itself; comes back for the next one. */
  private check(): void {
    this.cancelCheck = undefined;
    const [oldest] = this.unconfirmed;
    if (oldest?.handedOver === undefined) return;
    const { confirmDelay, clock } = this.options;
    const wait = oldest.handedOver.at + confirmDelay - clock.now();
    if (wait > 0) return this.checkAfter(wait);
    if (!this.isAcknowledged(oldest)) return this.checkAfterLook(oldest);
    if (this.life.unproven > 0) return this.checkAfter(this.life.unproven);
    this.unconfirmed.shift();
    this.unconfirmedBytes -= oldest.bytes.length;
    this.keep(oldest);
    this.confirmed(oldest);
    this.checkAfter(0);
  }

  private keep(chunk: Chunk): void {
    const { clock, resendWindow } = this.options;
    if (resendWindow === 0) return;
    chunk.confirmedAt = clock.now();
    this.kept.push(chunk);
    this.keptBytes += chunk.bytes.length;
    this.forgetOld();
  }

  private forgetOld(): void {
    const { clock, resendWindow } = this.options;
    const horizon = this.life.isYoung ? -Infinity : clock.now() - resendWindow;
    for (let old = this.kept[0]; old !== undefined && (this.keptBytes > KEPT_BYTES || old.confirmedAt < horizon); old = this.kept[0]) {
      this.keptBytes -= old.bytes.length;
      this.kept.shift();
      if (old.ownsMemory) this.pool.give(old.bytes);
    }
  }
}
