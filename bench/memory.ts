/**
 * The main job over a backlog: how memory grows after the first tenth of it, and for how long the event loop stood
 * still at most. `npm run bench -- memory [events] [pageSize]`
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
  block: number;
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
  const peak = Math.max(...steady.map(({ rss }) => rss));
  const atWarm = steady[0]?.rss ?? NaN;
  const longest = (of: Sample[]) => Math.max(0, ...of.map(({ block }) => block));
  return {
    "events/s": Math.round((events * 0.9) / ((end - warm) / 1000)),
    "RSS at 10 % (MB)": Math.round(atWarm / MB),
    "peak RSS after (MB)": Math.round(peak / MB),
    "growth (MB)": Math.round((peak - atWarm) / MB),
    "longest block (ms)": Math.round(longest(steady)),
    "longest block in the first 10 % (ms)": Math.round(longest(starting)),
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
