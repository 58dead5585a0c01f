/**
 * Events as JSON, one object a line, for receivers that are not meant to get CEF. `json` leaves empty values out, as
 * the formatter of c42eventextractor and code42cli did; `raw-json` is the event as it came.
 *
 * JSON that is cut is no JSON: an event that is too long becomes an object with its id and the reason.
 */
import { cefError } from "./errors";
import { attempt, checkMaxBytes, DEFAULT_BYTES, makeFormatter, newCounters, type Formatter } from "./formatter";
import { isId, type Mapping } from "./mapping";
import { EventReader } from "./source";
import { cut } from "./text";

/** What JSON allows raw in a text, and some readers take for the end of the line. */
const LINE_ENDS = /[\u007f\u0085\u2028\u2029]/g;
const SHORT_REASON = 60;

export interface JsonOptions {
  /** Leave null, "", empty lists and objects that hold nothing else out; 0 and false stay. */
  leaveOutEmpty: boolean;
  /** Bytes of UTF-8 that a line may have; at least MIN_BYTES. */
  maxBytes?: number;
}

/** `mapping` tells the id of an event; undefined for a record without one. Throws SiemError MAX_BYTES. */
export function compileJsonFormatter(mapping: Mapping | undefined, { leaveOutEmpty, maxBytes = DEFAULT_BYTES }: JsonOptions): Formatter {
  checkMaxBytes(maxBytes);
  const counters = newCounters();
  const reader = new EventReader(counters);
  const readId = reader.compile({ first: (mapping?.rows ?? []).filter(isId).map(({ source }) => source) });

  return makeFormatter(counters, {
    describe(event) {
      reader.open(event);
      const line = lineOf(leaveOutEmpty ? withoutEmpty(event) ?? {} : event);
      if (line.length * 3 <= maxBytes) return line;
      const bytes = Buffer.byteLength(line);
      if (bytes > maxBytes) throw cefError("EVENT_TOO_LONG", { bytes, max: maxBytes });
      return line;
    },
    explain(reason) {
      const id = attempt(() => cut(String(readId() ?? ""), 128)) || undefined;
      const line = lineOf({ id, reason });
      return Buffer.byteLength(line) <= maxBytes ? line : lineOf({ reason: cut(reason, SHORT_REASON) });
    },
    close: () => reader.close(),
  });
}

const lineOf = (value: object) => JSON.stringify(value).replace(LINE_ENDS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Items of a list stay what and where they are. */
function withoutEmpty(value: unknown): unknown {
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, withoutEmpty(item)] as const).filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
