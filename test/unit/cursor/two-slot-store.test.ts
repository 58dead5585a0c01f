import assert from "node:assert/strict";
import { plain } from "../../../src/common/border";
import { Cursor } from "../../../src/cursor/cursor";
import { ContextSlot, type ContextAccess } from "../../../src/cursor/context-store";
import { cursorError } from "../../../src/cursor/errors";
import { TwoSlotStore, spareSlot } from "../../../src/cursor/two-slot-store";
import { MemoryStore } from "../../support/query";

const owner = { stream: "file-events", base: "https://api" };
const START = Date.parse("2026-01-01T00:00:00Z");
const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

function setUp() {
  const main = new MemoryStore();
  const spare = new MemoryStore();
  const restored: string[] = [];
  const store = new TwoSlotStore(main, spare, "key", () => restored.push("restored"));
  return { main, spare, store, restored };
}

/** Successive saves of one cursor. */
function saves(count: number): string[] {
  const cursor = Cursor.startingAt(owner, START, "hash");
  return Array.from({ length: count }, () => cursor.serialize(START));
}

describe("two-slot cursor store", () => {
  it("writes both slots and reads the newest", async () => {
    const { main, spare, store } = setUp();
    const [one, two] = saves(2);
    assert.equal(await store.read(), undefined);
    await store.commit(undefined, one);
    await store.commit(one, two);
    assert.equal(main.value, two);
    assert.equal(spare.value, two);
    assert.equal(await store.read(), two);
  });

  for (const [what, torn] of [["missing", undefined], ["empty", ""], ["cut off", saves(1)[0]?.slice(0, 40)], ["no cursor", "{\"v\":9}"]] as const) {
    it(`goes on from the spare slot when the main one is ${what}, says so and mends it`, async () => {
      const { main, store, restored } = setUp();
      const [one, two] = saves(2);
      await store.commit(undefined, one);
      main.value = torn;
      assert.equal(await store.read(), one);
      assert.deepEqual(restored, ["restored"]);
      await store.commit(one, two);
      assert.equal(main.value, two);
    });
  }

  it("keeps the spare slot in another scope, under a key that no other node and scope has", () => {
    assert.deepEqual(spareSlot("global", "k", "a.1"), { scope: "node", key: "k_spare" });
    assert.deepEqual(spareSlot("flow", "k", "a-1"), { scope: "global", key: "k_flow_a_1" });
    assert.deepEqual(spareSlot("node", "k", "a-1"), { scope: "global", key: "k_node_a_1" });
  });

  it("needs no spare slot, and mends a damaged one with the next commit", async () => {
    for (const damaged of [undefined, "", "{"]) {
      const { spare, store, restored } = setUp();
      const [one, two] = saves(2);
      await store.commit(undefined, one);
      spare.value = damaged;
      assert.equal(await store.read(), one);
      await store.commit(one, two);
      assert.equal(spare.value, two);
      assert.deepEqual(restored, []);
    }
  });

  it("takes the spare slot that a crash left one save ahead", async () => {
    const { main, store, restored } = setUp();
    const [one, two, three] = saves(3);
    await store.commit(undefined, one);
    main.fault = new Error("ENOSPC");
    await assert.rejects(store.commit(one, two), code("CURSOR_NOT_SAVED"));
    main.fault = undefined;
    assert.equal(await store.read(), two);
    assert.deepEqual(restored, [], "nothing was damaged");
    await store.commit(two, three);
    assert.equal(main.value, three);
  });

  it("does not let a leftover of an earlier use of the key overrule a cursor that was set back", async () => {
    const { main, spare, store } = setUp();
    spare.value = saves(500)[499];
    const [fresh] = saves(1);
    main.value = fresh;
    assert.equal(await store.read(), fresh);
  });

  it("fails closed when the only value there is damaged", async () => {
    const { main, store } = setUp();
    main.value = "{\"v\":1,\"floor";
    assert.equal(await store.read(), main.value, "the cursor's own reader names what is wrong");
    const context: ContextAccess = { get: (_key, _store, callback) => callback(null, { floor: 1 }), set: (_key, _value, _store, callback) => callback() };
    const wrongType = new TwoSlotStore(new ContextSlot(context, "key", undefined), new MemoryStore(), "key", () => undefined);
    await assert.rejects(wrongType.read(), code("CURSOR_UNREADABLE"));
  });

  it("does not take a store that fails for a damaged slot", async () => {
    const { main, store, restored } = setUp();
    const [one] = saves(1);
    await store.commit(undefined, one);
    main.read = () => Promise.reject(cursorError("CURSOR_UNREADABLE", plain.params({ key: "key", reason: "connection refused" })));
    await assert.rejects(store.read(), code("CURSOR_UNREADABLE"));
    await assert.rejects(store.commit(one, one), (error: Error) => code("CURSOR_NOT_SAVED")(error) && error.message.includes("connection refused"));
    assert.deepEqual(restored, []);
  });

  it("refuses to overwrite what somebody else wrote", async () => {
    const { main, store } = setUp();
    const [one, two] = saves(2);
    await store.commit(undefined, one);
    main.value = "somebody else's";
    await assert.rejects(store.commit(one, two), code("CURSOR_CHANGED"));
    assert.equal(main.value, "somebody else's");
  });

  it("forgets in both slots", async () => {
    const { main, spare, store } = setUp();
    await store.commit(undefined, saves(1)[0]);
    await store.overwrite(undefined);
    assert.equal(main.value, undefined);
    assert.equal(spare.value, undefined);
    assert.equal(await store.read(), undefined);
  });
});
