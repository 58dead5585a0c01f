import assert from "node:assert/strict";
import { BufferPool } from "../../../src/common/buffer-pool";
import { KeyColumn } from "../../../src/cursor/keys";
import { ledgerKey } from "../../../src/cursor/ledger";
import { countIncomplete, IndexedEvents, indexPage } from "../../../src/pages/page-index";
import { PackedEvents } from "../../../src/pages/packed-events";
import { PIECE_BYTES } from "../../../src/pages/packed-lines";
import { chunkedBody } from "../../support/chunked-body";

interface Event {
  id: unknown;
  at: unknown;
  pad: string;
}

const fields = { id: (event: unknown) => (event as Event).id, insertedMs: (event: unknown) => { const { at } = event as Event; return typeof at === "number" ? at : undefined; } };
const events: Event[] = Array.from({ length: 300 }, (_, index) => ({ id: index === 7 ? "" : `id-${index}`, at: index === 8 ? null : index, pad: "x".repeat(index) }));
const body = () => chunkedBody(Buffer.from(JSON.stringify({ list: events, more: 1 })), 10_000);
const none = () => false;

/** A formatter that fails with the events at `failing`. */
function formatterOf(failing: readonly number[] = []) {
  let failure: string | undefined;
  return {
    format: (event: unknown) => {
      const { id } = event as Event;
      failure = failing.some((index) => events[index]!.id === id) ? "bad event" : undefined;
      return `line of ${String(id)} ${"y".repeat(2000)}`;
    },
    get failure() { return failure; },
  };
}

describe("the index of a page", () => {
  it("has the key, the time and the place of each event", async () => {
    const index = await indexPage(body(), "list", Infinity, fields, none, undefined);
    assert.deepEqual(index.envelope, { list: [], more: 1 });
    assert.deepEqual(events.map((_, at) => index.keys.text(at)), events.map(({ id }, at) => ledgerKey(at === 7 ? JSON.stringify(events[7]) : String(id))));
    assert.deepEqual(index.times.map((ms) => (Number.isNaN(ms) ? null : ms)), events.map(({ at }) => at));
    const all = new IndexedEvents(index, [...events.keys()]);
    assert.deepEqual([all.incomplete(), countIncomplete(all), countIncomplete([...all])], [2, 2, 2]);
    for (const chosen of [[0, 1, 2], [5, 100, 299], [7, 8], []]) {
      const some = new IndexedEvents(index, chosen);
      assert.deepEqual(await new PackedEvents(some).unpack(), chosen.map((at) => events[at]));
      assert.deepEqual([...some].map(({ key }) => key), chosen.map((at) => index.keys.text(at)));
    }
  });

  it("has a line for each event that is not known, and says for which", async () => {
    const known = KeyColumn.of([ledgerKey("id-3")]);
    const { prepared } = await indexPage(body(), "list", Infinity, fields, (keys, at) => keys.text(at) === known.text(0), { formatter: formatterOf(), pool: new BufferPool(PIECE_BYTES) });
    assert.deepEqual(prepared?.events, [...events.keys()].toSpliced(3, 1));
    assert.deepEqual(prepared?.lines.unpackAtOnce(), events.toSpliced(3, 1).map(formatterOf().format));
  });

  it("has no lines if an event cannot be formatted, and gives their memory back", async () => {
    const pool = new BufferPool(PIECE_BYTES);
    let given = 0;
    pool.give = () => void (given += 1);
    assert.equal((await indexPage(body(), "list", Infinity, fields, none, { formatter: formatterOf([250]), pool })).prepared, undefined);
    assert.ok(given >= 2, `${given} pieces`);
  });

  it("is the same for pages that are read at the same time with the memory of one pool", async () => {
    const pool = new BufferPool(PIECE_BYTES);
    const readings = await Promise.all(Array.from({ length: 20 }, (_, page) => {
      const own = events.map((event) => ({ ...event, id: `${page} ${String(event.id)}`, pad: String.fromCharCode(97 + page).repeat(900) }));
      return indexPage(chunkedBody(Buffer.from(JSON.stringify({ list: own })), 1000 + 997 * page), "list", Infinity, fields, none, { formatter: { format: (event) => JSON.stringify(event), failure: undefined }, pool });
    }));
    for (const [page, { prepared }] of readings.entries()) {
      const pads = prepared!.lines.unpackAtOnce().map((line) => JSON.parse(line) as Event);
      assert.deepEqual(pads.map(({ id }) => id), events.map(({ id }) => `${page} ${String(id)}`));
      assert.ok(pads.every(({ pad }) => pad === String.fromCharCode(97 + page).repeat(900)));
    }
  });

  it("gives lines with all of its events only: those of a part are made from its events", async () => {
    const index = await indexPage(body(), "list", Infinity, fields, none, { formatter: formatterOf(), pool: new BufferPool(PIECE_BYTES) });
    const all = new IndexedEvents(index, [...events.keys()], index.prepared);
    assert.equal(all.slice(0, 300).prepared, index.prepared);
    assert.equal(all.slice(0, 299).prepared, undefined);
    assert.equal(all.slice(1, 300).prepared, undefined);
  });

  it("gives lines to the formatter that made them, once, and makes them again after their release", async () => {
    const formatter = formatterOf();
    const { prepared, ...index } = await indexPage(body(), "list", Infinity, fields, none, { formatter, pool: new BufferPool(PIECE_BYTES) });
    const packed = () => new PackedEvents(new IndexedEvents({ ...index, prepared }, [...events.keys()]), prepared);
    assert.equal(packed().takeLines(formatterOf()), undefined, "another formatter, perhaps with other settings");
    const page = packed();
    const lines = page.takeLines(formatter)!;
    assert.equal(page.takeLines(formatter), undefined);
    lines.release();
    assert.deepEqual(lines.unpackAtOnce(), events.map(formatter.format));
  });
});
