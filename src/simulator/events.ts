/**
 * Makes realistic v2 file events: the same seed and index always give the same event, so a backlog of any length needs no
 * memory. Each event has its own id and times. The rest repeats every 1,020 events, so that FileEventWriter can reuse
 * prepared text. The keys are those of the public samples (developer portal, "Search file events").
 */

export interface EventOptions {
  /** Different seeds give different tenants. */
  seed?: number;
  /** `event.inserted`, epoch microseconds. */
  insertedUs: number;
}

export type FileEvent = Record<string, unknown> & { event: Record<string, unknown> & { id: string; inserted: string } };

type Pick = <T>(list: readonly T[]) => T;

/** ISO 8601 with six decimals, as the API writes `event.inserted`. */
export function isoMicros(us: number): string {
  const ms = Math.floor(us / 1000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(us - ms * 1000).padStart(3, "0")}Z`;
}

const isoMillis = (us: number): string => new Date(Math.floor(us / 1000)).toISOString();

/** Obscures the index in an id, so that ids are not ordered by index. */
const MASK = 0x3f05a17c3e9d;

/** A generator of uniform random numbers from 0 to below 1, seeded by two integers (mulberry32). */
export function numbers(seed: number, index: number): () => number {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const hex = (random: () => number, digits: number): string => {
  let text = "";
  while (text.length < digits) text += Math.floor(random() * 0x100000000).toString(16).padStart(8, "0");
  return text.slice(0, digits);
};

const masked = (value: number): string => {
  const high = (Math.floor(value / 0x1000000) ^ Math.floor(MASK / 0x1000000)) >>> 0;
  const low = ((value % 0x1000000) ^ (MASK % 0x1000000)) >>> 0;
  return high.toString(16).padStart(6, "0") + low.toString(16).padStart(6, "0");
};

/** `event.id` of event `index`, in one of the documented forms: unique, and not ordered by time. Its UUID ends with the obscured index. */
export function eventId(index: number, seed = 1): string {
  const random = numbers(seed, index);
  const start = hex(random, 20);
  const uuid = `${start.slice(0, 8)}-${start.slice(8, 12)}-4${start.slice(13, 16)}-8${start.slice(17, 20)}-${masked(index)}`;
  const device = `10${hexToDecimal(start)}`;
  switch (observerOf(index)) {
    case "Endpoint": return `0_${uuid}_${device}_${device.slice(0, 12)}${String(index % 1_000_000).padStart(6, "0")}_${index % 7}${index % 3 === 0 ? "_EPS" : ""}`;
    case "Office365": return uuid;
    case "GoogleDrive": case "Box": return `${observerOf(index) === "Box" ? "box" : "gdrive"}-${uuid}-${device}-${start}`;
  }
}

/** The index in an id of eventId(); undefined for any other id. */
export function indexOfId(id: string, seed = 1): number | undefined {
  const tail = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-([0-9a-f]{6})([0-9a-f]{6})/.exec(id);
  if (tail === null) return undefined;
  const high = (parseInt(tail[1] as string, 16) ^ Math.floor(MASK / 0x1000000)) >>> 0;
  const low = (parseInt(tail[2] as string, 16) ^ (MASK % 0x1000000)) >>> 0;
  const index = high * 0x1000000 + low;
  return eventId(index, seed) === id ? index : undefined;
}

const hexToDecimal = (text: string): string => (parseInt(text.slice(0, 12), 16) + 1e15).toString().slice(0, 16);

const OBSERVERS = ["Endpoint", "Endpoint", "Endpoint", "GoogleDrive", "Endpoint", "Office365", "Endpoint", "Endpoint", "Box", "Endpoint"] as const;
const observerOf = (index: number) => OBSERVERS[index % OBSERVERS.length] as (typeof OBSERVERS)[number];

const PEOPLE = ["dana", "lee.wong", "m.okafor", "zoë.müller", "s.ivanova", "kenji", "pat=ops", "ana.souza"] as const;
const FOLDERS = ["Documents/", "Downloads/", "Desktop/Q3 | final/", "Projects/alpha=beta/", "OneDrive - Example Corp/Shared/"] as const;
const NAMES = ["roadmap.pptx", "q1-forecast.xlsx", "customers|emea.csv", "key=value.txt", "design review (2).pdf", "backup.zip", "source.ts", "photo.heic"] as const;
/** About one name in sixteen is not ASCII, as in a European tenant. */
const FOREIGN_NAMES = ["Überblick – Größen.docx", "見積書_2025.xlsx", "résumé d’été.pdf", "отчёт.csv", "🚀 launch.key"] as const;
const TYPES: Record<string, readonly [category: string, mime: string]> = {
  pptx: ["Presentation", "application/vnd.openxmlformats-officedocument.presentationml.presentation"],
  xlsx: ["Spreadsheet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
  docx: ["Document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  csv: ["Spreadsheet", "text/csv"],
  txt: ["Document", "text/plain"],
  pdf: ["Pdf", "application/pdf"],
  zip: ["Archive", "application/zip"],
  ts: ["SourceCode", "text/x-typescript"],
  heic: ["Image", "image/heic"],
  key: ["Presentation", "application/vnd.apple.keynote"],
};
const SEVERITIES = ["NO_RISK_INDICATED", "LOW", "LOW", "MODERATE", "HIGH", "CRITICAL"] as const;
const SCORES: Record<string, number> = { NO_RISK_INDICATED: 0, LOW: 2, MODERATE: 5, HIGH: 8, CRITICAL: 11 };

const MEDIA = { vendor: null, name: null, serialNumber: null, capacity: null, busType: null, mediaName: null, volumeName: [], partitionId: [] };

/** Number of events that differ in more than id and times; a multiple of the number of observers. */
const VARIETIES = 1020;

interface Stamp {
  id: string;
  inserted: string;
  ingested: string;
  observed: string;
}

function stampOf(index: number, seed: number, insertedUs: number): Stamp {
  return {
    id: eventId(index, seed),
    inserted: isoMicros(insertedUs),
    ingested: isoMillis(insertedUs - 30_000_000),
    observed: isoMillis(insertedUs - 60_000_000 - ((index * 7_919_000) % 240_000_000)),
  };
}

/** One file event of 2 to 3 KB. */
export function makeFileEvent(index: number, { seed = 1, insertedUs }: EventOptions): FileEvent {
  return fileEvent(index % VARIETIES, seed, stampOf(index, seed, insertedUs));
}

/** Writes the JSON of `makeFileEvent` about ten times faster. */
export class FileEventWriter {
  private readonly pieces: string[][] = [];

  constructor(private readonly seed = 1) {}

  json(index: number, insertedUs: number): string {
    const variety = index % VARIETIES;
    // The event contains the four texts in this order, and none of them needs escaping in JSON.
    this.pieces[variety] ??= JSON.stringify(fileEvent(variety, this.seed, { observed: "\u0000", id: "\u0000", inserted: "\u0000", ingested: "\u0000" })).split("\\u0000");
    const [a, b, c, d, e] = this.pieces[variety] as [string, string, string, string, string];
    const stamp = stampOf(index, this.seed, insertedUs);
    return a + stamp.observed + b + stamp.id + c + stamp.inserted + d + stamp.ingested + e;
  }
}

function fileEvent(index: number, seed: number, stamp: Stamp): FileEvent {
  const random = numbers(seed + 7919, index);
  const pick: Pick = (list) => list[Math.floor(random() * list.length)] as never;
  const observer = observerOf(index);
  const endpoint = observer === "Endpoint";
  const person = pick(PEOPLE);
  const email = `${person.replace("=", ".")}@example.com`;
  const name = index % 16 === 5 ? pick(FOREIGN_NAMES) : pick(NAMES);
  const [category, mime] = TYPES[name.slice(name.lastIndexOf(".") + 1)] as readonly [string, string];
  const directory = endpoint ? `C:/Users/${person}/${pick(FOLDERS)}` : null;
  const severity = pick(SEVERITIES);
  const kind = endpoint ? pick(["browser", "usb", "created", "sync"] as const) : observer === "Office365" ? "email" : "share";
  const createdUs = 1_735_689_600_000_000 + Math.floor(random() * 8_640_000) * 1_000_000;
  const ip = `198.51.100.${1 + (index % 250)}`;
  const privateIp = `10.${index % 200}.${(index >> 3) % 250}.${1 + (index % 200)}`;
  const indicator = kind === "usb" ? "Removable media" : kind === "browser" ? "Dropbox upload" : kind === "share" ? "Public link from corporate Google Drive" : kind === "email" ? "Sent to untrusted domain" : "Zip created";
  const tab = { title: `Files = ${name} | Dropbox`, url: `https://www.dropbox.com/home?preview=${encodeURIComponent(name)}&v=${index}`, titleError: null, urlError: null };
  return {
    "@timestamp": stamp.observed,
    event: {
      id: stamp.id, inserted: stamp.inserted, ingested: stamp.ingested,
      action: { browser: "application-read", usb: "removable-media-created", created: "file-created", sync: "sync-app-created", email: "file-emailed", share: "file-shared" }[kind],
      observer, detectorDisplayName: endpoint ? null : `${observer} connector`, shareType: kind === "share" ? ["Anyone with the link"] : [],
      vector: kind === "browser" ? "UPLOADED" : null, relatedEvents: [], xfcEventId: null,
    },
    user: { email, id: `10000000000000${String(PEOPLE.indexOf(person)).padStart(5, "0")}`, deviceUid: endpoint ? `10${hexToDecimal(hex(random, 12))}` : null },
    file: {
      name, originalName: name, directory, originalDirectory: directory,
      category, categoryByBytes: category, categoryByExtension: category, mimeType: mime, mimeTypeByBytes: mime, mimeTypeByExtension: mime,
      sizeInBytes: Math.floor(random() * 5_000_000), owner: person, created: isoMillis(createdUs), modified: isoMillis(createdUs + 3_600_000_000),
      hash: { md5: hex(random, 32), sha256: hex(random, 64), md5Error: null, sha256Error: null },
      id: endpoint ? null : hex(random, 28), url: kind === "share" ? `https://drive.example.net/file/d/${hex(random, 28)}/view?usp=sharing` : null,
      directoryId: endpoint ? [] : [hex(random, 20)], cloudDriveId: endpoint ? null : hex(random, 16),
      classifications: index % 9 === 0 ? [{ value: "Confidential", vendor: "MICROSOFT INFORMATION PROTECTION" }] : [],
      acquiredFrom: [], changeType: null, archiveId: null, parentArchiveId: null, passwordProtected: null,
    },
    report: { id: null, name: null, description: null, headers: [], count: null, type: null },
    source: {
      category: endpoint ? "Device" : "Cloud Storage", name: endpoint ? `LAPTOP-${String(index % 5000).padStart(4, "0")}` : observer, domain: endpoint ? privateIp : null, domains: [],
      ip: endpoint ? ip : null, privateIp: endpoint ? [privateIp, "127.0.0.1"] : [], operatingSystem: endpoint ? "Windows 11" : null,
      accountName: null, accountType: null, remoteHostname: null, user: { email: endpoint ? [] : [email] },
      email: kind === "email" ? { sender: email, from: `"${person}" <${email}>` } : { sender: null, from: null }, tabs: [], removableMedia: MEDIA,
    },
    destination: {
      category: { browser: "Cloud Storage", usb: "Device", created: null, sync: "Cloud Storage", email: "Email", share: "Cloud Storage" }[kind],
      name: { browser: "Dropbox", usb: "Removable Media", created: null, sync: "OneDrive", email: "Outlook", share: observer }[kind],
      ip: null, privateIp: [], operatingSystem: null, printJobName: null, printerName: null, printedFilesBackupPath: null, accountName: null, accountType: null,
      domains: kind === "browser" ? ["dropbox.com"] : [], remoteHostname: null,
      user: { email: kind === "share" || kind === "browser" ? [`${person.split(".")[0]}.private@example.org`] : [] },
      email: kind === "email" ? { recipients: ["partner@example.net", "office|desk@example.net"], subject: `Re: ${name} = final` } : { recipients: null, subject: null },
      tabs: kind === "browser" ? [tab] : [],
      removableMedia: kind === "usb"
        ? { vendor: "SanDisk", name: "Ultra Fit", serialNumber: hex(random, 20), capacity: 64_000_000_000, busType: "USB", mediaName: "SanDisk Ultra Fit Media", volumeName: ["BACKUP (E:)"], partitionId: [hex(random, 8)] }
        : MEDIA,
    },
    process: endpoint
      ? { executable: "\\Device\\HarddiskVolume3\\Program Files\\Google\\Chrome\\Application\\chrome.exe", owner: person, extension: { browser: kind === "browser" ? "CHROME" : null, version: kind === "browser" ? "1.4.0" : null, loggedInUser: null } }
      : { executable: null, owner: null, extension: { browser: null, version: null, loggedInUser: null } },
    risk: {
      score: SCORES[severity], severity, trusted: severity === "NO_RISK_INDICATED", trustReason: severity === "NO_RISK_INDICATED" ? "Trusted browser URL" : null, preventativeControl: null,
      indicators: severity === "NO_RISK_INDICATED" ? [] : [{ id: indicator, name: indicator, weight: 5 }, { id: category, name: category, weight: 1 }],
      untrustedValues: { accountNames: [], domains: kind === "browser" ? ["dropbox.com"] : [], gitRepositoryUris: [], slackWorkspaces: [], urlPaths: [] },
    },
    git: { eventId: null, lastCommitHash: null, repositoryUri: null, repositoryUser: null, repositoryEmail: null, repositoryEndpointPath: null },
    responseControls: { preventativeControl: null, userJustification: { reason: null, text: null } },
  };
}
