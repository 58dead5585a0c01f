import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import { parseCef } from "../../../src/simulator/cef-parser";
import { dxlVector } from "../../support/dxl-vectors";

const formatter = compileFormatter(mappings.get("epo.threat-event")!);
const read = (event: unknown) => parseCef(formatter.format({ eventMessageType: "McAfee Common Event", event }));
/** Adds an action to each event, because an event without any field cannot be formatted. */
const fieldsOf = (event: object) => {
  const { act, ...fields } = Object.fromEntries(read({ threatActionTaken: "x", ...event }).extension);
  assert.equal(act, "x");
  return fields;
};
const gives = (event: object, fields: Record<string, string>) => assert.deepEqual(fieldsOf(event), fields);

describe("ePO threat event as CEF: the vendor's sample", () => {
  it("has every expected field", () => {
    const before = { ...formatter.counters };
    const { vendor, product, version, classId, name, severity, extension } = parseCef(formatter.format(JSON.parse(dxlVector("broker-event-v3-full-threat").decoded.payloadUtf8)));
    assert.deepEqual([vendor, product, version, classId, name, severity], ["McAfee", "ePolicy Orchestrator", "10.5.0", "18052", "Buffer Overflow detected and blocked (GBOP)", "9"]);
    assert.deepEqual(Object.fromEntries(extension), {
      act: "blocked", outcome: "success", cat: "Host intrusion buffer overflow", end: "1481667514000", rt: "1481667514000",
      dvc: "10.0.0.10", dvchost: "SAMPLE-HOSTNAME", dvcmac: "00:11:22:33:44:55",
      deviceExternalId: "11111111-2222-3333-4444-555555555555", deviceFacility: "ENDP_AM_1020", deviceProcessName: "McAfee Endpoint Security",
      src: "10.0.0.10", dst: "10.0.0.10", dhost: "SAMPLE-HOSTNAME", dproc: "IEXPLORE.EXE", duser: "Administrator", dntdom: "SAMPLE-HOSTNAME",
      filePath: "C:\\DAC\\IEXPLORE.EXE", fname: "IEXPLORE.EXE", reason: "Exploit Prevention",
      cs1: "ExP:Heap", cs1Label: "Threat Name", cs3: "Exploit Prevention", cs3Label: "Threat Type",
      cs4: "Send Threat Event via DXL", cs4Label: "Rule Name", cs5: "Windows 7", cs5Label: "OS Type", cn1: "2", cn1Label: "Threat Severity",
      msg: '{"definedAt":"My Organization","responseEventType":"Threat","threatSeverityString":"Critical"}',
      McAfeeEpoEntityType: "device", McAfeeEpoOsPlatform: "Workstation",
    });
    assert.deepEqual({ ...formatter.counters }, { ...before, formatted: before.formatted + 1 });
  });
});

describe("ePO threat event as CEF: header", () => {
  it("uses the version of the detecting product, and the event's id as class id", () => {
    const header = (event: object) => (({ version, classId }) => [version, classId])(read({ category: "c", ...event }));
    assert.deepEqual(header({ id: 1027, analyzer: { version: "10.7.0" } }), ["10.7.0", "1027"]);
    assert.deepEqual(header({ id: "1095", analyzer: { version: "" } }), ["0", "1095"]);
    assert.deepEqual(header({}), ["0", "unknown"]);
    assert.deepEqual(header({ id: "a|b" }), ["0", "unknown"]);
  });
  it("is named after the description, or after the threat if there is no description", () => {
    const name = (event: object) => read({ category: "c", ...event }).name;
    assert.equal(name({ eventDesc: "d", threatName: "t" }), "d");
    assert.equal(name({ eventDesc: "", threatName: "t" }), "t");
    assert.equal(name({ eventDesc: null }), "Threat event");
    assert.equal(name({ eventDesc: "a|b\nc" }), "a|b c");
    assert.equal(name({ eventDesc: "x".repeat(600) }).length, 512);
  });
  it("inverts the severity number, or uses the severity word if there is no number", () => {
    const severity = (threatSeverity: unknown, threatSeverityString?: unknown) => read({ category: "c", threatSeverity, otherData: { threatSeverityString } }).severity;
    ["10", "10", "9", "8", "6", "4", "2", "0"].forEach((expected, value) => {
      assert.equal(severity(value, "Info"), expected);
      assert.equal(severity(String(value)), expected);
    });
    for (const [word, expected] of Object.entries({ Alert: "10", Critical: "9", Error: "8", Major: "8", Warning: "6", Minor: "6", Notice: "4", Info: "2", toString: "Unknown", "": "Unknown" })) {
      for (const none of [null, "", 8, -1, "high", {}]) assert.equal(severity(none, word), expected, word);
    }
    assert.equal(severity(undefined), "Unknown");
  });
});

describe("ePO threat event as CEF: fields", () => {
  it("says whether the threat was handled", () => {
    for (const handled of [1, true, "1"]) gives({ threatHandled: handled }, { outcome: "success" });
    for (const handled of [0, false, "0"]) gives({ threatHandled: handled }, { outcome: "failure" });
    for (const handled of [null, "", 2]) gives({ threatHandled: handled }, {});
  });
  it("writes both times as epoch milliseconds, with or without a zone", () => {
    const detectedUTC = "2018-06-25T18:38:44.000Z";
    gives({ analyzer: { detectedUTC } }, { end: "1529951924000", rt: "1529951924000" });
    gives({ analyzer: { detectedUTC: "2018-06-25T18:38:44" } }, { end: "1529951924000", rt: "1529951924000" });
    gives({ analyzer: { detectedUTC: "2018-06-25T20:38:44.125+02:00" } }, { end: "1529951924125", rt: "1529951924125" });
    gives({ analyzer: { detectedUTC }, _receivedUTC: "2018-06-25T18:40:44.000" }, { end: "1529951924000", rt: "1529952044000" });
    gives({ analyzer: { detectedUTC: "yesterday" } }, {});
    const outside = formatter.format({ event: { analyzer: { detectedUTC } }, _receivedUTC: "2018-06-25T18:40:44.000Z" });
    assert.deepEqual(Object.fromEntries(parseCef(outside).extension), { end: "1529951924000", rt: "1529952044000" });
  });
  it("leaves out placeholder addresses", () => {
    for (const [side, v4, v6, label] of [["analyzer", "dvc", "c6a1", "Device"], ["source", "src", "c6a2", "Source"], ["target", "dst", "c6a3", "Destination"]] as const) {
      gives({ [side]: { ipv4: "10.0.2.15", ipv6: "2001:db8::10" } }, { [v4]: "10.0.2.15", [v6]: "2001:db8::10", [`${v6}Label`]: `${label} IPv6 Address` });
      const before = formatter.counters.droppedValues;
      for (const ipv6 of ["", null, "10.0.2.15", "0:0:0:0:0:FFFF:0A00:0010", "0000:0000:0000:0000:0000:FFFF:0A00:0010", "::ffff:10.0.0.16", "::FFFF:a00:10", "::0:ffff:a00:10", "::", "0:0:0:0:0:0:0:0", "::ffff:0:0", "0.0.0.0"]) gives({ [side]: { ipv6 } }, {});
      for (const ipv4 of ["", null, "0.0.0.0"]) gives({ [side]: { ipv4 } }, {});
      assert.equal(formatter.counters.droppedValues, before);
      for (const ipv6 of ["::1", "ffff::a00:10", "::ffff:0:a00:10", "::ffff:a00:10:1", "0:0:0:ffff:0:0:a00:10"]) assert.equal(fieldsOf({ [side]: { ipv6 } })[v6], ipv6);
      gives({ [side]: { ipv4: "10.0.2", ipv6: "2001:db8::g" } }, {});
      assert.equal(formatter.counters.droppedValues, before + 2);
    }
  });
  it("writes MAC addresses with colons", () => {
    gives({ analyzer: { mac: "08002799b15f" }, source: { mac: "08-00-27-99-B1-5F" }, target: { mac: "08:00:27:99:b1:5f" } }, { dvcmac: "08:00:27:99:b1:5f", smac: "08:00:27:99:B1:5F", dmac: "08:00:27:99:b1:5f" });
    gives({ analyzer: { mac: "" }, source: { mac: null }, target: { mac: "0800" } }, {});
  });
  it("leaves out ports outside 1 to 65535", () => {
    gives({ source: { port: 1 }, target: { port: "65535" } }, { spt: "1", dpt: "65535" });
    for (const port of [0, null, "", -1, 65536, 1.5, "x"]) gives({ source: { port }, target: { port } }, {});
  });
  it("splits accounts into domain and user", () => {
    gives({ source: { userName: "CORP\\dana" }, target: { userName: "dana@corp.example" } }, { suser: "dana", sntdom: "CORP", duser: "dana@corp.example" });
    gives({ source: { userName: "\\dana" }, target: { userName: "CORP\\" } }, { suser: "dana", dntdom: "CORP" });
    gives({ source: { userName: "CORP\\a\\b" }, target: { userName: "\\" } }, { suser: "a\\b", sntdom: "CORP" });
    gives({ target: { userName: "NT AUTHORITY\\SYSTEM" } }, { duser: "SYSTEM", dntdom: "NT AUTHORITY" });
  });
  it("has path and name of the attacked file, or of the first listed file", () => {
    const file = (fileName: unknown, files: unknown = []) => (({ filePath, fname }) => [filePath, fname])(fieldsOf({ target: { fileName }, files }));
    assert.deepEqual(file("C:\\Users\\u\\x.exe", [{ name: "y" }]), ["C:\\Users\\u\\x.exe", "x.exe"]);
    assert.deepEqual(file("/opt/a b/x.sh"), ["/opt/a b/x.sh", "x.sh"]);
    assert.deepEqual(file("x.exe"), ["x.exe", "x.exe"]);
    assert.deepEqual(file("C:\\Temp\\"), ["C:\\Temp\\", undefined]);
    assert.deepEqual(file("", [{ name: "/a/y" }, { name: "/a/z" }]), ["/a/y", "y"]);
    assert.deepEqual(file(null, { name: "/a/y" }), ["/a/y", "y"]);
  });
  it("has the strongest hash of the first file", () => {
    const hash = (hashes: object) => ({ name: "f", hash: hashes });
    const all = { MD5: "m", "SHA-1": "s1", "SHA-256": "s256" };
    const fileHash = (files: unknown) => fieldsOf({ files })["fileHash"];
    assert.equal(fileHash([hash(all), hash({ "SHA-256": "other" })]), "s256");
    assert.equal(fileHash(hash(all)), "s256");
    assert.equal(fileHash([hash({ MD5: "m", "SHA-1": "s1", "SHA-256": "" })]), "s1");
    assert.equal(fileHash([hash({ MD5: "m" }), hash(all)]), "m");
    for (const none of [[], [{}], {}, null]) assert.equal(fileHash(none), undefined);
  });
  it("has no hash of another file than the one that it names", () => {
    const hash = { "SHA-256": "s256" };
    const file = (fileName: unknown, files: unknown) => (({ fname, fileHash }) => [fname, fileHash])(fieldsOf({ target: { fileName }, files }));
    assert.deepEqual(file("C:\\Temp\\x.exe", [{ name: "C:\\Temp\\y.exe", hash }]), ["x.exe", undefined]);
    assert.deepEqual(file("C:\\Temp\\x.exe", [{ name: "C:\\Other\\x.exe", hash }]), ["x.exe", undefined]);
    assert.deepEqual(file("C:\\Temp\\x.exe", [{ hash }]), ["x.exe", undefined]);
    assert.deepEqual(file("C:\\Temp\\x.exe", [{ name: "y.exe", hash: {} }, { name: "C:\\Temp\\x.exe", hash }]), ["x.exe", undefined]);
    assert.deepEqual(file("C:\\Temp\\x.exe", [{ name: "C:\\Temp\\x.exe", hash }]), ["x.exe", "s256"]);
    assert.deepEqual(file("C:\\Temp\\x.exe", { name: "x.exe", hash }), ["x.exe", "s256"]);
    for (const none of ["", null, undefined]) assert.deepEqual(file(none, [{ name: "C:\\Temp\\y.exe", hash }]), ["y.exe", "s256"]);
  });
  it("has the count if it is above 1, and the rule's number as id", () => {
    gives({ otherData: { count: "1", autoId: "4711" } }, { externalId: "4711" });
    gives({ otherData: { count: "12" } }, { cnt: "12" });
    gives({ otherData: { count: 2, AutoID: 4711 } }, { cnt: "2", externalId: "4711" });
    gives({ otherData: { count: "", autoId: "x".repeat(41) } }, {});
  });
  it("names threat, signatures, rule, system and place", () => {
    const texts = (event: object) => Object.fromEntries(Object.entries(fieldsOf(event)).filter(([key]) => !key.endsWith("Label")));
    assert.deepEqual(texts({ threatName: "n", threatType: "t", analyzer: { engineVersion: "5900.7806", contentVersion: "3277.0" } }), { cs1: "n", cs3: "t", cs2: "3277.0 / 5900.7806" });
    assert.deepEqual(texts({ analyzer: { engineVersion: "5900.7806", contentVersion: "" } }), { cs2: "5900.7806" });
    assert.deepEqual(texts({ entity: { groupName: "g", _nodeTextPath: "p", osType: "Windows 7" } }), { cs6: "g", cs5: "Windows 7" });
    assert.deepEqual(texts({ entity: { groupName: null, _nodeTextPath: "GlobalRoot\\Directory" } }), { cs6: "GlobalRoot\\Directory" });
    assert.deepEqual(texts({ otherData: { responseRuleName: "response" } }), { cs4: "response" });
    assert.deepEqual(texts({ entity: { ruleName: "rule" }, otherData: { responseRuleName: "response" } }), { cs4: "rule", msg: '{"responseRuleName":"response"}' });
    assert.equal(fieldsOf({ analyzer: { engineVersion: "1" } })["cs2Label"], "Signature / Engine Version");
    assert.equal(fieldsOf({ entity: { groupName: "g" } })["cs6Label"], "System Tree Path");
  });
  it("has processes, URL, protocol and keys of its own", () => {
    gives({ source: { processName: "p.exe", hostName: "h", url: "http://x/?a=b" }, target: { processName: "q.exe", protocol: "tcp" }, uri: "u", entity: { type: "device", osPlatform: "Server" } }, {
      sproc: "p.exe", shost: "h", request: "http://x/?a=b", dproc: "q.exe", proto: "tcp", McAfeeEpoUri: "u", McAfeeEpoEntityType: "device", McAfeeEpoOsPlatform: "Server",
    });
  });
});

describe("ePO threat event as CEF: the rest of the response's data", () => {
  const msg = (otherData: unknown) => fieldsOf({ otherData })["msg"];

  it("is JSON without empty values and unfilled placeholders", () => {
    assert.equal(msg({ a: "x", n: 1, b: false, list: ["1", "", "2", null], count: "1" }), '{"a":"x","n":1,"b":false,"list":["1","2"]}');
    assert.equal(msg({ sc_evtFileMd5: "{sc_evtFileMd5}", clientIp: "", nothing: null, empty: [], kept: "{other}" }), '{"kept":"{other}"}');
    assert.equal(msg(JSON.parse('{"__proto__":"x"}')), '{"__proto__":"x"}');
    for (const none of [null, {}, [], "text", { count: "1", responseRuleName: "r" }]) assert.equal(msg(none), undefined);
    assert.equal(msg({ "k=|\n": 'a"=\\|\n' }), JSON.stringify({ "k=|\n": 'a"=\\|' }));
  });
  it("stays valid JSON when it is long: values beyond the key's maximum length are left out and counted", () => {
    const before = formatter.counters.truncated;
    const text = msg({ a: "x".repeat(500), b: "y".repeat(600), c: "z".repeat(499), d: 1 }) ?? "";
    assert.deepEqual(JSON.parse(text), { a: "x".repeat(500), c: "z".repeat(499), d: 1 });
    assert.equal(formatter.counters.truncated, before + 1);
    const full = msg({ a: "x".repeat(1023 - '{"a":""}'.length) }) ?? "";
    assert.equal(full.length, 1023);
    assert.equal(msg({ a: "x".repeat(1023 - '{"a":""}'.length + 1) }), undefined);
  });
  it("counts the values that it cannot hold", () => {
    const before = formatter.counters.droppedValues;
    assert.equal(msg({ a: { b: 1 }, c: [{}], d: "x" }), '{"d":"x"}');
    assert.equal(formatter.counters.droppedValues, before + 2);
  });
});

describe("ePO threat event as CEF: a record of another kind", () => {
  it("becomes a line with the reason", () => {
    for (const event of [null, {}, { hello: 1 }, { event: "x" }, { event: {} }]) assert.equal(parseCef(formatter.format(event)).classId, "unformatted");
  });
});
