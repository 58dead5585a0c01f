import assert from "node:assert/strict";
import { DeliveryRegistry, deliveryRegistry } from "../../../src/delivery/registry";
import type { FlowMessage, MessageParts } from "../../../src/common/messages";

function setUp(count = 1, sinks: string[] = []) {
  const registry = new DeliveryRegistry();
  const seen: string[] = [];
  const token = registry.open(count, {
    confirmed: (index) => seen.push(`confirmed ${index}`),
    rejected: (index, reason) => seen.push(`rejected ${index}: ${reason.message}`),
    holdChanged: (index, held) => seen.push(`${held ? "held" : "released"} ${index}`),
  }, sinks);
  const message = (index = 0, parts?: Partial<MessageParts>) => ({ delivery: { token, index, count }, ...(parts === undefined ? {} : { parts }) });
  return { registry, seen, token, message };
}

describe("delivery registry", () => {
  it("settles a unit once and counts what comes later", () => {
    const { registry, seen, message } = setUp();
    assert.equal(registry.confirm(message()), "settled");
    assert.equal(registry.confirm(message()), "ignored");
    assert.equal(registry.reject(message(), new Error("late")), "ignored");
    assert.deepEqual(seen, ["confirmed 0"]);
    assert.equal(registry.counters.repeated, 2);
  });

  it("ignores and counts a token of another run, a closed one, and a wrong count", () => {
    const { registry, seen, message, token } = setUp();
    assert.equal(registry.confirm({ delivery: { token: "other:1", index: 0, count: 1 } }), "ignored");
    assert.equal(registry.confirm({ delivery: { token, index: 0, count: 2 } }), "ignored");
    registry.close(token);
    assert.equal(registry.confirm(message()), "ignored");
    assert.equal(registry.counters.unknown, 3);
    assert.deepEqual(seen, []);
    assert.equal(registry.size, 0);
  });

  it("takes no notice of messages without a delivery, or with a broken one", () => {
    const { registry } = setUp();
    assert.equal(registry.confirm({}), "ignored");
    assert.equal(registry.counters.unknown, 0);
    for (const delivery of [null, 7, "x", [], { token: 1, index: 0, count: 1 }, { token: "a", index: -1, count: 1 }, { token: "a", index: 1, count: 1 }, { token: "a", index: 0.5, count: 1 }]) {
      assert.equal(registry.confirm({ delivery }), "ignored");
    }
    registry.hold({ delivery: null })();
  });

  it("survives what messages go through: JSON and cloning", () => {
    const { registry, seen, message } = setUp(3);
    assert.equal(registry.confirm(JSON.parse(JSON.stringify(message(2))) as FlowMessage), "settled");
    assert.equal(registry.confirm(structuredClone(message(0))), "settled");
    assert.deepEqual(seen, ["confirmed 2", "confirmed 0"]);
  });

  it("tells when holds begin and when the last one ends unconfirmed", () => {
    const { registry, seen, message } = setUp();
    const first = registry.hold(message());
    const second = registry.hold(message());
    first();
    first();
    second();
    assert.deepEqual(seen, ["held 0", "released 0"]);
    const third = registry.hold(message());
    registry.confirm(message());
    third();
    assert.deepEqual(seen.slice(2), ["held 0", "confirmed 0"]);
    assert.equal(typeof registry.hold(message()), "function");
    assert.equal(seen.length, 4);
  });

  it("confirms the whole page behind a join, also when some units were confirmed before", () => {
    const { registry, seen, message } = setUp(3);
    registry.confirm(message(1));
    assert.equal(registry.confirmPage(message(2)), "settled");
    assert.deepEqual(seen, ["confirmed 1", "confirmed 0", "confirmed 2"]);
    assert.equal(registry.confirmPage(message(2)), "ignored");
  });

  it("passes a rejection on and can be confirmed afterwards", () => {
    const { registry, seen, message } = setUp();
    registry.reject(message(), new Error("HTTP 503"));
    registry.confirm(message());
    assert.deepEqual(seen, ["rejected 0: HTTP 503", "confirmed 0"]);
  });

  describe("a unit that core split cut up", () => {
    it("is confirmed when all its parts are, in any order, each once", () => {
      const { registry, seen, message } = setUp();
      const part = (index: number) => message(0, { id: "s1", index, count: 3 });
      assert.equal(registry.confirm(part(2)), "partial");
      assert.equal(registry.confirm(part(0)), "partial");
      assert.equal(registry.confirm(part(0)), "partial");
      assert.deepEqual(seen, []);
      assert.equal(registry.confirm(part(1)), "settled");
      assert.deepEqual(seen, ["confirmed 0"]);
    });

    it("is confirmed when the parts of its parts are", () => {
      const { registry, seen, message } = setUp();
      const inner = (outer: number, index: number) =>
        message(0, { id: `inner${outer}`, index, count: 2, parts: { id: "outer", index: outer, count: 2 } });
      registry.confirm(inner(0, 0));
      registry.confirm(inner(1, 1));
      registry.confirm(inner(1, 0));
      assert.deepEqual(seen, []);
      registry.confirm(inner(0, 1));
      assert.deepEqual(seen, ["confirmed 0"]);
    });

    it("does not take the source's own sequence for a cut", () => {
      const { registry, seen, message, token } = setUp(2);
      assert.equal(registry.confirm(message(0, { id: token, index: 0, count: 2 })), "settled");
      const part = (index: number) => message(1, { id: "s", index, count: 2, parts: { id: token, index: 1, count: 2 } });
      assert.equal(registry.confirm(part(0)), "partial");
      assert.equal(registry.confirm(part(1)), "settled");
      assert.deepEqual(seen, ["confirmed 0", "confirmed 1"]);
    });

    it("does not take what core batch makes of the source's sequence for a cut, nor misses a cut behind it", () => {
      const { registry, seen, message, token } = setUp(2);
      const batched = { id: "batch", index: 3, count: 5, type: "array", len: 1, token };
      assert.equal(registry.confirm(message(0, batched)), "settled");
      const part = (index: number) => message(1, { id: "s", index, count: 2, parts: batched });
      assert.equal(registry.confirm(part(0)), "partial");
      assert.equal(registry.confirm(part(1)), "settled");
      assert.deepEqual(seen, ["confirmed 0", "confirmed 1"]);
    });

    it("counts only parts of the same cut: after a second sending the new cut must be complete", () => {
      const { registry, seen, message } = setUp();
      registry.confirm(message(0, { id: "first", index: 0, count: 2 }));
      registry.confirm(message(0, { id: "second", index: 1, count: 2 }));
      assert.deepEqual(seen, []);
      registry.confirm(message(0, { id: "second", index: 0, count: 2 }));
      assert.deepEqual(seen, ["confirmed 0"]);
    });

    it("waits for the count of a streamed split, which the last part brings", () => {
      const { registry, seen, message } = setUp();
      registry.confirm(message(0, { id: "s", index: 0 }));
      registry.confirm(message(0, { id: "s", index: 1 }));
      assert.deepEqual(seen, []);
      registry.confirm(message(0, { id: "s", index: 2, count: 3 }));
      assert.deepEqual(seen, ["confirmed 0"]);
    });
  });

  describe("a delivery that names its sinks", () => {
    it("is settled when all of them confirmed, in any order, and says who is missing", () => {
      const { registry, seen, message, token } = setUp(1, ["a", "b"]);
      assert.deepEqual(registry.missing(token), ["a", "b"]);
      assert.equal(registry.confirm(message(), "b"), "partial");
      assert.equal(registry.confirm(message(), "b"), "ignored");
      assert.deepEqual(registry.missing(token), ["a"]);
      assert.deepEqual(seen, []);
      assert.equal(registry.confirm(message(), "a"), "settled");
      assert.deepEqual(seen, ["confirmed 0"]);
      assert.deepEqual(registry.missing(token), []);
    });

    it("takes no notice of a sink that is not named", () => {
      const { registry, seen, message } = setUp(2, ["a"]);
      assert.equal(registry.confirm(message(0), "other"), "ignored");
      assert.equal(registry.confirm(message(0)), "ignored");
      assert.equal(registry.confirmPage(message(0), "other"), "ignored");
      registry.hold(message(0), "other")();
      assert.deepEqual(seen, []);
      assert.equal(registry.counters.unknown, 3);
    });

    it("is held while every sink that is missing has it in hand", () => {
      const { registry, seen, message } = setUp(1, ["a", "b"]);
      const releaseA = registry.hold(message(), "a");
      assert.deepEqual(seen, []);
      const releaseB = registry.hold(message(), "b");
      assert.deepEqual(seen, ["held 0"]);
      registry.confirm(message(), "a");
      releaseA();
      assert.deepEqual(seen, ["held 0"], "b still has it");
      releaseB();
      assert.deepEqual(seen, ["held 0", "released 0"]);
    });

    it("counts as held as soon as the sink that had not taken it has confirmed", () => {
      const { registry, seen, message } = setUp(1, ["a", "b"]);
      registry.hold(message(), "b");
      registry.confirm(message(), "a");
      assert.deepEqual(seen, ["held 0"]);
    });

    it("does not take the parts that one sink confirmed for those of another", () => {
      const { registry, seen, message } = setUp(1, ["a", "b"]);
      const part = (index: number) => message(0, { id: "s", index, count: 2 });
      registry.confirm(part(0), "a");
      registry.confirm(part(1), "b");
      assert.equal(registry.confirm(part(1), "a"), "partial");
      assert.deepEqual(seen, []);
      assert.equal(registry.confirm(part(0), "b"), "settled");
      assert.deepEqual(seen, ["confirmed 0"]);
    });

    it("lets a sink know what it need not deliver again while the others are waited for", () => {
      const { registry, message } = setUp(2, ["a", "b"]);
      const part = (index: number) => message(0, { id: "s", index, count: 2 });
      registry.confirm(part(1), "a");
      assert.equal(registry.hasConfirmed(part(1), "a"), true);
      assert.equal(registry.hasConfirmed(part(0), "a"), false);
      assert.equal(registry.hasConfirmed(part(1), "b"), false);
      registry.confirm(message(1), "a");
      assert.equal(registry.hasConfirmed(message(1), "a"), true);
      const anyOne = setUp();
      anyOne.registry.confirm(anyOne.message(), "a");
      assert.equal(anyOne.registry.hasConfirmed(anyOne.message(), "a"), false);
    });

    it("needs the whole page of each sink", () => {
      const { registry, seen, message } = setUp(2, ["a", "b"]);
      assert.equal(registry.confirmPage(message(0), "a"), "partial");
      registry.confirm(message(1), "b");
      assert.deepEqual(seen, ["confirmed 1"]);
      assert.equal(registry.confirmPage(message(0), "b"), "settled");
      assert.deepEqual(seen, ["confirmed 1", "confirmed 0"]);
    });
  });

  it("is one for the process, and its tokens name the run", () => {
    assert.equal(deliveryRegistry(), deliveryRegistry());
    assert.notEqual(new DeliveryRegistry().boot, new DeliveryRegistry().boot);
  });
});
