import assert from "node:assert/strict";
import { mappings } from "../../../src/cef/mappings";
import { readFormatters } from "../../../src/cef/settings";
import { SiemError } from "../../../src/common/errors";

const V1 = "code42.file-event.v1";
const V2 = "code42.file-event.v2";
const refuses = (code: string, run: () => unknown) => assert.throws(run, (error: unknown) => error instanceof SiemError && error.code === code && error.permanent);

describe("Settings of cef-format", () => {
  it("give a formatter for every kind of record, and standard CEF by default", () => {
    const choose = readFormatters({});
    for (const kind of mappings.keys()) assert.match(choose(kind).format({}), /^CEF:0\|/);
    assert.match(choose(V1).format({ eventType: "CREATED" }), /\|unformatted\|/, "a constant says nothing");
    refuses("KIND_UNKNOWN", () => choose("acme.event"));
    assert.throws(() => choose(undefined), /msg\.kind/);
  });
  it("refuse any kind but file events of version 1 in the compatible profile, in the node's settings and in a message", () => {
    const choose = readFormatters({ profile: "compatible" });
    assert.equal(choose(V1).format({ eventType: "CREATED", fileName: "f" }), "CEF:0|Code42|Advanced Exfiltration Detection|1|C42200|CREATED|5|fname=f");
    for (const kind of mappings.keys()) if (kind !== V1) refuses("PROFILE_KIND", () => choose(kind));
    refuses("KIND_UNKNOWN", () => choose("acme.event"));
    refuses("PROFILE_KIND", () => readFormatters({ profile: "compatible", kind: V2 }));
    assert.ok(readFormatters({ profile: "compatible", kind: V1 })(V2), "the node's own record counts");
  });
  it("make JSON from any record, with or without a mapping", () => {
    for (const kind of [V2, "acme.event", undefined, 5]) {
      assert.equal(readFormatters({ format: "json" })(kind).format({ a: null, b: 0 }), '{"b":0}');
      assert.equal(readFormatters({ format: "raw-json", profile: "compatible" })(kind).format({ a: null, b: 0 }), '{"a":null,"b":0}');
    }
    assert.match(readFormatters({ format: "json", kind: V1, maxBytes: 512 })("x").format({ eventId: "the id", x: "x".repeat(600) }), /"id":"the id"/);
  });
  it("refuse an unknown format, profile or kind of record", () => {
    refuses("PROPERTY_CHOICE", () => readFormatters({ format: "xml" }));
    refuses("PROPERTY_CHOICE", () => readFormatters({ profile: "other" }));
    refuses("KIND_UNKNOWN", () => readFormatters({ kind: "acme.event" }));
    refuses("KIND_UNKNOWN", () => readFormatters({ format: "json", kind: "acme.event" }));
  });
});
