import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { BufferPool } from "../../../src/common/buffer-pool";
import { STREAM_BODY_BYTES, STREAM_ITEMS } from "../../../src/common/limits";
import type { FlowMessage } from "../../../src/common/messages";
import { PackedLines, PIECE_BYTES } from "../../../src/pages/packed-lines";
import { contentOf, cutChunk, decodeChunk, encodeChunk, type Chunk, type Content } from "../../../src/scale-out/codec";

const NO_LIMIT = { count: Infinity, bytes: Infinity };

class HeaderMap extends Map<string, string> {
  override get(name: string): string {
    return super.get(name) ?? "";
  }
}

const headersOf = (more: Record<string, string> = {}) => new HeaderMap(Object.entries({ "Siem-Format": "1", ...more }));

const content = (message: FlowMessage, packed?: PackedLines, channel = "siem"): Content => contentOf(channel, message, packed);

function chunksOf(whole: Content, limits: { count: number; bytes: number }): Chunk[] {
  const chunks: Chunk[] = [];
  for (let first = 0; first < whole.length; first += chunks.at(-1)!.count) chunks.push(cutChunk(whole, first, limits));
  return chunks;
}

/** Writes a message and reads it again, chunk by chunk. */
async function through(message: FlowMessage, limits = NO_LIMIT): Promise<FlowMessage[]> {
  return Promise.all(chunksOf(content(message), limits).map(async (chunk) => {
    const headers = headersOf();
    const stored = await encodeChunk(chunk, headers);
    const { message: read, count } = await decodeChunk(headers, stored);
    assert.equal(count, chunk.count);
    assert.equal(headers.get("Siem-Count"), String(chunk.count));
    return read;
  }));
}

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

describe("the codec of the stream", () => {
  const jsonValue = fc.jsonValue({ depthSize: "small" }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constantFrom("", "\n", "a\nb", "\ud800", "\r", "\ufeffx", "\0"));
  const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));
  const payload = fc.oneof(anyText, bytes, jsonValue, fc.array(anyText, { minLength: 1 }), fc.array(bytes, { minLength: 1 }), fc.array(jsonValue, { minLength: 1 }));

  it("gives back every payload as it was, whatever it is and however it is cut", async () => {
    await fc.assert(fc.asyncProperty(payload, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 300 }), async (value, count, limit) => {
      fc.pre(!Array.isArray(value) || value.length > 0);
      const read = await through({ payload: value, topic: "t" }, { count, bytes: limit });
      const joined = Array.isArray(value) ? read.flatMap((message) => message.payload as unknown[]) : read[0]?.payload;
      assert.deepEqual(joined, value);
      assert.ok(read.every(({ topic }) => topic === "t"));
    }), { numRuns: 500 });
  });

  it("carries plain properties, own __proto__ keys included, and none of those that belong to this process", async () => {
    const dxl = JSON.parse('{"otherFields":{"__proto__":{"isAdmin":true}}}') as object;
    const message: FlowMessage = {
      payload: "x", topic: "t", kind: "k", dxl, own: [1, null, "ü"], delivery: { token: "a", index: 0, count: 1 }, parts: { id: "p", index: 0 },
      _msgid: "id", req: {}, res: {}, complete: true,
    };
    Object.defineProperty(message, "__proto__", { value: { isAdmin: true }, enumerable: true });
    const [read] = await through(message);
    assert.deepEqual(Object.keys(read!).sort(), ["__proto__", "dxl", "kind", "own", "payload", "topic"]);
    assert.equal((read as { isAdmin?: unknown }).isAdmin, undefined);
    assert.equal(JSON.stringify(read!["dxl"]), JSON.stringify(dxl));
  });

  it("leaves out properties that JSON would change or cannot hold, names them, and keeps the event", async () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    let deep: unknown = 0;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const message = {
      payload: "event", ok: 1, nothing: undefined, circle, deep, call: () => 1, inside: { call: () => 1 }, big: 1n, symbol: Symbol("s"), bytes: Buffer.from("x"), nested: [new Uint8Array(2)],
      map: new Map(), huge: "x".repeat(100_000), many: new Array(1_000_000).fill(0),
    };
    const whole = content(message);
    assert.deepEqual([...whole.leftOut].sort(), ["big", "bytes", "call", "circle", "deep", "huge", "inside", "many", "map", "nested", "symbol"]);
    assert.deepEqual(await through(message), [{ payload: "event", ok: 1 }]);
  });

  it("writes no first line that the receiver does not read, whatever the names of the properties", async () => {
    const name = "\u0001".repeat(30_000);
    assert.equal(content({ payload: "event", [name]: 1 }).leftOut.length, 1);
    assert.deepEqual(await through({ payload: "event", [name]: 1, ok: 1 }), [{ payload: "event", ok: 1 }]);
  });

  it("has the same id for the same content in every process, and another one for another channel, kind, place or text", () => {
    const ids = (message: FlowMessage, channel?: string) => chunksOf(content(message, undefined, channel), { count: 2, bytes: Infinity }).map(({ id }) => id);
    const page = { payload: ["a", "b", "a", "b"], topic: "t", kind: "k" };
    const own = ids({ ...page, delivery: { token: "here:1", index: 0, count: 1 }, _msgid: "1" });
    assert.deepEqual(own, ids({ ...page, delivery: { token: "there:2", index: 3, count: 9 }, _msgid: "2", more: true }));
    assert.equal(new Set([...own, ...ids({ ...page, kind: "l" }), ...ids({ ...page, topic: "u" }), ...ids(page, "archive"), ...ids({ payload: "a", topic: "t", kind: "k" })]).size, 9);
    assert.equal(own[0], "fc781a057b48c794dd249697084b26cbe42798b5d7e1024ce027ee251b8572c5");
  });

  it("uses the id of a DXL message, with its place where split cut it up, and no id of another form", () => {
    const id = "{2C6A2B4D-1F0E-4B5A-9C3D-000000000001}";
    const idOf = (message: FlowMessage) => cutChunk(content(message), 0, NO_LIMIT).id;
    assert.equal(idOf({ payload: "x", dxl: { messageId: id } }), `siem/${id.toLowerCase()}`);
    assert.equal(idOf({ payload: "y", dxl: { messageId: id }, parts: { id: "s", index: 4, count: 5, parts: { id: "r", index: 2, count: 3 } } }), `siem/${id.toLowerCase()}/2/4`);
    assert.match(idOf({ payload: ["x"], dxl: { messageId: id } }), /^[\da-f]{64}$/);
    for (const messageId of ["a\r\nSiem-Format: 9", "0".repeat(64), 5, null, { toString: () => id }]) assert.match(idOf({ payload: "x", dxl: { messageId } }), /^[\da-f]{64}$/);
  });

  it("has another id for what a flow stores again after a former hop, and the same one for each redelivery of that", () => {
    const idOf = (stream: unknown, more: FlowMessage = {}) => cutChunk(content({ payload: "x", ...more, stream }), 0, NO_LIMIT).id;
    const dxl = { dxl: { messageId: "{2c6a2b4d-1f0e-4b5a-9c3d-000000000001}" } };
    const hop = { sequence: 7, deliveries: 1, storedAt: "2026-01-02T03:04:05.678Z" };
    for (const more of [{}, dxl]) {
      const own = idOf(undefined, more);
      assert.equal(new Set([own, idOf(hop, more), idOf({ ...hop, sequence: 8 }, more), idOf({ ...hop, storedAt: "2026-01-02T03:04:05.679Z" }, more)]).size, 4);
      assert.equal(idOf(hop, more), idOf({ ...hop, deliveries: 2 }, more));
      const foreign = [null, 5, "x", [], { sequence: 7 }, { ...hop, sequence: 2 ** 60 }, { ...hop, sequence: "7" }, { ...hop, storedAt: "x".repeat(1000) }, { ...hop, storedAt: "a\r\nSiem-Format: 9" }, { ...hop, storedAt: { toString: () => assert.fail() } }];
      for (const stream of foreign) assert.equal(idOf(stream, more), own);
    }
    assert.equal(idOf(hop, dxl), `siem/${dxl.dxl.messageId}/7@${hop.storedAt}`);
  });

  it("keeps parts of a page apart that split made of it and that say the same", () => {
    const delivery = { token: "q:1", index: 0, count: 1 };
    const idOf = (index: number) => cutChunk(content({ payload: "same", delivery, parts: { id: "s", index, count: 2 } }), 0, NO_LIMIT).id;
    assert.notEqual(idOf(0), idOf(1));
    // The query's own sequence has the number of the page, which differs after a take-over.
    const single = (index: number) => cutChunk(content({ payload: "same", delivery, parts: { id: "q:1", index, count: 2 } }), 0, NO_LIMIT).id;
    assert.equal(single(0), single(1));
  });

  it("writes packed lines without making texts of them, and a line with a line feed as JSON", async () => {
    const packed = new PackedLines(new BufferPool(PIECE_BYTES));
    for (const line of ["CEF:0|ä", "", "CEF:0|2"]) packed.add(line);
    packed.unpackAtOnce = packed.text = () => assert.fail("unpacked");
    const message = { get payload() { return assert.fail("unpacked"); } };
    const chunk = cutChunk(content(message, packed), 0, NO_LIMIT);
    assert.equal(chunk.body.toString(), '{"form":"text","list":true,"properties":{}}\nCEF:0|ä\n\nCEF:0|2');
    assert.equal(chunk.id, cutChunk(content({ payload: ["CEF:0|ä", "", "CEF:0|2"] }), 0, NO_LIMIT).id);

    const forging = new PackedLines(new BufferPool(PIECE_BYTES));
    forging.add("a\nb");
    const { message: read } = await decodeChunk(headersOf(), cutChunk(content({}, forging), 0, NO_LIMIT).body);
    assert.deepEqual(read.payload, ["a\nb"]);
  });

  it("deflates from 16 KiB on", async () => {
    const encode = async (payload: string) => {
      const headers = headersOf();
      const body = await encodeChunk(cutChunk(content({ payload }), 0, NO_LIMIT), headers);
      return { encoding: headers.get("Siem-Encoding"), bytes: body.length };
    };
    assert.deepEqual(await encode("x".repeat(16_000)), { encoding: "", bytes: 16_045 });
    assert.ok((await encode("x".repeat(17_000))).bytes < 200);
  });

  it("refuses an item that the receiver could not read: too large, too deep, or no JSON", () => {
    let deep: unknown = 0;
    for (let level = 0; level < 70; level++) deep = [deep];
    const cutOf = (payload: unknown) => () => cutChunk(content({ payload }), 0, NO_LIMIT);
    assert.throws(cutOf("x".repeat(STREAM_BODY_BYTES)), code("STREAM_MESSAGE_TOO_LARGE"));
    assert.throws(cutOf({ text: "x".repeat(2 ** 21) }), code("STREAM_MESSAGE_TOO_LARGE"));
    assert.throws(cutOf({ list: new Array(5_000_000).fill(0) }), code("STREAM_MESSAGE_TOO_LARGE"));
    assert.throws(cutOf({ deep }), code("STREAM_PAYLOAD"));
    for (const nothing of [undefined, () => 1, { big: 1n }]) assert.throws(cutOf(nothing), code("STREAM_PAYLOAD"));
  });

  it("refuses what cannot become JSON of 2 MiB without making it: bytes at any depth, shared parts, circles", () => {
    const circle: Record<string, unknown> = { id: 1 };
    circle["self"] = circle;
    const twoWay = { name: "root", children: [] as unknown[] };
    twoWay.children.push(...[1, 2, 3].map((id) => ({ id, parent: twoWay })));
    let shared: unknown = "x";
    for (let level = 0; level < 40; level++) shared = [shared, shared];
    const large = "STREAM_MESSAGE_TOO_LARGE";
    const started = performance.now();
    for (const [item, expected] of [
      [new Uint8Array(2 ** 24), large], [Buffer.alloc(2 ** 24), large], [new Float64Array(2 ** 20), large], [{ a: [{ b: Buffer.alloc(2 ** 24) }] }, large],
      [{ list: new Array(2 ** 31) }, large], [{ shared }, large], [circle, "STREAM_PAYLOAD"], [twoWay, "STREAM_PAYLOAD"],
    ] as const) {
      assert.throws(() => cutChunk(content({ payload: ["text", item] }), 1, NO_LIMIT), code(expected));
      assert.deepEqual(content({ payload: "x", owner: item }).leftOut, ["owner"]);
    }
    assert.ok(performance.now() - started < 1000, `${performance.now() - started} ms`);
  });

  it("carries JSON of just 2 MiB, however its size is guessed", async () => {
    const text = "x".repeat(2 ** 21 - 64);
    class Row {
      own = 1;
      readonly toJSON = () => ({ text });
    }
    const unwritten = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${"k".repeat(5000)}${index}`, undefined]));
    for (const [item, expected] of [[{ text }, { text }], [new Row(), { text }], [{ ...unwritten, text: "x" }, { text: "x" }], [new Uint8Array(2), { 0: 0, 1: 0 }], [new DataView(new ArrayBuffer(2 ** 22)), {}]] as const) {
      assert.deepEqual(await through({ payload: ["a\n", item] }), [{ payload: ["a\n", expected] }]);
    }
  });

  it("says that a newer format needs a newer version, and calls everything else that it cannot read unreadable", async () => {
    const head = '{"form":"text","list":true,"properties":{}}\n';
    await assert.rejects(decodeChunk(headersOf({ "Siem-Format": "2" }), Buffer.from(head)), code("STREAM_FORMAT"));
    const bad: [Record<string, string>, string | Buffer][] = [
      [{ "Siem-Format": "" }, head], [{ "Siem-Format": "1\u0000" }, head], [{ "Siem-Format": "-1" }, head], [{ "Siem-Format": "9".repeat(500) }, head],
      [{ "Siem-Encoding": "gzip" }, head], [{ "Siem-Encoding": "deflate" }, head], [{ "Siem-Encoding": "deflate" }, deflateSync(Buffer.alloc(STREAM_BODY_BYTES + 1))],
      [{}, ""], [{}, "{}\n"], [{}, "null\nx"], [{}, head.trim()], [{}, `${"[".repeat(100_000)}\n`], [{}, '{"form":"text","list":false,"properties":{}}\na\nb'],
      [{}, '{"form":"other","list":true,"properties":{}}\na'], [{}, '{"form":"text","list":true,"properties":[]}\na'], [{}, '{"form":"json","list":true,"properties":{}}\n{"a":'],
      [{}, `{"form":"json","list":true,"properties":{}}\n${"[".repeat(100)}${"]".repeat(100)}`], [{}, Buffer.alloc(STREAM_BODY_BYTES + 1, "x")],
      [{}, `{"form":"text","list":true,"properties":{"x":"${"x".repeat(200_000)}"}}\na`], [{}, head + "\n".repeat(STREAM_ITEMS)],
    ];
    for (const [headers, body] of bad) await assert.rejects(decodeChunk(headersOf(headers), Buffer.from(body)), code("STREAM_UNREADABLE"), `${JSON.stringify(headers).slice(0, 80)} ${body.toString().slice(0, 80)}`);
    await assert.rejects(decodeChunk(undefined, Buffer.from(head)), code("STREAM_UNREADABLE"));
  });

  it("counts items itself, and takes no delivery, request or id from the stream", async () => {
    const body = '{"form":"text","list":true,"properties":{"delivery":{"token":"a:1","index":0,"count":1},"_msgid":"x","req":1,"res":1,"parts":{},"payload":"y","complete":1,"topic":"t","__proto__":{"a":1}}}\none\ntwo';
    const { message, count } = await decodeChunk(headersOf({ "Siem-Count": "1000000000" }), Buffer.from(body));
    assert.equal(count, 2);
    assert.deepEqual(Object.keys(message).sort(), ["__proto__", "payload", "topic"]);
    assert.deepEqual(message.payload, ["one", "two"]);
  });

  it("reads any bytes within its bounds, and throws errors of its own only", async () => {
    const damaged = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.constantFrom("", "deflate"), fc.boolean());
    await fc.assert(fc.asyncProperty(damaged, async ([array, encoding, headed]) => {
      const body = headed ? Buffer.concat([Buffer.from('{"form":"json","list":true,"properties":{}}\n'), array]) : Buffer.from(array);
      await decodeChunk(headersOf({ "Siem-Encoding": encoding }), body).catch((error: { code?: string }) => assert.equal(error.code, "STREAM_UNREADABLE"));
    }), { numRuns: 500 });
  });
});
