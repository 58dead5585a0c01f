/**
 * Carries batches of lines to a syslog server, in order, over links that may break at any time.
 *
 *   connecting ──ready──► up ──closed──► waiting ──back-off──► connecting        close() ends each of them
 *
 * Plain syslog has no acknowledgement (RFC 6587 section 3.1). On a stream a batch therefore counts as delivered when
 * the kernel took all of its lines and the link was still sound `confirmDelay` later. When a link breaks, everything
 * unconfirmed is sent again, and so is what was confirmed within the resend window: a server that hangs before it dies
 * leaves lines in the kernel that nobody will read. Duplicates are possible, silent loss is the exception.
 */
import type { SiemError } from "../errors";
import type { Clock } from "./clock";
import { linkError, serverClosed, syslogError } from "./errors";
import { FRAME_OVERHEAD, FrameBuilder, type Frames, type Framing } from "./framing";
import type { HeaderSource } from "./header";
import { bytesOf, type Line } from "./lines";
import { BoundedQueue, type QueueItem, type QueueLimits } from "./queue";
import type { Link, Transport } from "./transport";

export type SenderState = "connecting" | "up" | "waiting" | "closed";

export interface SenderCounters {
  /** Lines. */
  received: number;
  delivered: number;
  resent: number;
  refused: number;
  dropped: number;
  shortened: number;
  /** Bytes that were written, frames and headers included. */
  bytes: number;
  reconnects: number;
}

export interface SenderOptions {
  host: string;
  port: number;
  transport: Transport;
  framing: Framing;
  header: HeaderSource;
  /** Header and line together. */
  maxBytes: number;
  limits: QueueLimits;
  /** Milliseconds. */
  resendWindow: number;
  /** Milliseconds. */
  confirmDelay: number;
  clock: Clock;
  /** A number from 0 up to 1. */
  random(): number;
  /** Called whenever the state or the counters changed; often, so it must be cheap. */
  changed(): void;
  /** Called once an outage and cause, when a server cannot be reached or was lost. */
  outage(error: SiemError): void;
}

/** Called once a batch: without an error when it was delivered. `shortened` lines were over the limit. */
export type Settled = (error: SiemError | undefined, shortened: number) => void;

interface Batch extends QueueItem {
  readonly lines: readonly Line[];
  readonly settled: Settled;
  /** Lines that are in no chunk yet begin here. */
  next: number;
  unconfirmed: number;
  shortened: number;
}

/** What is written at once: frames of one or several batches. */
interface Chunk extends Frames {
  /** How many lines of which batch; empty once confirmed. */
  shares: { batch: Batch; lines: number }[];
  writtenAt: number;
  handedOverAt: number | undefined;
}

const RESEND_BYTES = 4 * 1024 * 1024;
/** Bytes that may be unconfirmed before the sender waits: memory stays bounded whatever the confirm delay. */
const FLYING_BYTES = 16 * 1024 * 1024;
const FIRST_RETRY = 1000;
const LAST_RETRY = 60_000;
const STABLE_AFTER = 5000;
/** What the server gets to answer our goodbye. */
const GOODBYE = 1000;

export class Sender {
  state: SenderState = "connecting";
  /** Connection attempts since the last stable link that came to nothing. */
  failures = 0;
  lastError: SiemError | undefined;
  /** Lines dropped since the queue was empty last. */
  overflowing = 0;
  readonly counters: SenderCounters = { received: 0, delivered: 0, resent: 0, refused: 0, dropped: 0, shortened: 0, bytes: 0, reconnects: 0 };
  private readonly queue: BoundedQueue<Batch>;
  private link: Link | undefined;
  /** The batch that is being cut into chunks. */
  private current: Batch | undefined;
  /** To be written again, before anything new. */
  private again: Chunk[] = [];
  /** Written, not confirmed, oldest first. */
  private flying: Chunk[] = [];
  private flyingBytes = 0;
  /** Confirmed within the resend window, oldest first. */
  private recent: Chunk[] = [];
  private recentBytes = 0;
  private blocked = false;
  private stable = false;
  private pumping = false;
  private confirming = false;
  private closing = false;
  private emptied: (() => void) | undefined;
  private reported = new Set<string>();
  private cancelTimer = () => {};
  private cancelConfirm = () => {};

  constructor(private readonly options: SenderOptions) {
    this.queue = new BoundedQueue(options.limits);
  }

  /** Lines that wait or are not confirmed. */
  get queued(): number {
    return this.queue.events;
  }

  get highWater(): number {
    return this.queue.highWater;
  }

  start(): void {
    this.open();
  }

  /**
   * Takes `lines` over. They are read again later and must not be changed before they are settled. An empty page is
   * delivered at once.
   */
  push(lines: readonly Line[], settled: Settled): void {
    if (this.closing) {
      settled(syslogError("CLOSED"), 0);
      return;
    }
    if (lines.length === 0) {
      settled(undefined, 0);
      return;
    }
    this.counters.received += lines.length;
    const batch: Batch = { lines, settled, events: lines.length, bytes: bytesOf(lines), next: 0, unconfirmed: lines.length, shortened: 0 };
    const { overflow } = this.options.limits;
    for (const gone of this.queue.add(batch)) {
      this.counters[overflow === "refuse" ? "refused" : "dropped"] += gone.events;
      if (overflow !== "refuse") this.overflowing += gone.events;
      gone.settled(syslogError(overflow === "refuse" ? "QUEUE_FULL" : "QUEUE_DROPPED", { count: gone.events, queued: this.queue.events }), 0);
    }
    this.options.changed();
    this.schedulePump();
  }

  /**
   * Takes nothing any more and tries for `deadline` ms to deliver what is queued; without a link there is nothing to
   * wait for. Whatever is left is settled with the error CLOSED.
   */
  async close(deadline: number): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    if (this.queue.events > 0 && this.state !== "waiting") {
      await new Promise<void>((resolve) => {
        const cancel = this.options.clock.after(deadline, resolve);
        this.emptied = () => {
          cancel();
          resolve();
        };
      });
    }
    const { link } = this;
    const connected = this.state === "up";
    this.state = "closed";
    this.cancelTimer();
    this.cancelConfirm();
    if (link !== undefined && connected) {
      await new Promise<void>((resolve) => {
        const cancel = this.options.clock.after(GOODBYE, resolve);
        this.emptied = () => {
          cancel();
          resolve();
        };
        link.end();
      });
    }
    link?.destroy();
    this.abandon();
  }

  private open(): void {
    this.enter("connecting");
    // A link that is given up may still call back; only the newest one is listened to.
    const link: Link = this.options.transport.connect({
      ready: () => {
        if (this.link === link && this.state === "connecting") this.ready();
      },
      drain: () => {
        if (this.link !== link) return;
        this.blocked = false;
        this.schedulePump();
      },
      closed: (error) => {
        if (this.link === link) this.lost(error);
      },
    });
    this.link = link;
  }

  private ready(): void {
    this.enter("up");
    this.blocked = false;
    this.cancelTimer = this.options.clock.after(STABLE_AFTER, () => {
      this.stable = true;
      this.failures = 0;
      this.reported.clear();
      this.options.changed();
    });
    this.schedulePump();
  }

  private lost(cause?: Error): void {
    const { host, port, clock, resendWindow } = this.options;
    this.link = undefined;
    this.cancelTimer();
    this.cancelConfirm();
    if (this.closing) {
      this.emptied?.();
      return;
    }
    const horizon = clock.now() - resendWindow;
    this.again = [...this.recent.filter((chunk) => chunk.writtenAt >= horizon), ...this.flying, ...this.again];
    this.recent = [];
    this.flying = [];
    this.recentBytes = this.flyingBytes = 0;

    const error = cause === undefined ? serverClosed(host, port) : linkError(cause, host, port);
    this.lastError = error;
    // A server may close an idle link as it likes; that is an outage only if it does not take the next one.
    if (!(this.stable && cause === undefined) && !this.reported.has(error.code)) {
      this.reported.add(error.code);
      this.options.outage(error);
    }
    this.stable = false;
    this.cancelTimer = clock.after(this.retryDelay(error), () => {
      this.counters.reconnects += 1;
      this.open();
    });
    this.failures += 1;
    this.enter("waiting");
  }

  /** Exponential back-off with full jitter; a refused certificate is not retried eagerly, somebody has to replace it. */
  private retryDelay(error: SiemError): number {
    const random = this.options.random();
    if (error.permanent) return LAST_RETRY * (0.5 + random / 2);
    return random * Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(this.failures, 10));
  }

  /** Each chunk waits for its own turn of the event loop, so that a large page never blocks it. */
  private schedulePump(): void {
    if (this.pumping || this.blocked || this.state !== "up") return;
    this.pumping = true;
    setImmediate(() => {
      this.pumping = false;
      this.pump();
    });
  }

  private pump(): void {
    const { link } = this;
    if (link === undefined || this.state !== "up" || this.blocked || this.flyingBytes >= FLYING_BYTES) return;
    const repeated = this.again.shift();
    const chunk = repeated ?? this.nextChunk();
    if (chunk === undefined) return;
    if (repeated !== undefined) this.counters.resent += chunk.ends.length;
    chunk.writtenAt = this.options.clock.now();
    chunk.handedOverAt = undefined;
    this.flying.push(chunk);
    this.flyingBytes += chunk.bytes.length;
    this.counters.bytes += chunk.bytes.length;
    this.blocked = !link.write(chunk, () => {
      if (this.link === link) this.handedOver(chunk);
    });
    this.schedulePump();
  }

  /** The next frames to write, as many as one write takes, over the bounds of batches. */
  private nextChunk(): Chunk | undefined {
    const { transport, framing, maxBytes, clock } = this.options;
    let batch = this.current ??= this.queue.take();
    if (batch === undefined) return undefined;
    const header = this.options.header(clock.date());
    const perLine = header.length + FRAME_OVERHEAD;
    const first = Math.min(Buffer.byteLength(batch.lines[batch.next] ?? ""), maxBytes) + perLine;
    const left = batch.events - batch.next;
    const pending = this.queue.waitingBytes + Math.ceil((batch.bytes * left) / batch.events) + (this.queue.waitingEvents + left) * perLine;
    const builder = new FrameBuilder(framing, header, maxBytes, Math.max(first, Math.min(transport.maxBytes, pending)));
    const shares: Chunk["shares"] = [];
    while (batch !== undefined && builder.ends.length < transport.maxFrames) {
      const start = batch.next;
      const full = !this.fill(builder, batch);
      if (batch.next > start) shares.push({ batch, lines: batch.next - start });
      if (full) break;
      batch = batch.next < batch.lines.length ? batch : this.queue.take();
      this.current = batch;
    }
    return { bytes: builder.bytes, ends: builder.ends, shares, writtenAt: 0, handedOverAt: undefined };
  }

  /** Adds lines of `batch` until it is used up or a write is complete; false if the next line does not fit. */
  private fill(builder: FrameBuilder, batch: Batch): boolean {
    const { lines } = batch;
    const { maxFrames } = this.options.transport;
    while (batch.next < lines.length && builder.ends.length < maxFrames) {
      const added = builder.add(lines[batch.next] ?? "");
      if (added === "full") return false;
      if (added === "shortened") batch.shortened += 1;
      batch.next += 1;
    }
    return true;
  }

  private handedOver(chunk: Chunk): void {
    chunk.handedOverAt = this.options.clock.now();
    if (this.confirmDelay === 0) this.confirmDue();
    else if (this.flying[0] === chunk) this.scheduleConfirm(this.confirmDelay);
  }

  private get confirmDelay(): number {
    return this.options.transport.stream ? this.options.confirmDelay : 0;
  }

  private scheduleConfirm(delay: number): void {
    const { link } = this;
    this.cancelConfirm();
    // Timers run before sockets are read: an `end` that came while the loop was busy must be seen first.
    this.cancelConfirm = this.options.clock.after(delay, () => setImmediate(() => {
      if (this.link === link && link !== undefined) this.confirmDue();
    }));
  }

  /** Confirms the oldest chunk if it is due, and comes back for the next one in another turn of the event loop. */
  private confirmDue(): void {
    if (this.confirming) return;
    const [oldest] = this.flying;
    if (oldest?.handedOverAt === undefined) return;
    const wait = oldest.handedOverAt + this.confirmDelay - this.options.clock.now();
    if (wait > 0) {
      this.scheduleConfirm(wait);
      return;
    }
    this.flying.shift();
    this.flyingBytes -= oldest.bytes.length;
    this.keep(oldest);
    this.confirm(oldest);
    this.schedulePump();
    const { link } = this;
    this.confirming = true;
    setImmediate(() => {
      this.confirming = false;
      if (this.link === link) this.confirmDue();
    });
  }

  private confirm(chunk: Chunk): void {
    const { shares } = chunk;
    chunk.shares = [];
    for (const { batch, lines } of shares) {
      this.counters.delivered += lines;
      batch.unconfirmed -= lines;
      if (batch.unconfirmed === 0) this.settle(batch, undefined);
    }
    if (this.queue.events === 0) {
      this.overflowing = 0;
      this.emptied?.();
    }
    this.options.changed();
  }

  /** Puts a confirmed chunk into the resend window. */
  private keep(chunk: Chunk): void {
    const { resendWindow, clock, transport } = this.options;
    if (!transport.stream || resendWindow === 0) return;
    this.recent.push(chunk);
    this.recentBytes += chunk.bytes.length;
    const horizon = clock.now() - resendWindow;
    let drop = 0;
    for (const old of this.recent) {
      if (this.recentBytes <= RESEND_BYTES && old.writtenAt >= horizon) break;
      this.recentBytes -= old.bytes.length;
      drop += 1;
    }
    if (drop > 0) this.recent.splice(0, drop);
  }

  private settle(batch: Batch, error: SiemError | undefined): void {
    this.queue.release(batch);
    this.counters.shortened += batch.shortened;
    batch.settled(error, batch.shortened);
  }

  /** Settles everything that did not get through. */
  private abandon(): void {
    const left = new Set<Batch>();
    for (const chunk of [...this.flying, ...this.again]) for (const { batch } of chunk.shares) left.add(batch);
    if (this.current !== undefined) left.add(this.current);
    for (let batch = this.queue.take(); batch !== undefined; batch = this.queue.take()) left.add(batch);
    this.flying = [];
    this.again = [];
    this.recent = [];
    this.current = undefined;
    for (const batch of left) this.settle(batch, syslogError("CLOSED"));
  }

  private enter(state: SenderState): void {
    if (this.state === "closed") return;
    this.state = state;
    this.options.changed();
  }
}
