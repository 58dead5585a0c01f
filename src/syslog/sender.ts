/**
 * Carries batches of lines to a syslog server, in order, over links that may break at any time.
 *
 *     closed ──start──► connecting ──ready──► up ──close──► ending ──► closed
 *                        ▲      │             │
 *                     back-off  └─────lost────┤
 *                        └───── waiting ◄─────┘      close() ends connecting and waiting in closed
 *
 * Plain syslog has no acknowledgement (RFC 6587 section 3.1). On a stream a line therefore counts as delivered when the
 * peer's TCP has acknowledged it (`arrival.ts`), the link was still sound `confirmDelay` after hand-over, and it has proved
 * itself (`link-life.ts`). When a link breaks, everything unconfirmed is sent again, and so is what was confirmed within
 * the resend window: a server that hangs before it dies leaves lines in its kernel that nobody will read. A link that ended
 * young gives back all that it carried. Duplicates are possible, silent loss is the exception.
 *
 * RELP answers line by line: an answer confirms at once, and only lines without one are sent again.
 */
import { plain, type Border } from "../common/border";
import { BufferPool } from "../common/buffer-pool";
import type { SiemError } from "../common/errors";
import type { Figures } from "../metrics/table";
import { Arrival } from "./arrival";
import { Backlog, type BacklogOptions } from "./backlog";
import type { Batch, Chunk, Settled, SettledLines } from "./chunk";
import { linkError, serverClosed, syslogError } from "./errors";
import { InFlight, type InFlightOptions } from "./in-flight";
import { asList, type Line, type LineList } from "./lines";
import { LinkLife } from "./link-life";
import { Outages } from "./outages";
import { Refusals, type Refused } from "./refusals";
import { GIVEN_UP_AFTER, Silence, SILENT_AFTER } from "./silence";
import type { Acknowledgements } from "./tcp-table";
import type { Link } from "./transport";

/** The connection, with what exists in that phase only. */
type Connection =
  /** Not started yet, or closed for good. */
  | { phase: "closed" }
  /** `since` on the sender's clock. */
  | { phase: "connecting"; link: Link; since: number }
  /** `since` the link was ready; `cancel` ends the timer to STABLE_AFTER. */
  | { phase: "up"; link: Link; since: number; writing: "possible" | "scheduled" | "blocked"; cancel: () => void }
  /** `cancel` ends the timer to the next attempt. */
  | { phase: "waiting"; cancel: () => void }
  /** Said goodbye: nothing more is written, but the server's answers still count. */
  | { phase: "ending"; link: Link };

type Up = Extract<Connection, { phase: "up" }>;

export interface SenderOptions extends BacklogOptions, InFlightOptions {
  host: string;
  port: number;
  /** For every text of the server; the plain one by default. */
  border?: Border;
  /** A number from 0 up to 1. */
  random: () => number;
  /** Called whenever the state or the counters changed; often, so it must be cheap. */
  changed: () => void;
  /** Called when a server cannot be reached, does not answer or was lost: once for each cause in an outage. */
  outage: (error: SiemError) => void;
  /** What the peers of streams have acknowledged. Without it, and where it does not tell, time alone confirms. */
  acknowledgements?: Acknowledgements;
  /** Called once if a stream's peer is not seen to acknowledge. */
  noEvidence?: () => void;
}

const NOTHING_TO_SAY: SettledLines = { shortened: 0, undeliverable: [] };

/** A link that lasted so long is stable. */
const STABLE_AFTER = 5000;
/** Milliseconds for the server to answer our goodbye. */
const GOODBYE = 1000;

export class Sender {
  /** Lines dropped since the queue was empty last. */
  overflowing = 0;
  /** Lines, but for bytes (written, frames and headers included) and reconnects. */
  readonly counters = { received: 0, delivered: 0, resent: 0, refused: 0, dropped: 0, shortened: 0, undeliverable: 0, empty: 0, bytes: 0, reconnects: 0 };
  private connection: Connection = { phase: "closed" };
  private readonly backlog: Backlog;
  private readonly inFlight: InFlight;
  private readonly refusals: Refusals;
  private readonly outages: Outages;
  private readonly life: LinkLife;
  private readonly silence: Silence;
  private toldNoEvidence = false;
  /** Epoch ms. */
  private lastDelivery: number | undefined;
  /** Batches that are not settled, oldest first. */
  private readonly batches = new Set<Batch>();
  /** Set by `close`; called when there is nothing left to wait for. */
  private finished: (() => void) | undefined;

  constructor(private readonly options: SenderOptions) {
    const { host, transport, random, outage, clock } = options;
    const pool = new BufferPool(transport.maxBytes);
    this.life = new LinkLife(clock);
    const backlog = this.backlog = new Backlog(options, pool, (batch) => {
      this.counters.empty += 1;
      this.done(batch, 1);
    });
    const inFlight = this.inFlight = new InFlight(options, pool, this.life, (chunk) => {
      this.confirm(chunk);
      this.scheduleWrite();
    });
    this.silence = new Silence(clock, {
      get waits() { return inFlight.waits || backlog.hasResend; },
      get signs() { return inFlight.signs; },
      look: () => inFlight.look(),
    }, (silent) => this.silenceChanged(silent), () => this.silentForLong());
    this.refusals = new Refusals(host, transport.shorterSizes, (refused) => this.setAside(refused));
    this.outages = new Outages(random, outage);
  }

  get state(): Connection["phase"] {
    return this.connection.phase;
  }

  /** Attempts and links that failed since the last stable link. */
  get failures(): number {
    return this.outages.failures;
  }

  get lastError(): SiemError | undefined {
    return this.outages.lastError;
  }

  /** Lines that wait or are not confirmed. */
  get queued(): number {
    return this.backlog.queue.events;
  }

  get highWater(): number {
    return this.backlog.queue.highWater;
  }

  /** Connected, but what was written is not acknowledged. */
  get isSilent(): boolean {
    return this.silence.isSilent;
  }

  get figures(): Figures {
    const { received, delivered, resent, refused, dropped, undeliverable, empty, shortened, bytes, reconnects } = this.counters;
    return {
      received, resent, shortened, bytes, reconnects,
      sent: delivered,
      dropped: { queue_full_refused: refused, queue_full_dropped: dropped, undeliverable, empty },
      waiting: this.queued,
      unacknowledgedBytes: this.inFlight.unacknowledgedBytes + this.backlog.resendBytes,
      secondsWithoutProgress: Math.floor(this.silence.milliseconds / 1000),
      connected: this.state === "up" ? 1 : 0,
      ...(this.lastDelivery === undefined ? {} : { lastDeliveryTimestampSeconds: this.lastDelivery / 1000 }),
    };
  }

  /** Opens a link, the first one or the next. */
  start(): void {
    // A lost link may still call back.
    const link: Link = this.options.transport.connect({
      ready: () => {
        if (this.uses(link)) this.ready(link);
      },
      drain: () => {
        if (this.connection.phase !== "up" || !this.uses(link)) return;
        if (this.connection.writing === "blocked") this.connection.writing = "possible";
        this.scheduleWrite();
      },
      closed: (error) => {
        if (this.uses(link)) this.lost(error);
      },
      accepted: () => {
        if (this.uses(link)) this.life.accepted();
      },
      stalled: () => {
        if (this.uses(link) && !this.inFlight.hasEvidence) this.replaceLink();
      },
    });
    this.enter({ phase: "connecting", link, since: this.options.clock.now() });
    this.options.changed();
  }

  /**
   * Takes the lines of `page` over: nobody may change them before they are settled. An empty page is delivered at once. A
   * list is released as soon as the sender needs its lines no more.
   */
  push(page: readonly Line[] | LineList, settled: Settled): void {
    const lines = asList(page);
    if (this.finished !== undefined) return settled(syslogError("CLOSED"), NOTHING_TO_SAY);
    if (lines.length === 0) return settled(undefined, NOTHING_TO_SAY);
    this.counters.received += lines.length;
    const batch: Batch = { lines, settled, events: lines.length, bytes: lines.bytes, next: 0, unsettled: lines.length, shortened: 0, undeliverable: [] };
    this.batches.add(batch);
    const refuse = this.options.limits.overflow === "refuse";
    for (const gone of this.backlog.queue.add(batch)) {
      this.batches.delete(gone);
      this.counters[refuse ? "refused" : "dropped"] += gone.events;
      if (!refuse) this.overflowing += gone.events;
      gone.settled(syslogError(refuse ? "QUEUE_FULL" : "QUEUE_DROPPED", { count: gone.events, queued: this.queued }), NOTHING_TO_SAY);
    }
    this.options.changed();
    this.scheduleWrite();
  }

  /**
   * Takes nothing more and tries for `deadline` ms to deliver what is queued, if there is a link. Whatever is left is
   * settled with the error CLOSED.
   */
  async close(deadline: number): Promise<void> {
    if (this.finished !== undefined) return;
    this.finished = () => undefined;
    if (this.queued > 0 && "link" in this.connection) await this.untilFinished(deadline);
    if (this.connection.phase === "up") {
      const { link } = this.connection;
      this.enter({ phase: "ending", link });
      this.inFlight.stop();
      link.end();
      await this.untilFinished(GOODBYE);
    }
    this.enter({ phase: "closed" });
    this.inFlight.stop();
    this.silence.stop();
    for (const batch of this.batches) this.settle(batch, syslogError("CLOSED"));
  }

  /** Waits for at most `ms` until everything is delivered or the link is lost. */
  private untilFinished(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(ms, resolve);
      this.finished = () => {
        cancel();
        resolve();
      };
    });
  }

  /** The only place that changes the phase. Ends what belongs to the last phase only: its timer, its link. */
  private enter(next: Connection): void {
    const last = this.connection;
    this.connection = next;
    if ("cancel" in last) last.cancel();
    if ("link" in last && !("link" in next && next.link === last.link)) last.link.destroy();
  }

  private uses(link: Link): boolean {
    return "link" in this.connection && this.connection.link === link;
  }

  private ready(link: Link): void {
    const { clock, changed, transport } = this.options;
    const { connection } = this;
    if (connection.phase !== "connecting") return;
    if (transport.stream) {
      this.life.begin(clock.now() - connection.since);
      this.inFlight.begin(new Arrival(this.options.acknowledgements, link.ends, () => this.tellNoEvidence()));
    }
    const cancel = clock.after(STABLE_AFTER, () => {
      this.outages.over();
      changed();
    });
    this.enter({ phase: "up", link, since: clock.now(), writing: "possible", cancel });
    changed();
    this.scheduleWrite();
  }

  private tellNoEvidence(): void {
    if (!this.toldNoEvidence) this.options.noEvidence?.();
    this.toldNoEvidence = true;
  }

  private silenceChanged(silent: boolean): void {
    const error = this.siemSilent(SILENT_AFTER);
    if (silent) this.outages.tell(error);
    else this.outages.forget(error.code);
    this.options.changed();
  }

  /** Over RELP the link itself gives up a server that does not answer. */
  private silentForLong(): void {
    if (this.inFlight.hasEvidence) this.replaceLink();
  }

  private replaceLink(): void {
    this.lost(this.siemSilent(GIVEN_UP_AFTER));
  }

  private siemSilent(milliseconds: number): SiemError {
    const { host, port } = this.options;
    return syslogError("SIEM_SILENT", plain.params({ host, port, seconds: milliseconds / 1000 }));
  }

  private lost(cause?: Error): void {
    const { host, port, clock, transport, changed } = this.options;
    const { connection } = this;
    if (this.finished !== undefined) {
      this.silence.stop();
      this.enter({ phase: "closed" });
      return this.finished();
    }
    const error = cause === undefined ? serverClosed(host, port) : linkError(cause, host, port, this.options.border);
    this.silence.stop();
    const unconfirmed = this.inFlight.takeAll();
    if (connection.phase === "up") this.life.end();
    this.backlog.resendFirst(transport.stream ? unconfirmed : this.refusals.sessionEnded(unconfirmed, error));
    // A server may close an idle link at any time; that is an outage only if it does not take the next one, or if lines
    // cannot be confirmed because its links are so short.
    const confirms = this.life.unproven <= 0 || unconfirmed.length === 0;
    const stable = connection.phase === "up" && clock.now() - connection.since >= STABLE_AFTER && confirms;
    const delay = this.outages.add(error, stable && cause === undefined);
    const cancel = clock.after(delay, () => {
      this.counters.reconnects += 1;
      this.start();
    });
    this.enter({ phase: "waiting", cancel });
    changed();
  }

  /**
   * Each chunk is written in its own turn of the event loop, so that a large page never blocks it. Such a turn comes after
   * sockets were read: if the link ended while the loop was busy, that is seen before the next write.
   */
  private scheduleWrite(): void {
    const { connection } = this;
    if (connection.phase !== "up" || connection.writing !== "possible") return;
    connection.writing = "scheduled";
    setImmediate(() => {
      if (connection !== this.connection) return;
      connection.writing = "possible";
      this.write(connection);
    });
  }

  private write(up: Up): void {
    const { clock, transport } = this.options;
    const { refusals, inFlight, backlog } = this;
    if (inFlight.isFull || refusals.isTrialOver || (refusals.oneByOne && !inFlight.isEmpty)) return;
    if (backlog.isEmpty) return;
    this.silence.watch();
    const repeated = backlog.nextResend(refusals.oneByOne);
    const chunk = repeated ?? backlog.nextNew(clock.date());
    if (chunk === undefined) return;
    if (repeated !== undefined) this.counters.resent += chunk.ends.length;
    this.counters.bytes += chunk.bytes.length;
    inFlight.add(chunk);
    const more = up.link.write(chunk, {
      handedOver: (count) => {
        if (!this.uses(up.link)) return;
        if (transport.stream) inFlight.handedOver(chunk);
        else this.accepted(inFlight.takeAnswered(chunk, count));
      },
      refused: (reason) => {
        if (this.uses(up.link)) this.refused({ line: inFlight.takeAnswered(chunk, 1), reason });
      },
    });
    if (!more) up.writing = "blocked";
    this.scheduleWrite();
  }

  /** The server answered: that confirms at once. */
  private accepted(lines: Chunk): void {
    this.confirm(lines);
    this.backlog.resendLast(this.refusals.accepted());
    this.scheduleWrite();
  }

  private refused(refused: Refused): void {
    const { backlog, refusals, inFlight, options } = this;
    backlog.resendLast(refusals.refused(refused));
    // The server has answered all that there is, or enough of it, and taken nothing.
    const refusesAll = refusals.areDoubtful && inFlight.isEmpty && (refusals.isTrialOver || backlog.isEmpty);
    if (refusesAll) this.lost(syslogError("ALL_REFUSED", plain.params({ host: options.host, reason: String(refused.reason.params["reason"]) })));
    this.scheduleWrite();
  }

  private confirm(chunk: Chunk): void {
    const { shares } = chunk;
    chunk.shares = [];
    this.lastDelivery = this.options.clock.date();
    for (const { batch, count } of shares) {
      this.counters.delivered += count;
      this.done(batch, count);
    }
  }

  private setAside({ line, reason }: Refused): void {
    for (const { batch, first } of line.shares) {
      batch.undeliverable.push({ line: batch.lines.text(first), reason });
      this.counters.undeliverable += 1;
      this.done(batch, 1);
    }
  }

  /** `count` lines of `batch` need nothing more. */
  private done(batch: Batch, count: number): void {
    batch.unsettled -= count;
    if (batch.unsettled === 0) this.settle(batch, undefined);
    if (this.queued === 0) {
      this.overflowing = 0;
      this.finished?.();
    }
    this.options.changed();
  }

  private settle(batch: Batch, error: SiemError | undefined): void {
    this.batches.delete(batch);
    this.backlog.queue.release(batch);
    batch.lines.release();
    this.counters.shortened += batch.shortened;
    batch.settled(error, batch);
  }
}
