/** The extension of a CEF line: its fields in one piece of text, and which of them give way when the line is too long. */
import { lookUp, OWN_KEY_LENGTH } from "./dictionary";
import type { Row } from "./mapping";
import { cut, cutEscaped, escapeValue, strip } from "./text";

export interface Field {
  key: string;
  /** `key=` */
  before: string;
  /** The same behind another field. */
  spacedBefore: string;
  /** ` keyLabel=...` of a custom key, else nothing. */
  after: string;
  isText: boolean;
  /** Not a key of the dictionary. */
  isOwn: boolean;
}

/** The fields of one event, and beside each its escaped value; an undefined one is left out. */
export interface Extension {
  readonly fields: readonly Field[];
  readonly values: (string | undefined)[];
}

/** Reads the open event; the answer is escaped. */
export type ReadText = () => string | undefined;

/** A field and where its value comes from. */
export interface ReadField extends Field {
  /** A constant says nothing about the event. */
  isConstant: boolean;
  read: ReadText;
}

/** The extension of one event after another. */
export interface ExtensionReader extends Extension {
  /** Reads the open event; false if the event says nothing. */
  collect(event: Record<string, unknown>): boolean;
  sacrifice(): Sacrifice;
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
 * The line, in one piece of memory: a string built by `+` keeps its parts alive, and a page of ten thousand such
 * strings makes every garbage collection a pause that is felt.
 */
export function assemble(head: string, { fields, values }: Extension): string {
  const pieces = [head];
  for (let index = 0; index < fields.length; index++) {
    const value = values[index];
    if (value === undefined) continue;
    const { before, spacedBefore, after } = fields[index]!;
    pieces.push(pieces.length === 1 ? before : spacedBefore, value);
    if (after !== "") pieces.push(after);
  }
  return pieces.join("");
}

/**
 * Shortens the values of these fields, one after the other, until `excess` bytes are gone or none is left; values that
 * are no text go as a whole. Returns the bytes that are still too many, and how many fields it touched.
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

export interface Sacrifice {
  first: readonly number[];
  last: readonly number[];
}

/**
 * Which fields give way first when a line is too long, by their indexes: own keys, then what is long and says least,
 * then other text, then everything else; `last` is who, when and which event.
 */
export function sacrificeOrder(fields: readonly Field[]): Sacrifice {
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
