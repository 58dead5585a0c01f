/** How large messages may be, and the check of what a server sends before the package parses it: that it is NATS, and not too much. */
import type { ServerInfo } from "@nats-io/transport-node";

/** The largest message that we send, bytes. NATS takes 1 MiB by default, and advises against more than 8. */
export const MOST_PAYLOAD = 8 * 2 ** 20;
/** The default of nats-server. */
export const USUAL_PAYLOAD = 2 ** 20;
/** The JetStream API answers in base64. */
const MOST_RECEIVED = 2 * MOST_PAYLOAD;
/** An INFO names every server of a cluster. */
const MOST_LINE = 2 ** 20;
/** Of the lines that a server may send (NATS client protocol). */
const FIRST_LETTERS = "IMHP+-";
const NOT_NATS = "this port does not speak NATS";

export class Frames {
  /** The last INFO. */
  info: ServerInfo | undefined;
  private lines = 0;
  private line = "";
  /** Bytes of a message that are still to come. */
  private payload = 0;

  get isJustInfo(): boolean {
    return this.lines === 1 && this.line === "";
  }

  /** Returns an error if the bytes are not NATS, or too many. */
  check(bytes: Buffer): Error | undefined {
    for (let at = 0; at < bytes.length;) {
      if (this.payload > 0) {
        const skipped = Math.min(this.payload, bytes.length - at);
        this.payload -= skipped;
        at += skipped;
        continue;
      }
      if (this.line === "" && !FIRST_LETTERS.includes(bytes.toString("latin1", at, at + 1).toUpperCase())) return new Error(NOT_NATS);
      const end = bytes.indexOf("\n", at);
      const next = end < 0 ? bytes.length : end + 1;
      this.line += bytes.toString("latin1", at, next);
      at = next;
      if (this.line.length > MOST_LINE) return new Error(`the server sent a line of more than ${MOST_LINE} bytes`);
      const error = end < 0 ? undefined : this.finish(this.line);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  private finish(line: string): Error | undefined {
    this.line = "";
    this.lines += 1;
    if (/^H?MSG /i.test(line)) {
      const size = Number(/ (\d{1,15})\r\n$/.exec(line)?.[1] ?? NaN);
      this.payload = size + "\r\n".length;
      return size <= MOST_RECEIVED ? undefined : new Error(`the server sent a message of more than ${MOST_RECEIVED} bytes`);
    }
    if (/^INFO /i.test(line)) {
      this.info = infoOf(line.slice("INFO ".length));
      return this.info === undefined ? new Error(NOT_NATS) : undefined;
    }
    return /^(?:PING|PONG|\+OK|-ERR .*)\r\n$/i.test(line) ? undefined : new Error(NOT_NATS);
  }
}

/** Undefined if the package could not use `text`: it throws for a version in another form. */
function infoOf(text: string): ServerInfo | undefined {
  try {
    const info = JSON.parse(Buffer.from(text, "latin1").toString()) as Partial<ServerInfo> | null;
    return typeof info?.version === "string" && /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:\D.{0,50})?$/.test(info.version) ? info as ServerInfo : undefined;
  } catch {
    return undefined;
  }
}
