/**
 * The format of messages in the stream. A flow message is stored as one or more chunks; the receiver makes a flow message of each.
 *
 *   Siem-Format: 1             a newer format is refused, never guessed
 *   Siem-Count: 250            items, for people who look at the stream; the receiver counts
 *   Siem-Encoding: deflate     from 16 KiB on
 *
 *   {"form":"text","list":true,"properties":{"topic":…,"kind":…}}
 *   first item
 *   second item
 *
 * Each item is one line: a text as it is, the JSON of any other value, or a Buffer as base64. Texts with a line feed travel as
 * JSON, so that nobody can forge an item. The first line says which form the items have.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import { isTooDeep } from "../common/json";
import { inMegabytes, JSON_DEPTH, STREAM_BODY_BYTES, STREAM_ITEMS, STREAM_PROPERTIES_BYTES, WHOLE_JSON_BYTES } from "../common/limits";
import { isRecord, type FlowMessage } from "../common/messages";
import { isPlain } from "../common/retained-bytes";
import { yieldIfBusy } from "../common/turns";
import { splitPath } from "../delivery/registry";
import type { PackedLines } from "../pages/packed-lines";
import { streamInError, streamOutError } from "./errors";
import { leastJsonBytes } from "./json-size";

const FORMAT = 1;
const HEADERS = { format: "Siem-Format", count: "Siem-Count", encoding: "Siem-Encoding" } as const;

/** Small bodies are stored as they are: deflating them halves the rate. */
const DEFLATE_FROM = 16 * 1024;
const LINE_FEED = 0x0a;

/** Properties of this process, of one page or of one connection. The payload is written separately; reading it here would unpack it. */
const NOT_CARRIED: ReadonlySet<string> = new Set(["payload", "delivery", "parts", "_msgid", "req", "res", "complete"]);

/** The items of a payload. */
interface Items {
  readonly form: Form;
  readonly isList: boolean;
  readonly length: number;
  /** Item `index` as its line. Throws STREAM_PAYLOAD or STREAM_MESSAGE_TOO_LARGE. */
  line(index: number): string | Buffer;
  /** Item `index` as the message has it. */
  value(index: number): unknown;
}

/** What a flow message gives to the stream. */
export interface Content extends Items {
  /** The JSON of the properties that are carried. */
  readonly properties: string;
  /** Names of properties that JSON cannot hold, or that are too large. */
  readonly leftOut: readonly string[];
  /** The id of the chunk that begins with item `first`; the same in every process. `body` are its items. */
  id(first: number, body: Buffer): string;
}

/** Some items of a content, as many as the limits allow. */
export interface Chunk {
  readonly first: number;
  readonly count: number;
  /** First line and items. */
  readonly body: Buffer;
  readonly id: string;
}

/** How an item of each form becomes a line, and a line an item. */
const FORMS = {
  text: { write: (text: unknown) => text as string, read: (line: Buffer) => line.toString("utf8") },
  json: { write: jsonOf, read: (line: Buffer) => parsedLine(line, WHOLE_JSON_BYTES) },
  bytes: { write: (bytes: unknown) => (bytes as Buffer).toString("base64"), read: (line: Buffer) => Buffer.from(line.toString("latin1"), "base64") },
};
type Form = keyof typeof FORMS;

/** What the bytes of a line cannot hold: a line feed, and half of a surrogate pair. */
const UNFIT = /[\n\p{Cs}]/u;
const isText = (value: unknown): boolean => typeof value === "string" && !UNFIT.test(value);

function itemsOf(payload: unknown): Items {
  const isList = Array.isArray(payload);
  const values: readonly unknown[] = isList ? payload : [payload];
  const form = values.every(isText) ? "text" : values.every((value) => Buffer.isBuffer(value)) ? "bytes" : "json";
  return { form, isList, length: values.length, value: (index) => values[index], line: (index) => FORMS[form].write(values[index]) };
}

function packedItems(packed: PackedLines): Items {
  const indexes = Array.from({ length: packed.length }, (_, index) => index);
  const form = indexes.some((index) => packed.at(index).includes("\n")) ? "json" : "text";
  const value = (index: number) => packed.text(index);
  return { form, isList: true, length: packed.length, value, line: (index) => (form === "text" ? packed.at(index) : jsonOf(value(index))) };
}

/** `packed` are the lines of a packed payload; the payload itself is then not read. */
export function contentOf(channel: string, message: FlowMessage, packed: PackedLines | undefined): Content {
  const items = packed === undefined ? itemsOf(message.payload) : packedItems(packed);
  const { json: properties, leftOut, texts } = carriedProperties(message);
  const place = splitPath(message.parts, isRecord(message.delivery) ? String(message.delivery["token"]) : "").map(({ index }) => index);
  const dxlId = items.isList ? undefined : dxlMessageId(message);
  const hop = lastHop(message);
  // With the channel in it, because the stream compares ids across channels.
  const id = (first: number, body: Buffer): string => {
    if (dxlId !== undefined) return [channel, dxlId, ...place, ...hop].join("/");
    const about = JSON.stringify([channel, texts.get("topic"), texts.get("kind"), items.form, items.isList, ...place, first, ...hop]);
    return createHash("sha256").update(about).update("\n").update(body).digest("hex");
  };
  return { ...items, properties, leftOut, id };
}

/** An id of a DXL message: OpenDXL clients make UUIDs in braces. With any text allowed, a sender could choose one of our own ids. */
const DXL_ID = /^\{?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\}?$/i;

function dxlMessageId({ dxl }: FlowMessage): string | undefined {
  const id = isRecord(dxl) ? dxl["messageId"] : undefined;
  return typeof id === "string" && DXL_ID.test(id) ? id.toLowerCase() : undefined;
}

/**
 * Which stored message it was, if it comes from the stream: what a flow stores again, for another attempt say, must not be taken for
 * its first copy, which is acknowledged then. The same for every redelivery. Anybody may write `msg.stream`, and the id is a header.
 */
function lastHop({ stream }: FlowMessage): string[] {
  const { sequence, storedAt } = isRecord(stream) ? stream : {};
  return Number.isSafeInteger(sequence) && typeof storedAt === "string" && /^[\w:.+-]{1,40}$/.test(storedAt) ? [`${String(sequence)}@${storedAt}`] : [];
}

/** The JSON of one value. Throws STREAM_PAYLOAD if there is none, or if it is nested too deep, and STREAM_MESSAGE_TOO_LARGE. */
function jsonOf(value: unknown): string {
  let json: string | undefined;
  try {
    // Writing more as JSON would block the process.
    if (leastJsonBytes(value, WHOLE_JSON_BYTES) > WHOLE_JSON_BYTES) throw tooLarge(WHOLE_JSON_BYTES);
    json = JSON.stringify(value);
  } catch (error) {
    throw error instanceof SiemError ? error : streamOutError("STREAM_PAYLOAD", plain.params({ reason: error }));
  }
  if (json === undefined) throw streamOutError("STREAM_PAYLOAD", plain.params({ reason: typeof value }));
  const bytes = Buffer.from(json);
  if (bytes.length > WHOLE_JSON_BYTES) throw tooLarge(WHOLE_JSON_BYTES);
  if (isTooDeep(bytes)) throw streamOutError("STREAM_PAYLOAD", plain.params({ reason: `more than ${JSON_DEPTH} levels` }));
  return json;
}

export const tooLarge = (limit: number): SiemError => streamOutError("STREAM_MESSAGE_TOO_LARGE", { limit });

/** Replacer for JSON.stringify: throws for what JSON would change silently (functions, Buffers, maps). */
function onlyData(this: unknown, name: string, value: unknown): unknown {
  // `value` of a Buffer is the result of its toJSON.
  if (ArrayBuffer.isView((this as Record<string, unknown>)[name])) throw new TypeError("bytes");
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") throw new TypeError(typeof value);
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !isPlain(value)) throw new TypeError("class");
  return value;
}

/** Reads properties by name, because reading a packed payload would unpack it. */
function carriedProperties(message: FlowMessage): { json: string; leftOut: string[]; texts: Map<string, string> } {
  const texts = new Map<string, string>();
  const leftOut: string[] = [];
  let room = STREAM_PROPERTIES_BYTES;
  for (const name of Object.keys(message)) {
    if (NOT_CARRIED.has(name) || message[name] === undefined) continue;
    const json = propertyJson(message[name], room);
    const size = json === undefined ? Infinity : Buffer.byteLength(`${JSON.stringify(name)}:${json},`);
    if (json === undefined || size > room) {
      leftOut.push(name);
      continue;
    }
    room -= size;
    texts.set(name, json);
  }
  return { json: `{${[...texts].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`, leftOut, texts };
}

function propertyJson(value: unknown, room: number): string | undefined {
  try {
    if (leastJsonBytes(value, room) > room) return undefined;
    const json = JSON.stringify(value, onlyData) as string | undefined;
    return json === undefined || isTooDeep(Buffer.from(`[[${json}]]`)) ? undefined : json;
  } catch {
    return undefined;
  }
}

/**
 * The chunk of `content` that begins with item `first`: as many items as fit into `bytes`, at most `count`, at least one. Throws
 * STREAM_MESSAGE_TOO_LARGE, and what `content.line` throws for the first item.
 */
export function cutChunk(content: Content, first: number, { count: most, bytes: limit }: { count: number; bytes: number }): Chunk {
  const { form, isList: list, properties } = content;
  const head = Buffer.from(`{"form":"${form}","list":${list},"properties":${properties}}`);
  const pieces: Buffer[] = [];
  let size = head.length;
  let index = first;
  for (; index < content.length && index - first < most; index++) {
    let line: string | Buffer;
    try {
      line = content.line(index);
    } catch (error) {
      if (index === first) throw error;
      break;
    }
    const piece = typeof line === "string" ? Buffer.from(line) : line;
    if (index > first && size + piece.length + 1 > limit) break;
    size += piece.length + 1;
    if (size > STREAM_BODY_BYTES) throw tooLarge(STREAM_BODY_BYTES);
    pieces.push(NEW_LINE, piece);
  }
  const body = Buffer.concat([head, ...pieces]);
  return { first, count: index - first, body, id: content.id(first, body.subarray(head.length)) };
}

const NEW_LINE = Buffer.from("\n");

/** The headers of a stored message. */
interface Headers {
  get(name: string): string;
  set(name: string, value: string): void;
}

const deflated = promisify(deflate) as (body: Buffer, options: { level: number }) => Promise<Buffer>;
const inflated = promisify(inflate) as (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

/** Returns the body of `chunk` as it is stored, and sets its headers. */
export async function encodeChunk({ body, count }: Chunk, headers: Headers): Promise<Buffer> {
  headers.set(HEADERS.format, String(FORMAT));
  headers.set(HEADERS.count, String(count));
  if (body.length < DEFLATE_FROM) return body;
  const small = await deflated(body, { level: 1 });
  if (small.length >= body.length) return body;
  headers.set(HEADERS.encoding, "deflate");
  return small;
}

/** A message of the stream as a flow message. */
export interface Decoded {
  message: FlowMessage;
  count: number;
  /** Bytes of the body after inflating. */
  bytes: number;
}

/** Reads a message of the stream, which anybody may have written. Rejects with STREAM_FORMAT or STREAM_UNREADABLE. */
export async function decodeChunk(headers: Pick<Headers, "get"> | undefined, stored: Uint8Array): Promise<Decoded> {
  const format = headers?.get(HEADERS.format) ?? "";
  if (/^\d{1,6}$/.test(format) && Number(format) > FORMAT) throw streamInError("STREAM_FORMAT", plain.params({ format, known: FORMAT }));
  if (format !== String(FORMAT)) throw unreadable(`${HEADERS.format}: ${format}`);
  const body = await bodyOf(headers?.get(HEADERS.encoding) ?? "", stored);
  const end = body.indexOf(LINE_FEED);
  const { form, list, properties } = headOf(body.subarray(0, Math.max(0, end)));
  const values = await valuesOf(form, body.subarray(end + 1));
  if (!list && values.length !== 1) throw unreadable("items");
  for (const name of NOT_CARRIED) delete properties[name];
  const message: FlowMessage = properties;
  message.payload = list ? values : values[0];
  return { message, count: values.length, bytes: body.length };
}

export const unreadable = (reason: unknown): SiemError => streamInError("STREAM_UNREADABLE", plain.params({ reason }));

async function bodyOf(encoding: string, stored: Uint8Array): Promise<Buffer> {
  if (stored.length > STREAM_BODY_BYTES) throw unreadable(`> ${inMegabytes(STREAM_BODY_BYTES)} MB`);
  if (encoding === "") return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (encoding !== "deflate") throw unreadable(`${HEADERS.encoding}: ${encoding}`);
  try {
    return await inflated(stored, { maxOutputLength: STREAM_BODY_BYTES });
  } catch (error) {
    throw unreadable(error);
  }
}

const isForm = (form: unknown): form is Form => typeof form === "string" && Object.hasOwn(FORMS, form);

function headOf(line: Buffer): { form: Form; list: boolean; properties: FlowMessage } {
  const head = parsedLine(line, 2 * STREAM_PROPERTIES_BYTES);
  if (isRecord(head)) {
    const { form, list, properties } = head;
    if (isForm(form) && typeof list === "boolean" && isRecord(properties)) return { form, list, properties };
  }
  throw unreadable("first line");
}

/** Throws STREAM_UNREADABLE. */
function parsedLine(line: Buffer, limit: number): unknown {
  if (line.length > limit || isTooDeep(line)) throw unreadable("JSON");
  try {
    // Not `parseExact`: JSON.stringify wrote these numbers.
    return JSON.parse(line.toString("utf8"));
  } catch (error) {
    throw unreadable(error);
  }
}

async function valuesOf(form: Form, items: Buffer): Promise<unknown[]> {
  const pause = yieldIfBusy();
  const values: unknown[] = [];
  for (let start = 0; start <= items.length;) {
    if (values.length === STREAM_ITEMS) throw unreadable(`> ${STREAM_ITEMS}`);
    const found = items.indexOf(LINE_FEED, start);
    const end = found < 0 ? items.length : found;
    values.push(FORMS[form].read(items.subarray(start, end)));
    start = end + 1;
    await pause();
  }
  return values;
}
