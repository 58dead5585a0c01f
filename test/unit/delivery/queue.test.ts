import assert from "node:assert/strict";
import { BoundedQueue, type Overflow } from "../../../src/delivery/queue";

const item = (name: string, events = 1, bytes = events * 10) => ({ name, events, bytes });
const queue = (overflow: Overflow, events = 3, bytes = 100_000) => new BoundedQueue<ReturnType<typeof item>>({ events, bytes, overflow });
const names = (items: { name: string }[]) => items.map(({ name }) => name);

describe("bounded queue", () => {
  it("gives items out in the order they came", () => {
    const it = queue("refuse", 5000);
    for (let n = 0; n < 4000; n++) it.add(item(String(n)));
    for (let n = 0; n < 4000; n++) assert.equal(it.take()?.name, String(n));
    assert.equal(it.take(), undefined);
  });

  it("refuses what does not fit, by events and by bytes", () => {
    const byEvents = queue("refuse");
    byEvents.add(item("a", 2));
    assert.deepEqual(names(byEvents.add(item("b", 2))), ["b"]);
    assert.deepEqual(byEvents.add(item("c", 1)), []);
    const byBytes = queue("refuse", 100, 50);
    byBytes.add(item("a", 1, 40));
    assert.deepEqual(names(byBytes.add(item("b", 1, 11))), ["b"]);
    assert.equal(byBytes.events, 1);
  });

  it("counts what was taken until it is released", () => {
    const it = queue("refuse");
    it.add(item("a", 3));
    const taken = it.take();
    assert.deepEqual(names(it.add(item("b"))), ["b"]);
    assert.ok(taken);
    it.release(taken);
    assert.deepEqual(it.add(item("b")), []);
    assert.equal(it.highWater, 3);
  });

  it("takes an item larger than the limits when it is empty", () => {
    for (const overflow of ["refuse", "drop-oldest", "drop-newest"] as const) {
      const it = queue(overflow);
      assert.deepEqual(it.add(item("huge", 50)), []);
      assert.equal(it.take()?.name, "huge");
    }
  });

  it("drops the oldest waiting items, and only as many as needed", () => {
    const it = queue("drop-oldest");
    for (const name of ["a", "b", "c"]) it.add(item(name));
    it.take();
    assert.deepEqual(names(it.add(item("d"))), ["b"]);
    assert.equal(it.take()?.name, "c");
    assert.equal(it.take()?.name, "d");
    assert.equal(it.events, 3);
  });

  it("drops nothing else when even that would not make room", () => {
    const it = queue("drop-oldest");
    it.add(item("a", 2));
    it.take();
    it.add(item("b"));
    assert.deepEqual(names(it.add(item("c", 2))), ["c"]);
    assert.equal(it.take()?.name, "b");
  });

  it("drops the new item when told to drop the newest", () => {
    const it = queue("drop-newest", 1);
    it.add(item("a"));
    assert.deepEqual(names(it.add(item("b"))), ["b"]);
    assert.equal(it.take()?.name, "a");
  });
});
