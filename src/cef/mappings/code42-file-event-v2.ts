/**
 * Code42 / Mimecast Incydr file events, version 2 (nested JSON of `POST /v2/file-events`).
 *
 * The custom keys cs1 to cs4 and cn1 keep the labels of Code42's own CEF formatter, so that searches written for it still
 * work. Own keys hold values that have no key in the dictionary.
 */
import type { Condition, Mapping, Row, Source } from "../mapping";

const whenEmailed: Condition = { path: "event.action", is: ["file-emailed"] };

/** Prefers the destination's value, because it says where the file went, over the source's. */
const removableMedia = (...properties: string[]): Source => ({
  first: ["destination", "source"].flatMap((side) => properties.map((property) => `${side}.removableMedia.${property}`)),
});

const own = (name: string, source: Source): Row => ({ key: `Code42Incydr${name}`, type: "string", source });

export const code42FileEventV2: Mapping = {
  title: "Code42 Incydr file event, version 2",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Incydr" },
    version: { constant: "2" },
    classId: { first: [{ from: "event.action", only: "eventClass" }, { constant: "unknown" }] },
    name: {
      first: [
        {
          of: "event.action",
          words: {
            "file-created": "File created",
            "file-modified": "File modified",
            "file-deleted": "File deleted",
            "file-downloaded": "File downloaded",
            "file-emailed": "File emailed",
            "file-printed": "File printed",
            "file-shared": "File shared",
            "application-read": "Read by browser or app",
            "removable-media-created": "File created on removable media",
            "removable-media-modified": "File modified on removable media",
            "removable-media-deleted": "File deleted from removable media",
            "sync-app-created": "File created in a sync folder",
            "sync-app-modified": "File modified in a sync folder",
            "sync-app-deleted": "File deleted from a sync folder",
          },
        },
        "event.action",
        { constant: "File event" },
      ],
    },
    severity: {
      first: [
        { severityOfScore: "risk.score" },
        { of: "risk.severity", words: { CRITICAL: "9", HIGH: "7", MODERATE: "5", LOW: "2", NO_RISK_INDICATED: "0" } },
      ],
    },
  },
  rows: [
    { key: "externalId", type: "string", source: { from: "event.id", only: "upTo40Characters" } },
    { key: "devicePayloadId", type: "string", source: "event.id" },
    { key: "end", type: "timestamp", source: "@timestamp" },
    { key: "rt", type: "timestamp", source: { first: [{ from: "event.inserted", unless: "unsetTime" }, "event.ingested"] } },
    { key: "deviceCustomDate1", type: "timestamp", source: "event.ingested", label: "ingested" },
    {
      key: "suser",
      type: "string",
      source: { first: [{ from: "source.email.sender", when: whenEmailed }, { from: "source.email.from", when: whenEmailed }, "user.email"] },
    },
    { key: "suid", type: "string", source: "user.id" },
    { key: "deviceExternalId", type: "string", source: "user.deviceUid" },
    { key: "duser", type: "string", source: { first: ["destination.email.recipients[]", "destination.user.email[]"] } },
    { key: "fname", type: "string", source: "file.name" },
    { key: "filePath", type: "string", source: { directory: "file.directory", name: "file.name" } },
    { key: "oldFileName", type: "string", source: "file.originalName" },
    { key: "oldFilePath", type: "string", source: { directory: "file.originalDirectory", name: "file.originalName" } },
    { key: "fileType", type: "string", source: "file.category" },
    { key: "fsize", type: "integer", source: { from: "file.sizeInBytes", unless: "beyondInt32" } },
    { key: "fileHash", type: "string", source: { first: ["file.hash.sha256", "file.hash.md5"] } },
    { key: "fileId", type: "string", source: "file.id" },
    { key: "fileCreateTime", type: "timestamp", source: "file.created" },
    { key: "fileModificationTime", type: "timestamp", source: "file.modified" },
    { key: "shost", type: "string", source: { from: "source.name", when: { path: "source.category", is: ["Device", null] } } },
    // The vendor writes the device's address if it does not know the domain.
    { key: "dvchost", type: "string", source: { from: "source.domain", unless: "ip" } },
    { key: "dvc", type: "ipv4", source: { from: "source.domain", only: "ipv4" } },
    { key: "src", type: "ipv4", source: { from: "source.ip", unless: "ipv6" } },
    { key: "c6a2", type: "ipv6", source: { from: "source.ip", only: "ipv6" }, label: "Source IPv6 Address" },
    { key: "dst", type: "ipv4", source: { from: "destination.ip", unless: "ipv6" } },
    { key: "c6a3", type: "ipv6", source: { from: "destination.ip", only: "ipv6" }, label: "Destination IPv6 Address" },
    { key: "dhost", type: "string", source: "destination.remoteHostname" },
    { key: "destinationDnsDomain", type: "string", source: "destination.domains[0]" },
    { key: "destinationServiceName", type: "string", source: "destination.name" },
    { key: "sourceServiceName", type: "string", source: { first: ["event.observer", "source.category"] } },
    { key: "sproc", type: "string", source: "process.executable" },
    {
      key: "request",
      type: "string",
      source: { first: [{ lists: ["destination.tabs", "source.tabs"], having: "url", take: "url" }, "file.url"] },
    },
    { key: "requestContext", type: "string", source: { lists: ["destination.tabs", "source.tabs"], having: "url", take: "title" } },
    { key: "requestClientApplication", type: "string", source: "process.extension.browser" },
    { key: "reason", type: "string", source: { first: ["event.shareType[]", "risk.trustReason", "responseControls.userJustification.reason"] } },
    { key: "act", type: "string", source: "responseControls.preventativeControl" },
    { key: "msg", type: "string", source: { first: ["destination.email.subject", "report.name"] } },
    { key: "cat", type: "string", source: { constant: "file-event" } },
    { key: "cs1", type: "string", source: removableMedia("busType"), label: "Code42AEDRemovableMediaBusType" },
    { key: "cs2", type: "string", source: removableMedia("vendor"), label: "Code42AEDRemovableMediaVendor" },
    { key: "cs3", type: "string", source: removableMedia("name", "mediaName"), label: "Code42AEDRemovableMediaName" },
    { key: "cs4", type: "string", source: removableMedia("serialNumber"), label: "Code42AEDRemovableMediaSerialNumber" },
    { key: "cs5", type: "string", source: { list: "risk.indicators[].name", join: "; " }, label: "RiskIndicators" },
    { key: "cs6", type: "string", source: "destination.category", label: "DestinationCategory" },
    { key: "cn1", type: "long", source: removableMedia("capacity"), label: "Code42AEDRemovableMediaCapacity" },
    { key: "cn2", type: "long", source: "risk.score", label: "RiskScore" },
    { key: "cn3", type: "long", source: "report.count", label: "ReportRowCount" },
    own("SourceCategory", "source.category"),
    own("SourceOS", "source.operatingSystem"),
    own("SourcePrivateIp", "source.privateIp[]"),
    own("DestinationAccount", "destination.accountName"),
    own("DestinationDomains", "destination.domains[]"),
    own("ProcessOwner", "process.owner"),
    own("FileOwner", "file.owner"),
    own("CloudDriveId", "file.cloudDriveId"),
    own("Md5", { from: "file.hash.md5", when: { path: "file.hash.sha256", isNot: [null] } }),
    { key: "Code42IncydrFileSize", type: "long", source: { from: "file.sizeInBytes", only: "beyondInt32" } },
    own("MimeType", "file.mimeTypeByBytes"),
    own("Classification", "file.classifications[].value"),
    own("Trusted", "risk.trusted"),
    own("RiskSeverity", "risk.severity"),
    own("GitRepository", "git.repositoryUri"),
    own("Printer", "destination.printerName"),
  ],
};
