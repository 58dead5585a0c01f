/**
 * Which pages are out and what of them is confirmed.
 *
 * Pages are sent in order and committed in order: the commit covers the contiguous run of fully confirmed pages from
 * the oldest (as Kafka Connect's source tasks do), so a page that hangs holds back everything behind it and nothing is
 * skipped. A page that nobody confirms is sent again under the same token, so that a late confirmation still counts.
 */
import type { DeliveryRegistry } from "./registry";
import { messageOf } from "../errors";

/** A change of the flow can drop what is on its way, without a word: what was sent before it is given up on earlier, ms. */
const AFTER_CHANGE_MS = 10_000;

/** How often a page is sent again before the tracker gives up. */
export const RESENDS = 3;

/** A page as the tracker sees it; 0 units is a mere position, which is committed in its turn. */
export interface Page {
  readonly units: number;
}

export interface TrackerParts<P extends Page> {
  registry: DeliveryRegistry;
  /**
   * Sends the units `indexes` of `page` under `token`, `repeated` if not for the first time, as long as they `isWanted`;
   * without a token the sink has nothing to confirm.
   */
  send(page: P, token: string | undefined, indexes: readonly number[], repeated: boolean, isWanted: () => boolean): Promise<void>;
  /** Stores that `pages` (in order) are delivered. It retries by itself; a rejection is final. */
  commit(pages: P[]): Promise<void>;
  /** The tracker gave up on `page`, or a commit or a send failed for good. Nothing is out any more. */
  failed(failure: TrackerFailure<P>): void;
  /** A page is about to be sent again: it was rejected for `reason`, or nobody confirmed it for `waitedMs`. */
  resending(page: P, attempt: number, why: { reason: string } | { waitedMs: number }): void;
  random(): number;
}

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
  /** How long what was sent before a change of the flow is waited for, ms. */
  afterChangeMs?: number;
}

interface Out<P> {
  page: P;
  token: string | undefined;
  unsettled: Set<number>;
  held: Set<number>;
  rejected: Set<number>;
  rejection: string | undefined;
  /** False while it is on its way, or waits to be sent again. */
  sent: boolean;
  /** Monotonic ms. */
  sentAt: number;
  resends: number;
}

export class DeliveryTracker<P extends Page> {
  private readonly out: Out<P>[] = [];
  private readonly waiters: (() => void)[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private watch: NodeJS.Timeout | undefined;
  private committing = false;
  private closed = false;
  /** When something last moved, monotonic ms: confirmations may be slow as long as they come. */
  private progressAt = 0;
  /** When the flow was changed last, monotonic ms. */
  private changedAt = -Infinity;

  constructor(private readonly options: TrackerOptions, private readonly parts: TrackerParts<P>) {}

  /** Pages that are sent and not committed. */
  get pagesOut(): number {
    return this.out.length;
  }

  /** Pages of these of which sinks have taken over everything that is unconfirmed. */
  get pagesHeld(): number {
    return this.out.filter((entry) => entry.sent && entry.held.size >= entry.unsettled.size).length;
  }

  /** Pages that were delivered behind one that is not: no commit covers them yet. */
  get confirmedBehind(): P[] {
    return this.out.filter(({ unsettled }) => unsettled.size === 0).map(({ page }) => page);
  }

  /** Sends a page as soon as fewer than `pagesOut` are out. Resolves to false when it was not sent: aborted, or closed. */
  async add(page: P, signal: AbortSignal): Promise<boolean> {
    if (page.units > 0) {
      const wake = () => this.wake();
      signal.addEventListener("abort", wake);
      while (!this.closed && !signal.aborted && this.out.length >= this.options.pagesOut) await this.changed();
      signal.removeEventListener("abort", wake);
    }
    if (this.closed || signal.aborted) return false;
    const entry: Out<P> = {
      page, token: undefined, held: new Set(), rejected: new Set(), rejection: undefined, sent: page.units === 0, sentAt: 0, resends: 0,
      unsettled: new Set(Array.from({ length: page.units }, (_, index) => index)),
    };
    if (page.units > 0 && this.options.confirm) entry.token = this.open(entry);
    this.out.push(entry);
    if (page.units > 0) await this.transmit(entry, [...entry.unsettled]);
    else this.advance();
    return !this.closed;
  }

  /** Resolves when nothing is out any more (everything committed, or the tracker closed), or after `limitMs`. */
  async idle(limitMs = Infinity): Promise<void> {
    let late = false;
    const timer = limitMs === Infinity ? undefined : setTimeout(() => {
      late = true;
      this.wake();
    }, limitMs);
    while (!this.closed && !late && this.out.length > 0) await this.changed();
    clearTimeout(timer);
  }

  /** Nodes of the flow were replaced: what was on its way to them may be gone. */
  flowChanged(): void {
    this.changedAt = performance.now();
  }

  /** Gives up everything that is out: confirmations that still come are ignored. */
  close(): void {
    this.closed = true;
    clearInterval(this.watch);
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const { token } of this.out) if (token !== undefined) this.parts.registry.close(token);
    this.out.length = 0;
    this.wake();
  }

  private open(entry: Out<P>): string {
    const moved = () => {
      this.progressAt = performance.now();
    };
    this.watch ??= this.watchOut();
    return this.parts.registry.open(entry.page.units, {
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
        entry.rejection = messageOf(reason);
        this.again(entry, { reason: entry.rejection });
      },
    }, this.options.sinks);
  }

  private async transmit(entry: Out<P>, indexes: number[]): Promise<void> {
    entry.sent = false;
    try {
      await this.parts.send(entry.page, entry.token, indexes, entry.resends > 0, () => !this.closed);
    } catch (error) {
      this.fail({ kind: "error", error });
      return;
    }
    entry.sent = true;
    entry.sentAt = this.progressAt = performance.now();
    if (!this.options.confirm) entry.unsettled.clear();
    if (entry.unsettled.size === 0) this.advance();
    // Rejected while the rest of the page was still being sent.
    if (entry.rejected.size > 0) this.again(entry, { reason: entry.rejection ?? "" });
  }

  private watchOut(): NodeJS.Timeout {
    const { confirmTimeoutMs, afterChangeMs = AFTER_CHANGE_MS } = this.options;
    const timer = setInterval(() => {
      const waitedMs = performance.now() - Math.max(this.progressAt, this.changedAt);
      for (const entry of [...this.out]) {
        const limit = entry.sentAt < this.changedAt ? Math.min(confirmTimeoutMs, afterChangeMs) : confirmTimeoutMs;
        if (waitedMs >= limit && entry.sent && entry.unsettled.size > entry.held.size) this.again(entry, { waitedMs });
      }
    }, Math.min(1000, Math.max(10, confirmTimeoutMs / 4)));
    timer.unref();
    return timer;
  }

  /** Sends what was rejected, or else what is neither confirmed nor held, again after a pause that grows. */
  private again(entry: Out<P>, why: { reason: string } | { waitedMs: number }): void {
    if (this.closed || !entry.sent) return;
    if (entry.resends === RESENDS) {
      const { page, token, rejection } = entry;
      if (entry.rejected.size > 0) this.fail({ kind: "rejected", page, reason: rejection });
      else this.fail({ kind: "unconfirmed", page, missing: token === undefined ? [] : this.parts.registry.missing(token) });
      return;
    }
    entry.resends += 1;
    entry.sent = false;
    this.parts.resending(entry.page, entry.resends, why);
    const delay = (this.options.resendDelayMs ?? 1000) * 4 ** (entry.resends - 1) * (0.5 + this.parts.random() / 2);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const indexes = entry.rejected.size > 0 ? [...entry.rejected] : [...entry.unsettled].filter((index) => !entry.held.has(index));
      entry.rejected.clear();
      if (indexes.length === 0) entry.sent = true;
      else void this.transmit(entry, indexes);
    }, delay);
    this.timers.add(timer);
  }

  /** Commits the run of confirmed pages at the head, one commit at a time. */
  private advance(): void {
    if (this.committing || this.closed) return;
    const open = this.out.findIndex((entry) => entry.unsettled.size > 0);
    const run = open < 0 ? [...this.out] : this.out.slice(0, open);
    if (run.length === 0) return;
    this.committing = true;
    this.parts.commit(run.map((entry) => entry.page)).then(
      () => {
        this.committing = false;
        if (this.closed) return;
        for (const { token } of run) if (token !== undefined) this.parts.registry.close(token);
        this.out.splice(0, run.length);
        this.wake();
        this.advance();
      },
      (error: unknown) => {
        this.committing = false;
        this.fail({ kind: "error", error });
      },
    );
  }

  private fail(failure: TrackerFailure<P>): void {
    if (this.closed) return;
    this.close();
    this.parts.failed(failure);
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}
