import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fc from "fast-check";
import { PublishReader } from "../../../src/dxl/publish-reader";

/** The packet library of the mqtt package, which is no dependency of ours. */
const mqttPacket = createRequire(require.resolve("mqtt"))("mqtt-packet") as { generate(packet: Record<string, unknown>): Buffer };

interface Seen {
  messages: { topic: string; payload: string }[];
  /** Hexadecimal. */
  other: string;
}

/** What becomes of the bytes when they come in pieces of these sizes, each written over after it was read. */
function read(bytes: Buffer, sizes: readonly number[]): Seen {
  const seen: Seen = { messages: [], other: "" };
  const reader = new PublishReader({
    message: (topic, payload) => seen.messages.push({ topic, payload: payload.toString("hex") }),
    other: (part) => { seen.other += part.toString("hex"); },
  });
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const piece = Buffer.from(bytes.subarray(at, at + (sizes[index % sizes.length] ?? bytes.length)));
    at += piece.length;
    reader.read(piece);
    piece.fill(0xee);
  }
  return seen;
}

const publish = (topic: string, payload: Buffer, more: { qos?: 0 | 1 | 2; retain?: boolean } = {}) =>
  mqttPacket.generate({ cmd: "publish", qos: 0, dup: false, retain: false, messageId: 7, ...more, topic, payload });

describe("PUBLISH reader", () => {
  const event = fc.record({ topic: fc.constantFrom("/mcafee/event/epo/threat/response", "/mcafee/event/epö", "a"), payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), retain: fc.boolean() });
  const others = fc.constantFrom(
    mqttPacket.generate({ cmd: "connack", returnCode: 0, sessionPresent: false }), mqttPacket.generate({ cmd: "suback", messageId: 1, granted: [0, 128] }),
    mqttPacket.generate({ cmd: "pingresp" }), publish("/with/qos", Buffer.from("x"), { qos: 1 }), publish("/with/qos", Buffer.alloc(200), { qos: 2 }),
    // Without a topic, or with one that is longer than the packet: nobody's event.
    Buffer.from([0x30, 0]), Buffer.from([0x30, 1, 0]), Buffer.from([0x30, 5, 0, 4, 0x61, 0x62, 0x63]),
  );

  it("takes each event of QoS 0 and passes the rest on, however the bytes are cut", () => {
    fc.assert(fc.property(fc.array(fc.oneof(event, others), { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), (packets, sizes) => {
      const expected: Seen = { messages: [], other: "" };
      const bytes = Buffer.concat(packets.map((packet) => {
        if (Buffer.isBuffer(packet)) {
          expected.other += packet.toString("hex");
          return packet;
        }
        const { topic, payload, retain } = packet;
        expected.messages.push({ topic, payload: payload.toString("hex") });
        return publish(topic, payload, { retain });
      }));
      assert.deepEqual(read(bytes, sizes), expected);
      assert.deepEqual(read(bytes, [1]), expected);
      assert.deepEqual(read(bytes, [bytes.length]), expected);
    }), { numRuns: 500 });
  });

  it("reads lengths of one byte up to four", () => {
    for (const size of [0, 122, 123, 16_378, 16_379, 2_097_146, 2_097_147]) {
      const payload = Buffer.alloc(size, size);
      const bytes = Buffer.concat([publish("/t", payload), publish("/t", payload)]);
      for (const piece of [16_384, 1000, bytes.length]) {
        const { messages, other } = read(bytes, [piece]);
        assert.deepEqual(messages.map(({ topic, payload: hex }) => [topic, hex.length / 2]), [["/t", size], ["/t", size]]);
        assert.ok(messages.every(({ payload: hex }) => hex === payload.toString("hex")));
        assert.equal(other, "");
      }
    }
  });

  it("passes everything on from a length without end", () => {
    const good = publish("/t", Buffer.from("x"));
    for (const type of [0x30, 0xd0]) {
      const bad = Buffer.from([type, 0xff, 0xff, 0xff, 0xff, 0x01]);
      for (const sizes of [[1], [3], [100]]) {
        assert.deepEqual(read(Buffer.concat([good, bad, good]), sizes), { messages: [{ topic: "/t", payload: "78" }], other: Buffer.concat([bad, good]).toString("hex") });
      }
    }
  });
});
