/**
 * Compiles a mapping into a formatter: one event in, one CEF line out (ArcSight CEF Implementation Standard, version 0.1
 * of the dictionary). Whatever does not depend on the event is done at compile time.
 *
 * The formatter guarantees: a line is legal whatever the event holds, and at most `maxBytes` long; no value can end a
 * field, the header or the line; every event gets a line, even if it cannot be formatted.
 */
import { HEADER_LENGTHS, lookUp, OWN_KEY_LENGTH } from "./dictionary";
import { cefError } from "./errors";
import { inEventOrder } from "./event-order";
import { readOrEmpty, checkMaxBytes, DEFAULT_BYTES, makeFormatter, newCounters, type FormatCounters, type Formatter } from "./formatter";
import { assemble, fieldOf, shorten, shorteningOrder, type ExtensionReader, type ReadField } from "./line";
import { countProblem, isId, repetition, rowProblem, userRow, type Mapping, type Row, type RowProblem, type Source } from "./mapping";
import { EventReader } from "./source";
import { cut, cutEscaped, escapeHeader, escapeValue, strip } from "./text";
import { plain, printable } from "../common/border";
import { convert, type Scalar } from "./values";

/** Blank or missing texts mean the values of the mapping. */
export interface FormatOptions {
  vendor?: string;
  product?: string;
  version?: string;
  /** 0 to 10, or Unknown, Low, Medium, High, Very-High. */
  severity?: string;
  /** Own rows `{key, type, source, label?}`; an own row replaces the mapping's row with the same key. */
  fields?: readonly unknown[];
  /** Maximum bytes of a line in UTF-8, without syslog header; at least MIN_BYTES. */
  maxBytes?: number;
}

const UNKNOWN_CLASS = "unknown";
const UNKNOWN_SEVERITY = "Unknown";
/** CEF Implementation Standard, "Header information": a severity as a number or as a word. */
const SEVERITY = /^(?:\d|10|Unknown|Low|Medium|High|Very-High)$/;

/** Reads a header field of the open event, escaped. */
type ReadHeader = () => string;

/** Throws SiemError (FIELD_..., SEVERITY, MAX_BYTES) if the options cannot make a legal line. */
export function compileFormatter(mapping: Mapping, options: FormatOptions = {}): Formatter {
  const { maxBytes = DEFAULT_BYTES } = options;
  checkMaxBytes(maxBytes);
  const counters = newCounters();
  const reader = new EventReader(counters);
  const header = compileHeader(mapping, options, reader, counters);
  const rows = mergeRows(mapping.rows, options.fields ?? []).map((row) => compileField(row, reader, counters));
  const extension = mapping.eventOrder === undefined ? inTableOrder(rows) : inEventOrder(mapping.eventOrder, rows, counters);
  const ids = rows.filter(isId);
  if (ids.length === 0 && mapping.eventOrder !== undefined) ids.push(compileField({ key: "devicePayloadId", type: "string", source: mapping.eventOrder.id }, reader, counters));

  const format = (event: Record<string, unknown>): string => {
    reader.open(event);
    if (!extension.collect(event)) throw cefError("EVENT_EMPTY");
    const start = `CEF:0|${header.vendor()}|${header.product()}|${header.version()}|`;
    const classId = header.classId();
    const name = header.name();
    const end = `|${header.severity()}|`;
    const line = assemble(`${start}${classId}|${name}${end}`, extension);
    let excess = Buffer.byteLength(line) - maxBytes;
    if (excess <= 0) return line;

    const shortenFields = (indexes: readonly number[]) => {
      const result = shorten(extension, indexes, excess);
      excess = result.excess;
      counters.truncated += result.shortened;
    };
    const { first, last } = extension.shorteningOrder();
    shortenFields(first);
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
    shortenFields(last);
    return assemble(`${start}${shortClassId}|${shortName}${end}`, extension);
  };

  /** The ids of the event, and as much of the reason as fits. */
  const formatFailure = (reason: string): string => {
    const start = `CEF:0|${readOrEmpty(header.vendor)}|${readOrEmpty(header.product)}|${readOrEmpty(header.version)}|unformatted|Unformatted|Unknown|`;
    let line = start;
    const add = (before: string, value: string) => {
      const space = line === start ? "" : " ";
      const rest = cutEscaped(value, maxBytes - Buffer.byteLength(line + space + before));
      if (rest !== "") line += space + before + rest;
    };
    for (const id of ids) add(id.before, readOrEmpty(id.read));
    add("msg=", escapeValue(cut(strip(reason), OWN_KEY_LENGTH)));
    return line;
  };

  return makeFormatter(counters, { format, formatFailure, close: () => reader.close() });
}

/** The fields in the order of the table. */
function inTableOrder(fields: readonly ReadField[]): ExtensionReader {
  const values = fields.map((): string | undefined => undefined);
  const order = shorteningOrder(fields);
  return {
    fields,
    values,
    collect() {
      let hasContent = false;
      for (let index = 0; index < fields.length; index++) {
        const { read, isConstant } = fields[index]!;
        const value = read();
        values[index] = value;
        if (value !== undefined && !isConstant) hasContent = true;
      }
      return hasContent;
    },
    shorteningOrder: () => order,
  };
}

function compileHeader(mapping: Mapping, options: FormatOptions, reader: EventReader, counters: FormatCounters): Record<keyof Mapping["header"], ReadHeader> {
  const text = (field: keyof typeof HEADER_LENGTHS, override: string | undefined, fallback: string): ReadHeader => {
    const source: Source = mapping.header[field];
    const constant = strip(override ?? "") || (typeof source === "object" && "constant" in source ? source.constant : "");
    if (constant !== "") {
      const fixed = escapeHeader(cut(constant, HEADER_LENGTHS[field]));
      return () => fixed;
    }
    const read = reader.compile(source);
    return () => {
      const value = read();
      if (value === undefined) return fallback;
      const whole = String(value);
      const short = cut(whole, HEADER_LENGTHS[field]);
      if (short.length < whole.length) counters.truncated++;
      return escapeHeader(short);
    };
  };
  const severity = strip(options.severity ?? "");
  if (severity !== "" && !SEVERITY.test(severity)) throw cefError("SEVERITY", plain.params({ severity: printable(severity, 80) }), { permanent: true });
  const readSeverity = reader.compile(severity === "" ? mapping.header.severity : { constant: severity });
  return {
    vendor: text("vendor", options.vendor, "Unknown"),
    product: text("product", options.product, "Unknown"),
    version: text("version", options.version, "0"),
    classId: text("classId", undefined, UNKNOWN_CLASS),
    name: text("name", undefined, "Event"),
    severity() {
      const value = String(readSeverity());
      return SEVERITY.test(value) ? value : UNKNOWN_SEVERITY;
    },
  };
}

/** The rows of the table, replaced by own rows with the same key, and then the other own rows. */
function mergeRows(rows: readonly Row[], fields: readonly unknown[]): Row[] {
  const refuse = ({ code, params }: RowProblem) => cefError(code, params, { permanent: true });
  const tooMany = countProblem(fields.length);
  if (tooMany !== undefined) throw refuse(tooMany);
  const own = fields.map((field) => {
    const row = userRow(field);
    const problem = rowProblem(row);
    if (problem !== undefined) throw refuse(problem);
    return row as Row;
  });
  const byKey = new Map(own.map((row) => [row.key, row]));
  const replaced = new Set(rows.map((row) => byKey.get(row.key) ?? row));
  const merged = [...replaced, ...own.filter((row) => !replaced.has(row))];
  const problem = repetition(merged);
  if (problem !== undefined) throw refuse(problem);
  return merged;
}

function compileField(row: Row, reader: EventReader, counters: FormatCounters): ReadField {
  const read = reader.compile(row.source);
  const toText = row.type === "string" ? textWriter(lookUp(row.key)?.maxLength ?? OWN_KEY_LENGTH, counters) : convert[row.type];
  return {
    ...fieldOf(row),
    isConstant: typeof row.source === "object" && "constant" in row.source,
    read() {
      const value = read();
      if (value === undefined) return undefined;
      const text = toText(value);
      if (text === undefined) counters.droppedValues++;
      return text;
    },
  };
}

function textWriter(maxLength: number, counters: FormatCounters): (value: Scalar) => string {
  return (value) => {
    const text = typeof value === "string" ? value : String(value);
    if (text.length <= maxLength) return escapeValue(text);
    counters.truncated++;
    return escapeValue(cut(text, maxLength));
  };
}
