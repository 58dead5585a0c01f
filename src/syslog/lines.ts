/** The lines of a message: one, or a page of them. */
import { textBytes } from "../common/retained-bytes";
import { plain } from "../common/border";
import { syslogError } from "./errors";

export type Line = string | Buffer;

const isLine = (value: unknown): value is Line => typeof value === "string" || Buffer.isBuffer(value);

const typeOf = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

export interface LineList {
  readonly length: number;
  /** Approximate size in memory. */
  readonly bytes: number;
  at(index: number): Line;
  /** Line `index` as the message has it. */
  text(index: number): Line;
  /** The sender needs the lines no more. */
  release(): void;
}

/**
 * The lines of `payload`; an array is not copied. `besideBytes` is the memory of the rest of their message, which waits with
 * them. Throws PAYLOAD_TYPE, which names the first value that is no line.
 */
export function linesOf(payload: unknown, besideBytes = 0): LineList {
  if (isLine(payload)) return listOf([payload], besideBytes);
  if (!Array.isArray(payload)) throw syslogError("PAYLOAD_TYPE", plain.params({ property: "msg.payload", type: typeOf(payload) }));
  const wrong = payload.findIndex((value) => !isLine(value));
  if (wrong >= 0) throw syslogError("PAYLOAD_TYPE", plain.params({ property: `msg.payload[${wrong}]`, type: typeOf(payload[wrong]) }));
  return listOf(payload as Line[], besideBytes);
}

export const asList = (lines: readonly Line[] | LineList): LineList => ("release" in lines ? lines : listOf(lines));

function listOf(lines: readonly Line[], besideBytes = 0): LineList {
  const at = (index: number) => lines[index] ?? "";
  return { length: lines.length, bytes: besideBytes + bytesOf(lines), at, text: at, release: () => undefined };
}

function bytesOf(lines: readonly Line[]): number {
  let bytes = 0;
  for (const line of lines) bytes += typeof line === "string" ? textBytes(line) : line.length;
  return bytes;
}
