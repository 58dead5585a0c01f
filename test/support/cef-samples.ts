/**
 * Realistic records with invented values, and the expected CEF line of each. Together they have a value for every row of
 * every mapping.
 */
import { sampleEvents } from "../../src/cef/samples";
import type { RecordKind } from "../../src/common/messages";

export interface CefSample {
  name: string;
  event: unknown;
  /** Vendor, product, version, class id, name, severity. */
  header: string[];
  /** Without the labels of custom keys. */
  fields: Record<string, string>;
}

const SHA256 = "9b74c9897bac770ffc029102a200c5de5a5b0b3a1c9d0e8f7a6b5c4d3e2f1a0b";
const MD5 = "0f343b0931126a20f133d67c2b018a3b";

const fileEventsV2: CefSample[] = [
  {
    name: "an upload that a browser was blocked from",
    event: sampleEvents["code42.file-event.v2"],
    header: ["Code42", "Incydr", "2", "application-read", "Read by browser or app", "6"],
    fields: {
      devicePayloadId: "0_7c1f0b52-5a3e-4c2b-8f57-1e2d3c4b5a69_1068825680073059134_1068826271084047166_1_EPS", end: "1738027443271", rt: "1738027644362", deviceCustomDate1: "1738027504208",
      suser: "dana@example.com", suid: "1000000000000000042", deviceExternalId: "1068825680073059134", duser: "dana.private@example.org",
      fname: "roadmap.pptx", filePath: "C:/Users/dana/Documents/roadmap.pptx", oldFileName: "draft.pptx", oldFilePath: "C:/Users/dana/Drafts/draft.pptx", fileType: "Presentation", fsize: "482113",
      fileHash: SHA256, fileCreateTime: "1737363600000", fileModificationTime: "1737997964120", shost: "LAPTOP-0420", dvc: "192.0.2.10", src: "198.51.100.7",
      destinationDnsDomain: "dropbox.com", destinationServiceName: "Dropbox", sourceServiceName: "Endpoint", sproc: "C:\\Program Files\\Google\\Chrome\\chrome.exe",
      request: "https://www.dropbox.com/home?a=b", requestContext: "Files - Dropbox", requestClientApplication: "CHROME", reason: "Work related", act: "BLOCKED", cat: "file-event",
      cs5: "Dropbox upload; Presentation", cs6: "Cloud Storage", cn2: "6",
      Code42IncydrSourceCategory: "Device", Code42IncydrSourceOS: "Windows 11", Code42IncydrSourcePrivateIp: "192.0.2.10,127.0.0.1", Code42IncydrDestinationAccount: "dana.private@example.org",
      Code42IncydrDestinationDomains: "dropbox.com,dropboxusercontent.com", Code42IncydrProcessOwner: "dana", Code42IncydrFileOwner: "dana", Code42IncydrMd5: MD5, Code42IncydrMimeType: "application/zip",
      Code42IncydrClassification: "Confidential", Code42IncydrTrusted: "false", Code42IncydrRiskSeverity: "MODERATE",
    },
  },
  {
    name: "a disk image on removable media, over IPv6",
    event: {
      "@timestamp": "2025-02-03T08:15:00Z",
      event: { id: "5f2d8f8e-6f0a-4f0e-9a53-0c7a1c0f7d11", inserted: "2025-02-03T08:20:00Z", action: "removable-media-created", observer: "Endpoint", shareType: [] },
      user: { email: "lee@example.com" },
      file: { name: "backup.vhdx", directory: "E:\\", category: "Virtual disk image", sizeInBytes: 68719476736, hash: { md5: MD5, sha256: null } },
      source: { category: "Device", name: "DESK-7", domain: "desk-7.corp.example.com", ip: "2001:db8::7" },
      destination: {
        category: "Device", ip: "2001:db8::99", remoteHostname: "nas.example.com",
        removableMedia: { vendor: "SanDisk", name: "Cruzer Blade", serialNumber: "4C530001230914117215", capacity: 128035676160, busType: "USB", mediaName: "Cruzer" },
      },
      risk: { score: 12, severity: "CRITICAL", trusted: false, indicators: [{ name: "Removable media" }] },
    },
    header: ["Code42", "Incydr", "2", "removable-media-created", "File created on removable media", "10"],
    fields: {
      externalId: "5f2d8f8e-6f0a-4f0e-9a53-0c7a1c0f7d11", devicePayloadId: "5f2d8f8e-6f0a-4f0e-9a53-0c7a1c0f7d11", end: "1738570500000", rt: "1738570800000", suser: "lee@example.com",
      fname: "backup.vhdx", filePath: "E:\\backup.vhdx", fileType: "Virtual disk image", fileHash: MD5, shost: "DESK-7", dvchost: "desk-7.corp.example.com", c6a2: "2001:db8::7", c6a3: "2001:db8::99",
      dhost: "nas.example.com", sourceServiceName: "Endpoint", cat: "file-event", cs1: "USB", cs2: "SanDisk", cs3: "Cruzer Blade", cs4: "4C530001230914117215", cs5: "Removable media", cs6: "Device",
      cn1: "128035676160", cn2: "12", Code42IncydrSourceCategory: "Device", Code42IncydrFileSize: "68719476736", Code42IncydrTrusted: "false", Code42IncydrRiskSeverity: "CRITICAL",
    },
  },
  {
    name: "an e-mail with a report, sent from a cloud drive",
    event: {
      "@timestamp": "2025-02-04T10:00:00.000Z",
      event: { id: "GMAIL-1", inserted: "2025-02-04T10:05:00Z", action: "file-emailed", observer: "Gmail", shareType: ["Outside trusted domains"] },
      user: { email: "dana@example.com" },
      file: { name: "accounts.csv", id: "1AbC", cloudDriveId: "0ALxUk9PVA", category: "Spreadsheet", sizeInBytes: 0 },
      report: { id: "00O1", name: "Open accounts", count: 4200 },
      source: { category: "Cloud Storage", name: "Google Drive", email: { sender: "dana@example.com", from: "Dana <dana@example.com>" } },
      destination: { category: "Email", ip: "203.0.113.25", email: { recipients: ["bob@rival.example", "carol@rival.example"], subject: "Q1 | numbers = up" } },
      risk: { score: null, severity: "HIGH", trusted: true },
      git: { repositoryUri: "git@example.com:corp/app.git" },
    },
    header: ["Code42", "Incydr", "2", "file-emailed", "File emailed", "7"],
    fields: {
      externalId: "GMAIL-1", devicePayloadId: "GMAIL-1", end: "1738663200000", rt: "1738663500000", suser: "dana@example.com", duser: "bob@rival.example,carol@rival.example", fname: "accounts.csv",
      fileType: "Spreadsheet", fsize: "0", fileId: "1AbC", dst: "203.0.113.25", sourceServiceName: "Gmail", reason: "Outside trusted domains", msg: "Q1 | numbers = up", cat: "file-event", cs6: "Email", cn3: "4200",
      Code42IncydrSourceCategory: "Cloud Storage", Code42IncydrCloudDriveId: "0ALxUk9PVA", Code42IncydrTrusted: "true", Code42IncydrRiskSeverity: "HIGH", Code42IncydrGitRepository: "git@example.com:corp/app.git",
    },
  },
  {
    name: "a print job",
    event: { event: { id: "PRINT-1", action: "file-printed" }, destination: { category: "Printer", printerName: "Canon 3rd floor" }, risk: { score: 0 } },
    header: ["Code42", "Incydr", "2", "file-printed", "File printed", "0"],
    fields: { externalId: "PRINT-1", devicePayloadId: "PRINT-1", cat: "file-event", cs6: "Printer", cn2: "0", Code42IncydrPrinter: "Canon 3rd floor" },
  },
];

const fileEventsV1: CefSample[] = [
  {
    name: "an upload by a browser",
    event: sampleEvents["code42.file-event.v1"],
    header: ["Code42", "Incydr", "1", "application-read", "Read by browser or app", "4"],
    fields: {
      devicePayloadId: "0_2f6d4a1e-0c6b-4d5e-9a57-6b1f0d9c1a11_1001122334455667788_1009988776655443322_17", end: "1646491549662", rt: "1646493047930", suser: "dana@example.com", suid: "1000000000000000042",
      deviceExternalId: "1001122334455667788", fname: "q1-forecast.xlsx", filePath: "C:/Users/dana/Downloads/q1-forecast.xlsx", fileType: "SPREADSHEET", fsize: "24871", fileHash: SHA256,
      fileCreateTime: "1646490573455", fileModificationTime: "1646010271000", shost: "LAPTOP-0420", dvc: "192.0.2.10", src: "198.51.100.7", destinationServiceName: "Webmail", sourceServiceName: "Endpoint",
      sproc: "\\Device\\HarddiskVolume3\\chrome.exe", request: "https://mail.example.net/?a=b", requestContext: "Inbox", reason: "ApplicationRead", cat: "file-event", cs5: "Spreadsheet; Gmail upload", cs6: "Email", cn2: "4",
      Code42IncydrSourcePrivateIp: "192.0.2.10,127.0.0.1", Code42IncydrProcessOwner: "dana", Code42IncydrFileOwner: "dana", Code42IncydrMd5: MD5, Code42IncydrTrusted: "false", Code42IncydrRiskSeverity: "MODERATE",
    },
  },
  {
    name: "a file of 64 GiB on removable media",
    event: {
      eventId: "USB-1", eventType: "CREATED", filePath: "E:\\", fileName: "backup.vhdx", fileSize: 68719476736, md5Checksum: MD5, deviceUserName: "lee@example.com", domainName: "desk-7.corp.example.com",
      publicIpAddress: "2001:db8::7", exposure: ["RemovableMedia"], removableMediaVendor: "SanDisk", removableMediaName: "Cruzer Blade", removableMediaSerialNumber: "4C530001230914117215",
      removableMediaCapacity: 128035676160, removableMediaBusType: "USB", riskScore: null, riskSeverity: "CRITICAL",
    },
    header: ["Code42", "Incydr", "1", "file-created", "File created", "9"],
    fields: {
      externalId: "USB-1", devicePayloadId: "USB-1", suser: "lee@example.com", fname: "backup.vhdx", filePath: "E:\\backup.vhdx", fileHash: MD5, dvchost: "desk-7.corp.example.com", c6a2: "2001:db8::7", reason: "RemovableMedia",
      cat: "file-event", cs1: "USB", cs2: "SanDisk", cs3: "Cruzer Blade", cs4: "4C530001230914117215", cn1: "128035676160", Code42IncydrFileSize: "68719476736", Code42IncydrRiskSeverity: "CRITICAL",
    },
  },
  {
    name: "a file shared in a cloud drive",
    event: {
      eventId: "GDRIVE-1", eventType: "MODIFIED", fileName: "roadmap.docx", fileId: "1AbC", deviceUserName: "NAME_NOT_AVAILABLE", actor: "bob@example.com", source: "GoogleDrive", sourceCategory: "Cloud Storage",
      url: "https://drive.example.com/file/d/1AbC/view?usp=drivesdk", cloudDriveId: "0ALxUk9PVA", sharedWith: [{ cloudUsername: "eve@evil.example" }, { cloudUsername: "mallory@evil.example" }], exposure: ["SharedViaLink", "OutsideTrustedDomains"],
    },
    header: ["Code42", "Incydr", "1", "file-modified", "File modified", "Unknown"],
    fields: {
      externalId: "GDRIVE-1", devicePayloadId: "GDRIVE-1", suser: "bob@example.com", duser: "eve@evil.example,mallory@evil.example", fname: "roadmap.docx", fileId: "1AbC", sourceServiceName: "GoogleDrive",
      request: "https://drive.example.com/file/d/1AbC/view?usp=drivesdk", reason: "SharedViaLink,OutsideTrustedDomains", cat: "file-event", Code42IncydrSourceCategory: "Cloud Storage", Code42IncydrCloudDriveId: "0ALxUk9PVA",
    },
  },
  {
    name: "an e-mail with a printer",
    event: { eventId: "EXCH-1", eventType: "EMAILED", fileSize: 0, emailSender: "dana@example.com", emailRecipients: ["bob@rival.example"], emailSubject: "Q1 | numbers = up", deviceUserName: "device@example.com", printerName: "Canon 3rd floor" },
    header: ["Code42", "Incydr", "1", "file-emailed", "File emailed", "Unknown"],
    fields: { externalId: "EXCH-1", devicePayloadId: "EXCH-1", suser: "dana@example.com", duser: "bob@rival.example", fsize: "0", msg: "Q1 | numbers = up", cat: "file-event", Code42IncydrPrinter: "Canon 3rd floor" },
  },
];

const sessions: CefSample[] = [
  {
    name: "a session that became critical",
    event: sampleEvents["code42.session"],
    header: ["Code42", "Incydr", "2", "session", "Insider risk session", "9"],
    fields: {
      externalId: "1004440923549707297_1711129878056", devicePayloadId: "1004440923549707297_1711129878056", suser: "dana@example.com", suid: "1004440923549707297",
      start: "1711129878056", end: "1711133446212", rt: "1711134024842", msg: "spreadsheet file(s) downloaded to unmonitored device", reason: "Leaves on Friday", cat: "session",
      cs1: "Flight risk; Zip", cs2: "CLOSED_TP", cs3: "Source code exfiltration,39b9451d-143b-4c56-9f14-c3cc38277015", cn1: "1", cn2: "2", cn3: "13",
      Code42IncydrTenantId: "c4b5e830-4242-4242-4242-345664cfbb33", Code42IncydrModerateEvents: "3", Code42IncydrLowEvents: "0",
      Code42IncydrRuleIds: "fe130f34-22d3-4687-a628-7069d5b204bd", Code42IncydrContentInspectionStatus: "FOUND", Code42IncydrContentInspectionAlerts: "US_SOCIAL_SECURITY_NUMBER",
      Code42IncydrContentInspectionTypes: "US_SOCIAL_SECURITY_NUMBER", Code42IncydrContentInspectionEvents: "0_1d71796f-af5b-4231-9d8e-df6434da4663_935873453596901068_956171635867906205_5",
    },
  },
  {
    name: "a session without risk, with an id that is too long for externalId",
    event: { sessionId: `1004440923549707297_1711129878056_${"0".repeat(20)}`, actorName: "lee@example.com", endTime: null, criticalEvents: 0, riskIndicators: [], scores: [], states: [{ state: "OPEN", stateV2: null }], triggeredAlerts: [], contextSummary: "" },
    header: ["Code42", "Incydr", "2", "session", "Insider risk session", "Unknown"],
    fields: { devicePayloadId: `1004440923549707297_1711129878056_${"0".repeat(20)}`, suser: "lee@example.com", cat: "session", cs2: "OPEN", cn1: "0" },
  },
  {
    name: "a session of an older API, with times that are not set and the newest score and state first",
    event: {
      sessionId: "s-3", beginTime: 1711129878056, endTime: 0, lastUpdated: 0, highEvents: "9007199254740993", scores: [{ score: 13, severity: 4, sourceTimestamp: 1711134301878 }, { score: 0, severity: 0, sourceTimestamp: 1711130405673 }],
      states: [{ state: "CLOSED", stateV2: "CLOSED_TP", sourceTimestamp: 1711134024842 }, { state: "OPEN", stateV2: "OPEN", sourceTimestamp: 1711130127002 }], triggeredAlerts: [{ alertId: "a", ruleId: "r" }], contentInspectionResults: null,
    },
    header: ["Code42", "Incydr", "2", "session", "Insider risk session", "9"],
    fields: { externalId: "s-3", devicePayloadId: "s-3", start: "1711129878056", cat: "session", cs2: "CLOSED_TP", cs3: "r", cn2: "9007199254740993", cn3: "13" },
  },
];

const alerts: CefSample[] = [
  {
    name: "an alert that an analyst closed, with its details",
    event: sampleEvents["code42.alert"],
    header: ["Code42", "Incydr", "2", "FED_COMPOSITE", "Source code | exfiltration", "9"],
    fields: {
      externalId: "7d936d0d-e783-4b24-817d-f19f625e0965", suser: "dana@example.com", suid: "1000000000000000042", rt: "1740823964613", start: "1740822900000", end: "1740823800000", msg: "Repo files to personal cloud",
      cat: "alert", reason: "ApplicationRead,RemovableMedia", sourceServiceName: "Endpoint,GoogleDrive", cs1: "408eb1ae-587e-421a-9444-f75d5399eacb", cs2: "RESOLVED", cs3: "DEPARTING_EMPLOYEE,Project X",
      cs4: "Agreed with the team", cs5: "Alerting", cn1: "15", cn2: "9000000001024", deviceCustomDate1: "1740906000123", duser: "analyst@example.com", Code42IncydrTenantId: "c4b5e830-4242-4242-4242-345664cfbb33",
    },
  },
  {
    name: "an open alert of an old rule, without details",
    event: { type: null, name: "Removable media", actor: "lee@example.com", severity: "MEDIUM", riskSeverity: null, id: "a-1", createdAt: "2025-03-01T10:12:44.613930Z", state: "OPEN", stateLastModifiedBy: "system", watchlists: [] },
    header: ["Code42", "Incydr", "2", "ALERT", "Removable media", "5"],
    fields: { externalId: "a-1", suser: "lee@example.com", rt: "1740823964613", end: "1740823964613", cat: "alert", cs2: "OPEN" },
  },
];

const auditEvents: CefSample[] = [
  {
    name: "a login over two proxies",
    event: sampleEvents["code42.audit-event"],
    header: ["Code42", "Incydr Audit Log", "2", "logged_in", "Logged in", "3"],
    fields: {
      suser: "dana@example.com", suid: "1000000000000000042", src: "198.51.100.7", requestClientApplication: "Mozilla/5.0 (X11; Linux x86_64)", end: "1740823964239", rt: "1740823964239", cat: "audit", spriv: "USER",
      cs1: "audit_log::logged_in/1", Code42IncydrActorIpAddresses: "300.1.1.1, 198.51.100.7, 203.0.113.9",
    },
  },
  {
    name: "a role that could not be given, from an IPv6 address",
    event: {
      type$: "audit_log::user_permission_added/2", actorName: "admin@example.com", actorIpAddress: "2001:db8::7", actorType: "SUPPORT_USER", success: false, userName: "lee@example.com", userId: "1000000000000000043",
      timestamp: "2025-03-01T10:12:44Z", role: { id: "r1", name: "Alert Manager", empty: [] }, orgs: [{ id: 1 }, { id: 2 }], comment: "",
    },
    header: ["Code42", "Incydr Audit Log", "2", "user_permission_added", "User permission added", "6"],
    fields: {
      suser: "admin@example.com", c6a2: "2001:db8::7", duser: "lee@example.com", duid: "1000000000000000043", outcome: "failure", end: "1740823964000", rt: "1740823964000", cat: "audit", spriv: "SUPPORT_USER",
      msg: '{"role":{"id":"r1","name":"Alert Manager"},"orgs":[{"id":1},{"id":2}]}', cs1: "audit_log::user_permission_added/2",
    },
  },
];

const threatEvents: CefSample[] = [
  {
    name: "the sample of the vendor",
    event: sampleEvents["epo.threat-event"],
    header: ["McAfee", "ePolicy Orchestrator", "10.5.0", "18052", "Buffer Overflow detected and blocked (GBOP)", "9"],
    fields: {
      act: "blocked", outcome: "success", cat: "Host intrusion buffer overflow", end: "1481667514000", rt: "1481667514000", dvc: "10.0.0.10", dvchost: "SAMPLE-HOSTNAME", dvcmac: "00:11:22:33:44:55",
      deviceExternalId: "11111111-2222-3333-4444-555555555555", deviceFacility: "ENDP_AM_1020", deviceProcessName: "McAfee Endpoint Security", src: "10.0.0.10", dst: "10.0.0.10", dhost: "SAMPLE-HOSTNAME",
      dproc: "IEXPLORE.EXE", duser: "Administrator", dntdom: "SAMPLE-HOSTNAME", filePath: "C:\\DAC\\IEXPLORE.EXE", fname: "IEXPLORE.EXE", reason: "Exploit Prevention", cs1: "ExP:Heap", cs3: "Exploit Prevention",
      cs4: "Send Threat Event via DXL", cs5: "Windows 7", cn1: "2", msg: '{"definedAt":"My Organization","responseEventType":"Threat","threatSeverityString":"Critical"}',
      McAfeeEpoEntityType: "device", McAfeeEpoOsPlatform: "Workstation",
    },
  },
  {
    name: "a download over IPv6 that firewall and scanner saw",
    event: {
      event: {
        id: 1095, uri: "/threat/1095", eventDesc: "Access denied", threatSeverity: 3, threatHandled: 0, _receivedUTC: "2025-03-01T10:12:44Z",
        analyzer: { version: "10.7.0", contentVersion: "3277.0", engineVersion: "5900.7806", ipv6: "2001:db8::1", detectedUTC: "2025-03-01T10:12:40" },
        entity: { groupName: "My Organization\\Lab" },
        source: { ipv6: "2001:db8::2", mac: "00-11-22-33-44-66", hostName: "peer.example.com", port: 51820, processName: "curl.exe", userName: "LAB\\dana", url: "http://x.example/?a=b" },
        target: { ipv6: "2001:db8::3", mac: "001122334477", port: 443, protocol: "tcp" },
        files: [{ name: "/tmp/a.bin", hash: { MD5, "SHA-256": SHA256 } }],
        otherData: { autoId: "4711", count: "12" },
      },
    },
    header: ["McAfee", "ePolicy Orchestrator", "10.7.0", "1095", "Access denied", "8"],
    fields: {
      externalId: "4711", outcome: "failure", end: "1740823960000", rt: "1740823964000", c6a1: "2001:db8::1", c6a2: "2001:db8::2", smac: "00:11:22:33:44:66", shost: "peer.example.com", spt: "51820", sproc: "curl.exe",
      suser: "dana", sntdom: "LAB", request: "http://x.example/?a=b", c6a3: "2001:db8::3", dmac: "00:11:22:33:44:77", dpt: "443", proto: "tcp", filePath: "/tmp/a.bin", fname: "a.bin", fileHash: SHA256, cnt: "12",
      cs2: "3277.0 / 5900.7806", cs6: "My Organization\\Lab", cn1: "3", McAfeeEpoUri: "/threat/1095",
    },
  },
];

export const cefSamples: Record<RecordKind, readonly CefSample[]> = {
  "code42.file-event.v2": fileEventsV2,
  "code42.file-event.v1": fileEventsV1,
  "code42.session": sessions,
  "code42.alert": alerts,
  "code42.audit-event": auditEvents,
  "epo.threat-event": threatEvents,
};

/** The expected fields of a line: `fields` and the labels of its custom keys. */
export function withLabels(fields: Record<string, string>, labels: Record<string, string>): Record<string, string> {
  const present = Object.entries(labels).filter(([key]) => key in fields);
  return { ...fields, ...Object.fromEntries(present.map(([key, label]) => [`${key}Label`, label])) };
}

/** The labels of the custom keys, by kind of record. */
export const cefLabels: Record<RecordKind, Record<string, string>> = {
  "code42.file-event.v2": {
    deviceCustomDate1: "ingested", c6a2: "Source IPv6 Address", c6a3: "Destination IPv6 Address", cs1: "Code42AEDRemovableMediaBusType", cs2: "Code42AEDRemovableMediaVendor", cs3: "Code42AEDRemovableMediaName",
    cs4: "Code42AEDRemovableMediaSerialNumber", cs5: "RiskIndicators", cs6: "DestinationCategory", cn1: "Code42AEDRemovableMediaCapacity", cn2: "RiskScore", cn3: "ReportRowCount",
  },
  "code42.file-event.v1": {
    c6a2: "Source IPv6 Address", cs1: "Code42AEDRemovableMediaBusType", cs2: "Code42AEDRemovableMediaVendor", cs3: "Code42AEDRemovableMediaName", cs4: "Code42AEDRemovableMediaSerialNumber", cs5: "RiskIndicators",
    cs6: "DestinationCategory", cn1: "Code42AEDRemovableMediaCapacity", cn2: "RiskScore",
  },
  "code42.session": { cs1: "RiskIndicators", cs2: "SessionState", cs3: "TriggeredAlerts", cn1: "CriticalEvents", cn2: "HighEvents", cn3: "RiskScore" },
  "code42.alert": { cs1: "RuleId", cs2: "AlertState", cs3: "Watchlists", cs4: "Note", cs5: "RuleSource", cn1: "FileCount", cn2: "TotalFileSize", deviceCustomDate1: "StateLastModified" },
  "code42.audit-event": { c6a2: "Source IPv6 Address", cs1: "EventType" },
  "epo.threat-event": {
    c6a1: "Device IPv6 Address", c6a2: "Source IPv6 Address", c6a3: "Destination IPv6 Address", cs1: "Threat Name", cs2: "Signature / Engine Version", cs3: "Threat Type", cs4: "Rule Name", cs5: "OS Type",
    cs6: "System Tree Path", cn1: "Threat Severity",
  },
};
