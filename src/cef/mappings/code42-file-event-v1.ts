/**
 * Code42 / Mimecast Incydr file events, version 1 (flat JSON of `POST /v1/file-events`).
 *
 * Class ids, names and keys are those of version 2, so that one search finds both. In these events `filePath` is the
 * directory. The user of a cloud event is `actor`, and its `deviceUserName` is NAME_NOT_AVAILABLE.
 */
import type { Condition, Mapping, Row, Source } from "../mapping";

const whenEmailed: Condition = { path: "eventType", is: ["EMAILED"] };

const own = (name: string, source: Source): Row => ({ key: `Code42Incydr${name}`, type: "string", source });

export const code42FileEventV1: Mapping = {
  title: "Code42 Incydr file event, version 1",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Incydr" },
    version: { constant: "1" },
    classId: {
      first: [
        {
          of: "eventType",
          words: {
            CREATED: "file-created", MODIFIED: "file-modified", DELETED: "file-deleted", READ_BY_APP: "application-read",
            EMAILED: "file-emailed", PRINTED: "file-printed",
          },
        },
        { constant: "unknown" },
      ],
    },
    name: {
      first: [
        {
          of: "eventType",
          words: {
            CREATED: "File created", MODIFIED: "File modified", DELETED: "File deleted", READ_BY_APP: "Read by browser or app",
            EMAILED: "File emailed", PRINTED: "File printed",
          },
        },
        "eventType",
        { constant: "File event" },
      ],
    },
    severity: {
      first: [
        { severityOfScore: "riskScore" },
        { of: "riskSeverity", words: { CRITICAL: "9", HIGH: "7", MODERATE: "5", LOW: "2", NO_RISK_INDICATED: "0" } },
      ],
    },
  },
  rows: [
    { key: "externalId", type: "string", source: { from: "eventId", only: "upTo40Characters" } },
    { key: "devicePayloadId", type: "string", source: "eventId" },
    { key: "end", type: "timestamp", source: "eventTimestamp" },
    { key: "rt", type: "timestamp", source: "insertionTimestamp" },
    {
      key: "suser",
      type: "string",
      source: {
        first: [
          { from: "emailSender", when: whenEmailed },
          { from: "emailFrom", when: whenEmailed },
          { from: "deviceUserName", when: { path: "deviceUserName", isNot: ["NAME_NOT_AVAILABLE"] } },
          "actor",
        ],
      },
    },
    { key: "suid", type: "string", source: "userUid" },
    { key: "deviceExternalId", type: "string", source: "deviceUid" },
    { key: "duser", type: "string", source: { first: ["emailRecipients[]", "sharedWith[].cloudUsername", "syncDestinationUsername[]"] } },
    { key: "fname", type: "string", source: "fileName" },
    { key: "filePath", type: "string", source: { directory: "filePath", name: "fileName" } },
    { key: "fileType", type: "string", source: "fileCategory" },
    { key: "fsize", type: "integer", source: { from: "fileSize", unless: "beyondInt32" } },
    { key: "fileHash", type: "string", source: { first: ["sha256Checksum", "md5Checksum"] } },
    { key: "fileId", type: "string", source: "fileId" },
    { key: "fileCreateTime", type: "timestamp", source: "createTimestamp" },
    { key: "fileModificationTime", type: "timestamp", source: "modifyTimestamp" },
    { key: "shost", type: "string", source: "osHostName" },
    // The vendor writes the device's address if it does not know the domain.
    { key: "dvchost", type: "string", source: { from: "domainName", unless: "ip" } },
    { key: "dvc", type: "ipv4", source: { from: "domainName", only: "ipv4" } },
    { key: "src", type: "ipv4", source: { from: "publicIpAddress", unless: "ipv6" } },
    { key: "c6a2", type: "ipv6", source: { from: "publicIpAddress", only: "ipv6" }, label: "Source IPv6 Address" },
    { key: "destinationServiceName", type: "string", source: { first: ["destinationName", "syncDestination"] } },
    { key: "sourceServiceName", type: "string", source: { first: ["source", "sourceCategory"] } },
    { key: "sproc", type: "string", source: "processName" },
    { key: "request", type: "string", source: { first: [{ lists: ["tabs"], having: "url", take: "url" }, "tabUrl", "url"] } },
    { key: "requestContext", type: "string", source: { first: [{ lists: ["tabs"], having: "url", take: "title" }, "windowTitle[]"] } },
    { key: "reason", type: "string", source: { first: ["exposure[]", "sharingTypeAdded[]"] } },
    { key: "msg", type: "string", source: "emailSubject" },
    { key: "cat", type: "string", source: { constant: "file-event" } },
    { key: "cs1", type: "string", source: "removableMediaBusType", label: "Code42AEDRemovableMediaBusType" },
    { key: "cs2", type: "string", source: "removableMediaVendor", label: "Code42AEDRemovableMediaVendor" },
    { key: "cs3", type: "string", source: { first: ["removableMediaName", "removableMediaMediaName"] }, label: "Code42AEDRemovableMediaName" },
    { key: "cs4", type: "string", source: "removableMediaSerialNumber", label: "Code42AEDRemovableMediaSerialNumber" },
    { key: "cs5", type: "string", source: { list: "riskIndicators[].name", join: "; " }, label: "RiskIndicators" },
    { key: "cs6", type: "string", source: "destinationCategory", label: "DestinationCategory" },
    { key: "cn1", type: "long", source: "removableMediaCapacity", label: "Code42AEDRemovableMediaCapacity" },
    { key: "cn2", type: "long", source: "riskScore", label: "RiskScore" },
    own("SourceCategory", "sourceCategory"),
    own("SourcePrivateIp", "privateIpAddresses[]"),
    own("ProcessOwner", "processOwner"),
    own("FileOwner", "fileOwner"),
    own("CloudDriveId", "cloudDriveId"),
    own("Md5", { from: "md5Checksum", when: { path: "sha256Checksum", isNot: [null] } }),
    { key: "Code42IncydrFileSize", type: "long", source: { from: "fileSize", only: "beyondInt32" } },
    own("Trusted", "trusted"),
    own("RiskSeverity", "riskSeverity"),
    own("Printer", "printerName"),
  ],
};
