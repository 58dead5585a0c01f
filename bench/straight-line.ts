/**
 * The ceiling for the formatter: the table of `code42-file-event-v1.ts` written out by hand as straight-line code, for
 * the events of this bench only. It knows the type of every property, so it spares the checks that events from a
 * network need; where the bench uses it, its bytes are compared with the formatter's first.
 */
import { isIPv4 } from "node:net";

type Event = Record<string, unknown>;

function trimmed(text: string): string {
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  return first > 0x20 && first < 0x7f && last > 0x20 && last < 0x7f ? text : text.trim();
}

const ODD = /[^\t -<>-[\]-~\u00a0-\u2027\u202a-\ud7ff\ue000-\uffff]/;

function escaped(value: string): string {
  const text = trimmed(value);
  if (!ODD.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll("=", "\\=").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
}

const two = (text: string, at: number) => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;

/** Of `2026-01-05T00:00:00.123...Z`. */
function milliseconds(text: string): number {
  let year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  if (month <= 2) year -= 1;
  const yearOfEra = year % 400;
  const era = (year - yearOfEra) / 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + two(text, 8) - 1;
  const days = era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
  return (days * 86_400 + two(text, 11) * 3600 + two(text, 14) * 60 + two(text, 17)) * 1000 + two(text, 20) * 10 + text.charCodeAt(22) - 48;
}

const CLASSES: Record<string, readonly [classId: string, name: string]> = {
  CREATED: ["file-created", "File created"], MODIFIED: ["file-modified", "File modified"], DELETED: ["file-deleted", "File deleted"],
  READ_BY_APP: ["application-read", "Read by browser or app"], EMAILED: ["file-emailed", "File emailed"],
};

/** The line of one event, byte for byte that of the formatter. */
export function straightLine(event: Event): string {
  const [classId, name] = CLASSES[event["eventType"] as string] as readonly [string, string];
  const id = event["eventId"] as string;
  let line = `CEF:0|Code42|Incydr|1|${classId}|${name}|${event["riskScore"] as number}|`;
  if (id.length <= 40) line += `externalId=${escaped(id)} `;
  line += `devicePayloadId=${escaped(id)} end=${milliseconds(event["eventTimestamp"] as string)} rt=${milliseconds(event["insertionTimestamp"] as string)}`;
  const sender = event["eventType"] === "EMAILED" ? (event["emailSender"] as string | null) : null;
  const user = event["deviceUserName"] as string | null;
  const suser = sender ?? (user !== null && user !== "NAME_NOT_AVAILABLE" ? user : (event["actor"] as string | null));
  if (suser !== null) line += ` suser=${escaped(suser)}`;
  line += ` suid=${escaped(event["userUid"] as string)}`;
  const device = event["deviceUid"] as string | null;
  if (device !== null) line += ` deviceExternalId=${escaped(device)}`;
  const recipients = event["emailRecipients"] as string[] | null;
  const shared = event["sharedWith"] as { cloudUsername: string }[];
  if (recipients !== null && recipients.length > 0) line += ` duser=${escaped(recipients.join(","))}`;
  else if (shared.length > 0) line += ` duser=${escaped(shared.map((item) => item.cloudUsername).join(","))}`;
  const file = event["fileName"] as string;
  const directory = event["filePath"] as string | null;
  line += ` fname=${escaped(file)}`;
  if (directory !== null) line += ` filePath=${escaped(directory + file)}`;
  line += ` fileType=${escaped(event["fileCategory"] as string)}`;
  line += ` fsize=${event["fileSize"] as number} fileHash=${escaped(event["sha256Checksum"] as string)}`;
  const fileId = event["fileId"] as string | null;
  if (fileId !== null) line += ` fileId=${escaped(fileId)}`;
  line += ` fileCreateTime=${milliseconds(event["createTimestamp"] as string)} fileModificationTime=${milliseconds(event["modifyTimestamp"] as string)}`;
  const host = event["osHostName"] as string | null;
  if (host !== null) line += ` shost=${escaped(host)}`;
  const domain = event["domainName"] as string | null;
  if (domain !== null) line += isIPv4(domain) ? ` dvc=${domain}` : ` dvchost=${escaped(domain)}`;
  const address = event["publicIpAddress"] as string | null;
  if (address !== null && isIPv4(address)) line += ` src=${address}`;
  line += ` sourceServiceName=${escaped(event["source"] as string)}`;
  const process = event["processName"] as string | null;
  if (process !== null) line += ` sproc=${escaped(process)}`;
  const tab = (event["tabs"] as { url: string; title: string }[])[0];
  const url = tab?.url ?? (event["url"] as string | null);
  if (url !== null) line += ` request=${escaped(url)}`;
  if (tab !== undefined) line += ` requestContext=${escaped(tab.title)}`;
  if ((event["exposure"] as string[]).length > 0) line += ` reason=${escaped((event["exposure"] as string[]).join(","))}`;
  const subject = event["emailSubject"] as string | null;
  if (subject !== null) line += ` msg=${escaped(subject)}`;
  line += " cat=file-event";
  const bus = event["removableMediaBusType"] as string | null;
  if (bus !== null) {
    line += ` cs1=${escaped(bus)} cs1Label=Code42AEDRemovableMediaBusType cs2=${escaped(event["removableMediaVendor"] as string)} cs2Label=Code42AEDRemovableMediaVendor`;
    line += ` cs3=${escaped(event["removableMediaName"] as string)} cs3Label=Code42AEDRemovableMediaName cs4=${escaped(event["removableMediaSerialNumber"] as string)} cs4Label=Code42AEDRemovableMediaSerialNumber`;
  }
  line += ` cs5=${escaped((event["riskIndicators"] as { name: string }[]).map((item) => item.name).join("; "))} cs5Label=RiskIndicators`;
  const capacity = event["removableMediaCapacity"] as number | null;
  if (capacity !== null) line += ` cn1=${capacity} cn1Label=Code42AEDRemovableMediaCapacity`;
  line += ` cn2=${event["riskScore"] as number} cn2Label=RiskScore`;
  if ((event["privateIpAddresses"] as string[]).length > 0) line += ` Code42IncydrSourcePrivateIp=${escaped((event["privateIpAddresses"] as string[]).join(","))}`;
  const owner = event["processOwner"] as string | null;
  if (owner !== null) line += ` Code42IncydrProcessOwner=${escaped(owner)}`;
  line += ` Code42IncydrFileOwner=${escaped(event["fileOwner"] as string)}`;
  const drive = event["cloudDriveId"] as string | null;
  if (drive !== null) line += ` Code42IncydrCloudDriveId=${escaped(drive)}`;
  line += ` Code42IncydrMd5=${escaped(event["md5Checksum"] as string)} Code42IncydrTrusted=${String(event["trusted"])} Code42IncydrRiskSeverity=${escaped(event["riskSeverity"] as string)}`;
  return line;
}
