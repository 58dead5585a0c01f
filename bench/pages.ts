/** Compressed pages of events, ready to be sent, written once to .cache/bench. */
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../scripts/built";
import { eventWriter, type Version } from "../test/support/measured-events";

interface PageSet {
  version: Version;
  /** Events per page. */
  pageSize: number;
  /** Total events. */
  events: number;
}

/** The place of a page in the file, in bytes. */
interface PagePlace {
  offset: number;
  length: number;
}

export interface PageFile {
  file: string;
  places: PagePlace[];
}

/** The body of page `page`; its token is the number of the next page. */
function pageJson({ version, pageSize, events }: PageSet, page: number): string {
  const write = eventWriter(version);
  const texts: string[] = [];
  const end = Math.min(events, (page + 1) * pageSize);
  for (let index = page * pageSize; index < end; index++) texts.push(write(index));
  const next = end < events ? `"${page + 1}"` : "null";
  return `{"totalCount":${events},"fileEvents":[${texts.join(",")}],"nextPgToken":${next},"problems":null}`;
}

/** Writes the pages of a set unless they exist. */
export function preparePages(set: PageSet): PageFile {
  const generator = ["test/support/measured-events.ts", "bench/pages.ts", "src/simulator/events.ts"].map((file) => readFileSync(join(root, file))).reduce((hash, text) => hash.update(text), createHash("sha256"));
  const name = `${set.version}-${set.pageSize}-${set.events}-${generator.digest("hex").slice(0, 12)}`;
  const folder = join(root, ".cache/bench");
  const [file, index] = [join(folder, `${name}.gz`), join(folder, `${name}.json`)];
  if (existsSync(index)) return { file, places: JSON.parse(readFileSync(index, "utf8")) as PagePlace[] };
  mkdirSync(folder, { recursive: true });
  const places: PagePlace[] = [];
  const output = openSync(file, "w");
  let offset = 0;
  for (let page = 0; page * set.pageSize < set.events; page++) {
    const body = gzipSync(pageJson(set, page), { level: 6 });
    writeSync(output, body);
    places.push({ offset, length: body.length });
    offset += body.length;
  }
  closeSync(output);
  writeFileSync(`${index}.new`, JSON.stringify(places));
  renameSync(`${index}.new`, index);
  return { file, places };
}
