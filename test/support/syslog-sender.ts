/** A sender with a link and a clock that the test controls, for cases that real sockets cannot produce on demand. */
import type { SiemError } from "../../src/common/errors";
import type { Clock } from "../../src/common/clock";
import type { SettledLines } from "../../src/syslog/chunk";
import type { Frames } from "../../src/syslog/framing";
import { Sender, type SenderOptions } from "../../src/syslog/sender";
import type { Acknowledgements } from "../../src/syslog/tcp-table";
import type { Ends, LinkListener, WriteReport } from "../../src/syslog/transport";

export class TestClock implements Clock {
  private time = 0;
  private timers: { due: number; callback: () => void }[] = [];

  now = () => this.time;
  date = () => this.time;
  after = (ms: number, callback: () => void) => {
    const timer = { due: this.time + ms, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };

  /** The remaining times of all timers, shortest first. */
  get pending(): number[] {
    return this.timers.map(({ due }) => due - this.time).sort((a, b) => a - b);
  }

  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.due);
      next.callback();
      await turns();
    }
    this.time = end;
    await turns();
  }
}

/** Runs the event loop for some turns, so that all work that yields can finish. */
export async function turns(count = 50): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

export interface TestLink {
  listener: LinkListener;
  written: Frames[];
  /** The report callbacks of the writes, for links that answer frame by frame. */
  reports: WriteReport[];
  /** Reports everything written so far as handed over, as a socket does. */
  flush(): void;
  /** All written lines, without line feeds. */
  lines(): string[];
  ended: boolean;
  destroyed: boolean;
}

/** A table of sockets in which the test says what the peer of the one link has not acknowledged. */
export class TestTable implements Acknowledgements {
  missingBytes: number | undefined = 0;
  tells = true;
  readings = 0;
  /** Called when a reading has begun. */
  reading = () => {};

  tell = () => Promise.resolve(this.tells);

  async missing(_ends: Ends, begins: () => void): Promise<number | undefined> {
    this.readings += 1;
    begins();
    this.reading();
    // A reading takes its time; the loop that waits for an acknowledgement must not spin.
    await new Promise<void>((resolve) => this.clock.after(20, resolve));
    return this.missingBytes;
  }

  constructor(private readonly clock: Clock) {}
}

export interface SettledBatch extends SettledLines {
  error: SiemError | undefined;
}

export function testSender(overrides: Partial<SenderOptions> & { accept?: boolean; maxFrames?: number; chunkBytes?: number; stream?: boolean; hangs?: boolean; evidence?: boolean } = {}) {
  const clock = new TestClock();
  const table = new TestTable(clock);
  const links: TestLink[] = [];
  const outages: SiemError[] = [];
  const { accept = true, maxFrames = Infinity, chunkBytes = 256 * 1024, stream = true, hangs = false, evidence = false } = overrides;
  const sender = new Sender({
    host: "siem", port: 514, framing: "lf", header: () => Buffer.alloc(0), maxBytes: 8192,
    limits: { events: 1000, bytes: 1_000_000, overflow: "refuse" },
    resendWindow: 5000, confirmDelay: 100, clock, random: () => 0.5,
    changed: () => undefined,
    outage: (error) => outages.push(error),
    ...(evidence ? { acknowledgements: table } : {}),
    transport: {
      maxFrames, maxBytes: chunkBytes, stream, shorterSizes: stream ? [] : [2048, 480],
      connect: (listener) => {
        const waiting: (() => void)[] = [];
        const link: TestLink = {
          listener, written: [], reports: [], ended: false, destroyed: false,
          flush: () => { for (const handedOver of waiting.splice(0)) handedOver(); },
          lines: () => link.written.flatMap(({ bytes }) => bytes.toString().split("\n").slice(0, -1)),
        };
        links.push(link);
        return {
          ends: { local: { address: "127.0.0.1", port: links.length }, remote: { address: "127.0.0.1", port: 514 } },
          write: ({ bytes, ends }, report) => {
            link.written.push({ bytes, ends });
            link.reports.push(report);
            waiting.push(() => report.handedOver(ends.length));
            return accept;
          },
          end: () => {
            link.ended = true;
            if (!hangs) setImmediate(() => listener.closed());
          },
          destroy: () => { link.destroyed = true; },
        };
      },
    },
    ...overrides,
  });
  const settled = new Map<string, SettledBatch>();
  const order: string[] = [];
  const push = (name: string, lines: string[] = [name]) => sender.push(lines, (error, { shortened, undeliverable }) => {
    if (settled.has(name)) throw new Error(`${name} settled twice`);
    settled.set(name, { error, shortened, undeliverable });
    order.push(name);
  });
  /** The latest link. */
  const link = () => {
    const latest = links.at(-1);
    if (latest === undefined) throw new Error("no link was opened");
    return latest;
  };
  const up = async () => {
    link().listener.ready();
    await turns();
  };
  return { sender, clock, table, links, link, outages, settled, order, push, up };
}
