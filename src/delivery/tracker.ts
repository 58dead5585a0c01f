/**
 * Tracks the pages in flight: which are confirmed, which must be sent again, and which can be committed.
 *
 * Pages are sent in order and committed in order: the commit covers the contiguous run of fully confirmed pages from
 * the oldest (as Kafka Connect's source tasks do), so a page that hangs holds back everything behind it and nothing is
 * skipped. A page that nobody confirms is sent again under the same token, so that a late confirmation still counts.
 */
import { printable, type Printable } from "../common/border";
import type { DeliveryRegistry } from "./registry";

/** What was sent before a change of the flow may have been dropped without a word: the wait for it is shorter, ms. */
const AFTER_CHANGE_MS = 10_000;
/** When a query closes: a page that no sink holds yet may still be on its way to one; a sink drains for at most 10 s. */
const CLOSE_UNHELD_MS = 2000;
const CLOSE_HELD_MS = 10_000;

/** How often a page is sent again before the tracker gives up. */
export const RESENDS = 3;

/** A page as the tracker sees it. One without units is only a position; it is committed in its turn. */
export interface Page {
  readonly units: number;
}

export interface TrackerDependencies<P extends Page> {
  registry: DeliveryRegistry;
  /**
   * Sends the units `indexes` of `page` under `token`, `repeated` if not for the first time, as long as they `isWanted`;
   * without a token the sink has nothing to confirm.
   */
  send(page: P, token: string | undefined, indexes: readonly number[], repeated: boolean, isWanted: () => boolean): Promise<void>;
  /** Stores that `pages` (in order) are delivered. It retries by itself; a rejection is final. */
  commit(pages: P[]): Promise<void>;
  /** The tracker gave up on a page, or a commit or a send failed for good. No page is in flight any more. */
  failed(failure: TrackerFailure<P>): void;
  /** A page is about to be sent again: it was rejected for `reason`, or nobody confirmed it for `waitedMs`. */
  resending(page: P, attempt: number, why: ResendReason): void;
  random(): number;
}

type ResendReason = { reason: string } | { waitedMs: number };

export type TrackerFailure<P> =
  | { kind: "rejected"; page: P; reason: string | undefined }
  /** `missing` are the named sinks that did not confirm. */
  | { kind: "unconfirmed"; page: P; missing: string[] }
  | { kind: "error"; error: unknown };

export interface TrackerOptions {
  /** How many pages may be sent and not yet committed. */
  pagesOut: number;
  /** A page of which something is unconfirmed and in no sink's hands for this long is sent again, ms. */
  confirmTimeoutMs: number;
  /** False: a page counts as confirmed as soon as it was sent. */
  confirm: boolean;
  /** Node ids of the sinks that must all confirm; none: any one. */
  sinks?: readonly string[];
  /** First wait before a page is sent again, ms; the following ones are 4 and 16 times as long. */
  resendDelayMs?: number;
  /** How long the tracker waits for what was sent before a change of the flow, ms. */
  afterChangeMs?: number;
}

interface PageInFlight<P> {
  readonly page: P;
  token: string | undefined;
  readonly unsettled: Set<number>;
  readonly held: Set<number>;
  readonly rejected: Set<number>;
  rejection: Printable | undefined;
  /** Monotonic ms; undefined while it is being sent, or waits to be sent again. */
  sentAt: number | undefined;
  resends: number;
}

export class DeliveryTracker<P extends Page> {
  private readonly inFlight: PageInFlight<P>[] = [];
  private readonly waiters: (() => void)[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private watch: NodeJS.Timeout | undefined;
  private phase: "open" | "committing" | "closed" = "open";
  /** When something last moved, monotonic ms: confirmations may be slow as long as they come. */
  private progressAt = 0;
  /** When the flow was changed last, monotonic ms. */
  private changedAt = -Infinity;

  constructor(private readonly options: TrackerOptions, private readonly dependencies: TrackerDependencies<P>) {}

  /** Pages that are sent and not committed. */
  get pagesOut(): number {
    return this.inFlight.length;
  }

  /** Pages of these of which sinks have taken over everything that is unconfirmed. */
  get pagesHeld(): number {
    return this.inFlight.filter(({ sentAt, held, unsettled }) => sentAt !== undefined && held.size >= unsettled.size).length;
  }

  /** Sends a page as soon as fewer than `pagesOut` are in flight. Resolves to false when it was not sent: aborted, or closed. */
  async add(page: P, signal: AbortSignal): Promise<boolean> {
    if (page.units > 0) {
      const wake = () => this.wake();
      signal.addEventListener("abort", wake);
      while (!this.closed && !signal.aborted && this.pagesOut >= this.options.pagesOut) await this.changed();
      signal.removeEventListener("abort", wake);
    }
    if (this.closed || signal.aborted) return false;
    const entry: PageInFlight<P> = {
      page, token: undefined, held: new Set(), rejected: new Set(), rejection: undefined, sentAt: page.units === 0 ? 0 : undefined, resends: 0,
      unsettled: new Set(Array.from({ length: page.units }, (_, index) => index)),
    };
    if (page.units > 0 && this.options.confirm) entry.token = this.open(entry);
    this.inFlight.push(entry);
    if (page.units > 0) await this.transmit(entry, [...entry.unsettled]);
    else this.advance();
    return !this.closed;
  }

  /** Resolves when no page is in flight any more (everything committed, or the tracker closed), or after `limitMs`. */
  async idle(limitMs = Infinity): Promise<void> {
    let late = false;
    const timer = limitMs === Infinity ? undefined : setTimeout(() => {
      late = true;
      this.wake();
    }, limitMs);
    while (!this.closed && !late && this.pagesOut > 0) await this.changed();
    clearTimeout(timer);
  }

  /** Waits a little for confirmations, then closes. Returns the pages delivered behind one that was not: no commit covers them. */
  async drain(): Promise<P[]> {
    await this.idle(CLOSE_UNHELD_MS);
    if (this.pagesOut > 0 && this.pagesHeld === this.pagesOut) await this.idle(CLOSE_HELD_MS - CLOSE_UNHELD_MS);
    const delivered = this.inFlight.filter(({ unsettled }) => unsettled.size === 0).map(({ page }) => page);
    this.close();
    return delivered;
  }

  /** Nodes of the flow were replaced: what was on its way to them may be gone. */
  flowChanged(): void {
    this.changedAt = performance.now();
  }

  /** Gives up the pages in flight: confirmations that still come are ignored. */
  close(): void {
    this.phase = "closed";
    clearInterval(this.watch);
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.take(this.pagesOut);
  }

  private get closed(): boolean {
    return this.phase === "closed";
  }

  private open(entry: PageInFlight<P>): string {
    const moved = () => {
      this.progressAt = performance.now();
    };
    this.watch ??= this.watchInFlight();
    return this.dependencies.registry.open(entry.page.units, {
      confirmed: (index) => {
        moved();
        entry.unsettled.delete(index);
        entry.held.delete(index);
        entry.rejected.delete(index);
        if (entry.unsettled.size === 0) this.advance();
      },
      progressed: moved,
      holdChanged: (index, held) => {
        moved();
        if (held) entry.held.add(index);
        else entry.held.delete(index);
        this.wake();
      },
      rejected: (index, reason) => {
        moved();
        entry.rejected.add(index);
        this.resend(entry, { reason: entry.rejection = printable(reason) });
      },
    }, this.options.sinks);
  }

  private async transmit(entry: PageInFlight<P>, indexes: number[]): Promise<void> {
    try {
      await this.dependencies.send(entry.page, entry.token, indexes, entry.resends > 0, () => !this.closed);
    } catch (error) {
      this.fail({ kind: "error", error });
      return;
    }
    entry.sentAt = this.progressAt = performance.now();
    if (!this.options.confirm) entry.unsettled.clear();
    if (entry.unsettled.size === 0) this.advance();
    // Rejected while the rest of the page was still being sent.
    if (entry.rejected.size > 0) this.resend(entry, { reason: entry.rejection ?? "" });
  }

  private watchInFlight(): NodeJS.Timeout {
    const { confirmTimeoutMs, afterChangeMs = AFTER_CHANGE_MS } = this.options;
    const timer = setInterval(() => {
      const waitedMs = performance.now() - Math.max(this.progressAt, this.changedAt);
      for (const entry of [...this.inFlight]) {
        const { sentAt = Infinity, unsettled, held } = entry;
        const limit = sentAt < this.changedAt ? Math.min(confirmTimeoutMs, afterChangeMs) : confirmTimeoutMs;
        if (waitedMs >= limit && unsettled.size > held.size) this.resend(entry, { waitedMs });
      }
    }, Math.min(1000, Math.max(10, confirmTimeoutMs / 4)));
    timer.unref();
    return timer;
  }

  /** Sends what was rejected, or else what is neither confirmed nor held, again after a pause that grows. */
  private resend(entry: PageInFlight<P>, why: ResendReason): void {
    const { page, token, sentAt, unsettled, held, rejected, rejection } = entry;
    if (this.closed || sentAt === undefined) return;
    if (entry.resends === RESENDS) {
      if (rejected.size > 0) this.fail({ kind: "rejected", page, reason: rejection });
      else this.fail({ kind: "unconfirmed", page, missing: token === undefined ? [] : this.dependencies.registry.missing(token) });
      return;
    }
    entry.resends += 1;
    entry.sentAt = undefined;
    this.dependencies.resending(page, entry.resends, why);
    const delay = (this.options.resendDelayMs ?? 1000) * 4 ** (entry.resends - 1) * (0.5 + this.dependencies.random() / 2);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const indexes = rejected.size > 0 ? [...rejected] : [...unsettled].filter((index) => !held.has(index));
      rejected.clear();
      if (indexes.length === 0) entry.sentAt = sentAt;
      else void this.transmit(entry, indexes);
    }, delay);
    this.timers.add(timer);
  }

  /** Commits the run of confirmed pages at the head, one commit at a time. */
  private advance(): void {
    if (this.phase !== "open") return;
    const open = this.inFlight.findIndex(({ unsettled }) => unsettled.size > 0);
    const length = open < 0 ? this.pagesOut : open;
    if (length === 0) return;
    this.phase = "committing";
    this.dependencies.commit(this.inFlight.slice(0, length).map(({ page }) => page)).then(
      () => {
        if (this.closed) return;
        this.phase = "open";
        this.take(length);
        this.advance();
      },
      (error: unknown) => this.fail({ kind: "error", error }),
    );
  }

  private fail(failure: TrackerFailure<P>): void {
    if (this.closed) return;
    this.close();
    this.dependencies.failed(failure);
  }

  /** The `count` oldest pages are in flight no more. */
  private take(count: number): void {
    for (const { token } of this.inFlight.splice(0, count)) if (token !== undefined) this.dependencies.registry.close(token);
    this.wake();
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}
