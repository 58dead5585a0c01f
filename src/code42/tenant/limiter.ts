/** Lets at most `limit` requests start in any 60 s, first come first served, and none during a pause. */

const WINDOW_MS = 60_000;

interface Waiter {
  start(): void;
}

export interface LimiterDependencies {
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  /** Rejects when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export class RateLimiter {
  /** When the last requests started, oldest first; at most `limit`. */
  private readonly started: number[] = [];
  private readonly queue = new Set<Waiter>();
  private pausedUntil = 0;
  private timer: AbortController | undefined;

  constructor(private readonly limit: number, private readonly dependencies: LimiterDependencies) {}

  /** Resolves when the caller may start one request. Rejects with the signal's reason; the caller has left the queue then. */
  take(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal));
      const leave = () => {
        this.queue.delete(waiter);
        reject(reasonOf(signal));
        if (this.queue.size === 0) this.timer?.abort();
      };
      const waiter = {
        start: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.queue.add(waiter);
      if (this.timer === undefined) void this.serve();
    });
  }

  /** No request starts for the next `ms`. A shorter pause never ends a longer one. */
  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.dependencies.monotonic() + ms);
  }

  /** Milliseconds until the pause ends; 0 without one. */
  pauseLeft(): number {
    return Math.max(0, this.pausedUntil - this.dependencies.monotonic());
  }

  private async serve(): Promise<void> {
    const timer = new AbortController();
    this.timer = timer;
    try {
      for (const waiter of this.queue) {
        for (let wait = this.waitMs(); wait > 0; wait = this.waitMs()) await this.dependencies.sleep(wait, timer.signal);
        if (!this.queue.delete(waiter)) continue;
        this.started.push(this.dependencies.monotonic());
        waiter.start();
      }
    } catch {
      // `take` ended the wait because the queue is empty.
    } finally {
      this.timer = undefined;
    }
    if (this.queue.size > 0) void this.serve();
  }

  private waitMs(): number {
    const now = this.dependencies.monotonic();
    while (this.started.length > 0 && (this.started[0] as number) <= now - WINDOW_MS) this.started.shift();
    const free = this.started.length < this.limit ? now : (this.started[0] as number) + WINDOW_MS;
    return Math.max(free, this.pausedUntil) - now;
  }
}

const reasonOf = (signal: AbortSignal): Error => (signal.reason instanceof Error ? signal.reason : new Error("aborted"));
