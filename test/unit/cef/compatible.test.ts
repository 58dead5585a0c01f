import assert from "node:assert/strict";
import { compileFormatter, type FormatOptions } from "../../../src/cef/encoder";
import { compatibleMappings } from "../../../src/cef/mappings";
import { parseCef } from "../../../src/simulator/cef-parser";
import golden from "../../data/c42eventextractor-cef.json";

const mapping = compatibleMappings.get("code42.file-event.v1")!;
const format = (event: unknown, options: FormatOptions = {}) => compileFormatter(mapping, options).format(event);
const HEADER = "CEF:0|Code42|Advanced Exfiltration Detection|1|C42200|CREATED|5|";

describe("Compatible profile: the lines of the original formatter", () => {
  for (const { name, note, event, line } of golden.cases) {
    it(`${name}: ${note}`, () => assert.equal(format(event), line));
  }
  it("are reproduced byte for byte where they were legal, which most of them were", () => {
    assert.ok(golden.cases.filter(({ original, line }) => original === line).length >= golden.cases.length / 2);
  });
});

describe("Compatible profile: events for which the original had no legal line", () => {
  const extension = (event: object) => format({ eventType: "CREATED", ...event }).slice(HEADER.length);

  it("keeps empty values and surrounding spaces", () => {
    assert.equal(extension({ fileName: "", removableMediaVendor: "", actor: " a " }), "fname= cs2= cs2Label=Code42AEDRemovableMediaVendor suser= a ");
    assert.equal(extension({ exposure: [""] }), "reason=");
  });
  it("writes the last of two properties with the same key, at the position of the first", () => {
    assert.equal(extension({ deviceUserName: "d", fileName: "f", emailSender: "s", actor: "" }), "suser= fname=f");
    assert.equal(extension({ deviceUserName: "d", fileName: "f", actor: null }), "suser=d fname=f");
  });
  it("leaves out a value that has no text form, and counts it", () => {
    const formatter = compileFormatter(mapping);
    const line = formatter.format({ eventType: "CREATED", fileName: "f", osHostName: { a: 1 }, exposure: ["x", { a: 1 }, null, 2], sharedWith: [{}, { cloudUsername: "u" }], fileSize: NaN, createTimestamp: "yesterday", eventTimestamp: 5 });
    assert.equal(line, `${HEADER}fname=f reason=x,2 duser=u`);
    assert.equal(formatter.counters.droppedValues, 6);
    assert.equal(extension({ exposure: [null], sharedWith: [{}] }), "");
  });
  it("reads times with an offset and with more decimals than Python does", () => {
    assert.equal(extension({ eventTimestamp: "2023-03-14T17:09:26.535+02:00", insertionTimestamp: "2023-03-14T15:09:26.5358979Z" }), "end=1678806566535 rt=1678806566536");
  });
  it("lets no value end its field, the header or the line", () => {
    const line = format({ eventType: "A|B\nC\u2028", fileName: "x suser=root\r\n\u2028\u0000\ud800", constructor: "x", ["__proto__"]: { fileName: "y" } });
    assert.equal(line, "CEF:0|Code42|Advanced Exfiltration Detection|1|C42000|A\\|B C|5|fname=x suser\\=root\\r\\n  \ufffd");
  });
  it("is never longer than maxBytes, and always legal", () => {
    const event = { eventId: "i".repeat(85), eventType: "CREATED", filePath: "漢=".repeat(5000), fileName: "f".repeat(900), fileSize: 5, removableMediaVendor: "", exposure: ["e".repeat(2000)], deviceUserName: "dana@example.com" };
    const full = format(event, { maxBytes: 100_000 });
    for (let maxBytes = 512; maxBytes < 20_000; maxBytes += 331) {
      const line = format(event, { maxBytes });
      assert.ok(Buffer.byteLength(line) <= maxBytes);
      assert.match(line, /externalId=i{85} .*suser=dana@example\.com/);
      for (const [, key, value] of line.slice(HEADER.length).matchAll(/(?:^| )(\w+)=((?:\\.|[^ =\\])*)/g)) assert.ok(full.includes(`${key}=${value}`), key);
    }
  });
  it("writes a line with the id and the reason for anything but a file event of version 1", () => {
    for (const event of [null, [], "text", {}, { riskScore: 5 }, { eventType: null }, { event: { id: "1" }, file: { name: "version 2" } }]) {
      const formatter = compileFormatter(mapping);
      assert.equal(parseCef(formatter.format(event)).classId, "unformatted");
      assert.ok(["EVENT_NOT_OBJECT", "EVENT_EMPTY"].includes(formatter.failure?.code ?? ""));
    }
    const broken = { eventId: "this", eventType: "CREATED", get fileName(): never { throw new Error("gone"); } };
    const { classId, extension: fields } = parseCef(format(broken));
    assert.deepEqual([classId, fields.get("devicePayloadId")], ["unformatted", "this"]);
    const own = parseCef(format(broken, { fields: [{ key: "devicePayloadId", source: "eventType" }] }));
    assert.equal(own.extension.get("devicePayloadId"), "CREATED", "an own field takes its place here too");
  });
});

describe("Compatible profile: settings of the node", () => {
  it("adds own fields at the end and drops mapped fields with the same key", () => {
    const fields = [{ key: "cn2", source: "riskScore", label: "RiskScore" }, { key: "fileHash", source: "sha256Checksum" }];
    const line = format({ eventType: "CREATED", md5Checksum: "m", fileName: "f", sha256Checksum: "s", riskScore: 7 }, { fields, vendor: "Mimecast", severity: "Low" });
    assert.equal(line, "CEF:0|Mimecast|Advanced Exfiltration Detection|1|C42200|CREATED|Low|fname=f cn2=7 cn2Label=RiskScore fileHash=s");
  });
});
