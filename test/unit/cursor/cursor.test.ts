import assert from "node:assert/strict";
import { Cursor, MAX_LEDGER, type PageIds } from "../../../src/cursor/cursor";
import { ContextSlot, CursorClaims, cursorKey, type ContextAccess } from "../../../src/cursor/context-store";
import { storeSafety } from "../../../src/cursor/store-safety";
import { cursorInstant, startInstant } from "../../../src/cursor/instant";
import { KeyColumn } from "../../../src/cursor/keys";
import { Ledger, ledgerKey } from "../../../src/cursor/ledger";
import { durationMs, epochMs } from "../../../src/common/instant";

const owner = { stream: "file-events", base: "https://api.us.code42.com" };
const at = (text: string) => Date.parse(text);
const keysOf = (...ids: string[]) => KeyColumn.of(ids.map(ledgerKey));
const ids = (...entries: [string, string][]): PageIds => ({ keys: keysOf(...entries.map(([id]) => id)), times: Float64Array.from(entries, ([, time]) => at(time)) });
const code = (expected: string) => (error: unknown) => error instanceof Error && (error as Error & { code?: string }).code === expected;

describe("instants", () => {
  it("are cut to whole milliseconds, with 0 to 9 decimals, any zone, UTC by default", () => {
    assert.equal(epochMs("2012-07-22T02:19:29Z"), at("2012-07-22T02:19:29Z"));
    assert.equal(epochMs("2025-01-28T01:27:24.362976Z"), at("2025-01-28T01:27:24.362Z"));
    assert.equal(epochMs("2025-01-28T01:27:24.999999999Z"), at("2025-01-28T01:27:24.999Z"));
    assert.equal(epochMs("2025-01-28T01:27:24.5"), at("2025-01-28T01:27:24.500Z"));
    assert.equal(epochMs("2025-01-28T02:27:24+01:00"), at("2025-01-28T01:27:24Z"));
    assert.equal(epochMs("2025-01-28"), at("2025-01-28T00:00:00Z"));
    for (const bad of ["", "yesterday", "2025-13-01T00:00:00Z", "1700000000", "2025-01-28T01:27:24.1234567890Z"]) assert.equal(epochMs(bad), undefined, bad);
  });

  it("durations have weeks, days, hours, minutes and seconds, and nothing without a fixed length", () => {
    assert.equal(durationMs("P1D"), 86_400_000);
    assert.equal(durationMs("PT15M"), 900_000);
    assert.equal(durationMs("P1W2DT3H4M5S"), ((9 * 24 + 3) * 3600 + 4 * 60 + 5) * 1000);
    for (const bad of ["", "P", "PT", "P1M", "P1Y", "1D", "P1DT", "p1d", "P-1D"]) assert.equal(durationMs(bad), undefined, bad);
  });

  it("a query starts a duration back from now or at an instant", () => {
    const now = at("2026-01-31T12:00:00Z");
    assert.equal(startInstant("PT6H", now), at("2026-01-31T06:00:00Z"));
    assert.equal(startInstant("2026-01-01T00:00:00Z", now), at("2026-01-01T00:00:00Z"));
    assert.throws(() => startInstant("last week", now), code("START_FROM_INVALID"));
  });

  it("a cursor is set to an instant or to the epoch seconds of c42eventextractor", () => {
    assert.equal(cursorInstant(1583419247.93), 1583419247930);
    assert.equal(cursorInstant("1583419247.930"), 1583419247930);
    assert.equal(cursorInstant("2020-03-05T14:40:47.930Z"), 1583419247930);
    for (const bad of [undefined, null, "soon", -1, NaN, 1583419247930, {}, []]) assert.throws(() => cursorInstant(bad), code("CURSOR_VALUE_INVALID"), JSON.stringify(bad));
  });

  it("is taken from the checkpoint files of code42cli that hold a time, and refused with a way out for those that do not", () => {
    assert.equal(cursorInstant("1583419247.93012\n"), 1583419247930);
    assert.equal(cursorInstant(" 1583419247 \r\n"), 1583419247000);
    const foreign: [checkpoint: unknown, wanted: string, text: RegExp][] = [
      ["0_1d71796f-af5b-4231-9d8e-df6434da4663_935873453596901068_956171635867906205_5\n", "CHECKPOINT_IS_EVENT_ID", /0_1d71796f.*@timestamp/],
      ["1d71796f-af5b-4231-9d8e-df6434da4663", "CHECKPOINT_IS_EVENT_ID", /@timestamp/],
      ["0_7c1f0b52-5a3e-4c2b-8f57-1e2d3c4b5a69_1068825680073059134_1068826271084047166_1_EPS", "CHECKPOINT_IS_EVENT_ID", /insertionTimestamp/],
      ["FWVnCJwBxqFmLK_eventIdOfACloudService_14", "CHECKPOINT_IS_EVENT_ID", /event id/],
      ['["9e107d9d372bb6826bd81d3542a419d6"]', "CHECKPOINT_IS_HASHES", /checkpoint file itself/],
      ['\ufeff{"groupClause": "AND", "groups": [], "page_token": "0_1d71796f", "page_size": 100}\r\n', "CHECKPOINT_IS_EVENT_ID", /\(0_1d71796f\).*incydr/],
      ['{"group_clause": "AND", "pgToken": " 0_1d71796f "}', "CHECKPOINT_IS_EVENT_ID", /\(0_1d71796f\)/],
      [{ groups: [], page_token: "0_1d71796f" }, "CHECKPOINT_IS_EVENT_ID", /\(0_1d71796f\)/],
      ['{"groups": [], "page_token": null}', "CHECKPOINT_IS_QUERY", /without a page token/], ['{"page_token": ""}', "CHECKPOINT_IS_QUERY", /incydr/], [{ page_token: null }, "CHECKPOINT_IS_QUERY", /incydr/],
      ['{"groups": [], "page_token": "0_1d7', "CHECKPOINT_IS_QUERY", /whole contents/], ['{"page_token": 7}', "CHECKPOINT_IS_QUERY", /incydr/],
    ];
    for (const [checkpoint, wanted, text] of foreign) assert.throws(() => cursorInstant(checkpoint), { code: wanted, message: text, permanent: true });
    for (const bad of ["1583419247.9301234567", "15834192479300000000000000000000000000", "{}", "[]"]) assert.throws(() => cursorInstant(bad), code("CURSOR_VALUE_INVALID"), bad);
  });
});

describe("cursor", () => {
  const start = at("2026-01-01T00:00:00Z");

  it("takes the newest insertion time as floor once the overlap has passed it, and keeps the ids at it", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    const page = { lastMs: at("2026-01-01T10:00:00.005Z"), serverMs: at("2026-01-02T00:00:00Z"), ids: ids(["a", "2026-01-01T10:00:00.004Z"], ["b", "2026-01-01T10:00:00.005Z"]) };
    assert.equal(cursor.advance(page, 300_000), 300_000);
    assert.equal(cursor.floorMs, at("2026-01-01T10:00:00.005Z"));
    assert.ok(!cursor.has(keysOf("a"), 0));
    assert.ok(cursor.has(keysOf("b"), 0));
  });

  it("stays the overlap behind the server's clock, whatever the newest event says", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    cursor.advance({ lastMs: at("2026-01-01T10:00:00Z"), serverMs: at("2026-01-01T10:00:10Z"), ids: ids(["a", "2026-01-01T10:00:00Z"], ["b", "2026-01-01T09:00:00Z"]) }, 300_000);
    assert.equal(cursor.floorMs, at("2026-01-01T09:55:10Z"));
    assert.ok(cursor.has(keysOf("a"), 0));
    assert.ok(!cursor.has(keysOf("b"), 0));
  });

  it("never moves backwards, also when the server's clock does", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    cursor.advance({ lastMs: at("2026-01-01T10:00:00Z"), serverMs: at("2026-01-02T00:00:00Z"), ids: ids() }, 0);
    const before = cursor.floorMs;
    cursor.advance({ lastMs: at("2026-01-01T09:00:00Z"), serverMs: at("2026-01-01T00:00:00Z"), ids: ids() }, 300_000);
    assert.equal(cursor.floorMs, before);
  });

  it("does not move at all while nothing was ever delivered", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    cursor.advance({ lastMs: undefined, serverMs: at("2026-02-01T00:00:00Z"), ids: ids() }, 300_000);
    assert.equal(cursor.floorMs, start);
    assert.equal(cursor.revision, 0);
  });

  it("does not pass what a poll has not reached yet, even if an earlier poll had been further", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    cursor.advance({ lastMs: at("2026-01-01T10:00:00Z"), serverMs: at("2026-01-01T10:00:10Z"), ids: ids(["a", "2026-01-01T10:00:00Z"]) }, 300_000);
    cursor.advance({ lastMs: at("2026-01-01T09:56:00Z"), serverMs: at("2026-01-01T10:30:00Z"), ids: ids(["late", "2026-01-01T09:56:00Z"]) }, 300_000);
    assert.equal(cursor.floorMs, at("2026-01-01T09:56:00Z"));
    assert.ok(cursor.has(keysOf("a"), 0));
  });

  it("keeps its floor while earlier events may still follow, and knows what was delivered", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    cursor.advance({ lastMs: at("2026-01-01T10:00:00Z"), serverMs: at("2026-01-01T12:00:00Z"), ids: ids(["a", "2026-01-01T10:00:00Z"]), floorStays: true }, 300_000);
    assert.equal(cursor.floorMs, start);
    assert.ok(cursor.has(keysOf("a"), 0));
  });

  it("comes back from its stored form", () => {
    const cursor = Cursor.startingAt(owner, start, "hash");
    cursor.advance({ lastMs: at("2026-01-01T10:00:00.123Z"), serverMs: at("2026-01-01T10:00:10Z"), ids: ids(["a", "2026-01-01T10:00:00.123Z"], ["b", "2026-01-01T09:59:59.999Z"]) }, 300_000);
    const read = Cursor.parse(cursor.serialize(0), owner, "key");
    assert.equal(read.floorMs, cursor.floorMs);
    assert.equal(read.lastMs, cursor.lastMs);
    assert.equal(read.queryHash, "hash");
    assert.equal(read.size, 2);
    assert.ok(read.has(keysOf("a"), 0) && read.has(keysOf("b"), 0));
    read.advance({ lastMs: read.lastMs, serverMs: at("2026-01-02T00:00:00Z"), ids: ids() }, 0);
    assert.equal(read.size, 1);
  });

  it("refuses what it cannot read and what belongs to another stream or tenant", () => {
    const text = Cursor.startingAt(owner, start, "h").serialize(0);
    for (const bad of ["", "{", "null", "7", '{"v":2}', text.replace('"floor":"2026', '"floor":"yyyy'), text.replace('"seen":{}', '"seen":{"a":"x"}'), text.replace('"seen":{}', '"seen":{"a":"0 ____________"}')]) {
      assert.throws(() => Cursor.parse(bad, owner, "key"), code("CURSOR_UNREADABLE"), bad);
    }
    assert.throws(() => Cursor.parse(text, { ...owner, base: "https://api.us2.code42.com" }, "key"), code("CURSOR_OTHER_STREAM"));
    assert.throws(() => Cursor.parse(text, { ...owner, stream: "audit-log" }, "key"), code("CURSOR_OTHER_STREAM"));
  });

  it("shortens the overlap rather than growing without bound, and never drops ids of the newest millisecond", () => {
    const cursor = Cursor.startingAt(owner, start, "h");
    const serverMs = start + 400_000;
    const count = MAX_LEDGER + 1000;
    const keys = KeyColumn.of(Array.from({ length: count }, (_, index) => `k${String(index).padStart(11, "0")}`));
    const times = Float64Array.from({ length: count }, (_, index) => start + 100_000 + Math.floor(index / 700));
    const overlap = cursor.advance({ lastMs: times.at(-1), serverMs, ids: { keys, times } }, 300_000);
    assert.ok(overlap < 300_000);
    assert.ok(cursor.size > 0 && cursor.size <= MAX_LEDGER);
    assert.ok(cursor.has(keys, count - 1));
  });
});

describe("ledger", () => {
  it("prunes to the millisecond", () => {
    const ledger = new Ledger();
    for (const [ms, name] of [[999, "a"], [1000, "b"], [1500, "c"], [1500, "d"], [2000, "e"]] as const) ledger.add(keysOf(name), 0, ms);
    ledger.prune(1500);
    assert.deepEqual(["a", "b", "c", "d", "e"].map((name) => ledger.has(keysOf(name), 0)), [false, false, true, true, true]);
    assert.equal(ledger.size, 3);
    assert.deepEqual(Ledger.parse(JSON.parse(JSON.stringify(ledger)))?.size, 3);
  });

  it("stays small: 50,000 ids take less than 1 MB", () => {
    const ledger = new Ledger();
    for (let index = 0; index < 50_000; index++) ledger.add(keysOf(`0_${index}_1068825680073059134`), 0, 1_700_000_000_000 + index * 6);
    assert.ok(JSON.stringify(ledger).length < 1_000_000);
  });
});

describe("cursor store", () => {
  function memory(initial?: unknown): ContextAccess & { value: unknown; fault: Error | undefined } {
    return {
      value: initial,
      fault: undefined,
      get(_key, _store, callback) {
        setImmediate(() => (this.fault === undefined ? callback(null, this.value) : callback(this.fault)));
      },
      set(_key, value, _store, callback) {
        setImmediate(() => {
          if (this.fault !== undefined) return callback(this.fault);
          this.value = value;
          callback();
        });
      },
    };
  }

  it("names the fault of the store and takes no other value for a cursor", async () => {
    const context = memory("x");
    context.fault = new Error("ENOSPC: no space left on device");
    const store = new ContextSlot(context, "key", "file");
    await assert.rejects(store.read(), (error: Error) => code("CURSOR_UNREADABLE")(error) && error.message.includes("ENOSPC"));
    await assert.rejects(store.overwrite("y"), code("CURSOR_NOT_SAVED"));
    await assert.rejects(new ContextSlot(memory({ floor: 1 }), "key", undefined).read(), code("CURSOR_UNREADABLE"));
  });

  it("knows what a store survives and refuses unknown ones", () => {
    const stores = { default: "mem", mem: { module: "memory" }, file: { module: "localfilesystem" }, quick: { module: "localfilesystem", config: { flushInterval: 5 } }, sure: { module: "localfilesystem", config: { cache: false } }, other: { module: () => undefined } };
    assert.deepEqual(storeSafety(undefined, undefined), { name: "memory", kind: "memory" });
    assert.deepEqual(storeSafety(stores, undefined), { name: "mem", kind: "memory" });
    assert.deepEqual(storeSafety(stores, "default"), { name: "mem", kind: "memory" });
    assert.deepEqual(storeSafety(stores, "file"), { name: "file", kind: "cached", seconds: 30 });
    assert.deepEqual(storeSafety(stores, "quick"), { name: "quick", kind: "cached", seconds: 5 });
    assert.deepEqual(storeSafety(stores, "sure"), { name: "sure", kind: "durable" });
    assert.deepEqual(storeSafety(stores, "other"), { name: "other", kind: "unknown" });
    assert.deepEqual(storeSafety({ sure: { module: "localfilesystem", config: { cache: false } } }, undefined), { name: "sure", kind: "durable" });
    for (const name of ["nosuch", "__proto__", "constructor"]) assert.throws(() => storeSafety(stores, name), code("STORE_UNKNOWN"));
    assert.throws(() => storeSafety(undefined, "file"), code("STORE_UNKNOWN"));
  });

  it("takes keys without path syntax only", () => {
    assert.equal(cursorKey("code42_file_events"), "code42_file_events");
    for (const bad of ["", "a.b", "a[0]", "a b", "$parent.x"]) assert.throws(() => cursorKey(bad), code("CURSOR_KEY_INVALID"));
  });

  it("gives a cursor to one node at a time", () => {
    const claims = new CursorClaims();
    const release = claims.claim("global durable k", "k", { id: "1", name: "first" });
    assert.throws(() => claims.claim("global durable k", "k", { id: "2", name: "second" }), (error: Error) => code("CURSOR_IN_USE")(error) && error.message.includes("first"));
    const again = claims.claim("global durable k", "k", { id: "1", name: "first" });
    release();
    assert.throws(() => claims.claim("global durable k", "k", { id: "2", name: "second" }), code("CURSOR_IN_USE"));
    again();
    claims.claim("global durable k", "k", { id: "2", name: "second" });
  });
});
