/** The embedded tenant and SIEM of `npm start`. They keep their settings and what arrived in a folder, so that a restart continues. */
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { indexOfId } from "../src/simulator/events";
import { startSiem, type Siem } from "../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator, type TenantSimulatorOptions } from "../src/simulator/tenant";
import { freePort } from "../test/support/free-port";

export const SEED = 1;
export const PROGRESS_MS = 3000;
/** After this long without a new line, no more will come. */
export const STALL_MS = 60_000;
const DEFAULT_EVENTS = 2000;
/** The time that the backlog is spread over; less than the flow's "Start from". */
const BACKLOG_MS = 12 * 3600_000;
const LIVE_PER_SECOND = 2;

/** The stored settings of the demo. With them, the tenant has the same address and the same events after a restart. */
export interface Demo {
  events: number;
  /** The end of the backlog and the start of new events, epoch ms. */
  sinceMs: number;
  tenantPort: number;
  siemPort: number;
}

const demoFile = (folder: string) => join(folder, "demo.json");
export const siemLog = (folder: string): string => join(folder, "siem.log");

/** The demo stored in `folder`, or a new one if there is none or it has another number of events. */
export async function loadOrMakeDemo(folder: string, events: number | undefined): Promise<Demo & { isNew: boolean }> {
  const file = demoFile(folder);
  const found = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as Demo : undefined;
  if (found !== undefined && (events === undefined || events === found.events)) return { ...found, isNew: false };
  return {
    events: events ?? DEFAULT_EVENTS,
    sinceMs: Date.now(),
    tenantPort: found?.tenantPort ?? await freePort(),
    siemPort: found?.siemPort ?? await freePort(),
    isNew: true,
  };
}

/** Deletes the events of an earlier demo and `paths`, which have its cursor, and stores the new settings. The flows stay. */
export function saveNewDemo(folder: string, { isNew: _isNew, ...demo }: Demo & { isNew: boolean }, ...paths: string[]): void {
  mkdirSync(folder, { recursive: true });
  for (const path of ["siem.log", ...paths]) rmSync(join(folder, path), { recursive: true, force: true });
  writeFileSync(demoFile(folder), `${JSON.stringify(demo, null, 2)}\n`);
}

export async function embeddedTenant(folder: string, demo: Demo, live: boolean, options: TenantSimulatorOptions = {}): Promise<TenantSimulator> {
  const tenant = await startTenantSimulator({ port: demo.tenantPort, seed: SEED, ...options }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new Error(`Port ${demo.tenantPort} is taken, probably by another npm start. Stop that one, or remove ${folder} to start from the beginning.`);
  });
  tenant.preload({ count: demo.events, startMs: demo.sinceMs - BACKLOG_MS, stepUs: Math.floor((BACKLOG_MS * 1000) / demo.events) });
  if (live) tenant.live({ perSecond: LIVE_PER_SECOND, sinceMs: demo.sinceMs });
  return tenant;
}

/** The events that arrived, over all runs. The index in each event id identifies the event. */
export class Arrivals {
  /** Number of events of the backlog that arrived. */
  backlog = 0;
  /** Number of lines for events that had arrived before. */
  repeated = 0;
  lastMs = Date.now();
  private readonly seen = new Set<number>();

  constructor(private readonly events: number) {}

  add(id: string | undefined): void {
    const index = id === undefined ? undefined : indexOfId(id, SEED);
    if (index === undefined) return;
    this.lastMs = Date.now();
    if (this.seen.has(index)) this.repeated += 1;
    else if (index < this.events) this.backlog += 1;
    this.seen.add(index);
  }

  /** Adds the events that arrived in earlier runs. */
  async readLog(path: string): Promise<void> {
    if (!existsSync(path)) return;
    for await (const line of createInterface({ input: createReadStream(path) })) this.add(/[ |]devicePayloadId=(\S+)/.exec(line)?.[1]);
    this.repeated = 0;
  }
}

export async function embeddedSiem(folder: string, demo: Demo, arrivals: Arrivals): Promise<Siem> {
  const logFile = siemLog(folder);
  await arrivals.readLog(logFile);
  return startSiem({
    port: demo.siemPort,
    logFile,
    onEvent: (event) => arrivals.add(event.extension.get("devicePayloadId")),
    onIllegal: (reason, line) => console.error(`the SIEM refuses a line that ${reason}: ${line.slice(0, 300)}`),
  });
}

export const figure = (value: number): string => value.toLocaleString("en-US");
