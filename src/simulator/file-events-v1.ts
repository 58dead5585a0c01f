/**
 * File events of version 1 of the API: flat, with other names and other values (py42, file event filter terms; code42cli,
 * `siemexample.md`). Both versions return the same events, so a flat event is made from a nested one.
 */
import { makeFileEvent, type EventOptions, type FileEvent } from "./events";
import { isRecord } from "../common/messages";

export type FileEventV1 = Record<string, unknown> & { eventId: string; insertionTimestamp: string };

const EVENT_TYPES: Record<string, string> = {
  "application-read": "READ_BY_APP", "file-created": "CREATED", "removable-media-created": "CREATED", "sync-app-created": "CREATED", "file-shared": "CREATED",
  "file-modified": "MODIFIED", "removable-media-modified": "MODIFIED", "sync-app-modified": "MODIFIED",
  "file-deleted": "DELETED", "removable-media-deleted": "DELETED", "sync-app-deleted": "DELETED",
  "file-emailed": "EMAILED", "file-printed": "PRINTED",
};
const EXPOSURES: Record<string, readonly string[]> = {
  "application-read": ["ApplicationRead"], "removable-media-created": ["RemovableMedia"], "sync-app-created": ["CloudStorage"], "file-shared": ["SharedViaLink", "OutsideTrustedDomains"],
};

/** Converts a category of version 2 to version 1: `SourceCode` to SOURCE_CODE. */
const upperSnake = (word: string): string => word.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();

/** `event` as `POST /v1/file-events` returns it. */
export function flatten(event: FileEvent): FileEventV1 {
  const at = (path: string): unknown => path.split(".").reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), event) ?? null;
  const list = (path: string): unknown[] => {
    const value = at(path);
    return Array.isArray(value) ? value : [];
  };
  const items = (path: string) => list(path).filter(isRecord);
  const action = String(at("event.action"));
  const endpoint = at("event.observer") === "Endpoint";
  const [tab] = items("destination.tabs");
  const media = (key: string) => at(`destination.removableMedia.${key}`);
  const category = at("file.category");
  return {
    eventId: event.event.id, eventType: EVENT_TYPES[action] ?? "CREATED", eventTimestamp: at("@timestamp"), insertionTimestamp: event.event.inserted, fieldErrors: [],
    filePath: at("file.directory"), fileName: at("file.name"), fileType: "FILE", fileCategory: typeof category === "string" ? upperSnake(category) : null,
    fileCategoryByBytes: at("file.categoryByBytes"), fileCategoryByExtension: at("file.categoryByExtension"), fileSize: at("file.sizeInBytes"), fileOwner: at("file.owner"),
    md5Checksum: at("file.hash.md5"), sha256Checksum: at("file.hash.sha256"), createTimestamp: at("file.created"), modifyTimestamp: at("file.modified"),
    deviceUserName: endpoint ? at("user.email") : null, osHostName: endpoint ? at("source.name") : null, domainName: at("source.domain"), publicIpAddress: at("source.ip"),
    privateIpAddresses: list("source.privateIp"), deviceUid: at("user.deviceUid"), userUid: at("user.id"), operatingSystemUser: endpoint ? at("process.owner") : null,
    actor: endpoint ? null : at("user.email"), directoryId: list("file.directoryId"), source: at("event.observer"), url: at("file.url"),
    shared: action === "file-shared" ? "TRUE" : null, sharedWith: action === "file-shared" ? list("destination.user.email").map((cloudUsername) => ({ cloudUsername })) : [],
    sharingTypeAdded: action === "file-shared" ? ["SharedViaLink"] : [], cloudDriveId: at("file.cloudDriveId"), detectionSourceAlias: at("event.detectorDisplayName"), fileId: at("file.id"),
    exposure: [...EXPOSURES[action] ?? []], processOwner: at("process.owner"), processName: at("process.executable"),
    windowTitle: tab === undefined ? [] : [tab["title"]], tabUrl: tab?.["url"] ?? null, tabs: items("destination.tabs").map(({ title, url }) => ({ title, url })),
    removableMediaVendor: media("vendor"), removableMediaName: media("name"), removableMediaSerialNumber: media("serialNumber"), removableMediaCapacity: media("capacity"),
    removableMediaBusType: media("busType"), removableMediaMediaName: media("mediaName"), removableMediaVolumeName: media("volumeName") ?? [], removableMediaPartitionId: media("partitionId") ?? [],
    syncDestination: action.startsWith("sync-app") ? at("destination.name") : null, syncDestinationUsername: action.startsWith("sync-app") ? [at("user.email")] : [],
    emailDlpPolicyNames: null, emailSubject: at("destination.email.subject"), emailSender: at("source.email.sender"), emailFrom: at("source.email.from"), emailRecipients: at("destination.email.recipients"),
    outsideActiveHours: false, mimeTypeMismatch: false, remoteActivity: "FALSE", trusted: at("risk.trusted"), printJobName: at("destination.printJobName"), printerName: at("destination.printerName"),
    destinationCategory: at("destination.category"), destinationName: at("destination.name"), sourceCategory: at("source.category"), sourceName: at("source.name"),
    riskScore: at("risk.score"), riskSeverity: at("risk.severity"), riskIndicators: items("risk.indicators").map(({ name, weight }) => ({ name, weight })), reportId: at("report.id"),
  };
}

/** The flat form of the event that `makeFileEvent` makes from the same arguments. */
export const makeFileEventV1 = (index: number, options: EventOptions): FileEventV1 => flatten(makeFileEvent(index, options));
