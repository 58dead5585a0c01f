import assert from "node:assert/strict";
import { compileFormatter, type FormatOptions } from "../../../src/cef/encoder";
import { MIN_BYTES } from "../../../src/cef/formatter";
import type { Mapping, Row } from "../../../src/cef/mapping";
import { mappings } from "../../../src/cef/mappings";
import { parseCef } from "../../../src/simulator/cef-parser";
import { SiemError } from "../../../src/common/errors";
import { fastest } from "../../support/processor-time";

const incydr = mappings.get("code42.file-event.v2")!;
const mapping = (rows: Row[], header: Partial<Mapping["header"]> = {}): Mapping => ({
  title: "test",
  header: { vendor: { constant: "Acme" }, product: { constant: "Box" }, version: { constant: "1" }, classId: { constant: "x" }, name: { constant: "Thing" }, severity: { constant: "5" }, ...header },
  rows,
});
const text = (key: string, source = "v"): Row => ({ key, type: "string", source });
const refuses = (code: string, options: FormatOptions) => assert.throws(() => compileFormatter(incydr, options), (error: unknown) => error instanceof SiemError && error.code === code && error.permanent);

describe("CEF formatter: the line", () => {
  it("looks as in the standard, without a space before the first key", () => {
    const { format } = compileFormatter(mapping([text("suser"), { ...text("cs1"), label: "The one" }]));
    assert.equal(format({ v: "a|b=c\\d\ne" }), "CEF:0|Acme|Box|1|x|Thing|5|suser=a|b\\=c\\\\d\\ne cs1=a|b\\=c\\\\d\\ne cs1Label=The one");
  });
  it("escapes header fields, fills empty ones and cuts long ones", () => {
    const { format } = compileFormatter(mapping([text("suser")], { name: "n", classId: "c", severity: "s", version: "r" }), { vendor: " A|\\\nc ", product: "p".repeat(70) });
    assert.equal(format({ v: "x", n: "a\r\n|b" }), `CEF:0|A\\|\\\\ c|${"p".repeat(63)}|0|unknown|a \\|b|Unknown|suser=x`);
    const { name, version } = parseCef(format({ v: "x", n: "👍".repeat(300), r: "9".repeat(40) }));
    assert.equal(name, "👍".repeat(256));
    assert.equal(version, "9".repeat(31));
  });
  it("leaves out empty values and their labels, and keeps 0 and false", () => {
    const { format } = compileFormatter(mapping([{ ...text("cs1"), label: "L" }, text("suser", "u"), { key: "cn1", type: "long", source: "n", label: "N" }]));
    const fields = (event: object) => Object.fromEntries(parseCef(format(event)).extension);
    for (const v of ["", " ", "\u0000\r\n\u2028", null, undefined]) assert.deepEqual(fields({ v, u: false }), { suser: "false" });
    assert.deepEqual(fields({ v: 0, n: 0 }), { cs1: "0", cs1Label: "L", cn1: "0", cn1Label: "N" });
  });
  it("has no control character in any field, whatever the event and the settings hold", () => {
    const all = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join("");
    const dirty = `x${all}y`;
    const rows = [text("fname"), { ...text("cs1"), label: dirty }, { key: "cs2", type: "string" as const, source: { json: "o", except: [] }, label: "JSON" }, { ...text("externalId", "broken") }];
    const { format } = compileFormatter(mapping(rows, { name: "v", classId: "v" }), { vendor: dirty, fields: [{ key: "AcmeBoxOwn", source: "v" }] });
    const lines = [format({ v: dirty, o: { a: dirty } }), format({ v: dirty, get broken() { throw new Error(dirty); } })];
    for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
    assert.match(lines[0] ?? "", /fname=x +\\n +\\r .*y cs1=/);
    assert.match(lines[1] ?? "", /\|unformatted\|.*msg=.*: x +!/);
  });
  it("trims values and cuts them at the maximum length of their key, before escaping", () => {
    const { format, counters } = compileFormatter(mapping([text("act")]));
    const act = (v: string) => parseCef(format({ v })).extension.get("act");
    assert.equal(act(" \n x y \t"), "x y");
    assert.equal(act("=".repeat(63)), "=".repeat(63));
    assert.equal(counters.truncated, 0);
    assert.equal(act("=".repeat(64)), "=".repeat(63));
    assert.equal(act("a".repeat(62) + "👍"), "a".repeat(62));
    assert.equal(counters.truncated, 2);
  });
  it("leaves out a value of the wrong type and counts it", () => {
    const rows: Row[] = [text("suser", "ok"), { key: "spt", type: "integer", source: "v" }, { key: "src", type: "ipv4", source: "v" }, { key: "smac", type: "mac", source: "v" }, { key: "end", type: "timestamp", source: "v" }];
    const { format, counters } = compileFormatter(mapping(rows));
    assert.equal(format({ ok: "u", v: "host name" }).split("|").at(-1), "suser=u");
    assert.equal(counters.droppedValues, 4);
    assert.equal(format({ ok: "u", v: { a: 1 } }).split("|").at(-1), "suser=u");
    assert.equal(counters.droppedValues, 8);
  });
  it("reads own properties only", () => {
    const { format } = compileFormatter(mapping([text("suser", "a.b"), text("duser", "__proto__.polluted"), text("fname", "constructor"), text("msg", "a.toString"), text("reason", "__proto__")]));
    const fields = (event: unknown) => Object.fromEntries(parseCef(format(event)).extension);
    assert.deepEqual(fields(JSON.parse('{"a":{"b":"x","__proto__":{"b":"no"}},"__proto__":{"polluted":"own"}}')), { suser: "x", duser: "own" });
    assert.deepEqual(fields({ a: Object.create({ b: "inherited" }) as object, constructor: "c" }), { fname: "c" });
    assert.deepEqual(fields(Object.assign(Object.create(null) as object, { a: { b: "x" } })), { suser: "x" });
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
  it("treats a value of the wrong shape as absent", () => {
    const { format } = compileFormatter(incydr);
    const wrong = [[], [[]], {}, "text", 1, 1e308, true, null, [null, {}, [1]], { length: 3 }, Symbol("s"), () => 1, 10n, NaN, new Date(), new Map()];
    for (const value of wrong) {
      for (const part of ["@timestamp", "event", "user", "file", "source", "destination", "process", "risk", "report", "git", "responseControls"]) parseCef(format({ user: { id: "1" }, [part]: value }));
      for (const part of ["hash", "tabs", "email", "removableMedia", "domains", "privateIp", "indicators", "classifications", "name", "directory"]) {
        parseCef(format({ event: { id: "1" }, file: { [part]: value }, source: { [part]: value }, destination: { [part]: value }, risk: { [part]: value } }));
      }
    }
  });
  it("stays quick with very long strings and lists", () => {
    const { format } = compileFormatter(incydr);
    const long = "a=\\\n\u2028\ud800".repeat(200_000);
    const ms = fastest(() => {
      for (let round = 0; round < 20; round++) parseCef(format({ event: { id: long, action: long, shareType: Array(1000).fill(long) }, user: { email: long }, file: { name: long, directory: long }, risk: { severity: long }, source: { ip: long }, "@timestamp": long }));
    });
    assert.ok(ms < 1000, `${ms} ms`);
  });
});

describe("CEF formatter: own fields and header", () => {
  const extension = (options: FormatOptions, event: object) => parseCef(compileFormatter(incydr, options).format(event)).extension;
  it("adds a field, and replaces one with the same key", () => {
    const fields = [{ key: "dntdom", type: "string", source: "d.x" }, { key: "cs1", source: "d.y", label: "Y" }, { key: "Code42IncydrVector", type: "string", source: "event.vector" }, { key: "cn2", source: "d.n" }];
    const found = extension({ fields }, { event: { id: "1", vector: "UP" }, d: { x: "X", y: ["no list"], n: 7 }, risk: { score: 1 } });
    assert.equal(found.get("dntdom"), "X");
    assert.equal(found.get("Code42IncydrVector"), "UP");
    assert.equal(found.has("cs1"), false);
    assert.equal(found.get("cn2"), "7");
    assert.equal(found.get("cn2Label"), "d.n");
  });
  it("joins lists of an own field", () => {
    assert.equal(extension({ fields: [{ key: "dntdom", source: "a[].b[]" }] }, { event: { id: "1" }, a: [{ b: ["x", "y"] }, { b: "z" }, {}] }).get("dntdom"), "x,y,z");
    assert.equal(extension({ fields: [{ key: "dntdom", source: "a[-1].b" }] }, { event: { id: "1" }, a: [{ b: "x" }, { b: "z" }] }).get("dntdom"), "z");
  });
  it("refuses own fields that cannot be legal", () => {
    refuses("FIELD_KEY", { fields: [{ key: "my key", source: "a" }] });
    refuses("FIELD_KEY_RESERVED", { fields: [{ key: "eventId", source: "a" }] });
    refuses("FIELD_TYPE", { fields: [{ key: "spt", type: "string", source: "a" }] });
    refuses("FIELD_SOURCE", { fields: [{ key: "spt", source: "" }] });
    refuses("FIELD_TWICE", { fields: [{ key: "spt", source: "a" }, { key: "spt", source: "b" }] });
    refuses("FIELD_LABEL_TWICE", { fields: [{ key: "cs1", source: "a", label: "RiskScore" }] });
    refuses("SEVERITY", { severity: "11" });
    refuses("SEVERITY", { severity: "critical" });
    refuses("MAX_BYTES", { maxBytes: MIN_BYTES - 1 });
    refuses("MAX_BYTES", { maxBytes: NaN });
  });
  it("takes vendor, product, version and severity from the settings", () => {
    const { format } = compileFormatter(incydr, { vendor: "Mimecast", product: "Incydr X", version: "3", severity: "Very-High" });
    assert.match(format({ event: { id: "1" }, risk: { score: 2 } }), /^CEF:0\|Mimecast\|Incydr X\|3\|unknown\|File event\|Very-High\|/);
  });
});

describe("CEF formatter: events that cannot be formatted", () => {
  it("writes a legal line with the reason, and formats the next event", () => {
    const formatter = compileFormatter(incydr);
    for (const event of [null, undefined, 5, "text", [], [{}], true, {}, { event: {} }, { event: { action: "file-created" } }, Buffer.from("x"), () => 1]) {
      const { classId, extension } = parseCef(formatter.format(event));
      assert.equal(classId, "unformatted");
      assert.equal(extension.get("msg"), formatter.failure?.message);
    }
    assert.equal(formatter.counters.failed, 12);
    parseCef(formatter.format({ event: { id: "1" } }));
    assert.equal(formatter.failure, undefined);
    assert.equal(formatter.counters.formatted, 1);
  });
  it("keeps the id of an event that throws while it is read, and never reuses the id of the event before", () => {
    const formatter = compileFormatter(incydr);
    formatter.format({ event: { id: "before" } });
    const broken = (id?: string) => ({ event: id === undefined ? {} : { id }, get user(): never { throw new Error("gone"); } });
    const line = parseCef(formatter.format(broken("this")));
    assert.equal(formatter.failure?.code, "EVENT_UNREADABLE");
    assert.equal(line.extension.get("devicePayloadId"), "this");
    assert.match(line.extension.get("msg") ?? "", /gone/);
    assert.equal(parseCef(formatter.format(broken())).extension.has("devicePayloadId"), false);
    formatter.format({ event: { id: "before" } });
    assert.equal(parseCef(formatter.format(new Proxy({}, { getOwnPropertyDescriptor() { throw new Error("no"); } }))).extension.has("devicePayloadId"), false);
  });
});

describe("CEF formatter: maxBytes", () => {
  const event = {
    "@timestamp": "2025-01-28T01:24:03.271Z",
    event: { id: "i".repeat(85), action: "file-created", inserted: "2025-01-28T01:27:24Z", observer: "Endpoint", shareType: ["r".repeat(500)] },
    user: { email: "dana@example.com", id: "7" },
    file: { name: "漢".repeat(300), directory: "C:\\" + "d\\".repeat(400), originalName: "o", originalDirectory: "=".repeat(900), owner: "o".repeat(900), sizeInBytes: 5 },
    destination: { category: "c".repeat(3000), email: { subject: "ä=".repeat(500) }, tabs: [{ url: "u?=".repeat(300), title: "t".repeat(2000) }] },
    process: { executable: "e".repeat(800), owner: "p".repeat(500) },
    risk: { score: 3, indicators: [{ name: "👍".repeat(1000) }] },
  };
  const unlimited = compileFormatter(incydr, { maxBytes: 1e6 });
  const fullLine = unlimited.format(event);
  const full = Object.fromEntries(parseCef(fullLine).extension);
  const GROUPS = [["Code42IncydrFileOwner", "Code42IncydrProcessOwner"], ["msg"], ["cs5"], ["cs6"], ["request"], ["requestContext"], ["sproc"], ["filePath"], ["oldFilePath"], ["fname", "reason"]];

  it("holds at every size, and each line is legal and holds the beginning of each value", () => {
    for (let maxBytes = MIN_BYTES; maxBytes < 14_000; maxBytes += 37) {
      const { format, counters } = compileFormatter(incydr, { maxBytes });
      const line = format(event);
      assert.ok(Buffer.byteLength(line) <= maxBytes, `${Buffer.byteLength(line)} > ${maxBytes}`);
      const { extension } = parseCef(line);
      for (const [key, value] of extension) assert.ok(full[key]?.startsWith(value), key);
      assert.equal(counters.truncated > unlimited.counters.truncated, line !== fullLine);
      for (const key of ["devicePayloadId", "rt", "end", "suser"]) assert.equal(extension.get(key), full[key], `${key} at ${maxBytes}`);
    }
  });
  it("shortens own keys first, then message, custom strings, request, process and paths", () => {
    for (let maxBytes = 1500; maxBytes < 14_000; maxBytes += 101) {
      const { extension } = parseCef(compileFormatter(incydr, { maxBytes }).format(event));
      const shortened = GROUPS.map((keys) => keys.some((key) => extension.get(key) !== full[key]));
      const last = shortened.lastIndexOf(true);
      for (let group = 0; group < last; group++) assert.ok(GROUPS[group]!.every((key) => !extension.has(key)), `${GROUPS[group]!.join()} before ${GROUPS[last]!.join()} at ${maxBytes}`);
    }
  });
  it("uses all available bytes: a cut value leaves less than one escaped character unused", () => {
    const { format } = compileFormatter(mapping([text("devicePayloadId", "id"), text("msg")]), { maxBytes: 600 });
    assert.ok(Buffer.byteLength(format({ id: "1", v: "ab=漢".repeat(300) })) >= 596);
  });
  it("shortens the header too when nothing else is left", () => {
    const wide = "漢".repeat(63);
    const { format } = compileFormatter(mapping([text("suser")], { name: "n", classId: "c" }), { maxBytes: MIN_BYTES, vendor: wide, product: wide, version: "漢".repeat(31), severity: "Very-High" });
    for (const event of [{ v: "=".repeat(1023), n: "漢".repeat(512), c: "c".repeat(1000) }, {}]) {
      const line = format(event);
      assert.ok(Buffer.byteLength(line) <= MIN_BYTES);
      parseCef(line);
    }
  });
  it("holds for lines with the reason why an event could not be formatted", () => {
    const { format } = compileFormatter(incydr, { maxBytes: MIN_BYTES, vendor: "漢".repeat(63) });
    const line = format({ event: { id: "漢".repeat(128) }, get user(): never { throw new Error("=\\\n漢".repeat(2000)); } });
    assert.ok(Buffer.byteLength(line) <= MIN_BYTES);
    parseCef(line);
  });
});
