/** What a message carries: one line, or a page of them. */
import { syslogError } from "./errors";

export type Line = string | Buffer;

const isLine = (value: unknown): value is Line => typeof value === "string" || Buffer.isBuffer(value);

const typeOf = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** The lines of a message. */
export interface LineList {
  readonly length: number;
  /** About the bytes that they take in memory. */
  readonly bytes: number;
  at(index: number): Line;
  /** Line `index` as the message had it. */
  text(index: number): Line;
  /** Nobody here asks for a line again. */
  release(): void;
}

/** The lines of `payload`; an array is taken as it is, not copied. Throws PAYLOAD_TYPE and names the first culprit. */
export function linesOf(payload: unknown): LineList {
  if (isLine(payload)) return listOf([payload]);
  if (!Array.isArray(payload)) throw syslogError("PAYLOAD_TYPE", { property: "msg.payload", type: typeOf(payload) });
  const wrong = payload.findIndex((value) => !isLine(value));
  if (wrong >= 0) throw syslogError("PAYLOAD_TYPE", { property: `msg.payload[${wrong}]`, type: typeOf(payload[wrong]) });
  return listOf(payload as Line[]);
}

/** A list as it is; an array is not copied. */
export const asList = (lines: readonly Line[] | LineList): LineList => ("release" in lines ? lines : listOf(lines));

function listOf(lines: readonly Line[]): LineList {
  const at = (index: number) => lines[index] ?? "";
  return { length: lines.length, bytes: bytesOf(lines), at, text: at, release: () => undefined };
}

/**
 * Text counts as a byte a character. The exact figure would have to flatten every concatenated string of a page in one
 * go; that is left to the encoding, which goes in slices.
 */
function bytesOf(lines: readonly Line[]): number {
  let bytes = 0;
  for (const line of lines) bytes += line.length;
  return bytes;
}
