import assert from "node:assert/strict";
import { BufferPool } from "../../../src/common/buffer-pool";
import { FrameBuilder, type Framing } from "../../../src/syslog/framing";
import type { Line } from "../../../src/syslog/lines";

function frame(framing: Framing, lines: Line[], { header = "", maxBytes = 8192, capacity = 4096 } = {}) {
  const builder = new FrameBuilder(framing, maxBytes, new BufferPool(capacity));
  const results = lines.map((line) => builder.add(Buffer.from(header), line));
  const { bytes, ends } = builder.take();
  return { results, text: bytes.toString(), ends, bytes };
}

describe("syslog framing", () => {
  it("ends each message with a line feed", () => {
    assert.equal(frame("lf", ["a", "b"], { header: "h " }).text, "h a\nh b\n");
  });

  it("puts the length in bytes of UTF-8 before each message", () => {
    const { text } = frame("octet", ["größe 😀"], { header: "h " });
    assert.equal(text, `${Buffer.byteLength("h größe 😀")} h größe 😀`);
    assert.ok(text.startsWith("14 ") || text.startsWith("15 "));
  });

  it("separates datagrams by their ends only", () => {
    const { text, ends } = frame("datagram", ["ab", "cde"]);
    assert.equal(text, "abcde");
    assert.deepEqual(ends, [2, 5]);
  });

  it("replaces every line break inside a line by a space where a line feed ends the message", () => {
    assert.equal(frame("lf", ["a\r\nb\nc\rd"]).text, "a  b c d\n");
    assert.equal(frame("lf", [Buffer.from("a\r\nb\nc\rd")]).text, "a  b c d\n");
  });

  it("keeps line breaks inside counted messages and datagrams", () => {
    assert.equal(frame("octet", ["a\nb"]).text, "3 a\nb");
    assert.equal(frame("datagram", [Buffer.from("a\nb")]).text, "a\nb");
  });

  it("drops line breaks at the end of a line", () => {
    for (const line of ["a\n", "a\r\n\n", Buffer.from("a\r\n")]) {
      assert.equal(frame("lf", [line]).text, "a\n");
      assert.equal(frame("octet", [line]).text, "1 a");
    }
  });

  it("makes no frame of a line that is empty or has line breaks only", () => {
    const empty = ["", "\n", "\r\n\r\n", "\n".repeat(5000), Buffer.alloc(0), Buffer.from("\r\n")];
    for (const framing of ["lf", "octet", "datagram"] as const) {
      for (const header of ["", "<134>h "]) {
        const { results, ends, text } = frame(framing, [...empty, "a", ""], { header });
        assert.deepEqual(results, [...empty.map(() => "empty"), "added", "empty"]);
        assert.equal(ends.length, 1);
        assert.ok(text.includes(`${header}a`));
      }
    }
  });

  it("cuts bytes that are no UTF-8 too, and leaves no empty frame of them", () => {
    const { bytes, results } = frame("octet", [Buffer.alloc(100, 0x80)], { maxBytes: 20 });
    assert.equal(bytes.toString("latin1"), `20 ${"\x80".repeat(20)}`);
    assert.deepEqual(results, ["shortened"]);
  });

  it("does not change the Buffer it was given", () => {
    const line = Buffer.from("a\nb");
    frame("lf", [line]);
    assert.equal(line.toString(), "a\nb");
  });

  it("cuts a line over the limit, counts the header too, and says that it cut", () => {
    const { text, results } = frame("lf", ["x".repeat(100)], { header: "12345", maxBytes: 20 });
    assert.equal(text, `12345${"x".repeat(15)}\n`);
    assert.deepEqual(results, ["shortened"]);
    assert.deepEqual(frame("lf", ["x".repeat(15)], { header: "12345", maxBytes: 20 }).results, ["added"]);
  });

  it("never cuts inside a UTF-8 character", () => {
    for (const char of ["é", "€", "😀", "\ud800"]) {
      for (let limit = 1; limit < 12; limit++) {
        for (const line of [char.repeat(10), Buffer.from(char.repeat(10))]) {
          const { bytes } = frame("datagram", [line], { maxBytes: limit });
          const size = Buffer.byteLength(char);
          assert.equal(bytes.length, Math.floor(limit / size) * size, `${char} at ${limit}`);
        }
      }
    }
  });

  it("cuts a line of megabytes without reading all of it", () => {
    const { bytes, results } = frame("lf", ["€".repeat(1_000_000)], { maxBytes: 100 });
    assert.equal(bytes.length, 100);
    assert.deepEqual(results, ["shortened"]);
  });

  it("takes whole frames only and says when it is full", () => {
    const { results, text } = frame("octet", ["aaaa", "bbbb"], { capacity: 9 });
    assert.deepEqual(results, ["added", "full"]);
    assert.equal(text, "4 aaaa");
  });
});
