/**
 * The events of the benches and of same-lines.test.ts: seeded, so that every run on every machine has the same ones. Those
 * of version 1 have 48 keys and about 1,600 bytes; 72 % come from endpoints, 18 % from clouds, 10 % from mail; 55 % have
 * Windows paths, 3 % a name with `=`, 6 % a name that is not ASCII. Those of version 2 are the simulator's.
 */
import { FileEventWriter, isoMicros, numbers } from "../../src/simulator/events";

export type Version = "v1" | "v2";

/** A tenth of a second from event to event: an overlap of 300 s holds 3,000. */
const STEP_US = 100_000;
const START_US = Date.UTC(2026, 0, 5) * 1000;

export const insertedUs = (index: number): number => START_US + index * STEP_US;

/** Writes the JSON of event `index`. */
export function eventWriter(version: Version): (index: number) => string {
  if (version === "v1") return (index) => JSON.stringify(eventV1(index));
  const writer = new FileEventWriter();
  return (index) => writer.json(index, insertedUs(index));
}

const hex = (random: () => number, length: number): string => {
  let text = "";
  while (text.length < length) text += Math.floor(random() * 0x100000000).toString(16).padStart(8, "0");
  return text.slice(0, length);
};

const uuid = (random: () => number): string => {
  const digits = hex(random, 31);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(12, 15)}-8${digits.slice(15, 18)}-${digits.slice(18, 30)}`;
};

const USERS = ["dana.reed", "lee.wong", "m.okafor", "s.ivanova", "kenji.sato", "ana.souza", "p.novak", "j.smith"];
const FOLDERS = ["Documents", "Downloads", "Desktop/Q3 final", "Projects/alpha", "OneDrive - Example Corp/Shared"];
const STEMS = ["roadmap", "q1-forecast", "customers emea", "design review (2)", "backup-2026", "salaries", "source", "photo"];
const FOREIGN_STEMS = ["Überblick – Größen", "見積書_2025", "résumé d’été", "отчёт"];
const FILES: readonly (readonly [extension: string, category: string])[] = [
  ["pptx", "PRESENTATION"], ["xlsx", "SPREADSHEET"], ["docx", "DOCUMENT"], ["csv", "SPREADSHEET"], ["pdf", "PDF"], ["zip", "ARCHIVE"], ["ts", "SOURCE_CODE"], ["heic", "IMAGE"],
];
const INDICATORS = ["Removable media", "Dropbox upload", "Sent to untrusted domain", "Zip created", "Spreadsheet", "Document"];

/** One flat event as `POST /v1/file-events` answers it. */
export function eventV1(index: number): Record<string, unknown> {
  const random = numbers(11, index);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const place = random();
  const kind = place < 0.72 ? "endpoint" : place < 0.9 ? "cloud" : "email";
  const windows = kind === "endpoint" && random() < 0.55 / 0.72;
  const oddity = random();
  const stem = oddity < 0.06 ? pick(FOREIGN_STEMS) : oddity < 0.09 ? `key=${pick(STEMS)}` : pick(STEMS);
  const [extension, category] = pick(FILES);
  const name = `${stem}-${Math.floor(random() * 1000)}.${extension}`;
  const user = pick(USERS);
  const mail = `${user}@example.com`;
  const folder = pick(FOLDERS);
  const directory = windows ? `C:\\Users\\${user}\\${folder.replaceAll("/", "\\")}\\` : kind === "endpoint" ? `/Users/${user}/${folder}/` : null;
  const endpoint = kind === "endpoint";
  const email = kind === "email";
  const media = endpoint && random() < 0.2;
  const browser = endpoint && !media && random() < 0.5;
  const us = insertedUs(index);
  const score = Math.floor(random() * 11);
  const time = (earlierS: number) => `${new Date(us / 1000 - earlierS * 1000).toISOString()}`;
  return {
    eventId: `0_${uuid(random)}_10${Math.floor(random() * 1e15)}_${index}_EPS`,
    eventType: endpoint ? (browser ? "READ_BY_APP" : pick(["CREATED", "MODIFIED", "DELETED"])) : email ? "EMAILED" : "MODIFIED",
    eventTimestamp: time(60 + random() * 200),
    insertionTimestamp: isoMicros(us),
    fieldErrors: [],
    filePath: directory,
    fileName: name,
    fileType: "FILE",
    fileCategory: category,
    fileCategoryByBytes: category,
    fileCategoryByExtension: category,
    fileSize: Math.floor(random() * 50_000_000),
    fileOwner: user,
    md5Checksum: hex(random, 32),
    sha256Checksum: hex(random, 64),
    createTimestamp: time(86_400 * (1 + random() * 300)),
    modifyTimestamp: time(86_400 * random()),
    deviceUserName: endpoint ? mail : "NAME_NOT_AVAILABLE",
    osHostName: endpoint ? `LAPTOP-${hex(random, 7).toUpperCase()}` : null,
    domainName: endpoint ? `host-${index % 5000}.corp.example.com` : null,
    publicIpAddress: endpoint ? `198.51.100.${1 + (index % 250)}` : null,
    privateIpAddresses: endpoint ? [`10.${index % 200}.${(index >> 3) % 250}.7`, "127.0.0.1"] : [],
    deviceUid: endpoint ? `9${Math.floor(random() * 1e17)}` : null,
    userUid: `10${Math.floor(random() * 1e16)}`,
    actor: endpoint ? null : mail,
    source: endpoint ? "Endpoint" : email ? "Office365" : "GoogleDrive",
    url: kind === "cloud" ? `https://drive.example.net/file/d/${hex(random, 28)}/view?usp=sharing` : null,
    shared: kind === "cloud" ? "TRUE" : null,
    sharedWith: kind === "cloud" ? [{ cloudUsername: "partner@example.net" }, { cloudUsername: "desk@example.org" }] : [],
    cloudDriveId: kind === "cloud" ? hex(random, 19) : null,
    fileId: kind === "cloud" ? hex(random, 28) : null,
    exposure: media ? ["RemovableMedia"] : browser ? ["ApplicationRead"] : kind === "cloud" ? ["SharedViaLink", "OutsideTrustedDomains"] : [],
    processOwner: endpoint ? user : null,
    processName: endpoint ? (windows ? "\\Device\\HarddiskVolume3\\Program Files\\Google\\Chrome\\Application\\chrome.exe" : "/Applications/Safari.app/Contents/MacOS/Safari") : null,
    tabs: browser ? [{ title: `Files - ${name} - Dropbox`, url: `https://www.dropbox.com/home?preview=${encodeURIComponent(name)}` }] : [],
    removableMediaVendor: media ? "SanDisk" : null,
    removableMediaName: media ? "Ultra Fit" : null,
    removableMediaSerialNumber: media ? hex(random, 20) : null,
    removableMediaCapacity: media ? 64_000_000_000 : null,
    removableMediaBusType: media ? "USB" : null,
    syncDestination: null,
    emailSubject: email ? `Re: ${name} = final` : null,
    emailSender: email ? mail : null,
    emailRecipients: email ? ["partner@example.net", "desk@example.net"] : null,
    riskScore: score,
    riskSeverity: score > 8 ? "CRITICAL" : score > 6 ? "HIGH" : score > 4 ? "MODERATE" : score > 0 ? "LOW" : "NO_RISK_INDICATED",
    riskIndicators: [{ name: pick(INDICATORS), weight: 3 }, { name: category, weight: 1 }],
    trusted: false,
  };
}
