/**
 * Code42 file events, version 1, as the CEF formatter of c42eventextractor and code42cli wrote them: its keys and labels,
 * its order, its severity. It misuses some keys (`aid`, `spriv`, `requestClientApplication` for a window title); they are
 * kept so that searches written for these lines still work.
 */
import type { Mapping } from "../mapping";

export const code42FileEventV1Compatible: Mapping = {
  title: "Code42 file event, version 1, as c42eventextractor wrote it",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Advanced Exfiltration Detection" },
    version: { constant: "1" },
    classId: {
      first: [
        { of: "eventType", words: { CREATED: "C42200", MODIFIED: "C42201", DELETED: "C42202", READ_BY_APP: "C42203", EMAILED: "C42204" } },
        { constant: "C42000" },
      ],
    },
    name: { first: ["eventType", { constant: "UNKNOWN" }] },
    severity: { constant: "5" },
  },
  rows: [],
  eventOrder: {
    id: "eventId",
    type: "eventType",
    columns: {
      eventId: { key: "externalId", type: "string" },
      eventTimestamp: { key: "end", type: "timestamp" },
      insertionTimestamp: { key: "rt", type: "timestamp" },
      filePath: { key: "filePath", type: "string" },
      fileName: { key: "fname", type: "string" },
      fileCategory: { key: "fileType", type: "string" },
      fileSize: { key: "fsize", type: "integer" },
      md5Checksum: { key: "fileHash", type: "string" },
      createTimestamp: { key: "fileCreateTime", type: "timestamp" },
      modifyTimestamp: { key: "fileModificationTime", type: "timestamp" },
      deviceUserName: { key: "suser", type: "string" },
      osHostName: { key: "shost", type: "string" },
      domainName: { key: "dvchost", type: "string" },
      publicIpAddress: { key: "src", type: "string" },
      deviceUid: { key: "deviceExternalId", type: "string" },
      userUid: { key: "suid", type: "string" },
      actor: { key: "suser", type: "string" },
      source: { key: "sourceServiceName", type: "string" },
      url: { key: "filePath", type: "string" },
      sharedWith: { key: "duser", type: "string", take: "cloudUsername" },
      cloudDriveId: { key: "aid", type: "string" },
      exposure: { key: "reason", type: "string" },
      processOwner: { key: "spriv", type: "string" },
      processName: { key: "sproc", type: "string" },
      windowTitle: { key: "requestClientApplication", type: "string" },
      tabUrl: { key: "request", type: "string" },
      removableMediaVendor: { key: "cs2", type: "string", label: "Code42AEDRemovableMediaVendor" },
      removableMediaName: { key: "cs3", type: "string", label: "Code42AEDRemovableMediaName" },
      removableMediaSerialNumber: { key: "cs4", type: "string", label: "Code42AEDRemovableMediaSerialNumber" },
      removableMediaCapacity: { key: "cn1", type: "long", label: "Code42AEDRemovableMediaCapacity" },
      removableMediaBusType: { key: "cs1", type: "string", label: "Code42AEDRemovableMediaBusType" },
      syncDestination: { key: "destinationServiceName", type: "string" },
      emailSender: { key: "suser", type: "string" },
      emailRecipients: { key: "duser", type: "string" },
    },
  },
};
