import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { EventQueue } from "../../../src/dxl/event-queue";
import { systemClock } from "../../../src/common/clock";
import { TestClock } from "../../support/syslog-sender";
import { until } from "../../support/until";

/** What one turn of the event loop takes. */
const TURN = 100;

describe("event queue", () => {
  const queueOf = (limit: number, clock: ConstructorParameters<typeof EventQueue>[0]["clock"] = systemClock, work: (event: number) => void = () => undefined, limitBytes = Infinity) => {
    const taken: number[] = [];
    const drops: number[] = [];
    const queue = new EventQueue<number>({
      limit, limitBytes, clock,
      // An event is as large as its number says.
      sizeOf: (event) => event,
      take: (event) => {
        work(event);
        taken.push(event);
      },
      dropped: (count) => drops.push(count),
    });
    /** What comes next has to wait. The clock must stand still. */
    const useTurnUp = () => {
      for (let event = -TURN; event < 0; event++) queue.push(event);
      assert.equal(taken.splice(-TURN).length, TURN);
    };
    return { queue, taken, drops, useTurnUp };
  };

  it("hands on up to 100 events of a turn at once", async () => {
    const { queue, taken } = queueOf(10, new TestClock());
    for (let event = 0; event < 5; event++) {
      queue.push(event);
      assert.equal(taken.at(-1), event);
      await turn();
    }
    for (let event = 5; event < TURN; event++) queue.push(event);
    assert.equal(taken.length, TURN);
    assert.equal(queue.length, 0);
  });

  it("hands on all events in order", async () => {
    const { queue, taken, drops } = queueOf(10_000);
    const events = Array.from({ length: 5000 }, (_, index) => index);
    for (const event of events) {
      queue.push(event);
      if (event % 977 === 0) await turn();
    }
    assert.ok(queue.length > 0);
    await until(() => queue.length === 0, "the queue is empty");
    queue.push(events.length);
    assert.deepEqual(taken, [...events, events.length]);
    assert.deepEqual(drops, []);
  });

  it("hands on at most 100 events at once and 100 a turn, and fewer if they take long", async () => {
    const { queue, taken } = queueOf(1000, new TestClock());
    for (let event = 0; event < 3.5 * TURN; event++) queue.push(event);
    assert.equal(taken.length, TURN);
    await turn();
    assert.equal(taken.length, 2 * TURN);
    queue.push(350);
    assert.equal(taken.length, 2 * TURN);
    queue.close();

    const slow = queueOf(1000, systemClock, () => {
      const end = performance.now() + 2;
      while (performance.now() < end);
    });
    for (let event = 0; event < 50; event++) slow.queue.push(event);
    const atOnce = slow.taken.length;
    assert.ok(atOnce >= 1 && atOnce <= 3, String(atOnce));
    await turn();
    const later = slow.taken.length - atOnce;
    assert.ok(later >= 1 && later <= 3, String(later));
    slow.queue.close();
  });

  it("keeps the oldest events when it is full, and reports the number of dropped ones at once and then every 10 s", async () => {
    const clock = new TestClock();
    const { queue, taken, drops, useTurnUp } = queueOf(3, clock);
    useTurnUp();
    for (let event = 0; event < 10; event++) queue.push(event);
    assert.deepEqual(drops, [1]);
    await clock.advance(9_999);
    assert.deepEqual(taken, [0, 1, 2]);
    assert.deepEqual(drops, [1]);
    await clock.advance(1);
    assert.deepEqual(drops, [1, 6]);
    useTurnUp();
    for (let event = 10; event < 15; event++) queue.push(event);
    assert.deepEqual(drops, [1, 6]);
    await clock.advance(10_000);
    assert.deepEqual(drops, [1, 6, 2]);
    await clock.advance(10_000);
    assert.deepEqual(clock.pending, [], "a timer runs although nothing was dropped");
    assert.deepEqual(taken, [0, 1, 2, 10, 11, 12]);
  });

  it("keeps no more bytes than its limit, and has room again for each event that it handed on", async () => {
    const { queue, taken, drops, useTurnUp } = queueOf(100, new TestClock(), undefined, 10);
    useTurnUp();
    for (const event of [4, 7, 6, 1]) queue.push(event);
    assert.equal(queue.length, 2);
    await turn();
    assert.deepEqual(taken, [4, 6]);
    useTurnUp();
    for (const event of [10, 1]) queue.push(event);
    queue.close();
    assert.deepEqual(drops, [1, 2]);
    useTurnUp();
    queue.push(10);
    assert.equal(queue.length, 1, "the closed queue's bytes still count");
    queue.close();
  });

  it("forgets waiting events when it closes, reports drops, and leaves no timer and no turn behind", async () => {
    const clock = new TestClock();
    const { queue, taken, drops, useTurnUp } = queueOf(3, clock);
    useTurnUp();
    for (let event = 0; event < 6; event++) queue.push(event);
    queue.close();
    await clock.advance(60_000);
    assert.deepEqual(drops, [1, 2]);
    assert.deepEqual(taken, []);
    assert.deepEqual(clock.pending, []);
  });

  it("may be closed while it hands on an event", async () => {
    const made = queueOf(100, new TestClock(), (event) => event === 2 && made.queue.close());
    made.useTurnUp();
    for (let event = 0; event < 6; event++) made.queue.push(event);
    await turn();
    await turn();
    assert.deepEqual(made.taken, [0, 1, 2]);
    assert.deepEqual(made.drops, []);
  });
});
