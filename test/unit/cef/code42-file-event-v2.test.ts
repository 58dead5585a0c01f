import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import { makeFileEvent } from "../../../src/simulator/events";
import { parseCef } from "../../../src/simulator/cef-parser";

const formatter = compileFormatter(mappings.get("code42.file-event.v2")!);
const read = (event: object) => parseCef(formatter.format(event));
const fieldsOf = (event: object) => Object.fromEntries(read(event).extension);

/** Asserts that `event` gives exactly `fields`, in addition to id and category. */
function gives(event: object, fields: Record<string, string>) {
  const { devicePayloadId, externalId, cat, ...rest } = fieldsOf({ event: { id: "1" }, ...event });
  assert.equal(devicePayloadId, "1");
  assert.equal(externalId, "1");
  assert.equal(cat, "file-event");
  assert.deepEqual(rest, fields);
}
const withEvent = (event: object, fields: Record<string, string>) => gives({ event: { id: "1", ...event } }, fields);

describe("Code42 file event v2 as CEF: header", () => {
  it("names vendor, product and version", () => {
    const { vendor, product, version } = read({ event: { id: "1" } });
    assert.deepEqual([vendor, product, version], ["Code42", "Incydr", "2"]);
  });
  it("uses the action as class id and describes it in the name", () => {
    const header = (action: unknown) => (({ classId, name }) => [classId, name])(read({ event: { id: "1", action } }));
    assert.deepEqual(header("file-created"), ["file-created", "File created"]);
    assert.deepEqual(header("application-read"), ["application-read", "Read by browser or app"]);
    assert.deepEqual(header("brand-new"), ["brand-new", "brand-new"]);
    assert.deepEqual(header("Brand|New"), ["unknown", "Brand|New"]);
    assert.deepEqual(header(null), ["unknown", "File event"]);
    assert.deepEqual(header({}), ["unknown", "File event"]);
    assert.deepEqual(header("constructor"), ["constructor", "constructor"]);
  });
  it("uses the risk score as severity, or the severity word if there is no score", () => {
    const severity = (risk: unknown) => read({ event: { id: "1" }, risk }).severity;
    for (const [score, expected] of [[0, "0"], [6, "6"], [7.9, "7"], [10, "10"], [17, "10"], [-3, "0"]] as const) assert.equal(severity({ score, severity: "LOW" }), expected);
    for (const [word, expected] of [["CRITICAL", "9"], ["HIGH", "7"], ["MODERATE", "5"], ["LOW", "2"], ["NO_RISK_INDICATED", "0"], ["toString", "Unknown"]]) assert.equal(severity({ score: null, severity: word }), expected);
    assert.equal(severity(null), "Unknown");
    assert.equal(severity({ score: "8" }), "Unknown");
  });
});

describe("Code42 file event v2 as CEF: fields", () => {
  it("puts the id into devicePayloadId, and into externalId when it has 40 characters or less", () => {
    const ids = (id: string) => (({ devicePayloadId, externalId }) => [devicePayloadId, externalId])(fieldsOf({ event: { id } }));
    assert.deepEqual(ids("a".repeat(40)), ["a".repeat(40), "a".repeat(40)]);
    assert.deepEqual(ids("a".repeat(41)), ["a".repeat(41), undefined]);
    assert.deepEqual(ids("a".repeat(200)), ["a".repeat(128), undefined]);
  });
  it("writes the three times as epoch milliseconds", () => {
    gives({ "@timestamp": "2025-01-28T01:24:03.271Z" }, { end: "1738027443271" });
    withEvent({ inserted: "2025-01-28T01:27:24.362976Z" }, { rt: "1738027644362" });
    withEvent({ ingested: "2025-01-28T01:25:04.208Z" }, { rt: "1738027504208", deviceCustomDate1: "1738027504208", deviceCustomDate1Label: "ingested" });
  });
  it("uses the user as suser, or the sender for an e-mail", () => {
    const event = { user: { email: "u" }, source: { email: { sender: "s", from: "f" } } };
    gives(event, { suser: "u" });
    gives({ ...event, event: { id: "1", action: "file-emailed" } }, { suser: "s" });
    gives({ user: { email: "u" }, source: { email: { sender: "", from: "f" } }, event: { id: "1", action: "file-emailed" } }, { suser: "f" });
    gives({ user: { email: "u" }, event: { id: "1", action: "file-emailed" } }, { suser: "u" });
  });
  it("joins the recipients without duplicates, or the users of the destination if there are none", () => {
    gives({ destination: { email: { recipients: ["a", "b", null, "", "a", " c "] }, user: { email: ["d"] } } }, { duser: "a,b,c" });
    gives({ destination: { email: { recipients: [] }, user: { email: ["d", "e"] } } }, { duser: "d,e" });
    gives({ destination: { email: { recipients: "one" } } }, { duser: "one" });
  });
  it("joins directory and name with the directory's own separator", () => {
    const path = (directory: unknown, name: unknown) => fieldsOf({ event: { id: "1" }, file: { directory, name } })["filePath"];
    assert.equal(path("C:/Users/dana/", "a.txt"), "C:/Users/dana/a.txt");
    assert.equal(path("C:\\Users\\dana", "a.txt"), "C:\\Users\\dana\\a.txt");
    assert.equal(path("C:\\Users\\dana\\", "a.txt"), "C:\\Users\\dana\\a.txt");
    assert.equal(path("/home/dana", "a.txt"), "/home/dana/a.txt");
    assert.equal(path("Shared", "a.txt"), "Shared/a.txt");
    assert.equal(path("/home/dana", null), "/home/dana");
    assert.equal(path(null, "a.txt"), undefined);
    gives({ file: { originalDirectory: "D:/", originalName: "b" } }, { oldFileName: "b", oldFilePath: "D:/b" });
  });
  it("keeps a size of 0, and writes one of more than 32 bits under a key of its own", () => {
    gives({ file: { sizeInBytes: 0 } }, { fsize: "0" });
    gives({ file: { sizeInBytes: 2147483647 } }, { fsize: "2147483647" });
    gives({ file: { sizeInBytes: 2147483648 } }, { Code42IncydrFileSize: "2147483648" });
  });
  it("prefers SHA-256 and then writes MD5 under a key of its own", () => {
    gives({ file: { hash: { sha256: "s", md5: "m" } } }, { fileHash: "s", Code42IncydrMd5: "m" });
    gives({ file: { hash: { sha256: null, md5: "m" } } }, { fileHash: "m" });
  });
  it("uses the source's name as host only if its category is Device or missing", () => {
    gives({ source: { name: "L", category: "Device" } }, { shost: "L", sourceServiceName: "Device", Code42IncydrSourceCategory: "Device" });
    gives({ source: { name: "L" } }, { shost: "L" });
    gives({ source: { name: "L", category: "Cloud" } }, { sourceServiceName: "Cloud", Code42IncydrSourceCategory: "Cloud" });
  });
  it("distinguishes a domain from an address", () => {
    gives({ source: { domain: "corp.example" } }, { dvchost: "corp.example" });
    gives({ source: { domain: "192.0.2.10" } }, { dvc: "192.0.2.10" });
    gives({ source: { domain: "2001:db8::1" } }, {});
    gives({ source: { domain: "d".repeat(150) } }, { dvchost: "d".repeat(100) });
  });
  it("writes IPv4 to src and dst, IPv6 to the custom keys for it", () => {
    gives({ source: { ip: "198.51.100.7" }, destination: { ip: "203.0.113.9" } }, { src: "198.51.100.7", dst: "203.0.113.9" });
    gives({ source: { ip: "2001:db8::1" }, destination: { ip: "2001:db8::2" } }, { c6a2: "2001:db8::1", c6a2Label: "Source IPv6 Address", c6a3: "2001:db8::2", c6a3Label: "Destination IPv6 Address" });
    gives({ source: { ip: "nonsense" }, destination: { ip: "1.2.3.4.5" } }, {});
  });
  it("takes address and title from the same tab", () => {
    const tab = (url: unknown, title: unknown) => ({ url, title });
    gives({ destination: { tabs: [tab(null, "x"), tab("d", "D")] }, source: { tabs: [tab("s", "S")] } }, { request: "d", requestContext: "D" });
    gives({ destination: { tabs: [tab("d", null)] }, source: { tabs: [tab("s", "S")] } }, { request: "d" });
    gives({ destination: { tabs: [] }, source: { tabs: [tab("s", "S")] }, file: { url: "f" } }, { request: "s", requestContext: "S" });
    gives({ destination: { tabs: ["text", 1, null, [], {}] }, file: { url: "f" } }, { request: "f" });
  });
  it("uses the first reason that is present", () => {
    gives({ event: { id: "1", shareType: ["A", "B"] }, risk: { trustReason: "t" } }, { reason: "A,B" });
    gives({ risk: { trustReason: "t" }, responseControls: { userJustification: { reason: "j" } } }, { reason: "t" });
    gives({ responseControls: { userJustification: { reason: "j" }, preventativeControl: "BLOCKED" } }, { reason: "j", act: "BLOCKED" });
  });
  it("uses the subject as message, or the name of the report if there is no subject", () => {
    gives({ destination: { email: { subject: "s" } }, report: { name: "r", count: 3 } }, { msg: "s", cn3: "3", cn3Label: "ReportRowCount" });
    gives({ report: { name: "r" } }, { msg: "r" });
  });
  it("describes removable media, preferring the destination's, with the labels of Code42's own formatter", () => {
    const media = { busType: "USB", vendor: "V", name: "N", mediaName: "M", serialNumber: "S", capacity: 64_000_000_000 };
    const expected = {
      cs1: "USB", cs1Label: "Code42AEDRemovableMediaBusType", cs2: "V", cs2Label: "Code42AEDRemovableMediaVendor", cs3: "N", cs3Label: "Code42AEDRemovableMediaName",
      cs4: "S", cs4Label: "Code42AEDRemovableMediaSerialNumber", cn1: "64000000000", cn1Label: "Code42AEDRemovableMediaCapacity",
    };
    gives({ source: { removableMedia: media } }, expected);
    gives({ destination: { removableMedia: media }, source: { removableMedia: { vendor: "other" } } }, expected);
    gives({ source: { removableMedia: { mediaName: "M" } } }, { cs3: "M", cs3Label: "Code42AEDRemovableMediaName" });
  });
  it("lists the risk indicators and the score", () => {
    gives({ risk: { score: 4, severity: "MODERATE", trusted: false, indicators: [{ name: "A, B" }, { name: "C" }, {}] } },
      { cs5: "A, B; C", cs5Label: "RiskIndicators", cn2: "4", cn2Label: "RiskScore", Code42IncydrTrusted: "false", Code42IncydrRiskSeverity: "MODERATE" });
  });
  it("copies values that the dictionary has a key for", () => {
    gives({ user: { id: "u", deviceUid: "d" } }, { suid: "u", deviceExternalId: "d" });
    gives({ file: { name: "n", category: "c", id: "i", created: "2025-01-20T09:00:00Z", modified: "2025-01-27T17:12:44.120Z" } },
      { fname: "n", fileType: "c", fileId: "i", fileCreateTime: "1737363600000", fileModificationTime: "1737997964120" });
    gives({ destination: { remoteHostname: "h", name: "n", category: "c", domains: ["a.example", "b.example"] } },
      { dhost: "h", destinationServiceName: "n", cs6: "c", cs6Label: "DestinationCategory", destinationDnsDomain: "a.example", Code42IncydrDestinationDomains: "a.example,b.example" });
    gives({ event: { id: "1", observer: "Endpoint" }, source: { category: "Device" } }, { sourceServiceName: "Endpoint", Code42IncydrSourceCategory: "Device" });
    gives({ process: { executable: "e", owner: "o", extension: { browser: "CHROME" } } }, { sproc: "e", Code42IncydrProcessOwner: "o", requestClientApplication: "CHROME" });
  });
  it("writes the rest under keys of its own", () => {
    gives({ source: { operatingSystem: "W", privateIp: ["192.0.2.1", "192.0.2.2"] } }, { Code42IncydrSourceOS: "W", Code42IncydrSourcePrivateIp: "192.0.2.1,192.0.2.2" });
    gives({ destination: { accountName: "a", printerName: "p" } }, { Code42IncydrDestinationAccount: "a", Code42IncydrPrinter: "p" });
    gives({ file: { owner: "o", cloudDriveId: "c", mimeTypeByBytes: "m", classifications: [{ value: "x" }, { value: "y" }] } },
      { Code42IncydrFileOwner: "o", Code42IncydrCloudDriveId: "c", Code42IncydrMimeType: "m", Code42IncydrClassification: "x,y" });
    gives({ git: { repositoryUri: "g" } }, { Code42IncydrGitRepository: "g" });
  });
  it("makes a legal line with the right id from each of 2,000 different events", () => {
    for (let index = 0; index < 2000; index++) {
      const event = makeFileEvent(index, { insertedUs: 1_738_000_000_000_000 + index });
      const { extension } = read(event);
      assert.equal(extension.get("devicePayloadId"), event.event.id);
      assert.ok(extension.size > 15);
    }
    assert.equal(formatter.counters.failed, 0);
  });
});
