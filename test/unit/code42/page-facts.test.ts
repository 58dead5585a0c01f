import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import { EventShapes } from "../../../src/code42/event-shapes";
import { FoundEvents, readFacts } from "../../../src/code42/page-facts";
import { LineBytes, PIECE_BYTES, type LineFormatter } from "../../../src/packed-lines";
import { SpareMemory } from "../../../src/spare-memory";
import { chunkedBody } from "../../support/chunked-body";
import { eventV1 } from "../../support/measured-events";

const EVENTS = 400;
/** Of every ten one that the kernel leaves to JavaScript. */
const texts = Array.from({ length: EVENTS }, (_, index) => JSON.stringify({ ...eventV1(index), ...(index % 10 === 3 ? { fileName: "a\tb" } : {}), ...(index === 77 ? { insertionTimestamp: null } : {}), ...(index === 78 ? { eventId: "" } : {}) }));
const page = (events: string[]) => Buffer.from(`{"totalCount":7, "fileEvents" :[${events.join(",")}],"nextPgToken":"next"}`);
const formatter = compileFormatter(mappings.get("code42.file-event.v1")!);

async function read(bytes: Buffer, { size = 60_000, withTable = true }) {
  let formatted = 0;
  const counting: LineFormatter = {
    format(event) {
      formatted += 1;
      return formatter.format(event);
    },
    get failure() { return formatter.failure; },
    table: withTable ? formatter.table : undefined,
  };
  const body = chunkedBody(bytes, size);
  const memory = new LineBytes(new SpareMemory(PIECE_BYTES));
  const facts = await readFacts(body, { list: "fileEvents", reader: "file-events-v1" }, new EventShapes(), { formatter: counting, memory, wants: () => true });
  const found = new FoundEvents(facts, body, Int32Array.from(facts.times.keys()));
  return {
    formatted, envelope: facts.envelope,
    events: [...found].map(({ slice, index, key, insertedMs, complete, line }) => {
      assert.ok("body" in slice && line !== undefined);
      const inSlice = JSON.parse(`[${bytes.toString("utf8", slice.start, slice.end)}]`) as unknown[];
      return { event: inSlice[index], key, insertedMs, complete, line: memory.view(line).toString() };
    }),
  };
}

const invalid = (error: unknown) => (error as { code?: string }).code === "PAGE_INVALID";

describe("the facts of a page", () => {
  it("are the same from the kernel and from JavaScript, in chunks of any size", async () => {
    const plain = await read(page(texts), { withTable: false });
    assert.equal(plain.formatted, EVENTS);
    assert.deepEqual(plain.events.map(({ event }) => event), texts.map((text) => JSON.parse(text) as unknown));
    assert.deepEqual(plain.events.map(({ line }) => line), texts.map((text) => formatter.format(JSON.parse(text))));
    assert.deepEqual(plain.events.flatMap(({ complete }, index) => (complete ? [] : [index])), [77, 78]);
    for (const size of [700, 5000, 60_000, 1_000_000]) {
      const { formatted, ...quick } = await read(page(texts), { size });
      assert.equal(formatted, EVENTS / 10 + 2, "only what is left to JavaScript");
      assert.deepEqual(quick, { envelope: plain.envelope, events: plain.events });
    }
    assert.deepEqual(plain.envelope, { totalCount: 7, fileEvents: [], nextPgToken: "next" });
  });

  it("also come from events that are larger than what the kernel takes", async () => {
    const large = [...texts.slice(0, 50), JSON.stringify({ ...eventV1(1000), note: "x".repeat(400_000) }), ...texts.slice(50, 60)];
    const { events } = await read(page(large), {});
    assert.deepEqual(events.map(({ line }) => line), large.map((text) => formatter.format(JSON.parse(text))));
  });

  it("come from no page that is damaged, wherever that is", async () => {
    const good = page(texts.slice(0, 100));
    const comma = good.indexOf("},{", 100_000) + 1;
    for (const bad of [
      Buffer.concat([good.subarray(0, comma), Buffer.from(","), good.subarray(comma)]),
      good.subarray(0, comma), good.subarray(0, comma + 1), good.subarray(0, comma + 300),
      Buffer.from(good.toString().replace('],"nextPgToken"', ',],"nextPgToken"')),
      Buffer.from(good.toString().replace('],"nextPgToken"', ']],"nextPgToken"')),
      Buffer.from('{"fileEvents":[,]}'), Buffer.from('{"fileEvents":[{}'), Buffer.from('{"fileEvents":[{}]'),
    ]) await assert.rejects(read(bad, {}), invalid, bad.subarray(-60).toString());
    assert.equal((await read(Buffer.from('{"fileEvents":[ ]}'), {})).events.length, 0);
  });
});
