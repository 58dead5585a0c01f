/** Explains a CEF line field by field, for the preview in the editor. */
import { cefError } from "./errors";
import { lookUp, type DictionaryEntry } from "./dictionary";
import { sampleEvents } from "./samples";
import { readFormatters } from "./settings";
import { plain } from "../common/border";
import type { SiemError } from "../common/errors";
import { parsed } from "../common/json";
import { JSON_DEPTH } from "../common/limits";
import type { Properties } from "../common/properties";

interface ExplainedField {
  /** The key, or for a header field its position, such as `header 5`. */
  key: string;
  /** Unescaped. */
  value: string;
  /** The dictionary's full name; "" for an own key. */
  name: string;
  /** "" for an own key. */
  type: DictionaryEntry["type"] | "";
  /** The label of a custom key. */
  label?: string;
  /** The value of a timestamp in ISO 8601. */
  instant?: string;
}

interface LinePreview {
  /** Without line end. */
  line: string;
  /** Empty for formats other than CEF. */
  fields: ExplainedField[];
  /** Why the event could not be formatted. */
  failure?: SiemError;
}

/** Chapter 1, "Header information". */
const HEADER = ["deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"];
const HEADER_END = /^CEF:\d\|((?:[^|\\]|\\.)*\|){6}/;
/** A field begins with a space, a word and an unescaped equals sign; every receiver reads it like this. */
const FIELD_START = /(?:^| )([A-Za-z0-9]+)=/g;

/**
 * The line that a node with these properties makes of `event` (JSON text), or of the sample of `kind` if `event` is
 * blank. Throws EVENT_JSON, and the errors of `readFormatters` and its formatters.
 */
export function previewLine(properties: Properties, kind: string, event: string): LinePreview {
  const formatter = readFormatters(properties)(kind);
  const line = formatter.format(event.trim() === "" ? (sampleEvents as Record<string, unknown>)[sampleKind(properties, kind)] : pasted(event));
  return {
    line,
    fields: line.startsWith("CEF:") ? explainLine(line) : [],
    ...(formatter.failure === undefined ? {} : { failure: formatter.failure }),
  };
}

/** A node with a fixed kind treats every event as that kind. */
const sampleKind = ({ kind }: Properties, chosen: string) => (typeof kind === "string" && kind !== "" && kind !== "auto" ? kind : chosen);

/** The pasted event, or the first one of a pasted page. */
function pasted(text: string): unknown {
  const value = parsed(Buffer.from(text));
  if (value === undefined) throw cefError("EVENT_JSON", plain.params({ levels: JSON_DEPTH }), { permanent: true });
  return Array.isArray(value) ? value[0] : value;
}

/** The header and extension fields of a legal CEF line. A label belongs to its custom key and is no field of its own. */
function explainLine(line: string): ExplainedField[] {
  const head = HEADER_END.exec(line)?.[0] ?? line;
  const header = [...head.matchAll(/((?:[^|\\]|\\.)*)\|/gy)].slice(1).map(([, value = ""]) => value);
  const extension = line.slice(head.length);
  const starts = [...extension.matchAll(FIELD_START)];
  const values = new Map(starts.map((start, index) => [
    start[1] ?? "", unescaped(extension.slice(start.index + start[0].length, starts[index + 1]?.index)),
  ]));
  return [
    ...header.map((value, index): ExplainedField => ({ key: `header ${index + 2}`, value: unescaped(value), name: HEADER[index] ?? "", type: "string" })),
    ...[...values].flatMap(([key, value]): ExplainedField[] => {
      const entry = lookUp(key);
      if (entry?.labelFor !== undefined && values.has(entry.labelFor)) return [];
      const label = entry?.labelKey === undefined ? undefined : values.get(entry.labelKey);
      const instant = entry?.type === "timestamp" && /^\d{1,15}$/.test(value) ? new Date(Number(value)).toISOString() : undefined;
      return [{
        key, value,
        name: entry?.fullName ?? "",
        type: entry?.type ?? "",
        ...(label === undefined ? {} : { label }),
        ...(instant === undefined ? {} : { instant }),
      }];
    }),
  ];
}

const unescaped = (text: string) => text.replace(/\\([\\|=nr])/g, (_whole, char: string) => ({ n: "\n", r: "\r" })[char] ?? char);
