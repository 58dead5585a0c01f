/**
 * What the peer's TCP has not acknowledged yet, from the table of sockets that Linux shows below /proc. Its `tx_queue` is
 * what SIOCOUTQ gives: bytes written to the socket and not acknowledged, below TLS too (man 5 proc_pid_net; man 7 tcp).
 */
import { open } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { endianness } from "node:os";
import { performance } from "node:perf_hooks";
import { systemClock, type Clock } from "../common/clock";
import { processWide } from "../common/process-wide";
import { queueIsShown } from "./tcp-trial";
import type { Ends } from "./transport";

/** Tells what the peer of a link has acknowledged. */
export interface Acknowledgements {
  /** Whether this system tells it at all. */
  tell(): Promise<boolean>;
  /** Bytes without an acknowledgement; undefined where that is not known. `begins` is called just before the reading begins. */
  missing(ends: Ends, begins: () => void): Promise<number | undefined>;
}

/** ESTABLISHED, and CLOSE_WAIT: the peer writes no more, but may still read (Linux, include/net/tcp_states.h). */
const STATES = ["01", "08"];

/** The `tx_queue` of the one row with both `ends` in the text of /proc/net/tcp or tcp6; undefined without it, or with two. */
export function unacknowledged(table: Buffer, { local, remote }: Ends): number | undefined {
  const addresses = ` ${endInTable(local)} ${endInTable(remote)} `;
  const found: number[] = [];
  for (let at = table.indexOf(addresses); at >= 0; at = table.indexOf(addresses, at + 1)) {
    const start = at + addresses.length;
    const row = /^([0-9A-F]{2}) ([0-9A-F]{8}):/.exec(table.toString("latin1", start, start + 12));
    if (row?.[1] !== undefined && row[2] !== undefined && STATES.includes(row[1])) found.push(parseInt(row[2], 16));
  }
  return found.length === 1 ? found[0] : undefined;
}

/** The kernel prints addresses as words of 32 bits in the byte order of the machine. */
function endInTable({ address, port }: Ends["local"]): string {
  const bytes = bytesOf(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => {
    const four = bytes.subarray(word * 4, word * 4 + 4);
    return (endianness() === "LE" ? four.readUInt32LE() : four.readUInt32BE()).toString(16).padStart(8, "0");
  });
  return `${words.join("")}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}

/** The 4 or 16 bytes of an address as Node gives it: with a scope id (`fe80::1%eth0`), or IPv4 inside IPv6 (`::ffff:192.0.2.1`). */
function bytesOf(address: string): Buffer {
  const [plain = ""] = address.split("%");
  if (isIPv4(plain)) return Buffer.from(plain.split(".").map(Number));
  const groups = (text: string | undefined) => (text ?? "").split(":").filter((group) => group !== "").flatMap((group) =>
    (isIPv4(group) ? [...bytesOf(group)] : [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]));
  const [front, back] = plain.split("::").map(groups);
  const bytes = Buffer.alloc(16);
  bytes.set(front ?? []);
  bytes.set(back ?? [], 16 - (back?.length ?? 0));
  return bytes;
}

const IPV4 = "/proc/self/net/tcp";
const IPV6 = "/proc/self/net/tcp6";
const pathOf = ({ local }: Ends) => (local.address.includes(":") ? IPV6 : IPV4);

/** Milliseconds between two readings. */
const PAUSE = 20;
/** A reading that took longer than so many milliseconds costs something: a table with 10,000 sockets took 24 to 45 ms of processor. */
const CHEAP = 10;
const PAUSE_PER_COST = 50;

export interface TcpTableParts {
  clock: Clock;
  /** Fails where the system has no such file. */
  read: (path: string) => Promise<Buffer>;
  /** Milliseconds that the event loop has spent waiting: a reading ends late while the loop is busy, and that is not its cost. */
  waited: () => number;
  /** Shows that the table can be trusted, with `missing`. */
  trial: (missing: (ends: Ends) => Promise<number | undefined>) => Promise<boolean>;
}

interface Question {
  ends: Ends;
  begins: () => void;
  answer: (missing: number | undefined) => void;
}

/** One reader for all senders: a reading answers everybody who asked before it began. */
export class TcpTable implements Acknowledgements {
  private trusted: Promise<boolean> | undefined;
  private questions: Question[] = [];
  private state: "idle" | "due" | "reading" = "idle";
  private nextAt = 0;
  private lastCost = Infinity;

  constructor(private readonly parts: TcpTableParts) {}

  /** A trial that failed is repeated for the next link: it may have failed for want of a port or a file handle. */
  async tell(): Promise<boolean> {
    const trial = this.trusted ??= this.tryIt().catch(() => false);
    const trusted = await trial;
    if (!trusted && this.trusted === trial) this.trusted = undefined;
    return trusted;
  }

  missing(ends: Ends, begins: () => void): Promise<number | undefined> {
    return new Promise((answer) => {
      this.questions.push({ ends, begins, answer });
      this.schedule();
    });
  }

  /** Other systems do without the trial's connection. */
  private async tryIt(): Promise<boolean> {
    await this.parts.read(IPV4);
    return this.parts.trial((ends) => this.missing(ends, () => undefined));
  }

  private schedule(): void {
    if (this.state !== "idle" || this.questions.length === 0) return;
    this.state = "due";
    const { clock } = this.parts;
    clock.after(Math.max(0, this.nextAt - clock.now()), () => void this.readNow());
  }

  private async readNow(): Promise<void> {
    this.state = "reading";
    const { clock, waited } = this.parts;
    const questions = this.questions.splice(0);
    for (const { begins } of questions) begins();
    const before = waited();
    const paths = [...new Set(questions.map(({ ends }) => pathOf(ends)))];
    const tables = new Map(await Promise.all(paths.map(async (path) => [path, await this.parts.read(path).catch(() => undefined)] as const)));
    const cost = waited() - before;
    // A single slow reading is a busy machine; a large table makes each of them slow.
    const least = Math.min(cost, this.lastCost);
    this.lastCost = cost;
    this.nextAt = clock.now() + Math.max(PAUSE, least > CHEAP ? least * PAUSE_PER_COST : 0);
    this.state = "idle";
    for (const { ends, answer } of questions) {
      const table = tables.get(pathOf(ends));
      answer(table === undefined ? undefined : unacknowledged(table, ends));
    }
    this.schedule();
  }
}

/** Reads a file of /proc into the memory of the reading before: fifty fresh Buffers a second would wait for a full garbage collection. */
function reusingMemory(): (path: string) => Promise<Buffer> {
  const rooms = new Map<string, Buffer>();
  return async (path) => {
    const file = await open(path);
    try {
      let room = rooms.get(path) ?? Buffer.allocUnsafeSlow(64 * 1024);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(room, length, room.length - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
        if (length === room.length) room = Buffer.concat([room], 2 * length);
      }
      rooms.set(path, room);
      return room.subarray(0, length);
    } finally {
      await file.close();
    }
  };
}

/** Shared by the whole process, because the pause between two readings bounds what all senders together cost. */
export const tcpTableOfProcess = (): Acknowledgements => processWide("tcp-table@1", () => new TcpTable({
  clock: systemClock,
  read: reusingMemory(),
  waited: () => performance.eventLoopUtilization().idle,
  trial: queueIsShown,
}));
