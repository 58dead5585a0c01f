import assert from "node:assert/strict";
import { RateLimiter } from "../../../../src/code42/tenant/limiter";

/** A clock that stands still, and jumps to the end of whatever is slept. */
function fakeClock() {
  let time = 0;
  const sleepers: { until: number; wake: () => void }[] = [];
  return {
    monotonic: () => time,
    sleep: (ms: number, signal: AbortSignal) => new Promise<void>((resolve, reject) => {
      sleepers.push({ until: time + ms, wake: resolve });
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    }),
    /** Lets `ms` pass, waking sleepers in their order. */
    async pass(ms: number) {
      const end = time + ms;
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        sleepers.sort((a, b) => a.until - b.until);
        if (sleepers[0] === undefined || sleepers[0].until > end) break;
        time = sleepers[0].until;
        sleepers.shift()?.wake();
      }
      time = end;
    },
  };
}

describe("rate limiter", () => {
  const never = new AbortController().signal;

  it("lets no more than the limit start in any 60 s, in the order of asking", async () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(3, clock);
    const started: [number, number][] = [];
    for (let id = 0; id < 8; id++) void limiter.take(never).then(() => started.push([id, clock.monotonic()]));
    await clock.pass(20_000);
    void limiter.take(never).then(() => started.push([8, clock.monotonic()]));
    await clock.pass(200_000);
    assert.deepEqual(started.map(([id]) => id), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(started.map(([, at]) => at), [0, 0, 0, 60_000, 60_000, 60_000, 120_000, 120_000, 120_000]);
  });

  it("counts a sliding window, not whole minutes", async () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(2, clock);
    await limiter.take(never);
    await clock.pass(50_000);
    await limiter.take(never);
    const started: number[] = [];
    for (let count = 0; count < 2; count++) void limiter.take(never).then(() => started.push(clock.monotonic()));
    await clock.pass(100_000);
    assert.deepEqual(started, [60_000, 110_000]);
  });

  it("holds everybody while paused, and a shorter pause does not end a longer one", async () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(10, clock);
    limiter.pause(30_000);
    limiter.pause(5000);
    assert.equal(limiter.pauseLeft(), 30_000);
    const started: number[] = [];
    for (let count = 0; count < 2; count++) void limiter.take(never).then(() => started.push(clock.monotonic()));
    await clock.pass(20_000);
    limiter.pause(20_000);
    await clock.pass(60_000);
    assert.deepEqual(started, [40_000, 40_000]);
  });

  it("gives the place of a caller that left to the next one", async () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(1, clock);
    await limiter.take(never);
    const leaving = new AbortController();
    const left = assert.rejects(limiter.take(leaving.signal), /gone/);
    const started: number[] = [];
    void limiter.take(never).then(() => started.push(clock.monotonic()));
    await clock.pass(1000);
    leaving.abort(new Error("gone"));
    await left;
    await clock.pass(100_000);
    assert.deepEqual(started, [60_000]);
  });

  it("serves again after the last one in the queue has left", async () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(1, clock);
    await limiter.take(never);
    const leaving = new AbortController();
    const left = assert.rejects(limiter.take(leaving.signal));
    await clock.pass(1000);
    leaving.abort(new Error("gone"));
    await left;
    let started = -1;
    void limiter.take(never).then(() => (started = clock.monotonic()));
    await clock.pass(100_000);
    assert.equal(started, 60_000);
  });
});
