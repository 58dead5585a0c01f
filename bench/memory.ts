/**
 * The main job over a backlog: how memory grows after the first tenth of it, and for how long the event loop stood
 * still at most. Memory is a sawtooth, so peaks are compared with peaks. `npm run bench -- memory [events] [pageSize]`
 */
import { fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { mainJob, type TenantAccess } from "../test/support/flows";
import { durableStore, startNodeRed } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";

interface Sample {
  at: number;
  rss: number;
  /** Longest event-loop block, ms. */
  block: number;
  /** How long the main thread ran in one turn at most, ms. */
  busy: number;
}

const MB = 1024 * 1024;

async function measure(events: number, pageSize: number) {
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const file = join(folder, "probe");
  const peers = fork(join(__dirname, "peers.ts"), [String(events)], { execArgv: ["--import", "tsx"] });
  const arrivals: { at: number; count: number }[] = [];
  let finished: () => void = () => undefined;
  const done = new Promise<void>((resolve) => { finished = resolve; });
  const ready = new Promise<{ tenant: TenantAccess; siemPort: number }>((resolve) => {
    peers.on("message", (message: { tenant: TenantAccess; siemPort: number } | { received: number }) => {
      if ("tenant" in message) return resolve(message);
      arrivals.push({ at: Date.now(), count: message.received });
      if (message.received >= events) finished();
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
  const reached = (count: number) => arrivals.find((arrival) => arrival.count >= count)?.at ?? Date.now();
  const [first, warm, end] = [reached(1), reached(events / 10), reached(events)];
  const steady = samples.filter(({ at }) => at > warm && at <= end);
  const starting = samples.filter(({ at }) => at > first && at <= warm);
  const most = (of: Sample[], value: (sample: Sample) => number) => Math.round(Math.max(0, ...of.map(value)));
  const [peakBefore, peakAfter] = [most(starting, ({ rss }) => rss / MB), most(steady, ({ rss }) => rss / MB)];
  return {
    "events/s": Math.round((events * 0.9) / ((end - warm) / 1000)),
    "peak RSS in the first 10 % (MB)": peakBefore,
    "peak RSS after it (MB)": peakAfter,
    "growth (MB)": peakAfter - peakBefore,
    "longest block (ms)": most(steady, ({ block }) => block),
    "of it on the processor (ms)": most(steady, ({ busy }) => busy),
    "longest block in the first 10 % (ms)": most(starting, ({ block }) => block),
  };
}

export async function memory([events = "300000", pageSize]: string[]): Promise<void> {
  const sizes = pageSize === undefined ? [1000, 10_000] : [Number(pageSize)];
  process.stdout.write(`${events} events, Node ${process.version}, ${cpus()[0]?.model ?? ""} × ${cpus().length}, ${Math.round(totalmem() / MB / 1024)} GB\n`);
  for (const size of sizes) {
    const figures = await measure(Number(events), size);
    process.stdout.write(`\npageSize ${size}\n${Object.entries(figures).map(([name, value]) => `  ${name.padEnd(38)} ${value}`).join("\n")}\n`);
  }
}
