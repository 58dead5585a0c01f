import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { DeliveryRegistry } from "../../../src/delivery/registry";
import { DeliveryTracker, type TrackerFailure, type TrackerOptions } from "../../../src/delivery/tracker";

interface TestPage {
  name: number;
  units: number;
}

interface Sent {
  name: number;
  token: string | undefined;
  indexes: readonly number[];
}

function setUp(
  options: Partial<TrackerOptions> = {}, commit: (names: number[]) => Promise<void> = async () => undefined,
  sending: (isWanted: () => boolean) => Promise<void> = async () => undefined,
) {
  const registry = new DeliveryRegistry();
  const sent: Sent[] = [];
  const committed: number[][] = [];
  const failures: TrackerFailure<TestPage>[] = [];
  const { signal } = new AbortController();
  const tracker = new DeliveryTracker<TestPage>(
    { pagesOut: 4, confirmTimeoutMs: 40, confirm: true, resendDelayMs: 1, ...options },
    {
      registry,
      random: () => 0.5,
      send: async ({ name }, token, indexes, _repeated, isWanted) => {
        sent.push({ name, token, indexes });
        await sending(isWanted);
      },
      commit: async (pages) => {
        const names = pages.map((page) => page.name);
        await commit(names);
        committed.push(names);
      },
      failed: (failure) => failures.push(failure),
      resending: () => undefined,
    },
  );
  const message = (name: number, index = 0, units = 1) => ({ delivery: { token: sent.find((page) => page.name === name)?.token ?? "", index, count: units } });
  const settle = () => sleep(1);
  return { tracker, registry, sent, committed, failures, message, settle, signal };
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 3000; !condition(); await sleep(2)) assert.ok(Date.now() < end, "timed out");
}

describe("delivery tracker", () => {
  it("sends again what was rejected while the rest of the page was still being sent", async () => {
    const { tracker, registry, sent, committed, message, signal } = setUp({ confirmTimeoutMs: 60_000 }, undefined, async () => {
      if (sent.length === 1) registry.reject(message(1, 0, 3), new Error("not now"));
      await sleep(5);
    });
    await tracker.add({ name: 1, units: 3 }, signal);
    await until(() => sent.length === 2);
    assert.deepEqual(sent[1]?.indexes, [0]);
    for (const index of [0, 1, 2]) registry.confirm(message(1, index, 3));
    await tracker.idle();
    assert.deepEqual(committed, [[1]]);
  });

  it("does not want the rest of a page any more when it is closed", async () => {
    const wanted: boolean[] = [];
    const { tracker, signal } = setUp({}, undefined, async (isWanted) => {
      wanted.push(isWanted());
      tracker.close();
      wanted.push(isWanted());
    });
    await tracker.add({ name: 1, units: 3 }, signal);
    assert.deepEqual(wanted, [true, false]);
  });

  it("commits the contiguous run from the oldest page only", async () => {
    const { tracker, registry, committed, message, settle, signal } = setUp();
    for (const name of [1, 2, 3]) await tracker.add({ name, units: 1 }, signal);
    registry.confirm(message(2));
    registry.confirm(message(3));
    await settle();
    assert.deepEqual(committed, []);
    registry.confirm(message(1));
    await tracker.idle();
    assert.deepEqual(committed, [[1, 2, 3]]);
    assert.equal(registry.size, 0);
  });

  it("keeps at most pagesOut pages in flight, counting those whose commit is not done", async () => {
    let finishCommit: () => void = () => undefined;
    const { tracker, registry, sent, message, settle, signal } = setUp({ pagesOut: 1 }, () => new Promise((resolve) => { finishCommit = resolve; }));
    await tracker.add({ name: 1, units: 1 }, signal);
    void tracker.add({ name: 2, units: 1 }, signal);
    registry.confirm(message(1));
    await settle();
    assert.deepEqual(sent.map(({ name }) => name), [1]);
    finishCommit();
    await settle();
    assert.deepEqual(sent.map(({ name }) => name), [1, 2]);
  });

  it("does not send a page that was waiting when the poll is aborted", async () => {
    const { tracker, registry, sent, message, settle } = setUp({ pagesOut: 1 });
    const abort = new AbortController();
    await tracker.add({ name: 1, units: 1 }, abort.signal);
    const second = tracker.add({ name: 2, units: 1 }, abort.signal);
    abort.abort();
    assert.equal(await second, false);
    registry.confirm(message(1));
    await settle();
    assert.deepEqual(sent.map(({ name }) => name), [1]);
  });

  it("commits a position without events in its turn", async () => {
    const { tracker, registry, committed, message, settle, signal } = setUp({ pagesOut: 1 });
    await tracker.add({ name: 1, units: 1 }, signal);
    await tracker.add({ name: 2, units: 0 }, signal);
    await settle();
    assert.deepEqual(committed, []);
    registry.confirm(message(1));
    await tracker.idle();
    assert.deepEqual(committed, [[1, 2]]);
  });

  it("sends an unconfirmed page three times more under the same token, then gives up and forgets it", async () => {
    const { tracker, registry, sent, failures, signal } = setUp({ confirmTimeoutMs: 20 });
    await tracker.add({ name: 1, units: 1 }, signal);
    await until(() => failures.length > 0);
    assert.equal(sent.length, 4);
    assert.equal(new Set(sent.map(({ token }) => token)).size, 1);
    assert.equal(failures[0]?.kind, "unconfirmed");
    assert.equal(registry.size, 0);
    assert.equal(await tracker.add({ name: 2, units: 1 }, signal), false);
  });

  it("does not send a page again while a sink holds it, and does once the sink lets go", async () => {
    const { tracker, registry, sent, message, signal } = setUp({ confirmTimeoutMs: 20 });
    await tracker.add({ name: 1, units: 1 }, signal);
    const release = registry.hold(message(1));
    await sleep(100);
    assert.equal(sent.length, 1);
    assert.equal(tracker.pagesHeld, 1);
    release();
    await until(() => sent.length === 2);
    registry.confirm(message(1));
    await tracker.idle();
  });

  it("waits less long for what was sent before the flow was changed, and no less for what was sent after it", async () => {
    const { tracker, registry, sent, message, signal } = setUp({ confirmTimeoutMs: 4000, afterChangeMs: 30 });
    await tracker.add({ name: 1, units: 1 }, signal);
    await tracker.add({ name: 2, units: 1 }, signal);
    registry.hold(message(2));
    await sleep(5);
    tracker.flowChanged();
    await sleep(5);
    await tracker.add({ name: 3, units: 1 }, signal);
    await until(() => sent.length > 3);
    await sleep(100);
    assert.deepEqual(sent.map(({ name }) => name), [1, 2, 3, 1], "2 is in a sink's hands, 3 was sent later");
    tracker.close();
  });

  it("accepts a late confirmation of the first sending", async () => {
    const { tracker, registry, sent, committed, message, signal } = setUp({ confirmTimeoutMs: 20, resendDelayMs: 30 });
    await tracker.add({ name: 1, units: 2 }, signal);
    registry.confirm(message(1, 0, 2));
    await sleep(30);
    registry.confirm(message(1, 1, 2));
    await tracker.idle();
    await sleep(60);
    assert.deepEqual(committed, [[1]]);
    assert.equal(sent.length, 1);
  });

  it("sends only the rejected units again, and gives up after three more rejections with the reason", async () => {
    const { tracker, registry, sent, failures, message, signal } = setUp({ confirmTimeoutMs: 10_000 });
    await tracker.add({ name: 1, units: 3 }, signal);
    for (let round = 0; round < 4; round++) {
      registry.reject(message(1, 1, 3), new Error(`HTTP 50${round}`));
      await until(() => sent.length === Math.min(4, round + 2));
      await sleep(2);
    }
    assert.deepEqual(sent.map(({ indexes }) => [...indexes]), [[0, 1, 2], [1], [1], [1]]);
    assert.deepEqual(failures.map((failure) => failure.kind === "rejected" ? [failure.kind, failure.reason] : failure), [["rejected", "HTTP 503"]]);
  });

  it("waits for every named sink, and says who is missing when it gives up", async () => {
    const { tracker, registry, committed, failures, message, signal } = setUp({ sinks: ["a", "b"], confirmTimeoutMs: 20 });
    await tracker.add({ name: 1, units: 1 }, signal);
    registry.confirm(message(1), "a");
    registry.confirm(message(1), "b");
    await until(() => committed.length === 1);
    await tracker.add({ name: 2, units: 1 }, signal);
    registry.confirm(message(2), "a");
    await until(() => failures.length === 1);
    assert.deepEqual(failures[0], { kind: "unconfirmed", page: { name: 2, units: 1 }, missing: ["b"] });
    assert.deepEqual(committed, [[1]]);
  });

  it("does not time out as long as parts of a unit are confirmed, however slowly", async () => {
    const { tracker, registry, sent, committed, message, signal } = setUp({ confirmTimeoutMs: 80 });
    await tracker.add({ name: 1, units: 1 }, signal);
    for (let index = 0; index < 8; index++) {
      await sleep(25);
      registry.confirm({ ...message(1), parts: { id: "cut", index, count: 8 } });
    }
    await until(() => committed.length === 1);
    assert.equal(sent.length, 1);
  });

  it("does not time out as long as confirmations come, however slowly", async () => {
    const { tracker, registry, sent, message, signal } = setUp({ confirmTimeoutMs: 60 });
    await tracker.add({ name: 1, units: 8 }, signal);
    for (let index = 0; index < 8; index++) {
      await sleep(25);
      registry.confirm(message(1, index, 8));
    }
    await tracker.idle();
    assert.equal(sent.length, 1);
  });

  it("counts a page as delivered once it is sent when nothing is to be confirmed", async () => {
    const { tracker, sent, committed, signal } = setUp({ confirm: false, pagesOut: 1 });
    for (const name of [1, 2, 3]) await tracker.add({ name, units: 1 }, signal);
    await tracker.idle();
    assert.deepEqual(committed.flat(), [1, 2, 3]);
    assert.ok(sent.every(({ token }) => token === undefined));
  });

  it("reports a commit that failed for good, and no page is in flight any more", async () => {
    const { tracker, registry, failures, message, signal } = setUp({}, async () => {
      throw new Error("changed by somebody else");
    });
    await tracker.add({ name: 1, units: 1 }, signal);
    registry.confirm(message(1));
    await until(() => failures.length > 0);
    assert.equal(failures[0]?.kind, "error");
    assert.equal(tracker.pagesOut, 0);
  });

  it("commits exactly the longest confirmed head run for any order of confirmations", async () => {
    await fc.assert(fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7]), async (order) => {
      const { tracker, registry, committed, message, settle, signal } = setUp({ pagesOut: 8, confirmTimeoutMs: 10_000 });
      for (let name = 0; name < 8; name++) await tracker.add({ name, units: 1 }, signal);
      for (const name of order) {
        registry.confirm(message(name));
        registry.confirm(message(name));
      }
      await settle();
      let head = 0;
      while (order.includes(head)) head += 1;
      assert.deepEqual(committed.flat(), Array.from({ length: head }, (_, name) => name));
      tracker.close();
      assert.equal(registry.size, 0);
    }), { numRuns: 60 });
  });
});
