/**
 * Carries batches of lines to a syslog server, in order, over links that may break at any time.
 *
 *   connecting ──ready──► up ──closed──► waiting ──back-off──► connecting        close() ends each of them
 *
 * Plain syslog has no acknowledgement (RFC 6587 section 3.1). On a stream a batch therefore counts as delivered when
 * the kernel took all of its lines and the link was still sound `confirmDelay` later. When a link breaks, everything
 * unconfirmed is sent again, and so is what was confirmed within the resend window: a server that hangs before it dies
 * leaves lines in the kernel that nobody will read. Duplicates are possible, silent loss is the exception.
 *
 * RELP answers line by line: an answer confirms at once, and only lines without one are sent again. A line that the
 * server refuses while it takes others must not hold them up: it is shortened, and set aside in the end. A server that
 * refuses everything is in trouble itself; then all lines wait.
 */
import type { SiemError } from "../common/errors";
import type { Figures } from "../metrics/table";
import { SpareMemory } from "../spare-memory";
import type { Clock } from "../common/clock";
import { Chunk } from "./chunk";
import { linkError, serverClosed, syslogError, type SyslogErrorCode } from "./errors";
import { FRAME_OVERHEAD, FrameBuilder, cut, type Framing } from "./framing";
import type { HeaderSource } from "./header";
import { asList, type Line, type LineList } from "./lines";
import { BoundedQueue, type QueueItem, type QueueLimits } from "./queue";
import { StuckLine } from "./stuck";
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
  undeliverable: number;
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

/** A line that the server refuses for good, and why. */
export interface Undeliverable {
  line: Line;
  reason: SiemError;
}

/** What is to be said about the lines of a batch. */
export interface SettledLines {
  /** How many were cut off, because they were over the limit or the server refused them at their full length. */
  shortened: number;
  /** Those set aside. */
  undeliverable: readonly Undeliverable[];
}

/** Called once a batch: without an error when all of its lines but the undeliverable ones were delivered. */
export type Settled = (error: SiemError | undefined, lines: SettledLines) => void;

interface Batch extends QueueItem {
  readonly lines: LineList;
  readonly settled: Settled;
  /** Lines that are in no chunk yet begin here. */
  next: number;
  unconfirmed: number;
  shortened: number;
  undeliverable: Undeliverable[];
}

type Lines = Chunk<Batch>;

const NOTHING_TO_SAY: SettledLines = { shortened: 0, undeliverable: [] };

/** Linux takes up to 4 MiB to send and up to 6 MiB for a receiver that does not read (man 7 tcp: tcp_wmem, tcp_rmem). */
const RESEND_BYTES = 12 * 1024 * 1024;
/** Bytes that may be unconfirmed before the sender waits: memory stays bounded whatever the confirm delay. */
const FLYING_BYTES = 16 * 1024 * 1024;
const FIRST_RETRY = 1000;
const LAST_RETRY = 60_000;
const STABLE_AFTER = 5000;
/** So many lines may be refused before the server takes one: it takes none then. */
const TRIAL = 1000;
/** The server was there, had lines, and ended the session. */
const ENDED_BY_SERVER: readonly string[] = ["SERVER_CLOSED", "CONNECTION_LOST"] satisfies SyslogErrorCode[];
/** What the server gets to answer our goodbye. */
const GOODBYE = 1000;

export class Sender {
  state: SenderState = "connecting";
  /** Connection attempts since the last stable link that came to nothing. */
  failures = 0;
  lastError: SiemError | undefined;
  /** Lines dropped since the queue was empty last. */
  overflowing = 0;
  readonly counters: SenderCounters = { received: 0, delivered: 0, resent: 0, refused: 0, dropped: 0, shortened: 0, undeliverable: 0, bytes: 0, reconnects: 0 };
  private readonly queue: BoundedQueue<Batch>;
  private link: Link | undefined;
  /** The batch that is being cut into chunks. */
  private current: Batch | undefined;
  /** To be written again, before anything new. */
  private again: Lines[] = [];
  /** Written, not confirmed, oldest first. */
  private flying: Lines[] = [];
  private flyingBytes = 0;
  /** Confirmed within the resend window, oldest first. */
  private recent: Lines[] = [];
  private recentBytes = 0;
  private readonly memory: SpareMemory;
  /** Refused in a session that has taken no line yet, oldest first. */
  private doubtful: { line: Lines; reason: SiemError }[] = [];
  /** The server has taken a line in this session. */
  private accepting = false;
  private readonly stuck = new StuckLine<Batch>();
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
    this.memory = new SpareMemory(options.transport.stream ? options.transport.maxBytes : 0);
  }

  /** Lines that wait or are not confirmed. */
  get queued(): number {
    return this.queue.events;
  }

  get figures(): Figures {
    const { received, delivered, resent, refused, dropped, undeliverable, shortened, bytes, reconnects } = this.counters;
    return {
      received, resent, shortened, bytes, reconnects,
      sent: delivered,
      dropped: { queue_full_refused: refused, queue_full_dropped: dropped, undeliverable },
      waiting: this.queued,
      connected: this.state === "up" ? 1 : 0,
    };
  }

  get highWater(): number {
    return this.queue.highWater;
  }

  start(): void {
    this.open();
  }

  /**
   * Takes the lines of `page` over. They are read again later and must not be changed before they are settled. An empty page is
   * delivered at once. A list is released as soon as its lines are not read again.
   */
  push(page: readonly Line[] | LineList, settled: Settled): void {
    const lines = asList(page);
    if (this.closing) {
      settled(syslogError("CLOSED"), NOTHING_TO_SAY);
      return;
    }
    if (lines.length === 0) {
      settled(undefined, NOTHING_TO_SAY);
      return;
    }
    this.counters.received += lines.length;
    const batch: Batch = { lines, settled, events: lines.length, bytes: lines.bytes, next: 0, unconfirmed: lines.length, shortened: 0, undeliverable: [] };
    const { overflow } = this.options.limits;
    for (const gone of this.queue.add(batch)) {
      this.counters[overflow === "refuse" ? "refused" : "dropped"] += gone.events;
      if (overflow !== "refuse") this.overflowing += gone.events;
      gone.settled(syslogError(overflow === "refuse" ? "QUEUE_FULL" : "QUEUE_DROPPED", { count: gone.events, queued: this.queue.events }), NOTHING_TO_SAY);
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
    this.accepting = false;
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
    const error = cause === undefined ? serverClosed(host, port) : linkError(cause, host, port);
    this.lastError = error;
    const blamed = this.blame(error);
    const horizon = clock.now() - resendWindow;
    const recent = this.recent.filter((chunk) => chunk.writtenAt >= horizon);
    this.again = [...recent, ...blamed, ...this.flying, ...this.doubtful.map(({ line }) => line), ...this.again];
    this.recent = [];
    this.flying = [];
    this.doubtful = [];
    this.recentBytes = this.flyingBytes = 0;

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

  /** When a session ended with `error`: the shorter form of the line that ends one session after the other, if there is such a line. */
  private blame(error: SiemError): Lines[] {
    const [oldest] = this.flying;
    const [share] = oldest?.shares ?? [];
    if (oldest === undefined || share === undefined || this.options.transport.stream || !ENDED_BY_SERVER.includes(error.code)) return [];
    return this.stuck.sessionEnded(share) ? this.shorten(this.land(oldest, 1), syslogError("LINE_ENDS_SESSION", { host: this.options.host })) : [];
  }

  /** Exponential back-off with full jitter; a refused certificate is not retried eagerly, somebody has to replace it. */
  private retryDelay(error: SiemError): number {
    const random = this.options.random();
    if (error.permanent) return LAST_RETRY * (0.5 + random / 2);
    return random * Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(this.failures, 10));
  }

  /**
   * Each chunk waits for its own turn of the event loop, so that a large page never blocks it. Such a turn comes after
   * the sockets were read: the end of a link that arrived while the loop was busy is seen before the next write.
   */
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
    if (link === undefined || this.state !== "up" || this.blocked || this.flyingBytes >= FLYING_BYTES || this.doubtful.length >= TRIAL) return;
    if (this.stuck.alone && this.flying.length > 0) return;
    const repeated = this.nextAgain();
    const chunk = repeated ?? this.nextChunk();
    if (chunk === undefined) return;
    if (repeated !== undefined) this.counters.resent += chunk.ends.length;
    chunk.writtenAt = this.options.clock.now();
    chunk.handedOverAt = undefined;
    this.flying.push(chunk);
    this.flyingBytes += chunk.bytes.length;
    this.counters.bytes += chunk.bytes.length;
    this.blocked = !link.write(chunk, {
      handedOver: (count) => {
        if (this.link === link) this.handedOver(chunk, count);
      },
      refused: (reason) => {
        if (this.link === link) this.refused(chunk, reason);
      },
    });
    this.schedulePump();
  }

  private nextAgain(): Lines | undefined {
    const chunk = this.again.shift();
    if (chunk === undefined || !this.stuck.alone || chunk.ends.length === 1) return chunk;
    this.again.unshift(chunk);
    return chunk.takeFront(1);
  }

  /** The next frames to write, as many as one write takes, over the bounds of batches. */
  private nextChunk(): Lines | undefined {
    const { transport, framing, maxBytes, clock } = this.options;
    let batch = this.current ??= this.queue.take();
    if (batch === undefined) return undefined;
    const header = this.options.header(clock.date());
    const perLine = header.length + FRAME_OVERHEAD;
    const first = Math.min(Buffer.byteLength(batch.lines.at(batch.next)), maxBytes) + perLine;
    const left = batch.events - batch.next;
    const pending = this.queue.waitingBytes + Math.ceil((batch.bytes * left) / batch.events) + (this.queue.waitingEvents + left) * perLine;
    const builder = new FrameBuilder(framing, header, maxBytes, this.memory.take(Math.max(first, Math.min(transport.maxBytes, pending))));
    const shares: Lines["shares"] = [];
    while (batch !== undefined && builder.ends.length < transport.maxFrames) {
      const start = batch.next;
      const full = !this.fill(builder, batch);
      if (batch.next > start) shares.push({ batch, first: start, count: batch.next - start });
      if (full) break;
      // Without a stream the server may still refuse a line, which is then set aside as it came.
      if (transport.stream && batch.next === batch.lines.length) batch.lines.release();
      batch = batch.next < batch.lines.length ? batch : this.queue.take();
      this.current = batch;
    }
    return new Chunk(builder.bytes, builder.ends, shares);
  }

  /** Adds lines of `batch` until it is used up or a write is complete; false if the next line does not fit. */
  private fill(builder: FrameBuilder, batch: Batch): boolean {
    const { lines } = batch;
    const { maxFrames } = this.options.transport;
    while (batch.next < lines.length && builder.ends.length < maxFrames) {
      const added = builder.add(lines.at(batch.next));
      if (added === "full") return false;
      if (added === "shortened") batch.shortened += 1;
      batch.next += 1;
    }
    return true;
  }

  private handedOver(chunk: Lines, count: number): void {
    const { transport, confirmDelay, clock } = this.options;
    if (!transport.stream) {
      this.accepted(chunk, count);
      return;
    }
    chunk.handedOverAt = clock.now();
    if (confirmDelay === 0) this.confirmDue();
    else if (this.flying[0] === chunk) this.scheduleConfirm(confirmDelay);
  }

  /** The next `count` lines of `chunk` are delivered: that needs no delay. */
  private accepted(chunk: Lines, count: number): void {
    this.accepting = true;
    this.stuck.answered();
    this.confirm(this.land(chunk, count));
    for (const { line, reason } of this.doubtful.splice(0)) this.again.push(...this.shorten(line, reason));
    this.schedulePump();
  }

  /** The next line of `chunk` was refused. That is the line's fault only if the server takes others. */
  private refused(chunk: Lines, reason: SiemError): void {
    const line = this.land(chunk, 1);
    this.stuck.answered();
    if (this.accepting || reason.permanent) this.again.push(...this.shorten(line, reason));
    else this.doubtful.push({ line, reason });
    if (this.refusesAll) {
      this.link?.destroy();
      this.lost(syslogError("ALL_REFUSED", { host: this.options.host, reason: String(reason.params["reason"]) }));
    }
    this.schedulePump();
  }

  /** The server has answered all that there is, or enough of it, and taken nothing. */
  private get refusesAll(): boolean {
    if (this.doubtful.length === 0 || this.flying.length > 0) return false;
    return this.doubtful.length >= TRIAL || (this.again.length === 0 && this.current === undefined && this.queue.waitingEvents === 0);
  }

  /** A refused line, cut to the next size that it may pass with; nothing if there is none, and it was set aside. */
  private shorten(refused: Lines, reason: SiemError): Lines[] {
    const { bytes, shares } = refused;
    const size = this.options.transport.shorterSizes.find((shorter) => shorter < bytes.length);
    if (size !== undefined) {
      for (const { batch } of shares) batch.shortened = Math.min(batch.shortened + 1, batch.events);
      const shorter = cut(bytes, size);
      return [new Chunk(shorter, [shorter.length], shares)];
    }
    for (const { batch, first } of shares) {
      batch.undeliverable.push({ line: batch.lines.text(first), reason });
      this.counters.undeliverable += 1;
      this.done(batch, 1);
    }
    this.options.changed();
    return [];
  }

  /** Takes the next `count` lines of `chunk`, the oldest that flies, out of what is unconfirmed. */
  private land(chunk: Lines, count: number): Lines {
    const landed = chunk.takeFront(count);
    this.flyingBytes -= landed.bytes.length;
    if (chunk.ends.length === 0) this.flying.shift();
    return landed;
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
    const wait = oldest.handedOverAt + this.options.confirmDelay - this.options.clock.now();
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

  private confirm(chunk: Lines): void {
    const { shares } = chunk;
    chunk.shares = [];
    for (const { batch, count } of shares) {
      this.counters.delivered += count;
      this.done(batch, count);
    }
  }

  /** So many lines of `batch` need nothing more. */
  private done(batch: Batch, count: number): void {
    batch.unconfirmed -= count;
    if (batch.unconfirmed === 0) this.settle(batch, undefined);
    if (this.queue.events === 0) {
      this.overflowing = 0;
      this.emptied?.();
    }
    this.options.changed();
  }

  /** Puts a confirmed chunk into the resend window. */
  private keep(chunk: Lines): void {
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
    // They were handed over, confirmed, and are too old to be sent again.
    for (const { bytes } of this.recent.splice(0, drop)) this.memory.give(bytes);
  }

  private settle(batch: Batch, error: SiemError | undefined): void {
    this.queue.release(batch);
    batch.lines.release();
    this.counters.shortened += batch.shortened;
    batch.settled(error, batch);
  }

  /** Settles everything that did not get through. */
  private abandon(): void {
    const left = new Set<Batch>();
    for (const chunk of [...this.flying, ...this.doubtful.map(({ line }) => line), ...this.again]) for (const { batch } of chunk.shares) left.add(batch);
    if (this.current !== undefined) left.add(this.current);
    for (let batch = this.queue.take(); batch !== undefined; batch = this.queue.take()) left.add(batch);
    this.flying = [];
    this.doubtful = [];
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
