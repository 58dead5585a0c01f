/** The lines of a message: one, or a page of them. */
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

/** The lines of `payload`; an array is not copied. Throws PAYLOAD_TYPE, which names the first value that is no line. */
export function linesOf(payload: unknown): LineList {
  if (isLine(payload)) return listOf([payload]);
  if (!Array.isArray(payload)) throw syslogError("PAYLOAD_TYPE", plain.params({ property: "msg.payload", type: typeOf(payload) }));
  const wrong = payload.findIndex((value) => !isLine(value));
  if (wrong >= 0) throw syslogError("PAYLOAD_TYPE", plain.params({ property: `msg.payload[${wrong}]`, type: typeOf(payload[wrong]) }));
  return listOf(payload as Line[]);
}

export const asList = (lines: readonly Line[] | LineList): LineList => ("release" in lines ? lines : listOf(lines));

function listOf(lines: readonly Line[]): LineList {
  const at = (index: number) => lines[index] ?? "";
  return { length: lines.length, bytes: bytesOf(lines), at, text: at, release: () => undefined };
}

/** Counts one byte a character: to know the exact size, V8 would have to flatten all concatenated texts of a page at once. */
function bytesOf(lines: readonly Line[]): number {
  let bytes = 0;
  for (const line of lines) bytes += line.length;
  return bytes;
}
