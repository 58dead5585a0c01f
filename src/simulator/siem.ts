/**
 * The embedded SIEM: takes syslog over TCP (line feeds and octet counts, told apart as RFC 6587 section 3.4 lets one
 * do) and UDP, reads every message as CEF, and says loudly which are not legal. It appends each message to a log file
 * as one line, and goes on with that file after a restart.
 */
import { isUtf8 } from "node:buffer";
import { createSocket } from "node:dgram";
import { createWriteStream, type WriteStream } from "node:fs";
import { createServer, type Socket } from "node:net";
import { parseCef, IllegalCef, type CefEvent } from "./cef-parser";

export interface SiemOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** TCP; 0 (the default) takes a free one. */
  port?: number;
  /** UDP is off unless this is given; 0 takes a free one. */
  udpPort?: number;
  logFile?: string;
  /** Default true; without it, messages are counted and logged only. */
  parse?: boolean;
  onEvent?(event: CefEvent, message: string): void;
  onIllegal?(reason: string, message: string): void;
}

export interface Siem {
  readonly port: number;
  /** 0 without UDP. */
  readonly udpPort: number;
  /** Messages. */
  readonly received: number;
  readonly illegal: number;
  /** Messages that broke off in the middle when their connection ended. */
  readonly cut: number;
  /** Legal messages whose id had come before. */
  readonly duplicates: number;
  /** How often each id (`devicePayloadId`, else `externalId`) came. */
  readonly ids: ReadonlyMap<string, number>;
  /** Ends all connections and writes the log file to its end. */
  close(): Promise<void>;
}

const LF = 10;
const LONGEST = 1024 * 1024;
/** The four forms of header that our sender writes: RFC 5424, RFC 3164 with or without PRI, none. */
const HEADER = /^(?:<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ - |(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ )?$/;

class Intake implements Pick<Siem, "received" | "illegal" | "cut" | "duplicates" | "ids"> {
  received = 0;
  illegal = 0;
  cut = 0;
  duplicates = 0;
  readonly ids = new Map<string, number>();
  private lastHeader = "";

  constructor(private readonly options: SiemOptions) {}

  take(bytes: Buffer): void {
    this.received += 1;
    if (this.options.parse === false) return;
    const message = bytes.toString();
    try {
      const event = this.read(message, bytes);
      const id = event.extension.get("devicePayloadId") ?? event.extension.get("externalId");
      if (id !== undefined) {
        const seen = this.ids.get(id);
        if (seen !== undefined) this.duplicates += 1;
        // A copy: a slice would keep the whole message in memory.
        this.ids.set(seen === undefined ? Buffer.from(id).toString() : id, (seen ?? 0) + 1);
      }
      this.options.onEvent?.(event, message);
    } catch (error) {
      if (!(error instanceof IllegalCef)) throw error;
      this.illegal += 1;
      this.options.onIllegal?.(error.message, message);
    }
  }

  private read(message: string, bytes: Buffer): CefEvent {
    if (message.includes("\ufffd") && !isUtf8(bytes)) throw new IllegalCef("is not UTF-8");
    const start = message.indexOf("CEF:");
    const header = message.slice(0, Math.max(0, start));
    if (start < 0 || (header !== this.lastHeader && !HEADER.test(header))) throw new IllegalCef("has no syslog header of a known form before CEF:");
    this.lastHeader = header;
    return parseCef(message.slice(start));
  }
}

/** Cuts a byte stream into messages; the rest waits for the next chunk. */
class Reader {
  private rest: Buffer = Buffer.alloc(0);

  get pending(): number {
    return this.rest.length;
  }

  read(chunk: Buffer): Buffer[] {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const messages: Buffer[] = [];
    let at = 0;
    for (let span = nextMessage(bytes, at); span !== undefined; span = nextMessage(bytes, at)) {
      messages.push(bytes.subarray(span.start, span.end));
      at = span.next;
    }
    this.rest = bytes.subarray(at);
    return messages;
  }
}

function nextMessage(bytes: Buffer, at: number): { start: number; end: number; next: number } | undefined {
  const first = bytes[at] ?? 0;
  if (first < 0x31 || first > 0x39) {
    const end = bytes.indexOf(LF, at);
    return end < 0 ? undefined : { start: at, end, next: end + 1 };
  }
  const space = bytes.indexOf(0x20, at);
  if (space < 0) return undefined;
  const start = space + 1;
  const end = start + Number(bytes.toString("latin1", at, space));
  return end <= bytes.length ? { start, end, next: end } : undefined;
}

/** Starts listening. Throws what Node throws when a port is taken or the log file cannot be opened. */
export async function startSiem(options: SiemOptions = {}): Promise<Siem> {
  const { host = "127.0.0.1", logFile } = options;
  const intake = new Intake(options);
  const log = logFile === undefined ? undefined : await openLog(logFile);
  const sockets = new Set<Socket>();

  /** False when the log file cannot keep up. */
  const accept = (messages: Buffer[]) => {
    for (const message of messages) intake.take(message);
    return log === undefined || messages.length === 0 || log.write(asLines(messages));
  };

  const server = createServer((socket) => {
    const reader = new Reader();
    sockets.add(socket);
    socket.on("data", (chunk) => {
      if (!accept(reader.read(chunk))) {
        socket.pause();
        log?.once("drain", () => socket.resume());
      }
      if (reader.pending > LONGEST) socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      if (reader.pending > 0) intake.cut += 1;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });

  const udp = options.udpPort === undefined ? undefined : createSocket("udp4");
  if (udp !== undefined) {
    udp.on("message", (message) => void accept([message]));
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind(options.udpPort, host, resolve);
    });
  }

  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all([
      new Promise((resolve) => server.close(resolve)),
      udp === undefined ? undefined : new Promise<void>((resolve) => udp.close(resolve)),
    ]);
    if (log !== undefined) await new Promise<void>((resolve) => log.end(resolve));
  };

  return {
    port: (server.address() as { port: number }).port,
    udpPort: udp?.address().port ?? 0,
    get received() { return intake.received; },
    get illegal() { return intake.illegal; },
    get cut() { return intake.cut; },
    get duplicates() { return intake.duplicates; },
    ids: intake.ids,
    close,
  };
}

async function openLog(path: string): Promise<WriteStream> {
  const log = createWriteStream(path, { flags: "a", highWaterMark: 4 * 1024 * 1024 });
  await new Promise<void>((resolve, reject) => {
    log.once("open", () => resolve());
    log.once("error", reject);
  });
  return log;
}

/** One line a message: an octet-counted one may hold line feeds. */
function asLines(messages: readonly Buffer[]): Buffer {
  const lf = Buffer.from("\n");
  return Buffer.concat(messages.flatMap((message) => [message.includes(LF) ? Buffer.from(message.toString().replaceAll("\n", "\\n")) : message, lf]));
}
