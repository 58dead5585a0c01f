/**
 * Several Node-REDs with the same flow, which share the cursor in NATS: a tenant with a backlog, real nats-servers, Node-RED with
 * the packed package, and a SIEM that counts. Each instance signs in as a user of its own, so that the tenant's log shows who
 * searches, and has its own way to NATS, which can be cut.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CefEvent } from "../../src/simulator/cef-parser";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type LoggedRequest, type TenantSimulator } from "../../src/simulator/tenant";
import { mainJob } from "../support/flows";
import { freePort } from "../support/free-port";
import { NatsServer, type NatsOptions } from "../support/nats";
import { startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy";
import { Oracle } from "./oracle";

export const PAGE = 100;
export const PAGES_OUT = 4;
export const LEASE_S = 3;
/** The standby looks every half second; the other half is for a machine with other work. */
const TAKE_OVER_MS = LEASE_S * 1000 + 1000;
/** `eventsOut` of the receiving node. */
const EVENTS_OUT = 500;
/** Limits the rate to 500 events/s. */
const SEARCH_MS = 200;
/** 20 events a second, so the overlap of 300 s has 6,000 events. */
const STEP_US = 50_000;
const TIMEOUT_MS = 120_000;
const LOOK_MS = 20;
/** `ack_wait` of the consumer, twice, and some time for the rest. */
const PENDING_MS = 30_000;
/** Time for unexpected further lines to arrive. */
const EXTRA_WAIT_MS = 1000;
/** The instances, and the users that they sign in as. */
const NAMES = ["a", "b"];
const PASSWORD = "simulated";
export const STREAM = "SECURITY_EVENTS";
/** What no Node-RED may say. */
const LOG_PROBLEM = /Error stopping node|Close timed out|UnhandledPromiseRejection|Uncaught Exception|TypeError|ReferenceError/;

export interface ClusterOptions {
  events: number;
  /** False: only the cursor is shared, and each instance sends what it reads. */
  stream?: boolean;
  searchMs?: number;
  nats?: NatsOptions;
  /** A cluster of so many servers (1). */
  servers?: 1 | 3;
  /** Properties that differ from the defaults of this site, by node: nats, query-chaos, out, in, syslog-chaos. */
  change?: Record<string, Record<string, unknown>>;
  /** More nodes. */
  more?: readonly FlowNode[];
  /** More environment of each instance. */
  env?: (instance: number) => Record<string, string>;
  /** False: the SIEM is not there until `startSiem`. */
  siem?: boolean;
  /** Counts something else than the events of the tenant. */
  onEvent?: (event: CefEvent) => void;
}

export class Instance {
  nodeRed: NodeRedProcess | undefined;
  /** The last status of each node, as "fill text". */
  readonly statuses = new Map<string, string>();
  /** Values that each node has sent, by node id. */
  readonly sent: Record<string, number> = {};
  /** Everything that it printed, also before a restart. */
  log = "";

  constructor(
    readonly name: string, private readonly toNats: readonly TcpProxy[],
    private readonly userDir: string, private readonly flows: () => readonly FlowNode[], private readonly env: Record<string, string>,
  ) {}

  async start(): Promise<void> {
    this.nodeRed = await startNodeRed({
      userDir: this.userDir, modules: packedPackage().modules, flows: this.flows(), startTimeoutMs: TIMEOUT_MS,
      env: { TENANT_USER: this.name, NATS: this.toNats.map(({ port }) => `127.0.0.1:${port}`).join(","), ...this.env },
      onStatus: ({ id, status: { fill = "", text = "" } }) => void this.statuses.set(id, `${fill} ${text}`),
      onSent: (counts) => void Object.assign(this.sent, counts),
      onLine: (line) => { this.log += `${line}\n`; },
    });
  }

  /** SIGKILL and SIGTERM resolve when the process has ended. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    this.nodeRed?.kill(signal);
    if (signal === "SIGKILL" || signal === "SIGTERM") await this.nodeRed?.exited;
  }

  /** What it sends to NATS is lost from now on for `ms`, and no connection says so. */
  isolate(ms: number): void {
    for (const proxy of this.toNats) proxy.holdMs = ms;
  }

  connect(): void {
    for (const proxy of this.toNats) proxy.holdMs = undefined;
  }

  async remove(): Promise<void> {
    await this.nodeRed?.stop();
    for (const proxy of this.toNats) await proxy.close();
  }
}

const isSearch = ({ path, method }: LoggedRequest) => method === "POST" && path.endsWith("/file-events");

export class Cluster {
  readonly oracle: Oracle;
  /** Number of duplicates that the faults so far allow. */
  bound = 0;
  /** From the end of the active instance to the first search of another one, each; and how much later timers came meanwhile than they should. */
  readonly takeOvers: { ms: number; lateMs: number }[] = [];
  /** How often the faults so far let another instance search. */
  takeOversAllowed = 0;
  readonly problems: string[] = [];
  readonly instances: Instance[] = [];
  flows: FlowNode[];
  private siem: Siem | undefined;
  /** Sum of what timers came too late: other work keeps the processors busy. */
  private lateMs = 0;
  private isOpen = true;

  private constructor(readonly options: ClusterOptions, readonly tenant: TenantSimulator, readonly servers: readonly NatsServer[], private readonly siemPort: number, private readonly folder: string) {
    const { events, stream = true, change = {}, more = [] } = options;
    const backlog = { count: events, startMs: Date.now() - 48 * 3_600_000, stepUs: STEP_US };
    tenant.preload(backlog);
    this.oracle = new Oracle(backlog);
    const place = { z: "tab", x: 400, y: 200, name: "", connection: "nats", channel: "siem" };
    this.flows = mainJob(tenant, [{
      name: "chaos",
      query: { cursorType: "shared", cursor: "chaos", connection: "nats", lease: String(LEASE_S), pageSize: String(PAGE), pagesOut: String(PAGES_OUT) },
      format: stream ? { wires: [["out"]] } : {},
      // Each page stays in flight for so long that a fault hits some.
      syslog: { host: "127.0.0.1", port: String(siemPort), transport: "tcp", confirmDelay: "500" },
    }], [
      { id: "nats", type: "nats-connection", name: "", servers: "${NATS}", authType: "none", replicas: String(servers.length) },
      ...(stream ? [
        { id: "out", type: "event-stream-out", ...place, wires: [[], []] },
        { id: "in", type: "event-stream-in", ...place, eventsOut: String(EVENTS_OUT), wires: [["syslog-chaos"]] },
      ] : []),
      ...more,
    ]).map((node) => ({ ...node, ...(node.id === "tenant" ? { authType: "user", credentials: { username: "${TENANT_USER}", password: PASSWORD } } : {}), ...change[node.id] }));
  }

  static async open(options: ClusterOptions): Promise<Cluster> {
    const { searchMs = SEARCH_MS, siem = true, env } = options;
    const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000, searchMs, users: NAMES.map((name) => ({ name, password: PASSWORD })) });
    const cluster = new Cluster(options, tenant, await startServers(options), await freePort(), mkdtempSync(join(tmpdir(), "siem-cluster-")));
    try {
      if (siem) await cluster.startSiem();
      for (const [index, name] of NAMES.entries()) {
        const toNats = await Promise.all(cluster.servers.map(({ port }) => startTcpProxy(port)));
        cluster.instances.push(new Instance(name, toNats, join(cluster.folder, name), () => cluster.flows, env?.(index) ?? {}));
      }
      await Promise.all(cluster.instances.map((instance) => instance.start()));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.isOpen = false;
    await Promise.all(this.instances.map((instance) => instance.remove()));
    await this.siem?.close();
    await this.tenant.close();
    for (const server of this.servers) await server.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get nats(): NatsServer {
    return this.servers[0] as NatsServer;
  }

  async startSiem(): Promise<void> {
    const { onEvent } = this.options;
    this.siem = await startSiem({
      port: this.siemPort,
      onEvent: (event, message) => (onEvent === undefined ? this.oracle.add([message]) : onEvent(event)),
      onIllegal: (reason, message) => this.problems.push(`a line ${reason}: ${message.slice(0, 200)}`),
    });
  }

  async until(condition: () => boolean, what: string, limitMs = TIMEOUT_MS): Promise<void> {
    const end = Date.now() + limitMs;
    while (!condition()) {
      if (!this.isOpen) throw new Error(`closed while waiting until ${what}`);
      if (Date.now() > end) throw new Error(`after ${limitMs / 1000} s it is not yet true that ${what}; ${this.oracle.missing} missing\n${this.instances.map(({ name, log }) => `${name}: ${log.slice(-2000)}`).join("\n")}`);
      const asleep = performance.now();
      await sleep(LOOK_MS);
      this.lateMs += performance.now() - asleep - LOOK_MS;
    }
  }

  /** Resolves when a new event has arrived after this call. */
  async waitForEvent(): Promise<void> {
    const { arrived } = this.oracle;
    await this.until(() => this.oracle.arrived > arrived, "an event arrives");
  }

  /** True while there is backlog left. Only then can a fault do harm. */
  get hasBacklog(): boolean {
    return this.oracle.missing > PAGE * PAGES_OUT;
  }

  /** All searches so far, oldest first, with the instance that asked. */
  get searches(): { at: number; by: Instance | undefined }[] {
    return this.tenant.requests.filter(isSearch).map(({ at, by: user }) => ({ at, by: this.instances.find(({ name }) => name === user) }));
  }

  /** The instance that searches; waits for the first search. */
  async active(): Promise<Instance> {
    await this.until(() => this.searches.length > 0, "somebody searches");
    return this.searches.at(-1)?.by as Instance;
  }

  /** Another instance than `before`. */
  other(before: Instance): Instance {
    return this.instances.find((instance) => instance !== before) as Instance;
  }

  /** Waits until another instance than `before`, which ended at `since` (epoch ms), searches, and returns it. */
  async takenOver(before: Instance, since: number): Promise<Instance> {
    const first = () => this.searches.find(({ at, by }) => at >= since && by !== before);
    const { lateMs } = this;
    this.takeOversAllowed += 1;
    await this.until(() => first() !== undefined, `another instance than ${before.name} searches`);
    this.takeOvers.push({ ms: (first()?.at ?? NaN) - since, lateMs: this.lateMs - lateMs });
    return first()?.by as Instance;
  }

  private get eventsOut(): number {
    return Number(this.options.change?.["in"]?.["eventsOut"] ?? EVENTS_OUT);
  }

  /** Allows what the death of an instance repeats: what its sink had out, and without the stream the pages in flight. */
  allowDead(): void {
    this.bound += this.options.stream === false ? PAGE * PAGES_OUT : this.eventsOut;
  }

  /** Allows what the death of the server repeats: each sink may have delivered what it could not acknowledge, and ids of stored pages are forgotten. */
  allowLostServer(): void {
    this.bound += this.options.stream === false ? PAGE * PAGES_OUT : this.instances.length * this.eventsOut + PAGE * PAGES_OUT;
  }

  /** Waits until so many messages are in the stream: what a dead sink had out comes again after `ack_wait`. */
  async untilPending(count: number): Promise<void> {
    let pending = NaN;
    for (const end = Date.now() + PENDING_MS; pending !== count && Date.now() < end; await sleep(200)) {
      pending = await this.nats.ask(async (jsm) => (await jsm.streams.info(STREAM)).state.messages);
    }
    if (pending !== count) throw new Error(`${pending} messages are in the stream, not ${count}`);
  }

  /** Waits for all events, for a new one and for an empty stream, then stops all in order. `left`: messages that stay in the stream. */
  async finish(left: number | "any" = 0): Promise<void> {
    try {
      if (this.options.onEvent === undefined) {
        await this.until(() => this.oracle.missing === 0, "every event arrived");
        this.tenant.add([this.oracle.offerFresh()]);
        await this.until(() => this.oracle.freshArrived, "a new event still passes");
      }
      if (this.options.stream !== false && left !== "any") await this.untilPending(left);
      await sleep(EXTRA_WAIT_MS);
    } catch (error) {
      this.problems.push(String(error));
    }
    await Promise.all(this.instances.map((instance) => instance.signal("SIGTERM")));
    for (const { name, log } of this.instances) {
      const problem = LOG_PROBLEM.exec(log);
      if (problem !== null) this.problems.push(`Node-RED ${name} says "${problem[0]}"`);
    }
  }

  /** The rules that hold for every scenario of clusters. */
  get rules(): Record<string, boolean> {
    const { searches, takeOvers, takeOversAllowed } = this;
    const turns = searches.filter(({ by }, index) => index > 0 && by !== searches[index - 1]?.by).length;
    return {
      [`the instances took turns ${turns} times, ${takeOversAllowed} were allowed`]: turns <= takeOversAllowed,
      [`a take-over took too long: ${this.note}`]: takeOvers.every(({ ms, lateMs }) => ms - lateMs <= TAKE_OVER_MS),
    };
  }

  get note(): string {
    const late = Math.round(this.takeOvers.reduce((sum, { lateMs }) => sum + lateMs, 0));
    return this.takeOvers.length === 0 ? "no take-over" : `take-over ${this.takeOvers.map(({ ms }) => (ms / 1000).toFixed(1)).join(", ")} s${late > 100 ? ` (timers ${late} ms late)` : ""}`;
  }
}

/** One server, or three that are a cluster. */
async function startServers({ servers = 1, nats = {} }: ClusterOptions): Promise<NatsServer[]> {
  if (servers === 1) return [await NatsServer.start(nats)];
  const ports = await Promise.all(Array.from({ length: servers }, () => freePort()));
  const routes = ports.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
  const started = await Promise.all(ports.map((port, index) => NatsServer.start({ ...nats, ready: false, name: `server-${index}`, settings: `cluster { name: "chaos", listen: "127.0.0.1:${port}", routes: [${routes}] }` })));
  // A stream finds no place before all have found each other.
  const isReady = () => started[0]?.ask(async (jsm) => {
    await jsm.streams.add({ name: "ready", subjects: ["ready"], num_replicas: servers });
    await jsm.streams.delete("ready");
  }).then(() => true, () => false);
  for (const end = Date.now() + TIMEOUT_MS; !(await isReady()) && Date.now() < end;) await sleep(100);
  return started;
}
