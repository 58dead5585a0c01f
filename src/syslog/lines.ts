/** What a message carries: one line, or a page of them. */
import { syslogError } from "./errors";

export type Line = string | Buffer;

const isLine = (value: unknown): value is Line => typeof value === "string" || Buffer.isBuffer(value);

const typeOf = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** The lines of `payload`; an array is taken as it is, not copied. Throws PAYLOAD_TYPE and names the first culprit. */
export function linesOf(payload: unknown): readonly Line[] {
  if (isLine(payload)) return [payload];
  if (!Array.isArray(payload)) throw syslogError("PAYLOAD_TYPE", { property: "msg.payload", type: typeOf(payload) });
  const wrong = payload.findIndex((value) => !isLine(value));
  if (wrong >= 0) throw syslogError("PAYLOAD_TYPE", { property: `msg.payload[${wrong}]`, type: typeOf(payload[wrong]) });
  return payload as Line[];
}

/**
 * About the bytes that `lines` take in memory, text as a byte a character. The exact figure would have to flatten
 * every concatenated string of a page in one go; that is left to the encoding, which goes in slices.
 */
export function bytesOf(lines: readonly Line[]): number {
  let bytes = 0;
  for (const line of lines) bytes += line.length;
  return bytes;
}
