/** The extension of a CEF line: joins its fields, and shortens them if the line is too long. */
import { lookUp, OWN_KEY_LENGTH } from "./dictionary";
import type { Row } from "./mapping";
import { cut, cutEscaped, escapeValue, strip } from "./text";

export interface Field {
  key: string;
  /** `key=` */
  before: string;
  /** ` key=`, for use after another field. */
  spacedBefore: string;
  /** ` keyLabel=...` of a custom key, else empty. */
  after: string;
  isText: boolean;
  /** True if the dictionary does not have the key. */
  isOwn: boolean;
}

/** The fields of one event and their escaped values; undefined means no field. */
export interface Extension {
  readonly fields: readonly Field[];
  readonly values: (string | undefined)[];
}

/** A field and the source of its value. */
export interface ReadField extends Field {
  /** An event whose only fields are constants has no content. */
  isConstant: boolean;
  /** Reads the open event and escapes the value. */
  read: () => string | undefined;
}

/** The extension of one event after another. */
export interface ExtensionReader extends Extension {
  /** Reads the open event; false if it has no content. */
  collect(event: Record<string, unknown>): boolean;
  shorteningOrder(): ShorteningOrder;
}

export function fieldOf({ key, type, label }: Pick<Row, "key" | "type" | "label">): Field {
  const entry = lookUp(key);
  const labelKey = label === undefined ? undefined : entry?.labelKey;
  return {
    key,
    before: `${key}=`,
    spacedBefore: ` ${key}=`,
    after: label === undefined || labelKey === undefined ? "" : ` ${labelKey}=${escapeValue(cut(strip(label), lookUp(labelKey)?.maxLength ?? OWN_KEY_LENGTH))}`,
    isText: type === "string",
    isOwn: entry === undefined,
  };
}

/**
 * The line. An array of its parts, joined, would cost as much, but in every third process V8 came to allocate these arrays
 * in the old generation, where each keeps its texts alive until the next full collection.
 */
export function assemble(head: string, { fields, values }: Extension): string {
  let line = head;
  for (let index = 0; index < fields.length; index++) {
    const value = values[index];
    if (value === undefined) continue;
    const { before, spacedBefore, after } = fields[index]!;
    line += (line === head ? before : spacedBefore) + value + after;
  }
  return line;
}

/**
 * Shortens the values of these fields, one after the other, until `excess` bytes are gone; a value other than text is
 * removed. Returns the bytes that are still too many, and how many fields it changed.
 */
export function shorten({ fields, values }: Extension, indexes: readonly number[], excess: number): { excess: number; shortened: number } {
  let left = excess;
  let shortened = 0;
  for (const index of indexes) {
    if (left <= 0) break;
    const { before, after, isText, isOwn } = fields[index]!;
    const value = values[index];
    if (value === undefined) continue;
    const bytes = Buffer.byteLength(value);
    const rest = isText && !isOwn ? cutEscaped(value, bytes - left) : "";
    values[index] = rest === "" ? undefined : rest;
    left -= rest === "" ? Buffer.byteLength(before) + bytes + Buffer.byteLength(after) + 1 : bytes - Buffer.byteLength(rest);
    shortened++;
  }
  return { excess: left, shortened };
}

const EXPENDABLE = ["msg", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "request", "requestContext", "sproc", "filePath", "oldFilePath"];
const PRECIOUS = ["suser", "end", "rt", "externalId", "devicePayloadId"];

/** Indexes of fields. */
interface ShorteningOrder {
  first: readonly number[];
  last: readonly number[];
}

/**
 * Which fields to shorten first: own keys, then long fields of little use, then other text, then everything else. Those
 * that tell who, when and which event come last.
 */
export function shorteningOrder(fields: readonly Field[]): ShorteningOrder {
  const rank = ({ key, isText, isOwn }: Field): number => {
    if (isOwn) return -1;
    const expendable = EXPENDABLE.indexOf(key);
    return expendable >= 0 ? expendable : EXPENDABLE.length + (isText ? 0 : 1);
  };
  const indexes = fields.map((_, index) => index);
  const precious = (index: number) => PRECIOUS.indexOf(fields[index]!.key);
  return {
    first: indexes.filter((index) => precious(index) < 0).sort((a, b) => rank(fields[a]!) - rank(fields[b]!) || b - a),
    last: indexes.filter((index) => precious(index) >= 0).sort((a, b) => precious(a) - precious(b)),
  };
}
