import assert from "node:assert/strict";
import fc from "fast-check";
import { SiemError } from "../../../src/common/errors";
import { decodeMessage, encodeEvent, MessageType, type DxlMessage } from "../../../src/dxl/message";
import { decodeWithClient } from "../../support/dxl-client";
import { dxlVector, dxlVectors } from "../../support/dxl-vectors";
import { fastest, processorMs } from "../../support/processor-time";

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");
/** Version, type and five empty fields of an event, and then `rest`. */
const event = (version: number, rest: string) => Buffer.concat([Buffer.from([version, 2]), hex(`a0 a0 a0 90 90 ${rest}`)]);

/** The decoded message, or undefined if it was refused in the one way it may be. */
function attempt(bytes: Uint8Array): DxlMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    assert.ok(error instanceof SiemError && error.code === "NOT_A_DXL_MESSAGE", String(error));
    return undefined;
  }
}
const refuses = (bytes: Uint8Array, field: string) =>
  assert.throws(() => decodeMessage(bytes), (error) => error instanceof SiemError && error.code === "NOT_A_DXL_MESSAGE" && error.params["field"] === field && error.params["size"] === bytes.length);

describe("DXL message: decoding", () => {
  for (const { name, bytes, decoded } of dxlVectors) {
    it(`reads ${name} as recorded`, () => {
      const message = decodeMessage(bytes);
      const { payloadHex, payloadUtf8, ...fields } = decoded;
      assert.equal(message.payload.toString("hex"), payloadHex);
      if (Buffer.from(payloadUtf8).toString("hex") === payloadHex) assert.equal(message.payload.toString(), payloadUtf8);
      for (const [field, value] of Object.entries(fields)) assert.deepEqual(message[field as keyof DxlMessage], value, field);
    });
  }
  it("gives empty fields for what a version does not have", () => {
    const { otherFields, sourceTenantGuid, destinationTenantGuids, sourceClientInstanceId } = decodeMessage(dxlVector("js-event-v0").bytes);
    assert.deepEqual({ otherFields, sourceTenantGuid, destinationTenantGuids, sourceClientInstanceId }, { otherFields: {}, sourceTenantGuid: "", destinationTenantGuids: [], sourceClientInstanceId: "" });
  });
  it("reads missing fields at the end of versions 1 to 3 as empty", () => {
    for (const rest of ["a0", "a0 90", "a0 90 a0", "a0 90 a0 90"]) {
      const message = decodeMessage(event(3, rest));
      assert.deepEqual([message.otherFields, message.sourceTenantGuid, message.destinationTenantGuids, message.sourceClientInstanceId], [{}, "", [], ""], rest);
    }
  });
  it("reads the known fields of later versions and ignores what follows", () => {
    const message = decodeMessage(event(4, "a1 78 90 a0 90 a1 69 c3 93 01 02 03"));
    assert.deepEqual([message.version, message.payload.toString(), message.sourceClientInstanceId], [4, "x", "i"]);
    assert.equal(decodeMessage(Buffer.concat([hex("cd 01 00 02 a0 a0 a0 90 90 a0"), hex("90 a0 90 a0 ff")])).version, 256);
  });
  it("takes str, raw and bin alike", () => {
    for (const text of ["a2 6869", "d9 02 6869", "da 0002 6869", "db 00000002 6869", "c4 02 6869", "c5 0002 6869", "c6 00000002 6869"]) {
      const message = decodeMessage(hex(`03 02 ${text} ${text} ${text} 91 ${text} dc 0001 ${text} ${text} dd 00000002 ${text} ${text} ${text} 91 ${text} ${text}`));
      assert.deepEqual({ ...message, payload: message.payload.toString() }, {
        version: 3, messageType: 2, messageId: "hi", sourceClientId: "hi", sourceBrokerId: "hi", brokerIds: ["hi"], clientIds: ["hi"], payload: "hi",
        otherFields: { hi: "hi" }, sourceTenantGuid: "hi", destinationTenantGuids: ["hi"], sourceClientInstanceId: "hi",
      });
    }
  });
  it("drops list entries that are not texts, of any type and depth", () => {
    const others = ["c0", "c2", "c3", "01", "ff", "80", "90", "81 a1 61 92 01 02", "de 0001 01 02", "df 00000001 01 02", "dc 0001 c0", "dd 00000001 c0", "ca 00000000", "cb 0000000000000000",
      "cc 01", "cd 0001", "ce 00000001", "cf 0000000000000001", "d0 01", "d1 0001", "d2 00000001", "d3 0000000000000001", "c7 01 00 61", "c8 0001 00 61", "c9 00000001 00 61",
      "d4 00 61", "d5 00 6161", "d6 00 61616161", "d7 00 6161616161616161", `d8 00 ${"61".repeat(16)}`, "9f ".repeat(3) + "c0 ".repeat(43)];
    for (const other of others) {
      const message = decodeMessage(hex(`02 02 a0 a0 a0 93 a1 61 ${other} a1 62 90 a0 94 ${other} a1 63 a1 64 ${other} a1 65`));
      assert.deepEqual([message.brokerIds, message.otherFields, message.sourceTenantGuid], [["a", "b"], { d: "" }, "e"], other);
    }
  });
  it("reads otherFields with an odd end, repeated keys and names that objects have", () => {
    const fields = (rest: string) => decodeMessage(event(1, `a0 ${rest}`)).otherFields;
    assert.deepEqual(fields("93 a1 61 a1 62 a1 63"), { a: "b", c: "" });
    assert.deepEqual(fields("94 a1 61 a1 62 a1 61 a1 63"), { a: "c" });
    assert.equal(Object.keys(decodeMessage(encodeEvent({ messageId: "m", payload: "", otherFields: Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`k${index}`, ""])), sourceTenantGuid: "t" })).otherFields).length, 1000);
    const proto = fields(`92 a9 ${Buffer.from("__proto__").toString("hex")} a1 78`);
    assert.deepEqual(Object.entries(proto), [["__proto__", "x"]]);
    assert.equal(Object.getPrototypeOf(proto), Object.prototype);
    assert.equal(JSON.stringify(structuredClone(proto)), '{"__proto__":"x"}');
  });
  it("reads names of otherFields as UTF-8, with U+FFFD for other bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 31 }).map((bytes) => Buffer.from(bytes)), (name) => {
      const { otherFields } = decodeMessage(Buffer.concat([event(1, "a0 92"), Buffer.from([0xa0 | name.length]), name, hex("a1 78")]));
      assert.deepEqual(Object.keys(otherFields), [name.toString()]);
    }), { numRuns: 500 });
  });
  it("keeps a payload of any bytes", () => {
    assert.equal(decodeMessage(event(0, "c4 04 00 ff c3 28")).payload.toString("hex"), "00ffc328");
  });
  it("reads messages inside a larger piece of memory", () => {
    const { bytes, decoded } = dxlVector("broker-event-v3-small");
    const around = new Uint8Array(bytes.length + 20);
    around.set(bytes, 10);
    assert.equal(decodeMessage(around.subarray(10, 10 + bytes.length)).payload.toString(), decoded.payloadUtf8);
  });
  it("reads signed error codes", () => {
    for (const [code, value] of [["7f", 127], ["e0", -32], ["cc ff", 255], ["ce 80000001", 0x80000001], ["cf 0000000000000001", 1], ["d0 80", -128], ["d1 8000", -32768], ["d2 80000001", -2147483647], ["d3 ffffffffffffffff", -1]] as const) {
      const message = decodeMessage(hex(`02 03 a0 a0 a0 90 90 a0 a1 72 a1 73 ${code} a1 6d`));
      assert.deepEqual([message.requestMessageId, message.serviceId, message.errorCode, message.errorMessage], ["r", "s", value, "m"]);
    }
  });
});

/** A bound on what grows out of hand, not on speed: a usual run needs a tenth of it on a slow machine. */
const FAR_TOO_LONG = 300;

describe("DXL message: other bytes", () => {
  it("is refused, and the error names the first unreadable field", () => {
    const cases: [string, string][] = [
      ["", "version"], ["a1 33", "version"], ["ff", "version"], ["03", "messageType"], ["03 04", "messageType"], ["03 ff", "messageType"], ["03 02", "messageId"], ["03 02 01", "messageId"],
      ["03 02 a0 a5 61", "sourceClientId"], ["03 02 a0 a0 c0", "sourceBrokerId"], ["03 02 a0 a0 a0 a0", "brokerIds"], ["03 02 a0 a0 a0 91", "brokerIds"], ["03 02 a0 a0 a0 90 80", "clientIds"],
      ["03 02 a0 a0 a0 90 90", "payload"], ["03 02 a0 a0 a0 90 90 da 00", "payload"], ["03 00 a0 a0 a0 90 90 a0 a0", "serviceId"], ["03 02 a0 a0 a0 90 90 a0 a0", "otherFields"],
      ["03 02 a0 a0 a0 90 90 a0 90 90", "sourceTenantGuid"], ["03 02 a0 a0 a0 90 90 a0 90 a0 a0", "destinationTenantGuids"], ["03 02 a0 a0 a0 90 90 a0 90 a0 90 90", "sourceClientInstanceId"],
    ];
    for (const [bytes, field] of cases) refuses(hex(bytes), field);
    for (const text of ["not msgpack", "{}", '{"event":{}}', "\0", "<xml/>"]) assert.equal(attempt(Buffer.from(text)), undefined, text);
  });
  it("is refused at once when it claims a huge length or is nested without end", () => {
    const huge = "ffffffff";
    const bad = [event(3, `db ${huge}`), event(3, `c6 ${huge}`), event(3, `a0 dd ${huge}`), event(3, `a0 91 df ${huge}`), event(3, `a0 91 c9 ${huge} 00`), hex(`03 02 a0 a0 a0 dd ${huge}`),
      ...["91", "81", "dd ffffffff", "df ffffffff"].map((open) => Buffer.concat([event(3, "a0 91"), hex(open.replace(/ /g, "").repeat(200_000))]))];
    for (const bytes of bad) {
      const ms = fastest(() => assert.equal(attempt(bytes), undefined));
      assert.ok(ms < FAR_TOO_LONG, `${ms} ms for ${bytes.subarray(0, 20).toString("hex")}`);
    }
  });
  it("is refused or has valid fields, however a real message is damaged", () => {
    const change = fc.record({ at: fc.nat(), remove: fc.nat({ max: 6 }), insert: fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.constantFrom(...["db7fffffff", "ddffffffff", "dfffffffff", "c9ffffffff00", "9f9f9f9f", "c1", "d9ff"].map(hex))) });
    let slowest = 0;
    fc.assert(fc.property(fc.constantFrom(...dxlVectors), fc.array(change, { minLength: 1, maxLength: 4 }), fc.option(fc.nat()), ({ bytes }, changes, end) => {
      let mutated = Buffer.from(bytes);
      for (const { at, remove, insert } of changes) {
        const from = at % mutated.length;
        mutated = Buffer.concat([mutated.subarray(0, from), insert, mutated.subarray(from + remove), Buffer.alloc(1)]);
      }
      const start = processorMs();
      const message = attempt(end === null ? mutated : mutated.subarray(0, end % mutated.length));
      slowest = Math.max(slowest, processorMs() - start);
      if (message !== undefined) assert.ok(Number.isInteger(message.version) && [message.brokerIds, message.clientIds].every((ids) => ids.every((id) => typeof id === "string")) && Object.values(message.otherFields).every((value) => typeof value === "string"));
    }), { numRuns: 20_000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void attempt(bytes)), { numRuns: 5000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => void attempt(Buffer.concat([event(3, ""), rest]))), { numRuns: 5000 });
    assert.ok(slowest < 5 * FAR_TOO_LONG, `${slowest} ms`);
  }).timeout(30_000);
  it("is read in linear time up to the largest size that a broker accepts, even if it consists of tiny fields", () => {
    const size = 1_040_000;
    const keys = Array.from({ length: size / 5 }, (_, index) => Buffer.from([0xa3, 0x30 + (index & 63), 0x30 + ((index >> 6) & 63), 0x30 + ((index >> 12) & 63), 0xa0]));
    const count = (items: number) => items.toString(16).padStart(8, "0");
    for (const bytes of [
      Buffer.concat([event(3, `a0 dd ${count(keys.length * 2)}`), ...keys]),
      Buffer.concat([hex(`03 02 a0 a0 a0 dd ${count(size)}`), Buffer.alloc(size, 0xa0), hex("90 a0")]),
      Buffer.concat([hex(`03 02 a0 a0 a0 dd ${count(size)}`), Buffer.alloc(size, 0xc0), hex("90 a0")]),
      encodeEvent({ messageId: "m", payload: Buffer.alloc(size, 0xff) }),
    ]) {
      const ms = fastest(() => assert.ok(attempt(bytes) !== undefined));
      assert.ok(ms < FAR_TOO_LONG, `${ms} ms for ${bytes.subarray(0, 16).toString("hex")}`);
    }
  });
  it("does not affect the next good message, even after a thousand", () => {
    const { bytes, decoded } = dxlVector("broker-event-v3-full-threat");
    for (let index = 0; index < 1000; index++) assert.equal(attempt(bytes.subarray(0, (index * 7) % (bytes.length - 200))), undefined);
    assert.equal(decodeMessage(bytes).payload.toString(), decoded.payloadUtf8);
  });
});

describe("DXL message: encoding of events", () => {
  const fields = {
    messageId: "{m}", sourceClientId: "c", sourceBrokerId: "b", brokerIds: ["b1", "b2"], clientIds: ["c1"], payload: '{"ü":1}',
    otherFields: { "dxl.certs": "a;b", k: "" }, sourceTenantGuid: "t", destinationTenantGuids: ["d"], sourceClientInstanceId: "c:i",
  };

  it("is what a broker delivers, byte for byte", () => {
    for (const name of ["broker-event-v3-small", "broker-event-v3-nul", "broker-event-v3-full-threat"]) {
      const { bytes } = dxlVector(name);
      assert.equal(encodeEvent(decodeMessage(bytes)).toString("hex"), bytes.toString("hex"), name);
    }
  });
  for (const version of [0, 1, 2, 3]) {
    it(`is understood by our decoder and by the vendor's client in version ${version}`, () => {
      for (const size of [0, 31, 32, 255, 256, 65_535, 65_536]) {
        const many = size % 1000;
        const sent = { ...fields, version, payload: Buffer.alloc(size, "x"), messageId: "m".repeat(size), clientIds: Array<string>(many).fill("c") };
        const bytes = encodeEvent(sent);
        const expected = {
          ...sent, messageType: MessageType.event,
          otherFields: version > 0 ? sent.otherFields : {},
          sourceTenantGuid: version > 1 ? "t" : "", destinationTenantGuids: version > 1 ? ["d"] : [],
          sourceClientInstanceId: version > 2 ? "c:i" : "",
        };
        assert.deepEqual(decodeMessage(bytes), expected);
        const theirs = decodeWithClient(bytes);
        assert.deepEqual(Buffer.from(theirs.payload), sent.payload);
        assert.deepEqual([theirs["messageId"], theirs["sourceClientId"], theirs["sourceBrokerId"], theirs["brokerIds"], theirs["clientIds"]], [sent.messageId, "c", "b", ["b1", "b2"], sent.clientIds]);
        if (version > 0) assert.deepEqual({ ...(theirs["otherFields"] as object) }, sent.otherFields);
        if (version > 1) assert.deepEqual([theirs["sourceTenantGuid"], theirs["destinationTenantGuids"]], ["t", ["d"]]);
      }
    });
  }
  it("needs an id and a payload only", () => {
    const { version, messageId, payload, otherFields } = decodeMessage(encodeEvent({ messageId: "{m}", payload: "ü" }));
    assert.deepEqual([version, messageId, payload.toString(), otherFields], [3, "{m}", "ü", {}]);
  });
});
