/**
 * Compiles a mapping into a formatter: event in, one CEF line out (ArcSight CEF Implementation Standard, version 0.1
 * of the dictionary). Everything that does not depend on the event is done once, at compile time.
 *
 * What the formatter promises: the line is legal whatever the event holds; it is at most `maxBytes` long; no value
 * can end a field, the header or the line; and there is a line for every event, also for one that cannot be formatted.
 */
import { messageOf, SiemError } from "../errors";
import { isRecord } from "../messages";
import { HEADER_LENGTHS, lookUp, OWN_KEY_LENGTH } from "./dictionary";
import { cefError } from "./errors";
import { repetition, rowProblem, userRow, type Mapping, type Row, type RowProblem, type Source } from "./mapping";
import { EventReader, type Read } from "./source";
import { cut, cutEscaped, escapeHeader, escapeValue, strip } from "./text";
import { convert, type Convert } from "./values";

/** Blank or missing texts mean what the mapping says. */
export interface FormatOptions {
  vendor?: string;
  product?: string;
  version?: string;
  /** 0 to 10, or Unknown, Low, Medium, High, Very-High. */
  severity?: string;
  /** Own rows `{key, type, source, label?}`; one with the key of a row of the mapping takes its place. */
  fields?: readonly unknown[];
  /** Bytes of UTF-8 that a line may have, without syslog header; at least MIN_BYTES. */
  maxBytes?: number;
}

export interface FormatCounters {
  /** Events that became a line of their own. */
  formatted: number;
  /** Events that became a line that says why they could not. */
  failed: number;
  /** Values left out because they are not of the type of their key. */
  droppedValues: number;
  /** Values cut or left out because they, or the line, were too long. */
  truncated: number;
}

export interface Formatter {
  /** One line without line end. Never throws. */
  readonly format: (event: unknown) => string;
  readonly counters: Readonly<FormatCounters>;
  /** Why the last event could not be formatted; undefined if it could. */
  readonly failure: SiemError | undefined;
}

/** Room for the longest vendor, product and version in three-byte characters. */
export const MIN_BYTES = 512;
export const DEFAULT_BYTES = 8000;

const UNKNOWN_CLASS = "unknown";
const SEVERITY = /^(?:\d|10|Unknown|Low|Medium|High|Very-High)$/;

/** Reads the open event; the answer is escaped, and "" if there is nothing to say. */
type ReadText = () => string;

interface Field {
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
  /** A constant says nothing about the event. */
  isConstant: boolean;
  read: ReadText;
}

type HeaderField = keyof Mapping["header"];

/** Throws SiemError (FIELD_..., SEVERITY, MAX_BYTES) if the options cannot make a legal line. */
export function compileFormatter(mapping: Mapping, options: FormatOptions = {}): Formatter {
  const { maxBytes = DEFAULT_BYTES } = options;
  if (!(maxBytes >= MIN_BYTES)) throw cefError("MAX_BYTES", { min: MIN_BYTES }, { permanent: true });
  const counters: FormatCounters = { formatted: 0, failed: 0, droppedValues: 0, truncated: 0 };
  const reader = new EventReader(counters);
  const header = compileHeader(mapping, options, reader, counters);
  const fields = mergeRows(mapping.rows, options.fields ?? []).map((row) => compileRow(row, reader, counters));
  const values = fields.map(() => "");
  const sacrifice = sacrificeOrder(fields);
  const ids = fields.filter(({ key }) => key === "externalId" || key === "devicePayloadId");
  let failure: SiemError | undefined;

  /**
   * The line, in one piece of memory: a string built by `+` keeps its parts alive, and a page of ten thousand such
   * strings makes every garbage collection a pause that is felt.
   */
  const assemble = (head: string): string => {
    const pieces = [head];
    for (let index = 0; index < fields.length; index++) {
      const value = values[index]!;
      if (value === "") continue;
      const { before, spacedBefore, after } = fields[index]!;
      pieces.push(pieces.length === 1 ? before : spacedBefore, value);
      if (after !== "") pieces.push(after);
    }
    return pieces.join("");
  };

  const describe = (event: unknown): string => {
    if (!isRecord(event)) throw cefError("EVENT_NOT_OBJECT", { type: event === null ? "null" : Array.isArray(event) ? "array" : typeof event });
    reader.open(event);
    let says = false;
    for (let index = 0; index < fields.length; index++) {
      const { read, isConstant } = fields[index]!;
      const value = read();
      values[index] = value;
      if (value !== "" && !isConstant) says = true;
    }
    if (!says) throw cefError("EVENT_EMPTY");
    const start = `CEF:0|${header.vendor()}|${header.product()}|${header.version()}|`;
    const classId = header.classId();
    const name = header.name();
    const end = `|${header.severity()}|`;
    const line = assemble(`${start}${classId}|${name}${end}`);
    // One unit of a string takes at most three bytes.
    if (line.length * 3 <= maxBytes) return line;
    let excess = Buffer.byteLength(line) - maxBytes;
    if (excess <= 0) return line;

    /** Shortens one field after the other until the line fits. */
    const shorten = (indexes: readonly number[]) => {
      for (const index of indexes) {
        if (excess <= 0) return;
        const { before, after, isText, isOwn } = fields[index]!;
        const value = values[index]!;
        if (value === "") continue;
        const bytes = Buffer.byteLength(value);
        const rest = isText && !isOwn ? cutEscaped(value, bytes - excess) : "";
        values[index] = rest;
        excess -= rest === "" ? Buffer.byteLength(before) + bytes + Buffer.byteLength(after) + 1 : bytes - Buffer.byteLength(rest);
        counters.truncated++;
      }
    };
    shorten(sacrifice.first);
    let shortName = name;
    let shortClassId = classId;
    if (excess > 0) {
      const bytes = Buffer.byteLength(name);
      shortName = cutEscaped(name, bytes - excess) || "Event";
      excess -= bytes - Buffer.byteLength(shortName);
      counters.truncated++;
    }
    if (excess > 0 && classId.length > UNKNOWN_CLASS.length) {
      shortClassId = UNKNOWN_CLASS;
      excess -= classId.length - UNKNOWN_CLASS.length;
    }
    shorten(sacrifice.last);
    return assemble(`${start}${shortClassId}|${shortName}${end}`);
  };

  /** Who and why: the reason gets the room that the ids leave. */
  const explain = (reason: string): string => {
    const start = `CEF:0|${attempt(header.vendor)}|${attempt(header.product)}|${attempt(header.version)}|unformatted|Unformatted|Unknown|`;
    let line = start;
    const add = (before: string, value: string) => {
      const space = line === start ? "" : " ";
      const rest = cutEscaped(value, maxBytes - Buffer.byteLength(line + space + before));
      if (rest !== "") line += space + before + rest;
    };
    for (const id of ids) add(id.before, attempt(id.read));
    add("msg=", escapeValue(cut(strip(reason), OWN_KEY_LENGTH)));
    return line;
  };

  return {
    counters,
    get failure() {
      return failure;
    },
    format(event) {
      try {
        const line = describe(event);
        failure = undefined;
        counters.formatted++;
        return line;
      } catch (error) {
        failure = error instanceof SiemError ? error : cefError("EVENT_UNREADABLE", { reason: messageOf(error) }, { cause: error });
        counters.failed++;
        return explain(failure.message);
      } finally {
        reader.close();
      }
    },
  };
}

/** An event may be so odd that even reading its id fails; its line is written all the same. */
function attempt(read: ReadText): string {
  try {
    return read();
  } catch {
    return "";
  }
}

function compileHeader(mapping: Mapping, options: FormatOptions, reader: EventReader, counters: FormatCounters): Record<HeaderField, ReadText> {
  const text = (field: keyof typeof HEADER_LENGTHS, override: string | undefined, fallback: string): ReadText => {
    const shape = (value: string) => {
      const short = cut(value, HEADER_LENGTHS[field]);
      if (short.length < value.length) counters.truncated++;
      return escapeHeader(short);
    };
    const source: Source = mapping.header[field];
    const constant = strip(override ?? "") || (typeof source === "object" && "constant" in source ? source.constant : "");
    if (constant !== "") {
      const fixed = escapeHeader(cut(constant, HEADER_LENGTHS[field]));
      return () => fixed;
    }
    const read = reader.compile(source);
    return () => {
      const value = read();
      return value === undefined ? fallback : shape(String(value));
    };
  };
  const severity = strip(options.severity ?? "");
  if (severity !== "" && !SEVERITY.test(severity)) throw cefError("SEVERITY", { severity: severity.slice(0, 80) }, { permanent: true });
  const readSeverity = reader.compile(severity === "" ? mapping.header.severity : { constant: severity });
  return {
    vendor: text("vendor", options.vendor, "Unknown"),
    product: text("product", options.product, "Unknown"),
    version: text("version", options.version, "0"),
    classId: text("classId", undefined, UNKNOWN_CLASS),
    name: text("name", undefined, "Event"),
    severity: () => {
      const value = String(readSeverity());
      return SEVERITY.test(value) ? value : "Unknown";
    },
  };
}

/** The rows of the table with the own rows in place of those with the same key, the other own rows behind them. */
function mergeRows(rows: readonly Row[], fields: readonly unknown[]): Row[] {
  const refuse = ({ code, params }: RowProblem) => cefError(code, params, { permanent: true });
  const own = fields.map((field) => {
    const row = userRow(field);
    const problem = rowProblem(row);
    if (problem !== undefined) throw refuse(problem);
    return row as Row;
  });
  const replaced = rows.map((row) => own.find(({ key }) => key === row.key) ?? row);
  const merged = [...replaced, ...own.filter((row) => !replaced.includes(row))];
  const problem = repetition(merged);
  if (problem !== undefined) throw refuse(problem);
  return merged;
}

function compileRow(row: Row, reader: EventReader, counters: FormatCounters): Field {
  const entry = lookUp(row.key);
  const source = reader.compile(row.source);
  return {
    key: row.key,
    before: `${row.key}=`,
    spacedBefore: ` ${row.key}=`,
    after: entry?.labelKey === undefined || row.label === undefined ? "" : ` ${entry.labelKey}=${escapeValue(cut(strip(row.label), lookUp(entry.labelKey)?.maxLength ?? OWN_KEY_LENGTH))}`,
    isText: row.type === "string",
    isOwn: entry === undefined,
    isConstant: typeof row.source === "object" && "constant" in row.source,
    read: row.type === "string" ? textReader(source, entry?.maxLength ?? OWN_KEY_LENGTH, counters) : typedReader(source, convert[row.type], counters),
  };
}

function textReader(source: Read, maxLength: number, counters: FormatCounters): ReadText {
  return () => {
    const value = source();
    if (value === undefined) return "";
    const text = typeof value === "string" ? value : String(value);
    if (text.length <= maxLength) return escapeValue(text);
    counters.truncated++;
    return escapeValue(cut(text, maxLength));
  };
}

function typedReader(source: Read, toText: Convert, counters: FormatCounters): ReadText {
  return () => {
    const value = source();
    if (value === undefined) return "";
    const text = toText(value);
    if (text !== undefined) return text;
    counters.droppedValues++;
    return "";
  };
}

const EXPENDABLE = ["msg", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "request", "requestContext", "sproc", "filePath", "oldFilePath"];
const PRECIOUS = ["suser", "end", "rt", "externalId", "devicePayloadId"];

/**
 * Which fields give way first when a line is too long, by their indexes: own keys, then what is long and says least,
 * then other text, then everything else; `last` is who, when and which event.
 */
function sacrificeOrder(fields: readonly Field[]): { first: number[]; last: number[] } {
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
