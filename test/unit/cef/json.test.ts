import assert from "node:assert/strict";
import { MIN_BYTES } from "../../../src/cef/formatter";
import { compileJsonFormatter } from "../../../src/cef/json";
import { mappings } from "../../../src/cef/mappings";
import { SiemError } from "../../../src/common/errors";

const incydr = mappings.get("code42.file-event.v2");
const json = (event: unknown) => compileJsonFormatter(incydr, { leaveOutEmpty: true }).format(event);
const raw = (event: unknown) => compileJsonFormatter(incydr, { leaveOutEmpty: false }).format(event);

describe("JSON formatter: json", () => {
  it("leaves out empty values and keeps 0, false and blank text", () => {
    assert.equal(json({ a: null, b: "", c: [], d: {}, e: 0, f: false, g: " ", h: "x", i: [null, ""], j: undefined }), '{"e":0,"f":false,"g":" ","h":"x","i":[null,""]}');
    assert.equal(json({ a: null }), "{}");
  });
  it("does so in nested objects too, and leaves out an object that is empty then", () => {
    assert.equal(json({ event: { id: "1", shareType: [] }, source: { user: { email: [] } }, tabs: [{ url: null }] }), '{"event":{"id":"1"},"tabs":[{"url":null}]}');
  });
  it("treats __proto__ as an ordinary property", () => {
    assert.equal(json(JSON.parse('{"__proto__":{"a":"x","b":null}}')), '{"__proto__":{"a":"x"}}');
  });
});

describe("JSON formatter: raw-json", () => {
  it("is the event unchanged", () => {
    const event = { z: null, a: "", list: [], deep: { b: [{ c: null }] }, n: 1.5 };
    assert.equal(raw(event), JSON.stringify(event));
  });
});

describe("JSON formatter: the line", () => {
  it("is one line that parses back to the event, whatever its texts hold", () => {
    const event = { text: "a\r\n\u0000\u007f\u0085\u2028\u2029\ud800b\u001f\"\\", "key\u2028\n": "=|" };
    for (const line of [json(event), raw(event)]) {
      assert.match(line, /^[ -~\u00a0-\u2027\u202a-\uffff]+$/);
      assert.deepEqual(JSON.parse(line), event);
      assert.equal(Buffer.from(line).toString(), line, "it has a UTF-8 form");
    }
  });
  it("is never cut: an event that is too long becomes an object with its id and the reason", () => {
    const formatter = compileJsonFormatter(incydr, { leaveOutEmpty: false, maxBytes: 1000 });
    const event = { event: { id: "i".repeat(85) }, file: { name: "漢".repeat(500) } };
    const line = JSON.parse(formatter.format(event)) as { id: string; reason: string };
    assert.equal(line.id, event.event.id);
    assert.equal(line.reason, formatter.failure?.message);
    assert.equal(formatter.failure?.code, "EVENT_TOO_LONG");
    assert.equal(formatter.counters.failed, 1);
    for (const length of [900, 950, 960, 970, 980, 1000]) {
      const exact = formatter.format({ a: "x".repeat(length) });
      assert.equal(formatter.failure === undefined, length + '{"a":""}'.length <= 1000);
      assert.ok(Buffer.byteLength(exact) <= 1000);
    }
  });
  it("is never longer than maxBytes, also when it holds the reason", () => {
    const formatter = compileJsonFormatter(incydr, { leaveOutEmpty: true, maxBytes: MIN_BYTES });
    for (const id of ["i", "\u0001x".repeat(200), "漢".repeat(200), "=\"\\".repeat(50)]) {
      for (const event of [{ event: { id }, x: "x".repeat(600) }, { event: { id }, get x(): never { throw new Error("\u0001".repeat(2000)); } }]) {
        const line = formatter.format(event);
        assert.ok(Buffer.byteLength(line) <= MIN_BYTES, line);
        assert.equal(typeof (JSON.parse(line) as { reason: string }).reason, "string");
      }
    }
  });
  it("holds the reason for a value that is not an object or has no JSON form", () => {
    const formatter = compileJsonFormatter(undefined, { leaveOutEmpty: true });
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const event of [null, undefined, 5, "text", [], { big: 10n }, circle, { toJSON: () => undefined }]) {
      const line = JSON.parse(formatter.format(event)) as object;
      assert.deepEqual(line, { reason: formatter.failure?.message });
    }
    assert.equal(formatter.counters.failed, 8);
    assert.equal(formatter.format({ any: "record" }), '{"any":"record"}');
    assert.equal(formatter.failure, undefined);
  });
  it("holds the id of every kind of record that has one", () => {
    const ids: Record<string, object> = {
      "code42.file-event.v2": { event: { id: "the id" } }, "code42.file-event.v1": { eventId: "the id" }, "code42.session": { sessionId: "the id" }, "code42.alert": { id: "the id" },
      "code42.audit-event": {}, "epo.threat-event": { event: { id: 18052, otherData: { autoId: "the id" } } },
    };
    assert.deepEqual(Object.keys(ids), [...mappings.keys()]);
    for (const [kind, event] of Object.entries(ids)) {
      const line = JSON.parse(compileJsonFormatter(mappings.get(kind), { leaveOutEmpty: true, maxBytes: MIN_BYTES }).format({ ...event, x: "x".repeat(600) })) as object;
      assert.equal("id" in line, kind !== "code42.audit-event", kind);
    }
  });
  it("refuses a maxBytes that is too small for an id and a reason", () => {
    assert.throws(() => compileJsonFormatter(incydr, { leaveOutEmpty: true, maxBytes: 100 }), (error: unknown) => error instanceof SiemError && error.code === "MAX_BYTES");
  });
});
