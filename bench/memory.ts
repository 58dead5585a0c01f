/**
 * The main job with a backlog: how memory grows after the first tenth, and the longest block of the event loop. Memory is a
 * sawtooth, so peaks are compared with peaks. `npm run bench -- memory [events] [pageSize]`
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { mainJob } from "../test/support/flows";
import { durableStore, startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import { helper } from "./helpers";
import type { PeersReady, PeersReport } from "./peers";
import type { Row } from "./report";

interface Sample {
  at: number;
  rss: number;
  /** Longest event-loop block, ms. */
  block: number;
  /** Longest running time of the main thread in one turn, ms. */
  busy: number;
}

interface BacklogFigures {
  eventsPerSecond: number;
  /** Peaks of resident memory during the warm-up, and after it. */
  peakBeforeMB: number;
  peakAfterMB: number;
  longestBlockMs: number;
  longestBusyMs: number;
  longestFirstBlockMs: number;
  /** The SIEM's last report. */
  report: PeersReport;
}

const MB = 1024 * 1024;

interface BacklogOptions {
  events: number;
  pageSize: number;
  /** The part of the backlog that warms Node-RED up, 0.1 by default: memory after it is compared with memory during it. */
  warmUp?: number;
  /** True: the SIEM parses and counts every event, and a new event must pass at the end. */
  judged?: boolean;
}

/** Sends a backlog through Node-RED. */
export async function measureBacklog({ events, pageSize, warmUp = 0.1, judged = false }: BacklogOptions): Promise<BacklogFigures> {
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const file = join(folder, "probe");
  const peers = helper("peers.ts", String(events), String(judged));
  const reports: { at: number; report: PeersReport }[] = [];
  let finished: () => void = () => undefined;
  const done = new Promise<void>((resolve) => { finished = resolve; });
  const ready = new Promise<PeersReady>((resolve) => {
    peers.on("message", (message: PeersReady | PeersReport) => {
      if ("tenant" in message) return resolve(message);
      reports.push({ at: Date.now(), report: message });
      if (message.complete) finished();
    });
  });
  const { tenant, siemPort } = await ready;
  const nodeRed = await startNodeRed({
    userDir: join(folder, "user"),
    modules: packedPackage().modules,
    contextStorage: durableStore,
    flows: mainJob(tenant, [{ name: "bench", query: { pageSize: String(pageSize) }, syslog: { host: "127.0.0.1", port: String(siemPort), transport: "tcp" } }]),
    env: { NODE_OPTIONS: `--require ${join(__dirname, "probe.cjs")}`, PROBE_FILE: file },
  });
  try {
    await done;
  } finally {
    await nodeRed.stop();
    peers.disconnect();
  }
  const samples = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line) as Sample);
  rmSync(folder, { recursive: true, force: true });
  const reached = (count: number) => reports.find(({ report }) => report.received >= count)?.at ?? Date.now();
  const [first, warm, end] = [reached(1), reached(events * warmUp), reached(events)];
  const steady = samples.filter(({ at }) => at > warm && at <= end);
  const starting = samples.filter(({ at }) => at > first && at <= warm);
  const most = (of: Sample[], value: (sample: Sample) => number) => Math.round(Math.max(0, ...of.map(value)));
  return {
    eventsPerSecond: Math.round((events * (1 - warmUp)) / ((end - warm) / 1000)),
    peakBeforeMB: most(starting, ({ rss }) => rss / MB),
    peakAfterMB: most(steady, ({ rss }) => rss / MB),
    longestBlockMs: most(steady, ({ block }) => block),
    longestBusyMs: most(steady, ({ busy }) => busy),
    longestFirstBlockMs: most(starting, ({ block }) => block),
    report: reports.at(-1)?.report ?? { received: 0, arrived: 0, unknown: 0, illegal: 0, complete: false },
  };
}

export async function memory([events = "300000", pageSize]: string[]): Promise<Row[]> {
  const sizes = pageSize === undefined ? [1000, 10_000] : [Number(pageSize)];
  process.stdout.write(`${events} events, Node ${process.version}, ${cpus()[0]?.model ?? ""} × ${cpus().length}, ${Math.round(totalmem() / MB / 1024)} GB\n`);
  for (const size of sizes) {
    const figures = await measureBacklog({ events: Number(events), pageSize: size });
    const rows = {
      "events/s": figures.eventsPerSecond,
      "peak RSS in the first 10 % (MB)": figures.peakBeforeMB,
      "peak RSS after it (MB)": figures.peakAfterMB,
      "growth (MB)": figures.peakAfterMB - figures.peakBeforeMB,
      "longest block (ms)": figures.longestBlockMs,
      "of it on the processor (ms)": figures.longestBusyMs,
      "longest block in the first 10 % (ms)": figures.longestFirstBlockMs,
    };
    process.stdout.write(`\npageSize ${size}\n${Object.entries(rows).map(([name, value]) => `  ${name.padEnd(38)} ${value}`).join("\n")}\n`);
  }
  return [];
}
