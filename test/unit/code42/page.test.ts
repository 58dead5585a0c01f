import assert from "node:assert/strict";
import fc from "fast-check";
import { readPage } from "../../../src/code42/page";

async function read(text: string | Buffer) {
  const elements: unknown[] = [];
  const envelope = await readPage(Buffer.from(text), "fileEvents", (slice) => elements.push(...slice));
  return { envelope, elements };
}

const invalid = (error: unknown) => (error as { code?: string }).code === "PAGE_INVALID";

describe("reading a page", () => {
  it("gives the same as JSON.parse for any page, however it is written", async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, "\t"), async (events, more, space) => {
      const page = { ...more, fileEvents: events, nextPgToken: 'a "quoted\\" token ],[', problems: null };
      const text = JSON.stringify(page, null, space);
      const { envelope, elements } = await read(text);
      const expected = JSON.parse(text) as typeof page;
      assert.deepEqual(elements, expected.fileEvents);
      assert.deepEqual({ ...envelope, fileEvents: expected.fileEvents }, expected);
    }), { numRuns: 300 });
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

  it("is not misled by nested objects that begin like an event", async () => {
    const nested = { event: { id: "n" }, also: [{ event: 1 }, { event: 2, more: "x".repeat(20_000) }, { event: 3 }] };
    const events = Array.from({ length: 40 }, (_, index) => ({ event: { id: index }, pad: "y".repeat(1000), related: index % 7 === 0 ? [nested, nested] : [] }));
    assert.deepEqual((await read(JSON.stringify({ fileEvents: events }))).elements, events);
  });

  it("takes null and a missing list as they are", async () => {
    assert.deepEqual(await read('{"totalCount":0,"fileEvents":null}'), { envelope: { totalCount: 0, fileEvents: null }, elements: [] });
    assert.deepEqual(await read('{"nested":{"fileEvents":[1]}}'), { envelope: { nested: { fileEvents: [1] } }, elements: [] });
  });

  it("refuses a page that is cut at any byte", async () => {
    const page = JSON.stringify({ totalCount: 2, fileEvents: [{ event: { id: "ä\\\"" } }, { event: { id: "b" } }], nextPgToken: null });
    for (let length = 0; length < Buffer.byteLength(page); length++) {
      await assert.rejects(read(Buffer.from(page).subarray(0, length)), invalid, `cut at ${length}`);
    }
  });

  it("refuses damaged pages without repeating their text", async () => {
    for (const page of ["", "[]", "null", "<html>secret</html>", '{"fileEvents":[{"secret":1},,{}]}', '{"fileEvents":[{]}', '{"fileEvents":[1}', '{"fileEvents":[]]}', '{"fileEvents":[]} secret']) {
      await assert.rejects(read(page), (error: Error) => invalid(error) && !error.message.includes("secret"), page);
    }
  });

  it("does not let event data reach an object's prototype", async () => {
    const { elements } = await read('{"fileEvents":[{"__proto__":{"polluted":true}}]}');
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(Object.keys(elements[0] as object), ["__proto__"]);
  });
});
