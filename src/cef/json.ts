/**
 * Events as JSON, one object a line, for receivers that do not use CEF. `json` leaves out empty values, as the formatter of
 * c42eventextractor and code42cli did; `raw-json` is the event unchanged.
 *
 * Cutting JSON would make it invalid, so an event that is too long becomes an object with its id and the reason.
 */
import { cefError } from "./errors";
import { readOrEmpty, checkMaxBytes, DEFAULT_BYTES, makeFormatter, newCounters, type Formatter } from "./formatter";
import { isId, type Mapping } from "./mapping";
import { EventReader } from "./source";
import { cut } from "./text";

/** Characters that JSON allows unescaped and some receivers read as the end of the line. */
const LINE_ENDS = /[\u007f\u0085\u2028\u2029]/g;
const SHORT_REASON = 60;

interface JsonOptions {
  /** Leave out null, "", empty lists and objects without any other value. 0 and false stay. */
  leaveOutEmpty: boolean;
  /** Maximum bytes of a line in UTF-8; at least MIN_BYTES. */
  maxBytes?: number;
}

/** `mapping` gives the id of an event; undefined for a kind without mapping. Throws SiemError MAX_BYTES. */
export function compileJsonFormatter(mapping: Mapping | undefined, { leaveOutEmpty, maxBytes = DEFAULT_BYTES }: JsonOptions): Formatter {
  checkMaxBytes(maxBytes);
  const counters = newCounters();
  const reader = new EventReader(counters);
  const readId = reader.compile({ first: (mapping?.rows ?? []).filter(isId).map(({ source }) => source) });

  return makeFormatter(counters, {
    format(event) {
      reader.open(event);
      const line = lineOf(leaveOutEmpty ? withoutEmpty(event) ?? {} : event);
      if (line.length * 3 <= maxBytes) return line;
      const bytes = Buffer.byteLength(line);
      if (bytes > maxBytes) throw cefError("EVENT_TOO_LONG", { bytes, max: maxBytes });
      return line;
    },
    formatFailure(reason) {
      const id = readOrEmpty(() => cut(String(readId() ?? ""), 128)) || undefined;
      const line = lineOf({ id, reason });
      return Buffer.byteLength(line) <= maxBytes ? line : lineOf({ reason: cut(reason, SHORT_REASON) });
    },
    close: () => reader.close(),
  });
}

const lineOf = (value: object) => JSON.stringify(value).replace(LINE_ENDS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Does not look into lists, so that their items keep their positions. */
function withoutEmpty(value: unknown): unknown {
  if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, withoutEmpty(item)] as const).filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
