/**
 * Formats thousands of events with hostile text in every field and parses the lines with liblognorm, an independent CEF
 * parser in C. Each line must give one record with exactly the expected header and fields. Plain code in this file, which
 * shares nothing with the formatter, computes the expected record from the event.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lookUp } from "../../src/cef/dictionary";
import { compileFormatter } from "../../src/cef/encoder";
import { pathsOf } from "../../src/cef/mapping";
import { compatibleMappings, mappings } from "../../src/cef/mappings";
import { parseExact } from "../../src/common/exact-json";
import type { RecordKind } from "../../src/common/messages";
import { parseCef } from "../../src/simulator/cef-parser";
import golden from "../data/c42eventextractor-cef.json";
import { cefLabels, cefSamples, withLabels } from "../support/cef-samples";
import { dxlVector } from "../support/dxl-vectors";

type Fields = Record<string, string>;
interface LineRecord {
  header: string[];
  fields: Fields;
}

// Reading with liblognorm.

/** liblognorm skips the character after the last pipe of the header as a separator, so add one. */
const forLiblognorm = (line: string) => line.replace(/^CEF:0(?:\|(?:\\.|[^\\|])*){6}\|/, "$& ");

function normalize(lines: readonly string[]): LineRecord[] {
  const folder = mkdtempSync(join(tmpdir(), "cef-"));
  try {
    writeFileSync(join(folder, "rules"), "version=2\nrule=:%f:cef%\n");
    const { stdout, error } = spawnSync("lognormalizer", ["-r", join(folder, "rules"), "-e", "json"], {
      input: lines.map((line) => `${forLiblognorm(line)}\n`).join(""), encoding: "utf8", maxBuffer: 1 << 30,
    });
    if (error !== undefined) throw new Error("lognormalizer does not run: install the Debian package liblognorm-utils (apt-get install liblognorm-utils).", { cause: error });
    return stdout.split("\n").filter((line) => line !== "").map((line) => {
      const { f } = JSON.parse(line) as { f?: Record<string, string> & { Extensions: Fields } };
      assert.ok(f !== undefined, `liblognorm refuses ${line.slice(0, 500)}`);
      return { header: ["DeviceVendor", "DeviceProduct", "DeviceVersion", "SignatureID", "Name", "Severity"].map((name) => String(f[name])), fields: f.Extensions };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Expected records.

const isControl = (char: string) => char < " " || (char >= "\u007f" && char <= "\u009f");
const isBlank = (char: string) => char.trim() === "" || isControl(char);
const isHostile = (char: string) => (isControl(char) && !"\r\n".includes(char)) || "\u2028\u2029".includes(char);

function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start]!)) start++;
  while (end > start && isBlank(text[end - 1]!)) end--;
  return text.slice(start, end);
}
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const whole = text.codePointAt(length - 1)! > 0xffff ? length - 1 : length;
  return strip(text.slice(0, whole));
}
const printable = (text: string) => Buffer.from(text).toString().split("").map((char) => (isHostile(char) ? " " : char)).join("");

/** A value as text; undefined if it is empty or has no text form. */
function scalar(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? strip(value) || undefined : undefined;
}
function get(event: unknown, path: string): unknown {
  let value = event;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
function list(value: unknown, separator: string): string | undefined {
  const items = (Array.isArray(value) ? value : [value]).map(scalar).filter((item) => item !== undefined);
  return items.length < 2 ? items[0] : [...new Set(items.map((item) => cut(item, 4000)))].join(separator);
}
function time(value: unknown): string | undefined {
  if (typeof value === "number") return value >= 1 && value <= 8.64e15 ? String(Math.floor(value)) : undefined;
  const [, seconds, decimals = "", zone] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(scalar(value) ?? "") ?? [];
  const moment = Date.parse(`${seconds}.${decimals.padEnd(3, "0").slice(0, 3)}${zone}`);
  return moment > 0 ? String(moment) : undefined;
}
const whole = (value: unknown, limit: number) => {
  const text = scalar(value);
  return text !== undefined && typeof value !== "boolean" && /^-?\d{1,19}$/.test(text) && Math.abs(Number(text)) <= limit ? String(Number(text)) : undefined;
};

/** The expected header and fields of an event; undefined if it has no known property. */
function expectedRecord(event: unknown): LineRecord | undefined {
  const at = (path: string) => scalar(get(event, path));
  const fields: Fields = {};
  const set = (key: string, value: string | undefined, length = 1023, label?: string) => {
    if (value === undefined) return;
    fields[key] = printable(cut(value, length));
    if (label !== undefined) fields[`${key}Label`] = label;
  };
  const id = at("event.id");
  const emailed = at("event.action") === "file-emailed";
  const address = (path: string, isKind: (text: string) => boolean) => [at(path)].find((text) => text !== undefined && isKind(text) && !text.includes("%"));
  const filePath = (directory: string | undefined, name: string | undefined) => {
    if (directory === undefined || name === undefined) return directory;
    if (directory.endsWith("/") || directory.endsWith("\\")) return directory + name;
    return `${directory}${directory.includes("\\") && !directory.includes("/") ? "\\" : "/"}${name}`;
  };
  const tab = ["destination.tabs", "source.tabs"].flatMap((path): unknown[] => [get(event, path)].flat()).find((each) => scalar(get(each, "url")) !== undefined);
  const media = (...names: string[]) => ["destination", "source"].flatMap((side) => names.map((name) => `${side}.removableMedia.${name}`)).find((path) => at(path) !== undefined) ?? "";
  const pluck = (path: string, name: string) => [get(event, path)].flat().map((item) => get(item, name));
  const size = Number(at("file.sizeInBytes"));

  if ((id ?? "").length <= 40) set("externalId", id, 40);
  set("devicePayloadId", id, 128);
  set("end", time(get(event, "@timestamp")));
  const isInserted = at("event.inserted") !== undefined && !(Number(get(event, "event.inserted")) < 1 && typeof get(event, "event.inserted") === "number");
  set("rt", time(get(event, isInserted ? "event.inserted" : "event.ingested")));
  set("deviceCustomDate1", time(get(event, "event.ingested")), 99, "ingested");
  set("suser", (emailed ? at("source.email.sender") ?? at("source.email.from") : undefined) ?? at("user.email"));
  set("suid", at("user.id"));
  set("deviceExternalId", at("user.deviceUid"), 255);
  set("duser", list(get(event, "destination.email.recipients"), ",") ?? list(get(event, "destination.user.email"), ","));
  set("fname", at("file.name"));
  set("filePath", filePath(at("file.directory"), at("file.name")));
  set("oldFileName", at("file.originalName"));
  set("oldFilePath", filePath(at("file.originalDirectory"), at("file.originalName")));
  set("fileType", at("file.category"));
  if (!(size > 2 ** 31 - 1)) set("fsize", whole(get(event, "file.sizeInBytes"), 2 ** 31 - 1));
  else set("Code42IncydrFileSize", whole(get(event, "file.sizeInBytes"), Number.MAX_SAFE_INTEGER));
  set("fileHash", at("file.hash.sha256") ?? at("file.hash.md5"), 255);
  if (at("file.hash.sha256") !== undefined) set("Code42IncydrMd5", at("file.hash.md5"));
  set("fileId", at("file.id"));
  set("fileCreateTime", time(get(event, "file.created")));
  set("fileModificationTime", time(get(event, "file.modified")));
  if ([undefined, "Device"].includes(at("source.category"))) set("shost", at("source.name"));
  if (address("source.domain", isIPv4) === undefined && address("source.domain", isIPv6) === undefined) set("dvchost", at("source.domain"), 100);
  set("dvc", address("source.domain", isIPv4));
  set("src", address("source.ip", isIPv4));
  set("c6a2", address("source.ip", isIPv6), 99, "Source IPv6 Address");
  set("dst", address("destination.ip", isIPv4));
  set("c6a3", address("destination.ip", isIPv6), 99, "Destination IPv6 Address");
  set("dhost", at("destination.remoteHostname"));
  const domains = get(event, "destination.domains");
  set("destinationDnsDomain", Array.isArray(domains) ? scalar(domains[0]) : undefined, 255);
  set("destinationServiceName", at("destination.name"));
  set("sourceServiceName", at("event.observer") ?? at("source.category"));
  set("sproc", at("process.executable"));
  set("request", scalar(get(tab, "url")) ?? at("file.url"));
  set("requestContext", scalar(get(tab, "title")), 2048);
  set("requestClientApplication", at("process.extension.browser"));
  set("reason", list(get(event, "event.shareType"), ",") ?? at("risk.trustReason") ?? at("responseControls.userJustification.reason"));
  set("act", at("responseControls.preventativeControl"), 63);
  set("msg", at("destination.email.subject") ?? at("report.name"));
  set("cs1", at(media("busType")), 4000, "Code42AEDRemovableMediaBusType");
  set("cs2", at(media("vendor")), 4000, "Code42AEDRemovableMediaVendor");
  set("cs3", at(media("name", "mediaName")), 4000, "Code42AEDRemovableMediaName");
  set("cs4", at(media("serialNumber")), 4000, "Code42AEDRemovableMediaSerialNumber");
  set("cs5", list(pluck("risk.indicators", "name"), "; "), 4000, "RiskIndicators");
  set("cs6", at("destination.category"), 4000, "DestinationCategory");
  set("cn1", whole(get(event, media("capacity")), Number.MAX_SAFE_INTEGER), 99, "Code42AEDRemovableMediaCapacity");
  set("cn2", whole(get(event, "risk.score"), Number.MAX_SAFE_INTEGER), 99, "RiskScore");
  set("cn3", whole(get(event, "report.count"), Number.MAX_SAFE_INTEGER), 99, "ReportRowCount");
  set("Code42IncydrSourceCategory", at("source.category"));
  set("Code42IncydrSourceOS", at("source.operatingSystem"));
  set("Code42IncydrSourcePrivateIp", list(get(event, "source.privateIp"), ","));
  set("Code42IncydrDestinationAccount", at("destination.accountName"));
  set("Code42IncydrDestinationDomains", list(domains, ","));
  set("Code42IncydrProcessOwner", at("process.owner"));
  set("Code42IncydrFileOwner", at("file.owner"));
  set("Code42IncydrCloudDriveId", at("file.cloudDriveId"));
  set("Code42IncydrMimeType", at("file.mimeTypeByBytes"));
  set("Code42IncydrClassification", list(pluck("file.classifications", "value"), ","));
  set("Code42IncydrTrusted", at("risk.trusted"));
  set("Code42IncydrRiskSeverity", at("risk.severity"));
  set("Code42IncydrGitRepository", at("git.repositoryUri"));
  set("Code42IncydrPrinter", at("destination.printerName"));
  if (Object.keys(fields).length === 0) return undefined;
  set("cat", "file-event");

  const action = at("event.action");
  const names = new Map([["file-created", "File created"], ["file-emailed", "File emailed"], ["application-read", "Read by browser or app"]]);
  const name = names.get(action ?? "") ?? action ?? "File event";
  const score = get(event, "risk.score");
  const bands: Fields = { CRITICAL: "9", HIGH: "7", MODERATE: "5", LOW: "2", NO_RISK_INDICATED: "0" };
  const band = at("risk.severity");
  const severity = typeof score === "number" ? String(Math.min(10, Math.max(0, Math.floor(score)))) : band !== undefined && Object.hasOwn(bands, band) ? bands[band]! : "Unknown";
  return {
    header: ["Code42", "Incydr", "2", /^[a-z0-9-]{1,63}$/.test(action ?? "") ? action! : "unknown", printable(cut(name, 512).replace(/[\r\n]+/g, " ")), severity],
    fields,
  };
}

// Random events.

/** A random generator with a seed, so that a failure can be repeated. */
function randomOf(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    chance: (probability: number) => next() < probability,
    below: (limit: number) => Math.floor(next() * limit),
    pick: <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)]!,
  };
}

const PIECES = [
  "|", "=", "\\", "\r", "\n", "\r\n", "\0", "\u2028", "\u2029", "\u0085", "\u007f", "\u001b", "\ud800", "\udc00", "\ud83d\ude00", "\t", "\u009b", " ", "  ", "\ufeff", "\u00a0", "\\n", "\\=", "\\|", "\\\\",
  " suser=root", " msg=forged cs1=x cs1Label=y", "\nCEF:0|a|b|c|d|e|5|suser=evil", "CEF:0|", "=x =", "key=", "__proto__", "C:\\Users\\dana\\", "https://h/?a=b&c=d|e", "漢字", "äöü", "a", "word", "%s", "\"", "'", "{}", "<134>", "%22", "\\r", "\\t", "-", "file-created",
];

function makeEvents(seed: number, count: number): unknown[] {
  const random = randomOf(seed);
  const hostile = (): string => {
    if (random.chance(0.0001)) return `${random.pick(PIECES)}x`.repeat(1 + Math.floor(1_000_000 / 20));
    const pieces = Array.from({ length: random.below(random.chance(0.05) ? 400 : 7) }, () => random.pick(PIECES));
    return pieces.join(random.pick(["", "", " ", "x"]));
  };
  const wrong = () => random.pick<unknown>([null, [], {}, [[]], ["x"], { name: "x" }, 0, -1, 1.5, 2 ** 40, true, false, ""]);
  const text = () => (random.chance(0.1) ? wrong() : hostile());
  const some = <Value>(make: () => Value) => Array.from({ length: random.below(5) }, make);
  const texts = () => (random.chance(0.1) ? text() : some(text));
  const moment = () => (random.chance(0.2) ? text() : `20${10 + random.below(80)}-0${1 + random.below(9)}-1${random.below(10)}T1${random.below(10)}:2${random.below(10)}:3${random.below(10)}${random.pick(["", ".1", ".12", ".123", ".535897", ".9999999", ".123456789"])}${random.pick(["Z", "Z", "+05:30", "-08:00"])}`);
  const number = () => (random.chance(0.3) ? text() : random.pick([0, 1, 9, 17, 20480, 2147483647, 2147483648, 9007199254740991, 4.5]));
  const ip = () => (random.chance(0.3) ? text() : random.pick(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1%eth0", "256.1.1.1", " 198.51.100.9 "]));
  const tabs = () => (random.chance(0.1) ? text() : some(() => (random.chance(0.1) ? wrong() : part({ url: text, title: text }))));
  const part = (fields: Record<string, () => unknown>): unknown => {
    if (random.chance(0.02)) return wrong();
    const entries = Object.entries(fields).filter(() => !random.chance(0.15)).map(([key, make]) => [key, make()] as const);
    // An own property with that name, as JSON.parse makes it, not a prototype.
    if (random.chance(0.1)) entries.push(["__proto__", { name: "evil", id: "evil", email: "evil", action: "evil", url: "evil" }]);
    return Object.fromEntries(entries);
  };
  const media = () => part({ vendor: text, name: text, mediaName: text, serialNumber: text, busType: text, capacity: number });
  const event = () => part({
    "@timestamp": moment,
    event: () => part({ id: text, inserted: moment, ingested: moment, observer: text, shareType: texts, action: () => (random.chance(0.5) ? random.pick(["file-created", "file-emailed", "application-read", "brand-new"]) : text()) }),
    user: () => part({ email: text, id: text, deviceUid: text }),
    file: () => part({
      name: text, originalName: text, directory: text, originalDirectory: text, category: text, mimeTypeByBytes: text, sizeInBytes: number, owner: text, created: moment, modified: moment, id: text, url: text, cloudDriveId: text,
      hash: () => part({ md5: text, sha256: text }), classifications: () => some(() => part({ value: text })),
    }),
    report: () => part({ name: text, count: number }),
    source: () => part({ category: () => (random.chance(0.5) ? "Device" : text()), name: text, domain: ip, ip, privateIp: texts, operatingSystem: text, email: () => part({ sender: text, from: text }), tabs, removableMedia: media }),
    destination: () => part({ category: text, name: text, ip, accountName: text, domains: texts, remoteHostname: text, printerName: text, email: () => part({ recipients: texts, subject: text }), user: () => part({ email: texts }), tabs, removableMedia: media }),
    process: () => part({ executable: text, owner: text, extension: () => part({ browser: text }) }),
    risk: () => part({ score: number, severity: () => (random.chance(0.5) ? random.pick(["CRITICAL", "LOW", "constructor"]) : text()), trusted: () => random.chance(0.5), trustReason: text, indicators: () => some(() => part({ name: text })) }),
    git: () => part({ repositoryUri: text }),
    responseControls: () => part({ preventativeControl: text, userJustification: () => part({ reason: text }) }),
  });
  return Array.from({ length: count }, event);
}

describe("CEF lines, parsed by liblognorm", () => {
  const mapping = mappings.get("code42.file-event.v2")!;

  it("give one record for each event, with exactly the expected header and fields", () => {
    const seed = Number(process.env["CEF_SEED"] ?? 42);
    const long = "=\\|\n\u2028 suser=root\ud800".repeat(60_000);
    const events = [
      ...makeEvents(seed, 6000),
      { event: { id: long, action: long }, file: { name: long, directory: long }, risk: { severity: long, indicators: [{ name: long }, { name: long }] }, destination: { domains: Array(50).fill(long) } },
      { event: { id: `\n${long}` }, "@timestamp": long, source: { ip: long, domain: long, tabs: [{ url: long, title: long }] } },
      null, 5, "text", [], {}, { event: { action: "file-created" } },
    ];
    const formatter = compileFormatter(mapping, { maxBytes: 1_048_576 });
    const lines = events.map((event) => formatter.format(event));
    const records = normalize(lines);
    assert.equal(records.length, events.length);
    let unformatted = 0;
    events.forEach((event, index) => {
      const expected = expectedRecord(event);
      const record = records[index]!;
      if (expected !== undefined) return assert.deepEqual(record, expected, `event ${index} of seed ${seed}: ${lines[index]!.slice(0, 2000)}`);
      unformatted++;
      assert.deepEqual(record.header, ["Code42", "Incydr", "2", "unformatted", "Unformatted", "Unknown"]);
      assert.deepEqual(Object.keys(record.fields), ["msg"]);
    });
    assert.equal(formatter.counters.failed, unformatted);
    assert.ok(unformatted < events.length / 10);
  }).timeout(60_000);

  it("give fewer fields or beginnings of values when they are shortened, but never another field", () => {
    const events = makeEvents(7, 1500);
    for (const maxBytes of [512, 1000, 2000, 8000]) {
      const { format } = compileFormatter(mapping, { maxBytes });
      const lines = events.map(format);
      for (const line of lines) assert.ok(Buffer.byteLength(line) <= maxBytes);
      const records = normalize(lines);
      assert.equal(records.length, events.length);
      events.forEach((event, index) => {
        const expected = expectedRecord(event);
        for (const [key, value] of Object.entries(expected === undefined ? {} : records[index]!.fields)) {
          assert.ok(expected?.fields[key]?.startsWith(value), `${key} of event ${index} at ${maxBytes}: ${lines[index]}`);
        }
      });
    }
  }).timeout(60_000);
});

describe("CEF lines of ePO threat events, parsed by liblognorm", () => {
  const mapping = mappings.get("epo.threat-event")!;
  const sample = JSON.parse(dxlVector("broker-event-v3-full-threat").decoded.payloadUtf8) as { event: Record<string, unknown> };

  it("have every expected field of the vendor's sample, and own keys", () => {
    const expectedLine = [
      "CEF:0|McAfee|ePolicy Orchestrator|10.5.0|18052|Buffer Overflow detected and blocked (GBOP)|9|act=blocked outcome=success cat=Host intrusion buffer overflow end=1481667514000 rt=1481667514000",
      "dvc=10.0.0.10 dvchost=SAMPLE-HOSTNAME dvcmac=00:11:22:33:44:55 deviceExternalId=11111111-2222-3333-4444-555555555555 deviceFacility=ENDP_AM_1020 deviceProcessName=McAfee Endpoint Security",
      "src=10.0.0.10 dst=10.0.0.10 dhost=SAMPLE-HOSTNAME dproc=IEXPLORE.EXE duser=Administrator dntdom=SAMPLE-HOSTNAME filePath=C:\\\\DAC\\\\IEXPLORE.EXE fname=IEXPLORE.EXE reason=Exploit Prevention",
      "cs1=ExP:Heap cs1Label=Threat Name cs3=Exploit Prevention cs3Label=Threat Type cs4=Send Threat Event via DXL cs4Label=Rule Name cs5=Windows 7 cs5Label=OS Type cn1=2 cn1Label=Threat Severity",
      'msg={"definedAt":"My Organization","responseEventType":"Threat","threatSeverityString":"Critical"}',
    ].join(" ");
    const [sent, expected] = normalize([compileFormatter(mapping).format(sample), expectedLine]);
    const { McAfeeEpoEntityType, McAfeeEpoOsPlatform, ...fields } = sent!.fields;
    assert.deepEqual({ header: sent!.header, fields }, expected);
    assert.deepEqual([McAfeeEpoEntityType, McAfeeEpoOsPlatform], ["device", "Workstation"]);
  });

  it("give one record for each event, with fields of the mapping only, whatever the event contains", () => {
    const random = randomOf(11);
    const hostile = () => Array.from({ length: random.below(6) }, () => random.pick(PIECES)).join(random.pick(["", " ", "x"]));
    const spoil = (value: unknown): unknown => {
      if (Array.isArray(value)) return random.chance(0.5) ? value : { name: hostile(), hash: { "SHA-256": hostile() } };
      if (typeof value !== "object" || value === null) return random.chance(0.3) ? value : hostile();
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [random.chance(0.02) ? hostile() : key, spoil(item)]));
    };
    const events = Array.from({ length: 3000 }, () => ({ ...sample, event: spoil(sample.event) }));
    const lines = events.map(compileFormatter(mapping).format);
    const records = normalize(lines);
    assert.equal(records.length, events.length);
    const keys = new Set(mapping.rows.flatMap(({ key, label }) => (label === undefined ? [key] : [key, `${key}Label`])));
    records.forEach(({ header, fields }, index) => {
      const { vendor, product, version, classId, name, severity, extension } = parseCef(lines[index]!);
      assert.deepEqual({ header, fields }, { header: [vendor, product, version, classId, name, severity], fields: Object.fromEntries(extension) }, lines[index]);
      assert.deepEqual(Object.keys(fields).filter((key) => !keys.has(key)), []);
      assert.deepEqual(header.slice(0, 2), ["McAfee", "ePolicy Orchestrator"]);
      const user = (events[index]!.event as { target?: { userName?: unknown } }).target?.userName;
      if (user === "SAMPLE-HOSTNAME\\Administrator") assert.deepEqual([fields["duser"], fields["dntdom"]], ["Administrator", "SAMPLE-HOSTNAME"]);
    });
  }).timeout(60_000);
});

describe("CEF lines of every kind of record, parsed by liblognorm", () => {
  for (const [kind, samples] of Object.entries(cefSamples)) {
    const mapping = mappings.get(kind)!;

    it(`have every expected field: ${kind}`, () => {
      const records = normalize(samples.map(({ event }) => compileFormatter(mapping).format(event)));
      assert.deepEqual(records, samples.map(({ header, fields }) => ({ header, fields: withLabels(fields, cefLabels[kind as RecordKind]) })));
    });
    it(`give one record for each event, with fields of the mapping only, whatever the event contains: ${kind}`, () => {
      const random = randomOf(23);
      const hostile = () => Array.from({ length: random.below(6) }, () => random.pick(PIECES)).join(random.pick(["", " ", "x"]));
      const spoil = (value: unknown): unknown => {
        if (random.chance(0.03)) return random.pick<unknown>([null, [], {}, [[]], hostile(), [hostile(), { [hostile()]: hostile() }], 0, -1, 1e300, true]);
        if (Array.isArray(value)) return value.map(spoil);
        if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, item]) => [random.chance(0.02) ? hostile() : key, spoil(item)]));
        return random.chance(0.5) ? value : hostile();
      };
      const events = Array.from({ length: 1000 }, () => spoil(random.pick(samples).event));
      const keys = new Set(mapping.rows.flatMap(({ key, label }) => (label === undefined ? [key] : [key, `${key}Label`])));
      for (const maxBytes of [512, 8000]) {
        const lines = events.map(compileFormatter(mapping, { maxBytes }).format);
        const records = normalize(lines);
        assert.equal(records.length, events.length);
        records.forEach(({ header, fields }, index) => {
          const { vendor, product, version, classId, name, severity, extension } = parseCef(lines[index]!);
          assert.deepEqual({ header, fields }, { header: [vendor, product, version, classId, name, severity], fields: Object.fromEntries(extension) }, lines[index]);
          assert.deepEqual(Object.keys(fields).filter((key) => !keys.has(key) && classId !== "unformatted"), []);
        });
      }
    }).timeout(60_000);
  }
});

describe("CEF values, parsed by liblognorm", () => {
  /** The fields of the line of `json`, an event as a source or the preview reads it. */
  const fieldsOf = (kind: string, jsons: readonly string[]) => {
    const formatter = compileFormatter(mappings.get(kind)!);
    const records = normalize(jsons.map((json) => formatter.format(parseExact(json))));
    assert.equal(formatter.counters.failed, 0);
    assert.equal(records.length, jsons.length);
    return records.map(({ fields }) => fields);
  };
  /** An event with `value` (JSON) at `path`. */
  const eventAt = (path: string, value: string) => path.split(".").reduceRight((inner, name) => `{${JSON.stringify(name.replace("[]", ""))}:${name.endsWith("[]") ? `[${inner}]` : inner}}`, value);

  it("have all digits of integers beyond 2^53, as texts and as numbers of 64 bits", () => {
    for (const [kind, mapping] of mappings) {
      for (const { key, type, source } of mapping.rows) {
        if (typeof source !== "string" || source.includes("[0]") || (type !== "string" && type !== "long")) continue;
        const digits = ["9007199254740993", "-9007199254740993", "1004622955308648174", "9223372036854775807", ...(type === "string" && (lookUp(key)?.maxLength ?? 1023) >= 400 ? ["7".repeat(400)] : [])];
        const lines = fieldsOf(kind, digits.map((value) => eventAt(source, value)));
        assert.deepEqual(lines.map((fields) => fields[key]), digits, `${kind} ${key}`);
      }
    }
    assert.equal(fieldsOf("code42.alert", ['{"observations":[{"data":{"totalFileSize":9007199254740993}},{"data":{"totalFileSize":4}}]}'])[0]!["cn2"], "9007199254740997");
    assert.equal(fieldsOf("code42.audit-event", ['{"type$":"audit_log::x/1","change":{"id":1004622955308648174}}'])[0]!["msg"], '{"change":{"id":"1004622955308648174"}}');
  });

  it("have no time that is not set, in any field of any record", () => {
    const unset = ["0", "-1", "0.5", "-62135596800000", '"1970-01-01T00:00:00Z"', '"1970-01-01T00:00:00.0004Z"', '"1969-12-31T23:00:00-01:00"', '"1601-01-01T00:00:00Z"', '"0001-01-01T00:00:00Z"', '"0001-01-01T00:00:00"', '"0"', "null", '""', "9007199254740993"];
    let checked = 0;
    for (const [kind, mapping] of mappings) {
      for (const { key, type, source } of mapping.rows) {
        if (type !== "timestamp") continue;
        for (const path of pathsOf(source)) {
          // Every record needs a field beside the time.
          const others = { "epo.threat-event": '"uri":"/x"' }[kind] ?? '"tenantId":"t","eventId":"1","actorName":"a","user":{"id":"1"}';
          const merge = (json: string) => (kind === "epo.threat-event" ? (json.startsWith('{"event":{') ? json.replace('{"event":{', `{"event":{${others},`) : json.replace("{", `{"event":{${others}},`)) : json.replace("{", `{${others},`));
          for (const fields of fieldsOf(kind, unset.map((value) => merge(eventAt(path, value))))) assert.equal(fields[key], undefined, `${kind} ${key} ${path}`);
          const [set] = fieldsOf(kind, [merge(eventAt(path, kind === "code42.session" ? "1711129878056" : '"2024-03-22T17:51:18.056Z"'))]);
          assert.equal(set![key], "1711129878056", `${kind} ${key} ${path}`);
          checked += 1;
        }
      }
    }
    assert.ok(checked > 20, String(checked));
  }).timeout(60_000);

  it("have the next best time where one is not set", () => {
    const [file] = fieldsOf("code42.file-event.v2", ['{"event":{"id":"1","inserted":"1601-01-01T00:00:00Z","ingested":"2024-03-22T17:51:18.056Z"}}']);
    const [threat] = fieldsOf("epo.threat-event", ['{"event":{"_receivedUTC":"0001-01-01T00:00:00","analyzer":{"detectedUTC":"2024-03-22T17:51:18.056"}}}']);
    const [alert] = fieldsOf("code42.alert", ['{"id":"1","createdAt":"2024-03-22T17:51:18.056Z","observations":[{"observedAt":"1970-01-01T00:00:00Z","lastObservedAt":"1970-01-01T00:00:00Z"}]}']);
    for (const fields of [file!["rt"], threat!["rt"], alert!["end"]]) assert.equal(fields, "1711129878056");
    assert.equal(alert!["start"], undefined);
  });
});

describe("CEF lines of the compatible profile, parsed by liblognorm", () => {
  const { format } = compileFormatter(compatibleMappings.get("code42.file-event.v1")!, { maxBytes: 1_048_576 });

  it("give one record each, including lines that the original could not write", () => {
    // liblognorm does not support an empty value at the end of a line.
    const lines = golden.cases.map(({ line }) => line).filter((line) => !/[|=]$/.test(line));
    const records = normalize(lines);
    assert.equal(records.length, lines.length);
    for (const { header } of records) assert.deepEqual(header.slice(0, 3), ["Code42", "Advanced Exfiltration Detection", "1"]);
    const forged = records[lines.findIndex((line) => line.includes("forged"))];
    assert.deepEqual(forged?.fields, { fname: "a.txt\nCEF:0|Code42|Advanced Exfiltration Detection|1|C42202|DELETED|10|fname=forged suser=ceo@example.com", suser: "eve@example.com" });
  });
  it("have the event's last value for each key, whatever its texts contain", () => {
    const random = randomOf(31);
    const hostile = () => `${Array.from({ length: random.below(6) }, () => random.pick(PIECES)).join(random.pick(["", " ", "x"]))}.`;
    const KEYS = { eventId: "externalId", fileName: "fname", filePath: "filePath", url: "filePath", actor: "suser", deviceUserName: "suser", emailSender: "suser", exposure: "reason", tabUrl: "request", cloudDriveId: "aid" };
    const events = Array.from({ length: 1500 }, () => {
      const properties = Object.keys(KEYS).filter(() => random.chance(0.7)).sort(() => random.below(3) - 1);
      return { eventType: "CREATED", ...Object.fromEntries(properties.map((property) => [property, random.chance(0.1) ? null : hostile()])), syncDestination: "Box" };
    });
    const records = normalize(events.map(format));
    assert.equal(records.length, events.length);
    events.forEach((event, index) => {
      const expected: Fields = { destinationServiceName: "Box" };
      for (const [property, value] of Object.entries(event)) {
        const key = (KEYS as Fields)[property];
        if (key !== undefined && value !== null) expected[key] = printable(value);
      }
      assert.deepEqual(records[index], { header: ["Code42", "Advanced Exfiltration Detection", "1", "C42200", "CREATED", "5"], fields: expected }, `event ${index}: ${format(event)}`);
    });
  }).timeout(60_000);
});
