/**
 * The main job in a real Node-RED (pages over HTTP, CEF, TCP to a SIEM), compared with the flow that a user would build
 * without this package. Tenant and SIEM are separate processes that need little processor time.
 *
 * `npm run bench -- flow [--rounds N] [--events N] [--profile 1] [VARIANT...]`; with `--profile 1`, the last run of each
 * variant shows how the main thread spent its time, at lower rates.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { mainJob } from "../test/support/flows";
import { durableStore, startNodeRed, type FlowNode, type NodeRedProcess } from "../test/support/node-red-process";
import { packedPackage } from "../test/support/packed-package";
import type { Version } from "../test/support/measured-events";
import { helper, message } from "./helpers";
import type { SinkReady, SinkReport } from "./line-sink";
import { naiveFlow, naiveSettings } from "./naive-flow";
import type { ServerAsked, ServerReady } from "./page-server";
import { preparePages, type PageFile } from "./pages";
import { stages } from "./profile";
import { median, parseOptions, type Row } from "./report";

interface Variant {
  version: Version;
  pageSize: number;
  /** Latency of a search, ms. */
  latencyMs?: number;
  naive?: true;
  /** The system does not tell what the SIEM's TCP has acknowledged. */
  blind?: true;
  /** Multiple of the usual number of events. */
  factor?: number;
}

const VARIANTS: Record<string, Variant> = {
  "naive": { version: "v1", pageSize: 10_000, naive: true },
  "v1-1000": { version: "v1", pageSize: 1000 },
  "v1-10000": { version: "v1", pageSize: 10_000 },
  "blind-1000": { version: "v1", pageSize: 1000, blind: true },
  "blind-10000": { version: "v1", pageSize: 10_000, blind: true },
  "v2-1000": { version: "v2", pageSize: 1000 },
  "v2-10000": { version: "v2", pageSize: 10_000 },
  "latency": { version: "v1", pageSize: 10_000, latencyMs: 300, factor: 3 },
  "million": { version: "v1", pageSize: 1000, factor: 10 },
};

/** What a flow that shares its cursor or its stream has in addition (bench/cluster.ts). */
export interface Shared {
  query: Record<string, unknown>;
  format: Record<string, unknown>;
  nodes: readonly FlowNode[];
  /** Number of Node-REDs. The first one is measured, and reads the pages. */
  instances: number;
}

export interface FlowFigures {
  /** After the first tenth. */
  eventsPerSecond: number;
  /** From the first search to the last line. */
  totalS: number;
  /** Time to fetch and inflate all pages, one request after the other. */
  fetchS: number | undefined;
  longestBlockMs: number;
  longestBusyMs: number;
  idleMB: number;
  /** Peak of resident memory in the first tenth, and in the whole run. */
  firstPeakMB: number;
  peakMB: number;
  bytesALine: number;
  /** Time of Node-RED's thread per event, µs. */
  processorUs: number;
  /** How the main thread spent its time, one line per stage. */
  stages?: string;
}

interface Sample {
  at: number;
  rss: number;
  /** Running time of the main thread since its start, ms. */
  ran: number;
  block: number;
  busy: number;
}

const MB = 1024 * 1024;
const SETTLE_MS = 1500;
const inflate = promisify(gunzip);

/** Runs a variant once, in a new Node-RED. */
export async function measure({ version, pageSize, latencyMs = 0, naive, blind }: Variant, pages: PageFile, events: number, profiled: boolean, shared?: Shared): Promise<FlowFigures> {
  const folder = mkdtempSync(join(tmpdir(), "siem-bench-"));
  const probe = join(folder, "probe");
  const profile = join(folder, "profile");
  const server = helper("page-server.ts", JSON.stringify(pages), String(latencyMs));
  const sink = helper("line-sink.ts", String(events));
  const asked = message<ServerAsked>(server, "askedAt");
  const reports: SinkReport[] = [];
  const finished = new Promise<void>((resolve) => {
    sink.on("message", (report: SinkReport | SinkReady) => {
      if ("port" in report) return;
      reports.push(report);
      if (report.lines >= events) resolve();
    });
  });
  try {
    const [{ url }, { port }] = await Promise.all([message<ServerReady>(server, "url"), message<SinkReady>(sink, "port")]);
    const fetchS = latencyMs === 0 ? undefined : await fetchAlone(pages, version, pageSize, latencyMs);
    const flow = naive === true
      ? [{ id: "tab", type: "tab", label: "naive" }, ...naiveFlow({ url, path: `/${version}/file-events`, pageSize, siemPort: port })]
      : mainJob({ url, clientId: "bench", clientSecret: "bench" }, [{
        name: "bench",
        query: { source: version === "v1" ? "file-events-v1" : "file-events", pageSize: String(pageSize), pollInterval: "0", startFrom: "2026-01-01T00:00:00Z", ...shared?.query },
        format: shared?.format ?? {},
        syslog: { host: "127.0.0.1", port: String(port), transport: "tcp" },
      }], shared?.nodes);
    const start: FlowNode = {
      id: "start", type: "inject", z: "tab", name: "", props: [], repeat: "", crontab: "", once: false, onceDelay: 0, topic: "", x: 60, y: 60,
      wires: [[naive === true ? "fetch" : "query-bench"]],
    };
    const all = { modules: packedPackage().modules, contextStorage: durableStore, flows: [...flow, start] };
    const nodeRed = await startNodeRed({
      ...all,
      userDir: join(folder, "user"),
      settingsScript: naive === true ? naiveSettings() : "",
      env: { NODE_OPTIONS: `--require ${join(__dirname, "probe.cjs")}`, PROBE_FILE: probe, PROBE_WINDOW_MS: "100", ...(profiled ? { PROBE_PROFILE: profile } : {}), ...(blind ? { PROBE_BLIND: "1" } : {}) },
    });
    const others: NodeRedProcess[] = [];
    try {
      for (let other = 1; other < (shared?.instances ?? 1); other++) others.push(await startNodeRed({ ...all, userDir: join(folder, `other-${other}`) }));
      await sleep(SETTLE_MS);
      await nodeRed.admin("/inject/start", { method: "POST" });
      await Promise.race([finished, nodeRed.exited.then(() => { throw new Error(`Node-RED ended:\n${nodeRed.log()}`); })]);
    } finally {
      for (const each of [nodeRed, ...others]) await each.stop();
    }
    const { askedAt } = await asked;
    return { ...figures(readFileSync(probe, "utf8"), reports, askedAt, events, fetchS), ...(profiled ? { stages: stages(readFileSync(profile, "utf8"), askedAt) } : {}) };
  } finally {
    for (const child of [server, sink]) {
      child.removeAllListeners("exit");
      if (child.connected) child.disconnect();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function figures(probe: string, reports: SinkReport[], askedAt: number, events: number, fetchS: number | undefined): FlowFigures {
  const samples = probe.trim().split("\n").map((line) => JSON.parse(line) as Sample);
  const warm = reports.find(({ lines }) => lines >= events / 10) as SinkReport;
  const end = reports.at(-1) as SinkReport;
  const during = samples.filter(({ at }) => at >= warm.at && at <= end.at);
  const [first, last] = [during[0] as Sample, during.at(-1) as Sample];
  const eventsPerMs = (end.lines - warm.lines) / (end.at - warm.at);
  const peak = (from: number, until: number, value: (sample: Sample) => number) => Math.max(0, ...samples.filter(({ at }) => at > from && at <= until).map(value));
  return {
    eventsPerSecond: (end.lines - warm.lines) / ((end.at - warm.at) / 1000),
    totalS: (end.at - askedAt) / 1000,
    fetchS,
    longestBlockMs: peak(askedAt + 100, end.at, ({ block }) => block),
    longestBusyMs: peak(askedAt + 100, end.at, ({ busy }) => busy),
    idleMB: median(samples.filter(({ at }) => at > askedAt - SETTLE_MS / 2 && at < askedAt - 200).map(({ rss }) => rss)) / MB,
    firstPeakMB: peak(askedAt, warm.at, ({ rss }) => rss) / MB,
    peakMB: peak(askedAt, end.at + 100, ({ rss }) => rss) / MB,
    bytesALine: end.bytes / end.lines,
    processorUs: ((last.ran - first.ran) * 1000) / (eventsPerMs * (last.at - first.at)),
  };
}

/** Seconds to fetch and inflate all pages, one after the other. It uses a server of its own, because the flow's server reports its first search. */
async function fetchAlone(pages: PageFile, version: Version, pageSize: number, latencyMs: number): Promise<number> {
  const server = helper("page-server.ts", JSON.stringify(pages), String(latencyMs));
  const url = `${(await message<ServerReady>(server, "url")).url}/${version}/file-events`;
  const agent = new Agent({ keepAlive: true });
  const started = performance.now();
  for (let page = 0; page < pages.places.length; page++) {
    const body = await new Promise<Buffer>((resolve, reject) => {
      const call = request(url, { method: "POST", agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks))).on("error", reject);
      });
      call.on("error", reject).end(JSON.stringify({ pgToken: page === 0 ? "" : String(page), pgSize: pageSize }));
    });
    await inflate(body);
  }
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  server.removeAllListeners("exit");
  server.disconnect();
  return seconds;
}

/** Runs the variants in interleaved rounds and prints their figures. */
export async function flow(options: string[]): Promise<Row[]> {
  const { rounds, numbers, names } = parseOptions(options, { rounds: 5, events: 100_000, profile: 0 }, Object.keys(VARIANTS));
  const chosen = names.length > 0 ? names : Object.keys(VARIANTS);
  const found = new Map(chosen.map((name) => [name, [] as FlowFigures[]]));
  packedPackage();
  for (let round = 0; round < rounds; round++) {
    for (const name of chosen) {
      const variant = VARIANTS[name] as Variant;
      // Long runs need no repetition: their figures are peaks, or means of many pages.
      if (round > 0 && variant.factor !== undefined) continue;
      const events = (numbers["events"] as number) * (variant.factor ?? 1);
      const pages = preparePages({ version: variant.version, pageSize: variant.pageSize, events });
      const result = await measure(variant, pages, events, numbers["profile"] === 1);
      found.get(name)?.push(result);
      process.stderr.write(`round ${round + 1}, ${name}: ${Math.round(result.eventsPerSecond)} events/s\n`);
    }
  }
  const of = (name: string, value: (figures: FlowFigures) => number) => median((found.get(name) ?? []).map(value));
  process.stdout.write(`\n${"flow".padEnd(10)} ${["events/s", "total s", "block ms", "busy ms", "idle MB", "first MB", "peak MB", "over idle", "growth", "B/line", "µs/event"].map((title) => title.padStart(9)).join(" ")}\n`);
  for (const name of chosen) {
    const columns = [
      of(name, (run) => run.eventsPerSecond).toFixed(0), of(name, (run) => run.totalS).toFixed(2),
      of(name, (run) => run.longestBlockMs).toFixed(1), of(name, (run) => run.longestBusyMs).toFixed(1),
      ...[(run: FlowFigures) => run.idleMB, (run: FlowFigures) => run.firstPeakMB, (run: FlowFigures) => run.peakMB, (run: FlowFigures) => run.peakMB - run.idleMB,
        (run: FlowFigures) => run.peakMB - run.firstPeakMB, (run: FlowFigures) => run.bytesALine].map((value) => of(name, value).toFixed(0)),
      of(name, (run) => run.processorUs).toFixed(1),
    ];
    process.stdout.write(`${name.padEnd(10)} ${columns.map((text) => text.padStart(9)).join(" ")}\n`);
  }
  for (const name of chosen) {
    const shares = found.get(name)?.at(-1)?.stages;
    if (shares !== undefined) process.stdout.write(`\n${name}: time of the main thread\n${shares}\n`);
  }
  return targets(chosen, of);
}

type Of = (name: string, value: (figures: FlowFigures) => number) => number;

/** Compared with the naive flow: minimum ratio of events per second, maximum ratio of thread time. */
const AGAINST_NAIVE: [name: string, rate: number, thread?: number][] = [["v1-1000", 2.5, 0.42], ["v2-1000", 1.6, 0.7], ["v1-10000", 2.8], ["v2-10000", 1.8]];

function targets(chosen: string[], of: Of): Row[] {
  const has = (...names: string[]) => names.every((name) => chosen.includes(name));
  const rows: Row[] = [];
  const rate = (name: string) => of(name, (run) => run.eventsPerSecond);
  const thread = (name: string) => of(name, (run) => run.processorUs);
  for (const [name, leastRate, mostThread] of AGAINST_NAIVE) {
    if (!has("naive", name)) continue;
    rows.push({ what: `whole flow, ${name}, against axios + function node + write per event`, figure: `${Math.round(rate(name))}/s`, peer: `${Math.round(rate("naive"))}/s`, ratio: rate(name) / rate("naive"), atLeast: leastRate });
    if (mostThread === undefined) continue;
    rows.push({ what: `time of Node-RED's thread an event, ${name}`, figure: `${thread(name).toFixed(1)} µs`, peer: `${thread("naive").toFixed(1)} µs`, ratio: thread(name) / thread("naive"), atMost: mostThread });
  }
  for (const size of [1000, 10_000]) {
    const [seen, blind] = [`v1-${size}`, `blind-${size}`];
    if (!has(seen, blind)) continue;
    rows.push({ what: `whole flow with confirmation by the peer's TCP, against time alone, pages of ${size}`, figure: `${Math.round(rate(seen))}/s`, peer: `${Math.round(rate(blind))}/s`, ratio: rate(seen) / rate(blind), atLeast: 0.95 });
  }
  for (const name of ["v1-1000", "v2-1000", "million"].filter((each) => has(each))) {
    const block = of(name, (run) => run.longestBlockMs);
    rows.push({ what: `longest block of the event loop, ms (${name})`, figure: block.toFixed(1), ratio: block, atMost: 25 });
  }
  if (has("latency")) {
    const [total, fetch] = [of("latency", (run) => run.totalS), of("latency", (run) => run.fetchS ?? NaN)];
    rows.push({ what: "whole flow at 300 ms of latency, against fetching alone", figure: `${total.toFixed(2)} s`, peer: `${fetch.toFixed(2)} s`, ratio: total / fetch, atMost: 1.15 });
  }
  if (has("million")) {
    const [peak, idle, first] = [of("million", (run) => run.peakMB), of("million", (run) => run.idleMB), of("million", (run) => run.firstPeakMB)];
    rows.push({ what: "peak memory over a million events, MB above idle", figure: `${peak.toFixed(0)} MB`, peer: `${idle.toFixed(0)} MB`, ratio: peak - idle, atMost: 80 });
    rows.push({ what: "growth from a tenth of a million events to all, MB", figure: `${peak.toFixed(0)} MB`, peer: `${first.toFixed(0)} MB`, ratio: peak - first, atMost: 20 });
  }
  return rows;
}
