/**
 * Formatted pages go to a SIEM over TCP and UDP: ours, syslog-client, winston-syslog. From the first line to the last
 * one at the SIEM; for UDP, until the last datagram was handed over. `npm run bench -- send [--rounds N] [--events N]`
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import type * as clock from "../src/syslog/clock";
import type * as packedLines from "../src/packed-lines";
import type * as spareMemory from "../src/spare-memory";
import type { Sender } from "../src/syslog/sender";
import type * as settings from "../src/syslog/settings";
import { eventV1 } from "./events";
import type { SinkExpect, SinkReady, SinkReport } from "./line-sink";
import { parseOptions, type Row } from "./report";
import { built, compare, peer, perSecond } from "./rounds";
import { straightLine } from "./straight-line";

interface SyslogClient {
  createClient(this: void, host: string, options: object): { log(line: string, done: (error?: Error) => void): void; close(): void; on(event: "error", listener: (this: void, error: Error) => void): void };
  Transport: { Tcp: number; Udp: number };
}

interface Winston {
  Syslog: new (options: object) => { log(info: object, done: () => void): void; close(): void; on(event: string, listener: () => void): void };
}

const PAGE = 1000;

export async function send(options: string[]): Promise<Row[]> {
  const { rounds, numbers } = parseOptions(options, { rounds: 5, events: 100_000 }, []);
  const count = numbers["events"] as number;
  const lines = Array.from({ length: count }, (_, index) => straightLine(eventV1(index)));
  const sink = fork(join(__dirname, "line-sink.ts"), [String(count)], { execArgv: ["--import", "tsx"] });
  let arrived: () => void = () => undefined;
  const { port, udpPort } = await new Promise<SinkReady>((resolve) => {
    sink.on("message", (message: SinkReady | SinkReport) => {
      if ("port" in message) resolve(message);
      else if (message.lines >= count) arrived();
    });
  });
  /** Runs `hand`; done when the sink has all lines, or (datagrams) when all are handed over. */
  const deliver = async (reliable: boolean, hand: () => Promise<void>): Promise<void> => {
    const all = new Promise<void>((resolve) => { arrived = resolve; });
    sink.send({ events: count } satisfies SinkExpect);
    await Promise.all([hand(), reliable ? all : undefined]);
  };

  const { createSender, readSettings } = built<typeof settings>("syslog/settings");
  const { systemClock } = built<typeof clock>("syslog/clock");
  const sender = (transport: "tcp" | "udp") => {
    const parsed = readSettings({ host: "127.0.0.1", port: String(transport === "tcp" ? port : udpPort), transport, header: "none", queueEvents: String(count), queueBytes: "1000000000", confirmDelay: "0" });
    const made = createSender(parsed, { clock: systemClock, random: Math.random, systemHostname: "bench", processId: process.pid, tls: {} }, { changed: () => undefined, outage: () => undefined });
    made.start();
    return made;
  };
  const ours = { tcp: sender("tcp"), udp: sender("udp") };
  const push = (transport: "tcp" | "udp", pages: Parameters<Sender["push"]>[0][]) => () => new Promise<void>((resolve, reject) => {
    let open = pages.length;
    for (const page of pages) {
      ours[transport].push(page, (error) => {
        open -= 1;
        if (error !== undefined) reject(error);
        else if (open === 0) resolve();
      });
    }
  });
  const texts = Array.from({ length: Math.ceil(count / PAGE) }, (_, page) => lines.slice(page * PAGE, (page + 1) * PAGE));
  // As cef-format gives them to syslog-out.
  const { LineBytes, PackedLines, PIECE_BYTES } = built<typeof packedLines>("packed-lines");
  const { SpareMemory } = built<typeof spareMemory>("spare-memory");
  const packed = texts.map((page) => {
    const memory = new LineBytes(new SpareMemory(PIECE_BYTES));
    const made = new PackedLines(memory, page.map((line) => memory.add(line) as number), () => page);
    made.keep();
    return made;
  });

  const { createClient, Transport } = peer<SyslogClient>("syslog-client");
  const clients = { tcp: createClient("127.0.0.1", { port, transport: Transport.Tcp }), udp: createClient("127.0.0.1", { port: udpPort, transport: Transport.Udp }) };
  for (const client of Object.values(clients)) client.on("error", () => undefined);
  const each = (log: (line: string, done: () => void) => void) => () => new Promise<void>((resolve) => {
    let open = lines.length;
    for (const line of lines) log(line, () => {
      open -= 1;
      if (open === 0) resolve();
    });
  });
  const winston = new (peer<Winston>("winston-syslog").Syslog)({ host: "127.0.0.1", port, protocol: "tcp4", localhost: "bench", app_name: "CEF", eol: "\n" });
  winston.on("error", () => undefined);
  const [level, text] = [Symbol.for("level"), Symbol.for("message")];

  const rates = await compare({
    ours: () => deliver(true, push("tcp", packed)),
    oursTexts: () => deliver(true, push("tcp", texts)),
    client: () => deliver(true, each((line, done) => clients.tcp.log(line, done))),
    winston: () => deliver(true, each((line, done) => winston.log({ [level]: "info", [text]: line }, done))),
    oursUdp: () => deliver(false, push("udp", packed)),
    clientUdp: () => deliver(false, each((line, done) => clients.udp.log(line, done))),
  }, { items: count, rounds, leastMs: 1, clock: () => performance.now() });
  for (const client of Object.values(clients)) client.close();
  winston.close();
  await Promise.all(Object.values(ours).map((each) => each.close(1000)));
  sink.disconnect();
  const rate = (name: string) => rates[name] as number;
  const row = (what: string, name: string, against: string, atLeast?: number): Row =>
    ({ what, figure: perSecond(rate(name)), peer: perSecond(rate(against)), ratio: rate(name) / rate(against), ...(atLeast === undefined ? {} : { atLeast }) });
  return [
    row("send formatted pages, TCP, against syslog-client", "ours", "client", 10),
    row("send formatted pages, TCP, against winston-syslog", "ours", "winston", 20),
    row("send pages of texts, as another node gives them, TCP, against syslog-client", "oursTexts", "client"),
    row("send formatted pages, UDP, against syslog-client", "oursUdp", "clientUdp", 1.4),
  ];
}
