import assert from "node:assert/strict";
import fc from "fast-check";
import type { Body } from "../../../src/pages/body";
import { parseExact } from "../../../src/common/exact-json";
import { readPage } from "../../../src/pages/page-reader";
import { PackedEvents, type EventPlace } from "../../../src/pages/packed-events";
import { chunkedBody } from "../../support/chunked-body";

/** Reads `text` as it comes in chunks of `size` bytes, and its elements once more from where they stand. */
async function read(text: string | Buffer, size = Infinity) {
  const elements: unknown[] = [];
  const places: EventPlace[] = [];
  const bytes = Buffer.from(text);
  const body = chunkedBody(bytes, size);
  const envelope = await readPage(body, "fileEvents", (slice, from) => {
    places.push(...slice.map((_, index) => ({ slice: from, index })));
    elements.push(...slice);
  });
  const packed = new PackedEvents(places);
  assert.deepEqual(await packed.unpack(), elements);
  assert.deepEqual(packed.unpackAtOnce(), elements);
  return { envelope, elements, places };
}

const invalid = (error: unknown) => (error as { code?: string }).code === "PAGE_INVALID";

describe("reading a page", () => {
  it("gives the same as parsing it whole, for any page, however it is written", async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, "\t"), fc.constantFrom(1, 7, 64, 5000), async (events, more, space, size) => {
      const page = { ...more, fileEvents: events, nextPgToken: 'a "quoted\\" token ],[', problems: null };
      const text = JSON.stringify(page, null, space);
      const { envelope, elements } = await read(text, size);
      const expected = parseExact(text) as typeof page;
      assert.deepEqual(elements, expected.fileEvents);
      assert.deepEqual({ ...envelope, fileEvents: expected.fileEvents }, expected);
    }), { numRuns: 300 });
  });

  it("keeps every digit of integers beyond 2^53, wherever a slice or a chunk ends", async () => {
    const digits = Array.from({ length: 3000 }, (_, index) => `${index % 3 === 0 ? "-" : ""}${9007199254740990n + BigInt(index)}`);
    const expected = digits.map((text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text));
    for (const size of [1, 7, 16_384, 1_000_000]) {
      for (const [json, events] of [[digits.join(), expected], [digits.map((text) => `{"id":${text},"text":${JSON.stringify(`é" ${text}, \\`)}}`).join(" ,\n"), expected.map((id, index) => ({ id, text: `é" ${digits[index]}, \\` }))]] as const) {
        const { elements, envelope } = await read(`{"totalCount":${digits.at(-1)},"fileEvents":[${json}],"next":[${digits.at(-2)}]}`, size);
        assert.deepEqual(elements, events);
        assert.deepEqual(envelope, { totalCount: expected.at(-1), fileEvents: [], next: [expected.at(-2)] });
      }
    }
  });

  it("reads long pages in slices and lets other work run in between", async () => {
    const events = Array.from({ length: 30_000 }, (_, index) => ({ event: { id: `id-${index}` }, text: `},{"event":"${"x[{".repeat(80)}é\\"` }));
    let turns = 0;
    const count = () => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const { elements } = await read(JSON.stringify({ totalCount: 30_000, fileEvents: events, nextPgToken: null }));
    clearImmediate(timer);
    assert.deepEqual(elements, events);
    assert.ok(turns >= 3, `${turns} turns of the event loop`);
  });

  it("finds each event again where it stands, however the body comes and in whatever order they are wanted", async () => {
    const events = Array.from({ length: 900 }, (_, index) => ({ event: { id: `é${index}` }, pad: "z".repeat((index * 37) % 400), list: [{ event: index }] }));
    for (const size of [500, 16_384, 65_536, 10_000_000]) {
      const { elements, places } = await read(JSON.stringify({ totalCount: 900, fileEvents: events }), size);
      assert.deepEqual(elements, events);
      for (const wanted of [[899], [0, 1, 5, 400, 401, 899], [700, 3, 4, 650], [10, 9, 8], []]) {
        const packed = new PackedEvents(wanted.map((index) => places[index] as EventPlace));
        assert.deepEqual(await packed.unpack(), wanted.map((index) => events[index]), `${size}: ${wanted.join()}`);
        assert.deepEqual(packed.unpackAtOnce(), wanted.map((index) => events[index]));
      }
    }
  });

  it("is not misled by nested objects that begin like an event", async () => {
    const nested = { event: { id: "n" }, also: [{ event: 1 }, { event: 2, more: "x".repeat(20_000) }, { event: 3 }] };
    const events = Array.from({ length: 40 }, (_, index) => ({ event: { id: index }, pad: "y".repeat(1000), related: index % 7 === 0 ? [nested, nested] : [] }));
    assert.deepEqual((await read(JSON.stringify({ fileEvents: events }))).elements, events);
  });

  it("stops inflating a page that it refuses", async () => {
    let ended = false;
    const endless: Body = {
      async *chunks() {
        try {
          yield Buffer.from('{"fileEvents":[{"id":}');
          for (;;) yield Buffer.from(",");
        } finally {
          ended = true;
        }
      },
      whole: () => assert.fail("not read at once"),
    };
    await assert.rejects(readPage(endless, "fileEvents", () => undefined), invalid);
    assert.ok(ended);
  });

  it("takes null and a missing list as they are", async () => {
    assert.deepEqual(await read('{"totalCount":0,"fileEvents":null}'), { envelope: { totalCount: 0, fileEvents: null }, elements: [], places: [] });
    assert.deepEqual(await read('{"nested":{"fileEvents":[1]}}'), { envelope: { nested: { fileEvents: [1] } }, elements: [], places: [] });
  });

  it("finds the list however its name and what is around it are written", async () => {
    const blanks = " \n\t\r".repeat(40);
    for (const page of [
      `{"first":"fileEvents","fileEvents"${blanks}:${blanks}[{"id":1}]${blanks}}`,
      '{"file\\u0045vents":[{"id":1}]}',
      '{"\\u0066\\u0069\\u006c\\u0065\\u0045\\u0076\\u0065\\u006e\\u0074\\u0073":[{"id":1}]}',
    ]) assert.deepEqual((await read(page)).elements, [{ id: 1 }], page);
  });

  it("refuses a document with two lists of the name: one would pass for the other", async () => {
    await assert.rejects(read('{"fileEvents":[{"id":1}],"fileEvents":[{"id":2}]}'), invalid);
    await assert.rejects(read('{"fileEvents":null,"nested":{"fileEvents":[]},"fileEvents":[{"id":2}],"file\\u0045vents":[{"id":3}]}'), invalid);
  });

  it("refuses a page that is cut at any byte", async () => {
    const page = JSON.stringify({ totalCount: 2, fileEvents: [{ event: { id: "ä\\\"" } }, { event: { id: "b" } }], nextPgToken: null });
    for (let length = 0; length < Buffer.byteLength(page); length++) {
      await assert.rejects(read(Buffer.from(page).subarray(0, length)), invalid, `cut at ${length}`);
    }
  });

  it("refuses damaged pages without repeating their text", async () => {
    for (const page of ["", "[]", "null", "<html>secret</html>", '{"fileEvents":[{"secret":1},,{}]}', '{"fileEvents":[{]}', '{"fileEvents":[1}', '{"fileEvents":[]]}', '{"fileEvents":[]} secret', '{"fileEvents":[{"secret":01004622955308648174}]}', '{"fileEvents":[{1004622955308648174:"secret"}]}', '{"fileEvents":[1004622955308648174 1004622955308648174]}']) {
      await assert.rejects(read(page), (error: Error) => invalid(error) && !error.message.includes("secret"), page);
    }
  });

  it("refuses damage behind the first slice, and a comma with no event behind it", async () => {
    const events = Array.from({ length: 100 }, (_, index) => JSON.stringify({ event: { id: index }, pad: "x".repeat(1000) }));
    const good = Buffer.from(`{"fileEvents":[${events.join(",")}],"nextPgToken":null}`);
    const comma = good.indexOf("},{", 50_000) + 1;
    for (const bad of [
      Buffer.concat([good.subarray(0, comma), Buffer.from(","), good.subarray(comma)]),
      good.subarray(0, comma), good.subarray(0, comma + 1), good.subarray(0, comma + 300),
      Buffer.from(good.toString().replace('],"nextPgToken"', ',],"nextPgToken"')),
      Buffer.from(good.toString().replace('],"nextPgToken"', ']],"nextPgToken"')),
      Buffer.from(`{"fileEvents":[${events.slice(0, 16).join(",")},]}`), Buffer.from(`{"fileEvents":[${" ".repeat(17_000)},{"a":1}]}`),
      Buffer.from('{"fileEvents":[,]}'), Buffer.from('{"fileEvents":[{}'), Buffer.from('{"fileEvents":[{}]'),
    ]) await assert.rejects(read(bad, 7000), invalid, bad.subarray(-60).toString());
    assert.deepEqual((await read('{"fileEvents":[ ]}')).elements, []);
  });

  it("reads what is just within the limits, and refuses what is just beyond them", async () => {
    const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const list = (element: string) => `{"fileEvents":[1,${element},2]}`;
    const text = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;
    const MOST = 2 * 2 ** 20;
    for (const good of [list(nested(64)), list(text(MOST)), `{"a":${nested(63)},"fileEvents":[]}`, `{"a":${text(MOST - 30)},"fileEvents":[]}`, `{"fileEvents":[],"a":${text(MOST - 30)}}`]) {
      await read(good, 50_000);
    }
    for (const bad of [
      list(nested(65)), list(text(MOST + 1)), `{"a":${nested(64)},"fileEvents":[]}`, `{"fileEvents":[],"a":${nested(64)}}`, `{"a":${nested(64)}}`,
      `{"a":${text(MOST)},"fileEvents":[]}`, `{"fileEvents":[],"a":${text(MOST)}}`, `{"a":${text(MOST)}}`, `{"a":${text(MOST / 2)},"fileEvents":[],"b":${text(MOST / 2)}}`,
      `{"fileEvents":[${"1,".repeat(2_000_001)}1]}`,
    ]) await assert.rejects(read(bad, 50_000), { code: "PAGE_TOO_LARGE" }, bad.slice(0, 30));
    const three = chunkedBody(Buffer.from('{"fileEvents":[1,2,3]}'), 5);
    await readPage(three, "fileEvents", () => undefined, { most: 3 });
    await assert.rejects(readPage(three, "fileEvents", () => undefined, { most: 2 }), { code: "PAGE_TOO_LARGE" });
  });

  it("does not let event data reach an object's prototype", async () => {
    const { elements } = await read('{"fileEvents":[{"__proto__":{"polluted":true}}]}');
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(Object.keys(elements[0] as object), ["__proto__"]);
  });
});
