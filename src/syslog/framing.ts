/** Turns lines into frames: the bytes that a syslog server reads as one message each. */
import type { BufferPool } from "../common/buffer-pool";
import type { Line } from "./lines";

/**
 * `lf`: a line feed ends a message (RFC 6587 section 3.4.2). `octet`: its length in bytes stands before it (RFC 6587
 * section 3.4.1, RFC 5425 section 4.3). `datagram`: one message a datagram, nothing around it (RFC 5426 section 3.1);
 * RELP takes bare messages too and adds its own frame, which is another one in each session.
 */
export type Framing = "lf" | "octet" | "datagram";

/** Whole frames, one after the other. */
export interface Frames {
  readonly bytes: Buffer;
  /** Offset just past each frame. */
  readonly ends: readonly number[];
}

const LF = 10;
const CR = 13;
const isBreak = (byte: number | undefined) => byte === LF || byte === CR;

/** Collects frames for one write, in a Buffer of `pool`. */
export class FrameBuilder {
  private buffer: Buffer;
  private size = 0;
  private ends: number[] = [];

  /** `maxBytes` limits header and line together; all frames together fit into a Buffer of `pool`; a single longer frame is taken alone. */
  constructor(private readonly framing: Framing, private readonly maxBytes: number, private readonly pool: BufferPool) {
    this.buffer = pool.take();
  }

  get count(): number {
    return this.ends.length;
  }

  /**
   * Appends the frame of `line`; "full": it did not fit and was not added; "empty": there is nothing in it, and rsyslog takes
   * nothing more behind a count of 0. A line over the limit is cut between two
   * characters, because the server would read two frames as two messages. Line breaks at the end are dropped; with `lf`
   * those inside become spaces.
   */
  add(header: Buffer, line: Line): "added" | "shortened" | "full" | "empty" {
    const whole = withoutBreaks(line, this.framing === "lf");
    if (whole.length === 0) return "empty";
    const room = Math.max(0, this.maxBytes - header.length);
    const shortened = bytesOf(whole) > room;
    const text = shortened ? cut(whole, room) : whole;
    const length = header.length + bytesOf(text);
    const prefix = this.framing === "octet" ? `${length} ` : "";
    const end = this.size + prefix.length + length + (this.framing === "lf" ? 1 : 0);
    if (end > this.pool.bytes && this.ends.length > 0) return "full";
    if (end > this.buffer.length) this.buffer = Buffer.allocUnsafe(end);

    let at = this.size;
    if (prefix !== "") at += this.buffer.write(prefix, at, "latin1");
    at += header.copy(this.buffer, at);
    at += typeof text === "string" ? this.buffer.write(text, at) : text.copy(this.buffer, at);
    if (this.framing === "lf") this.buffer[at++] = LF;
    this.size = at;
    this.ends.push(at);
    return shortened ? "shortened" : "added";
  }

  /** Takes all frames out. Few of them get memory of their size, so that nobody keeps a large Buffer for a small chunk. */
  take(): Frames {
    const frames = this.buffer.subarray(0, this.size);
    const isSmall = 2 * this.size < this.buffer.length;
    const taken = { bytes: isSmall ? Buffer.from(frames) : frames, ends: this.ends };
    if (!isSmall) this.buffer = this.pool.take();
    this.size = 0;
    this.ends = [];
    return taken;
  }
}

const bytesOf = (line: Line) => (typeof line === "string" ? Buffer.byteLength(line) : line.length);

function withoutBreaks(line: Line, alsoInside: boolean): Line {
  if (typeof line === "string") {
    if (!line.includes("\n") && !line.includes("\r")) return line;
    const end = contentEnd(line.length, (at) => line.charCodeAt(at));
    const content = line.slice(0, end);
    return alsoInside ? content.replace(/[\r\n]/g, " ") : content;
  }
  if (!line.includes(LF) && !line.includes(CR)) return line;
  const content = line.subarray(0, contentEnd(line.length, (at) => line[at]));
  return alsoInside ? Buffer.from(content.map((byte) => (isBreak(byte) ? 32 : byte))) : content;
}

function contentEnd(length: number, at: (index: number) => number | undefined): number {
  let end = length;
  while (end > 0 && isBreak(at(end - 1))) end -= 1;
  return end;
}

/**
 * The first `limit` bytes of a longer `line`, without a UTF-8 character that would be cut in two: behind its first byte it has
 * at most three others. Bytes that are no UTF-8 are cut at the limit.
 */
export function cut(line: Line, limit: number): Buffer {
  const bytes = typeof line === "string" ? Buffer.from(line.slice(0, limit)) : line;
  const isInside = (at: number) => ((bytes[at] ?? 0) & 0xc0) === 0x80;
  let end = limit;
  while (end > limit - 3 && isInside(end)) end -= 1;
  return bytes.subarray(0, isInside(end) ? limit : end);
}
