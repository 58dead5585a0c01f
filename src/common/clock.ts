/** The clock and its timers, a parameter everywhere so that tests can replace it. */
export interface Clock {
  /** Monotonic milliseconds, for ages and delays. */
  now(): number;
  /** Epoch milliseconds, for time stamps. */
  date(): number;
  /** Calls `callback` once after `ms`; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves or rejects as `work` does, or resolves with undefined after `ms`; `work` goes on. */
export function within<Value>(clock: Clock, ms: number, work: Promise<Value>): Promise<Value | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => { cancel = clock.after(ms, () => resolve(undefined)); });
  return Promise.race([work, late]).finally(cancel);
}
