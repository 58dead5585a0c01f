/**
 * Compiles a mapping into a formatter: event in, one CEF line out (ArcSight CEF Implementation Standard, version 0.1
 * of the dictionary). Everything that does not depend on the event is done once, at compile time.
 *
 * What the formatter promises: the line is legal whatever the event holds; it is at most `maxBytes` long; no value
 * can end a field, the header or the line; and there is a line for every event, also for one that cannot be formatted.
 */
import { HEADER_LENGTHS, lookUp, OWN_KEY_LENGTH } from "./dictionary";
import { cefError } from "./errors";
import { inEventOrder } from "./event-order";
import { attempt, checkMaxBytes, DEFAULT_BYTES, makeFormatter, newCounters, type FormatCounters, type Formatter } from "./formatter";
import { generateLineWriter, type WriteLine } from "./generate";
import { assemble, fieldOf, sacrificeOrder, shorten, type ExtensionReader, type ReadField } from "./line";
import { isId, repetition, rowProblem, userRow, type Mapping, type Row, type RowProblem, type Source } from "./mapping";
import { EventReader } from "./source";
import { SEVERITY, type HeaderPart, type LineTable, type RowPart } from "./table";
import { cut, cutEscaped, escapeHeader, escapeValue, strip } from "./text";
import { convert, type Convert, type Scalar } from "./values";

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

const UNKNOWN_CLASS = "unknown";
const UNKNOWN_SEVERITY = "Unknown";

type HeaderField = keyof Mapping["header"];

/**
 * `generate` makes the function that writes most lines; where it gives none, the functions of the rows write all of them.
 * Throws SiemError (FIELD_..., SEVERITY, MAX_BYTES) if the options cannot make a legal line.
 */
export function compileFormatter(mapping: Mapping, options: FormatOptions = {}, generate = generateLineWriter): Formatter {
  const { maxBytes = DEFAULT_BYTES } = options;
  checkMaxBytes(maxBytes);
  const counters = newCounters();
  const reader = new EventReader(counters);
  const headerParts = headerOf(mapping, options, counters);
  const parts = mergeRows(mapping.rows, options.fields ?? []).map((row) => partOf(row, counters));
  const header = compileHeader(headerParts, reader);
  const rows = parts.map((part) => compileField(part, reader));
  const extension = mapping.eventOrder === undefined ? inTableOrder(rows) : inEventOrder(mapping.eventOrder, rows, counters);
  const ids = rows.filter(isId);
  if (ids.length === 0 && mapping.eventOrder !== undefined) ids.push(compileField(partOf({ key: "devicePayloadId", type: "string", source: mapping.eventOrder.id }, counters), reader));

  /** Made with the first event: most formatters never get one. */
  let writeLine: WriteLine | undefined;
  let isGenerated = mapping.eventOrder !== undefined;

  const describe = (event: Record<string, unknown>): string => {
    if (!isGenerated) {
      isGenerated = true;
      writeLine = generate(Object.values(headerParts), parts, reader, counters);
    }
    if (writeLine === undefined) return describeByParts(event);
    const { droppedValues, truncated } = counters;
    try {
      const line = writeLine(event);
      // One unit of a string takes at most three bytes.
      if (line !== undefined && (line.length * 3 <= maxBytes || Buffer.byteLength(line) <= maxBytes)) return line;
    } catch {
      // What it is that the event breaks comes out below, where the ids that were read are kept.
    }
    Object.assign(counters, { droppedValues, truncated });
    reader.close();
    return describeByParts(event);
  };

  /** The same line, from one function a row; those of lines that are too long are shortened. */
  const describeByParts = (event: Record<string, unknown>): string => {
    reader.open(event);
    if (!extension.collect(event)) throw cefError("EVENT_EMPTY");
    const start = `CEF:0|${header.vendor()}|${header.product()}|${header.version()}|`;
    const classId = header.classId();
    const name = header.name();
    const end = `|${header.severity()}|`;
    const line = assemble(`${start}${classId}|${name}${end}`, extension);
    let excess = Buffer.byteLength(line) - maxBytes;
    if (excess <= 0) return line;

    const giveUp = (indexes: readonly number[]) => {
      const result = shorten(extension, indexes, excess);
      excess = result.excess;
      counters.truncated += result.shortened;
    };
    const { first, last } = extension.sacrifice();
    giveUp(first);
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
    giveUp(last);
    return assemble(`${start}${shortClassId}|${shortName}${end}`, extension);
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

  const table: LineTable | undefined = mapping.eventOrder === undefined ? { header: Object.values(headerParts), rows: parts, maxBytes } : undefined;
  return Object.assign(makeFormatter(counters, { describe, explain, close: () => reader.close() }), { table });
}

/** The fields as they stand in the table. */
function inTableOrder(fields: readonly ReadField[]): ExtensionReader {
  const values = fields.map((): string | undefined => undefined);
  const sacrifice = sacrificeOrder(fields);
  return {
    fields,
    values,
    collect() {
      let says = false;
      for (let index = 0; index < fields.length; index++) {
        const { read, isConstant } = fields[index]!;
        const value = read();
        values[index] = value;
        if (value !== undefined && !isConstant) says = true;
      }
      return says;
    },
    sacrifice: () => sacrifice,
  };
}

function headerOf(mapping: Mapping, options: FormatOptions, counters: FormatCounters): Record<HeaderField, HeaderPart> {
  const text = (field: keyof typeof HEADER_LENGTHS, override: string | undefined, fallback: string): HeaderPart => {
    const source: Source = mapping.header[field];
    const constant = strip(override ?? "") || (typeof source === "object" && "constant" in source ? source.constant : "");
    if (constant !== "") {
      const fixed = escapeHeader(cut(constant, HEADER_LENGTHS[field]));
      return { source: { constant }, fixed, fallback, maxLength: HEADER_LENGTHS[field], toText: () => fixed };
    }
    return {
      source,
      fallback,
      maxLength: HEADER_LENGTHS[field],
      toText(value) {
        if (value === undefined) return fallback;
        const whole = String(value);
        const short = cut(whole, HEADER_LENGTHS[field]);
        if (short.length < whole.length) counters.truncated++;
        return escapeHeader(short);
      },
    };
  };
  const severity = strip(options.severity ?? "");
  if (severity !== "" && !SEVERITY.test(severity)) throw cefError("SEVERITY", { severity: severity.slice(0, 80) }, { permanent: true });
  return {
    vendor: text("vendor", options.vendor, "Unknown"),
    product: text("product", options.product, "Unknown"),
    version: text("version", options.version, "0"),
    classId: text("classId", undefined, UNKNOWN_CLASS),
    name: text("name", undefined, "Event"),
    severity: {
      ...(severity === "" ? { source: mapping.header.severity } : { source: { constant: severity }, fixed: severity }),
      fallback: UNKNOWN_SEVERITY,
      maxLength: "Very-High".length,
      isSeverity: true,
      toText: (value) => (SEVERITY.test(String(value)) ? String(value) : UNKNOWN_SEVERITY),
    },
  };
}

function compileHeader(parts: Record<HeaderField, HeaderPart>, reader: EventReader): Record<HeaderField, () => string> {
  const compiled = ({ source, toText }: HeaderPart) => {
    const read = reader.compile(source);
    return () => toText(read());
  };
  return {
    vendor: compiled(parts.vendor),
    product: compiled(parts.product),
    version: compiled(parts.version),
    classId: compiled(parts.classId),
    name: compiled(parts.name),
    severity: compiled(parts.severity),
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

function partOf(row: Row, counters: FormatCounters): RowPart {
  const maxLength = lookUp(row.key)?.maxLength ?? OWN_KEY_LENGTH;
  return {
    ...fieldOf(row),
    source: row.source,
    type: row.type,
    maxLength,
    isConstant: typeof row.source === "object" && "constant" in row.source,
    toText: row.type === "string" ? textWriter(maxLength, counters) : typedWriter(convert[row.type], counters),
  };
}

function compileField(part: RowPart, reader: EventReader): ReadField {
  const read = reader.compile(part.source);
  return {
    ...part,
    read() {
      const value = read();
      return value === undefined ? undefined : part.toText(value);
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

function typedWriter(toText: Convert, counters: FormatCounters): Convert {
  return (value) => {
    const text = toText(value);
    if (text === undefined) counters.droppedValues++;
    return text;
  };
}
