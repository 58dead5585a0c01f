/**
 * Threat events of McAfee / Trellix ePolicy Orchestrator: the complete Common Event (`{eventMessageType, event}`) that its
 * automatic response "Send DXL Event" publishes.
 *
 * Vendor, product, the name from the description and cs1 for the threat are those of ArcSight's own ePO connector, so that
 * content written for it still works. In these events absent texts are null or empty, absent addresses 0.0.0.0 and absent
 * ports 0. An IPv6 field often holds an IPv4 address, sometimes another one than the IPv4 field, so it is left out then.
 */
import type { Mapping, Row, Source } from "../mapping";

const DETECTED = "event.analyzer.detectedUTC";
const TARGET = "event.target.fileName";
const LISTED = "event.files[0].name";
const FILE: Source = { first: [TARGET, LISTED] };
const HASH: Source = { first: ["SHA-256", "SHA-1", "MD5"].map((name) => `event.files[0].hash.${name}`) };
/** Of the file that `FILE` names: that of the listed file only if it is the same file, or if no other one is named. */
const fileHash: Source = {
  first: [
    { from: HASH, when: { path: TARGET, is: [null] } },
    { from: HASH, when: { path: LISTED, sameAs: TARGET } },
    { from: HASH, when: { path: LISTED, sameAs: { lastPart: TARGET } } },
  ],
};

const ipv4 = (path: string): Source => ({ from: path, unless: "noAddress" });
const ipv6 = (path: string): Source => ({ from: { from: { from: path, unless: "noAddress" }, unless: "mappedIpv4" }, unless: "ipv4" });

const RULE = "event.entity.ruleName";
const HAVE_A_KEY = ["autoId", "AutoID", "count"];
/** The response's data that no key holds. It includes the name of the response's rule if cs4 holds another rule. */
const otherData: Source = {
  first: [
    { from: { json: "event.otherData", except: HAVE_A_KEY }, when: { path: RULE, isNot: [null] } },
    { from: { json: "event.otherData", except: [...HAVE_A_KEY, "responseRuleName"] }, when: { path: RULE, is: [null] } },
  ],
};

const own = (name: string, source: Source): Row => ({ key: `McAfeeEpo${name}`, type: "string", source });

export const epoThreatEvent: Mapping = {
  title: "Trellix / McAfee ePO threat event",
  header: {
    vendor: { constant: "McAfee" },
    product: { constant: "ePolicy Orchestrator" },
    version: "event.analyzer.version",
    classId: { from: "event.id", only: "eventClass" },
    name: { first: ["event.eventDesc", "event.threatName", { constant: "Threat event" }] },
    severity: {
      first: [
        // 1 is the most severe, 7 the least.
        { of: "event.threatSeverity", words: { 0: "10", 1: "10", 2: "9", 3: "8", 4: "6", 5: "4", 6: "2", 7: "0" } },
        {
          of: "event.otherData.threatSeverityString",
          words: { Alert: "10", Critical: "9", Error: "8", Major: "8", Warning: "6", Minor: "6", Notice: "4", Info: "2" },
        },
      ],
    },
  },
  rows: [
    {
      key: "externalId",
      type: "string",
      source: { from: { first: ["event.otherData.autoId", "event.otherData.AutoID"] }, only: "upTo40Characters" },
    },
    { key: "act", type: "string", source: "event.threatActionTaken" },
    { key: "outcome", type: "string", source: { of: "event.threatHandled", words: { 1: "success", true: "success", 0: "failure", false: "failure" } } },
    { key: "cat", type: "string", source: "event.category" },
    { key: "end", type: "timestamp", source: { utc: DETECTED } },
    { key: "rt", type: "timestamp", source: { utc: { first: [...["event._receivedUTC", "_receivedUTC"].map((path): Source => ({ from: path, unless: "unsetTime" })), DETECTED] } } },
    { key: "dvc", type: "ipv4", source: ipv4("event.analyzer.ipv4") },
    { key: "c6a1", type: "ipv6", source: ipv6("event.analyzer.ipv6"), label: "Device IPv6 Address" },
    { key: "dvchost", type: "string", source: "event.analyzer.hostName" },
    { key: "dvcmac", type: "mac", source: "event.analyzer.mac" },
    { key: "deviceExternalId", type: "string", source: "event.entity.id" },
    { key: "deviceFacility", type: "string", source: "event.analyzer.id" },
    { key: "deviceProcessName", type: "string", source: "event.analyzer.name" },
    { key: "src", type: "ipv4", source: ipv4("event.source.ipv4") },
    { key: "c6a2", type: "ipv6", source: ipv6("event.source.ipv6"), label: "Source IPv6 Address" },
    { key: "smac", type: "mac", source: "event.source.mac" },
    { key: "shost", type: "string", source: "event.source.hostName" },
    { key: "spt", type: "integer", source: { from: "event.source.port", only: "port" } },
    { key: "sproc", type: "string", source: "event.source.processName" },
    { key: "suser", type: "string", source: { account: "event.source.userName", part: "user" } },
    { key: "sntdom", type: "string", source: { account: "event.source.userName", part: "domain" } },
    { key: "request", type: "string", source: "event.source.url" },
    { key: "dst", type: "ipv4", source: ipv4("event.target.ipv4") },
    { key: "c6a3", type: "ipv6", source: ipv6("event.target.ipv6"), label: "Destination IPv6 Address" },
    { key: "dmac", type: "mac", source: "event.target.mac" },
    { key: "dhost", type: "string", source: "event.target.hostName" },
    { key: "dpt", type: "integer", source: { from: "event.target.port", only: "port" } },
    { key: "dproc", type: "string", source: "event.target.processName" },
    { key: "duser", type: "string", source: { account: "event.target.userName", part: "user" } },
    { key: "dntdom", type: "string", source: { account: "event.target.userName", part: "domain" } },
    { key: "proto", type: "string", source: "event.target.protocol" },
    { key: "filePath", type: "string", source: FILE },
    { key: "fname", type: "string", source: { lastPart: FILE } },
    { key: "fileHash", type: "string", source: fileHash },
    { key: "reason", type: "string", source: "event.analyzer.detectionMethod" },
    { key: "cnt", type: "integer", source: { from: "event.otherData.count", only: "aboveOne" } },
    { key: "msg", type: "string", source: otherData },
    { key: "cs1", type: "string", source: "event.threatName", label: "Threat Name" },
    {
      key: "cs2",
      type: "string",
      source: { joined: ["event.analyzer.contentVersion", "event.analyzer.engineVersion"], between: " / " },
      label: "Signature / Engine Version",
    },
    { key: "cs3", type: "string", source: "event.threatType", label: "Threat Type" },
    { key: "cs4", type: "string", source: { first: [RULE, "event.otherData.responseRuleName"] }, label: "Rule Name" },
    { key: "cs5", type: "string", source: "event.entity.osType", label: "OS Type" },
    { key: "cs6", type: "string", source: { first: ["event.entity.groupName", "event.entity._nodeTextPath"] }, label: "System Tree Path" },
    { key: "cn1", type: "long", source: "event.threatSeverity", label: "Threat Severity" },
    own("Uri", "event.uri"),
    own("EntityType", "event.entity.type"),
    own("OsPlatform", "event.entity.osPlatform"),
  ],
  leftOut: "No field holds `event.entity.sessionId`, the second and further entries of `event.files`, the weaker hashes of a file that has several, "
    + "`event.entity._nodeTextPath` beside a `groupName`, and type and version of the message. `fileHash` is left out if `event.files` lists another file than `event.target.fileName`.",
};
