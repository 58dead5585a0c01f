/** One of the contestants of `send`, in a process of its own, so that none pays for another's garbage. */
import { compileFormatter } from "../src/cef/encoder";
import { code42FileEventV1 } from "../src/cef/mappings/code42-file-event-v1";
import type * as bufferPool from "../src/common/buffer-pool";
import type * as clock from "../src/common/clock";
import type * as packedLines from "../src/pages/packed-lines";
import type { Sender } from "../src/syslog/sender";
import type * as settings from "../src/syslog/settings";
import { eventV1 } from "../test/support/measured-events";
import { built, peer } from "./rounds";

interface SyslogClient {
  createClient(this: void, host: string, options: object): { log(line: string, done: (error?: Error) => void): void; on(event: "error", listener: (this: void, error: Error) => void): void };
  Transport: { Tcp: number; Udp: number };
}

interface Winston {
  Syslog: new (options: object) => { log(info: object, done: () => void): void; on(event: string, listener: () => void): void };
}

/** From the parent, several times: send all lines. */
export interface Send {
  send: true;
}

/** To the parent: `ready` once at the start, `sent` whenever all lines were handed over. */
export type SenderReport = { ready: true } | { sent: true };

export type Contestant = "ours" | "client" | "winston" | "oursUdp" | "clientUdp";

const PAGE = 1000;

const [name, portText, countText] = process.argv.slice(2) as [Contestant, string, string];
const [port, count] = [Number(portText), Number(countText)];
const { format } = compileFormatter(code42FileEventV1);
const lines = Array.from({ length: count }, (_, index) => format(eventV1(index)));

function ours(transport: "tcp" | "udp", pages: readonly Parameters<Sender["push"]>[0][]): () => Promise<void> {
  const { createSender, readSettings } = built<typeof settings>("syslog/settings");
  const { systemClock } = built<typeof clock>("common/clock");
  const parsed = readSettings({ host: "127.0.0.1", port: portText, transport, header: "none", queueEvents: countText, queueBytes: "1000000000", confirmDelay: "0" });
  const sender = createSender(parsed, { clock: systemClock, random: Math.random, systemHostname: "bench", systemAddresses: [], processId: process.pid, tls: {} }, { changed: () => undefined, outage: () => undefined });
  sender.start();
  return () => new Promise<void>((resolve, reject) => {
    let open = pages.length;
    for (const page of pages) {
      sender.push(page, (error) => {
        open -= 1;
        if (error !== undefined) reject(error);
        else if (open === 0) resolve();
      });
    }
  });
}

/** As cef-format gives them to syslog-out, but never released, because they are sent again and again. */
function pages(): packedLines.PackedLines[] {
  const { PackedLines, PIECE_BYTES } = built<typeof packedLines>("pages/packed-lines");
  const { BufferPool } = built<typeof bufferPool>("common/buffer-pool");
  return Array.from({ length: Math.ceil(count / PAGE) }, (_, page) => {
    const packed = new PackedLines(new BufferPool(PIECE_BYTES));
    for (const line of lines.slice(page * PAGE, (page + 1) * PAGE)) packed.add(line);
    packed.release = () => undefined;
    return packed;
  });
}

const each = (log: (line: string, done: () => void) => void) => () => new Promise<void>((resolve) => {
  let open = lines.length;
  for (const line of lines) log(line, () => {
    open -= 1;
    if (open === 0) resolve();
  });
});

function client(transport: "Tcp" | "Udp"): () => Promise<void> {
  const { createClient, Transport } = peer<SyslogClient>("syslog-client");
  const made = createClient("127.0.0.1", { port, transport: Transport[transport] });
  made.on("error", () => undefined);
  return each((line, done) => made.log(line, done));
}

function winston(): () => Promise<void> {
  const made = new (peer<Winston>("winston-syslog").Syslog)({ host: "127.0.0.1", port, protocol: "tcp4", localhost: "bench", app_name: "CEF", eol: "\n" });
  made.on("error", () => undefined);
  const [level, text] = [Symbol.for("level"), Symbol.for("message")];
  return each((line, done) => made.log({ [level]: "info", [text]: line }, done));
}

const contestants: Record<Contestant, () => () => Promise<void>> = {
  ours: () => ours("tcp", pages()),
  client: () => client("Tcp"),
  winston,
  oursUdp: () => ours("udp", pages()),
  clientUdp: () => client("Udp"),
};

const hand = contestants[name]();
const report = (message: SenderReport) => process.send?.(message);
process.on("message", () => {
  hand().then(() => report({ sent: true }), (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.once("disconnect", () => process.exit());
report({ ready: true });
