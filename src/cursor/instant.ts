/** Reads what users write for a start, an end and a position of a query. */
import { plain, printable } from "../common/border";
import { describe } from "../common/errors";
import { durationMs, epochMs } from "../common/instant";
import { isRecord } from "../common/messages";
import { cursorError } from "./errors";

/** Where a query without a cursor starts: an instant, or a duration back from `now` (epoch ms). Throws START_FROM_INVALID. */
export const startInstant = (startFrom: string, now: number): number => instantBack(startFrom, now, "START_FROM_INVALID");

/** Where a query that runs once ends, written alike. Throws UNTIL_INVALID. */
export const untilInstant = (until: string, now: number): number => instantBack(until, now, "UNTIL_INVALID");

function instantBack(text: string, now: number, code: "START_FROM_INVALID" | "UNTIL_INVALID"): number {
  const duration = durationMs(text);
  const instant = duration === undefined ? epochMs(text) : Math.max(0, now - duration);
  if (instant === undefined) throw cursorError(code, plain.params({ value: printable(text, 80) }), { permanent: true });
  return instant;
}

/** What other tools keep as a checkpoint and what is no time. Sources: code42cli `cmds/search/cursor_store.py`, incydr CLI `cmds/file_events.py`. */
const EVENT_ID = /^(?:0_)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|^(?=.*[A-Za-z_])[\w-]{24,}$/i;
const HASHES = /^\[\s*"[0-9a-f]{32}"/i;
const QUERY = /^\{[^]*"(?:page_token|pgToken)"/;

/**
 * The event id that is a checkpoint of code42cli 1.11 or newer, or the page token in one of the incydr command line (a query,
 * as JSON or as an object). Undefined for anything else.
 */
export function checkpointEventId(value: unknown): string | undefined {
  const text = typeof value === "string" ? value.trim() : "";
  if (EVENT_ID.test(text)) return text;
  const query = QUERY.test(text) ? objectIn(text) : value;
  const token = isRecord(query) ? query["page_token"] ?? query["pgToken"] : undefined;
  return typeof token === "string" && token.trim() !== "" ? token.trim() : undefined;
}

/** The value of JSON; undefined if `text` is none, such as half a file. */
function objectIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The instant that a user sets a cursor to: ISO 8601, or epoch seconds (a float, as c42eventextractor stored it, and
 * code42cli in the checkpoint files of alerts and audit logs and, before 1.11, of file events; as a number or as text).
 * Epoch ms. Throws CURSOR_VALUE_INVALID, and for checkpoints that are no time an error that says what to do instead.
 */
export function cursorInstant(value: unknown): number {
  const seconds = typeof value === "number" ? value : typeof value === "string" && /^\d{1,12}(?:\.\d{1,9})?$/.test(value.trim()) ? Number(value) : NaN;
  // Epoch milliseconds (13 digits) written by mistake would be the year 50000.
  if (Number.isFinite(seconds) && seconds >= 0 && seconds < 1e11) return Math.floor(seconds * 1000);
  const text = typeof value === "string" ? value.trim() : "";
  const instant = epochMs(text);
  if (instant !== undefined) return instant;
  const eventId = checkpointEventId(value);
  if (eventId !== undefined) throw cursorError("CHECKPOINT_IS_EVENT_ID", plain.params({ value: printable(eventId, 80) }), { permanent: true });
  if (HASHES.test(text)) throw cursorError("CHECKPOINT_IS_HASHES", {}, { permanent: true });
  if (QUERY.test(text) || (isRecord(value) && ("page_token" in value || "pgToken" in value))) throw cursorError("CHECKPOINT_IS_QUERY", {}, { permanent: true });
  throw cursorError("CURSOR_VALUE_INVALID", describe(value), { permanent: true });
}
