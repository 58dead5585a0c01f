/**
 * The embedded SIEM. It receives syslog over TCP (with line feeds or octet counts, which it recognises as RFC 6587 section
 * 3.4 describes) and over UDP, parses every message as CEF and reports those that are not legal. It appends each message to
 * a log file as one line, and continues that file after a restart.
 */
import { isUtf8 } from "node:buffer";
import { createSocket } from "node:dgram";
import { createWriteStream, type WriteStream } from "node:fs";
import { createServer, type Socket } from "node:net";
import { parseCef, IllegalCef, type CefEvent } from "./cef-parser";

export interface SiemOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** TCP port; 0 (the default) means any free port. */
  port?: number;
  /** UDP port; 0 means any free port. Without it, UDP is off. */
  udpPort?: number;
  logFile?: string;
  /** Default true. If false, messages are only counted and logged. */
  parse?: boolean;
  onEvent?(event: CefEvent, message: string): void;
  onIllegal?(reason: string, message: string): void;
}

export interface Siem {
  readonly port: number;
  /** 0 if UDP is off. */
  readonly udpPort: number;
  /** Number of messages. */
  readonly received: number;
  readonly illegal: number;
  /** Messages that were incomplete when their connection ended. */
  readonly cut: number;
  /** Legal messages with an id that was received before. */
  readonly duplicates: number;
  /** Number of messages for each id (`devicePayloadId`, or else `externalId`). */
  readonly ids: ReadonlyMap<string, number>;
  /** Ends all connections and finishes writing the log file. */
  close(): Promise<void>;
}

const LF = 10;
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** The header forms of `syslog-out`: RFC 5424, RFC 3164 with or without priority, none. */
const HEADER = /^(?:<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ - |(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ )?$/;

class Statistics implements Pick<Siem, "received" | "illegal" | "cut" | "duplicates" | "ids"> {
  received = 0;
  illegal = 0;
  cut = 0;
  duplicates = 0;
  readonly ids = new Map<string, number>();
  private lastHeader = "";

  constructor(private readonly options: SiemOptions) {}

  add(bytes: Buffer): void {
    this.received += 1;
    if (this.options.parse === false) return;
    const message = bytes.toString();
    try {
      const event = this.read(message, bytes);
      const id = event.extension.get("devicePayloadId") ?? event.extension.get("externalId");
      if (id !== undefined) {
        const seen = this.ids.get(id);
        if (seen !== undefined) this.duplicates += 1;
        // Store a copy: a slice would keep the whole message in memory.
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

/** Splits a byte stream into messages and keeps an incomplete one for the next chunk. */
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

/** Starts listening. Throws Node.js' errors if a port is taken or the log file cannot be opened. */
export async function startSiem(options: SiemOptions = {}): Promise<Siem> {
  const { host = "127.0.0.1", logFile } = options;
  const statistics = new Statistics(options);
  const log = logFile === undefined ? undefined : await openLog(logFile);
  const sockets = new Set<Socket>();

  /** Returns false if the log file cannot keep up. */
  const accept = (messages: Buffer[]) => {
    for (const message of messages) statistics.add(message);
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
      if (reader.pending > MAX_MESSAGE_BYTES) socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      if (reader.pending > 0) statistics.cut += 1;
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
    get received() { return statistics.received; },
    get illegal() { return statistics.illegal; },
    get cut() { return statistics.cut; },
    get duplicates() { return statistics.duplicates; },
    ids: statistics.ids,
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

/** One line for each message. An octet-counted message may contain line feeds, which are escaped. */
function asLines(messages: readonly Buffer[]): Buffer {
  const lf = Buffer.from("\n");
  return Buffer.concat(messages.flatMap((message) => [message.includes(LF) ? Buffer.from(message.toString().replaceAll("\n", "\\n")) : message, lf]));
}
