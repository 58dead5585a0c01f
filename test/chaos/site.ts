/**
 * The installation that a scenario runs on: a tenant with a backlog, Node-RED with the packed package, and rsyslog as the
 * SIEM. It causes the faults and adds up how many duplicates they allow.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { WINDOW } from "../../src/syslog/relp";
import { makeCertificates, type Certificates } from "../support/certs";
import type { FarNetwork } from "../support/far-network";
import { mainJob, tlsConfig } from "../support/flows";
import { LineTail } from "../support/line-tail";
import { durableStore, startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { residentMB } from "../support/process-memory";
import { startRsyslog, type Rsyslog } from "../support/rsyslog";
import { readReceived } from "../support/syslog-server";
import { Oracle } from "./oracle";

export type Transport = "tcp" | "tls" | "relp" | "relp-tls";

/** The differences between the transports. */
interface TransportTraits {
  port: keyof Rsyslog["ports"];
  tls: boolean;
  /** Lines that may be repeated after a lost connection. `recent` is the number of lines that the sender still had. */
  repeated(recent: number): number;
  /** Lines that count as delivered although the server has not read them, because the kernel buffers them. */
  unread: number;
}

/** The delay in reading rsyslog's output. */
const READ_DELAY_MS = 1000;
/** The default of `resendWindow`. */
export const RESEND_WINDOW_MS = 5000;
/** If the other side ends a connection that is younger, everything that was sent over it is sent again. */
export const YOUNG_MS = 60_000;

/** Bytes that the kernel buffers for a server that does not read: up to 4 MiB to send and 6 MiB to receive (man 7 tcp). */
const KERNEL_BYTES = 10 * 1024 * 1024;
const SMALLEST_LINE_BYTES = 600;
const KERNEL_LINES = Math.ceil(KERNEL_BYTES / SMALLEST_LINE_BYTES);

const everythingRecent = (recent: number) => recent;
const relpWindow = () => WINDOW;
const TRAITS: Record<Transport, TransportTraits> = {
  tcp: { port: "tcp", tls: false, repeated: everythingRecent, unread: KERNEL_LINES },
  tls: { port: "tls", tls: true, repeated: everythingRecent, unread: KERNEL_LINES },
  relp: { port: "relp", tls: false, repeated: relpWindow, unread: 0 },
  "relp-tls": { port: "relpTls", tls: true, repeated: relpWindow, unread: 0 },
};

export interface SiteOptions {
  transport: Transport;
  events: number;
  /** Properties of the query node and the syslog node that differ from the defaults below. */
  query?: Record<string, unknown>;
  syslog?: Record<string, unknown>;
  /** Where rsyslog is; by default on loopback. */
  network?: FarNetwork;
  /** Each search takes at least this long, ms (50). */
  searchMs?: number;
  /** Node-RED's `contextStorage`; the cursor is kept in its store `durable`. */
  contextStorage?: Record<string, unknown>;
}

export const PAGE = 100;
export const PAGES_OUT = 4;
/** Limits the rate to 2,000 events/s. */
const SEARCH_MS = 50;
/** 20 events a second, so the overlap of 300 s, which each start reads again, has 6,000 events. */
const STEP_US = 50_000;
/** Enough for two slow processors that other programs use too. */
const TIMEOUT_MS = 120_000;
const CLOSE_LIMIT_MS = 15_000;
/** Time for unexpected further lines to arrive. */
const EXTRA_WAIT_MS = 1000;
/** Node-RED's messages for a node that failed to close or took too long. */
const CLOSE_PROBLEM = /Error stopping node|Close timed out/;

export class Site {
  readonly oracle: Oracle;
  flows: FlowNode[];
  nodeRed: NodeRedProcess | undefined;
  /** Number of duplicates that the faults so far allow. */
  bound = 0;
  /** Longest orderly stop or deploy of Node-RED, ms. */
  longestCloseMs = 0;
  readonly problems: string[] = [];
  /** Every status of the syslog node, oldest first, as "fill text". */
  readonly statuses: string[] = [];
  /** When the connection to rsyslog was lost last, or this site opened, epoch ms. */
  private lostAt = Date.now();
  private readonly tail: LineTail;
  private readonly modules = packedPackage().modules;
  private open = true;

  private constructor(
    readonly options: SiteOptions,
    readonly tenant: TenantSimulator,
    readonly rsyslog: Rsyslog,
    readonly certs: Certificates,
    private readonly folder: string,
  ) {
    const { events, transport, query, syslog, network } = options;
    const backlog = { count: events, startMs: Date.now() - 48 * 3_600_000, stepUs: STEP_US };
    tenant.preload(backlog);
    this.oracle = new Oracle(backlog);
    this.tail = new LineTail(rsyslog.server.output);
    this.flows = mainJob(tenant, [{
      name: "chaos",
      query: { pageSize: String(PAGE), pagesOut: String(PAGES_OUT), ...query },
      syslog: { host: network?.address ?? "127.0.0.1", port: String(this.receiverPort), transport, ...(TRAITS[transport].tls ? { tls: "trust" } : {}), ...syslog },
    }], [tlsConfig("trust", { ca: certs.ca.cert })]);
  }

  static async open(options: SiteOptions): Promise<Site> {
    const { network, searchMs = SEARCH_MS } = options;
    const certs = makeCertificates(network);
    const tenant = await startTenantSimulator({ requestsPerMinute: 1_000_000, searchMs });
    const rsyslog = await startRsyslog(certs, network);
    return new Site(options, tenant, rsyslog, certs, mkdtempSync(join(tmpdir(), "siem-chaos-")));
  }

  async close(): Promise<void> {
    this.open = false;
    await this.nodeRed?.stop();
    await this.rsyslog.server.stop();
    await this.tenant.close();
    this.certs.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Reads the messages that the SIEM has written since the last call. */
  readOutput(): void {
    this.oracle.add(messagesIn(this.tail.read()));
  }

  /** rsyslog's port for this transport. */
  get receiverPort(): number {
    return this.rsyslog.ports[TRAITS[this.options.transport].port];
  }

  /** Number of events that may count as delivered while rsyslog reads nothing. */
  get unread(): number {
    return TRAITS[this.options.transport].unread;
  }

  /** Changes properties of the node `query-chaos`, `format-chaos`, `syslog-chaos` or `tenant`, from the next start or deploy on. */
  change(id: string, properties: Record<string, unknown>): void {
    this.flows = this.flows.map((node) => (node.id === id ? { ...node, ...properties } : node));
  }

  async until(condition: () => boolean, what: string, limitMs = TIMEOUT_MS): Promise<void> {
    const end = Date.now() + limitMs;
    for (this.readOutput(); !condition(); this.readOutput()) {
      if (!this.open) throw new Error(`closed while waiting until ${what}`);
      if (Date.now() > end) throw new Error(`after ${limitMs / 1000} s it is not yet true that ${what}; ${this.oracle.missing} missing\n${this.nodeRed?.log().slice(-3000) ?? ""}`);
      await sleep(50);
    }
  }

  /** Resolves when a new event has arrived after this call. */
  async waitForEvent(): Promise<void> {
    this.readOutput();
    const { arrived } = this.oracle;
    await this.until(() => this.oracle.arrived > arrived, "an event arrives");
  }

  /** True while there is backlog left. Only then can a fault do harm. */
  get hasBacklog(): boolean {
    return this.oracle.missing > this.inFlight;
  }

  /** Maximum number of events in flight. */
  get inFlight(): number {
    const { pageSize = PAGE, pagesOut = PAGES_OUT } = this.options.query ?? {};
    return Number(pageSize) * Number(pagesOut);
  }

  async startNodeRed(): Promise<void> {
    this.nodeRed = await startNodeRed({
      userDir: join(this.folder, "user"), modules: this.modules, flows: this.flows,
      contextStorage: this.options.contextStorage ?? durableStore,
      onStatus: ({ id, status }) => {
        if (id === "syslog-chaos") this.statuses.push(`${status.fill} ${status.text}`);
      },
    });
  }

  async killNodeRed(): Promise<void> {
    this.nodeRed?.kill("SIGKILL");
    await this.nodeRed?.exited;
    this.bound += this.inFlight;
  }

  /** Stops Node-RED with SIGTERM. This allows no duplicates. */
  async stopNodeRed(): Promise<void> {
    const { nodeRed } = this;
    if (nodeRed === undefined) return;
    await this.timed("stop", async () => {
      await nodeRed.stop();
      const { signal } = await nodeRed.exited;
      if (signal !== null) this.problems.push(`Node-RED did not end by itself: ${signal}`);
    });
    this.readLog(nodeRed);
  }

  /** Deploys `flows` without credentials, because Node-RED has them already. */
  async deploy(type: "full" | "flows" | "nodes", flows = this.flows): Promise<void> {
    const { nodeRed } = this;
    if (nodeRed === undefined) return;
    await this.timed(`deploy ${type}`, () => nodeRed.deploy(flows.map((node) => (node.credentials === undefined ? node : withoutCredentials(node))), type));
    this.readLog(nodeRed);
  }

  /** Ends rsyslog. This allows the duplicates of a lost connection. */
  async killReceiver(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const at = Date.now();
    await this.rsyslog.server.kill(signal);
    this.allowLostConnection(at);
  }

  /** Allows the duplicates of a connection that was lost at `at` (epoch ms). */
  allowLostConnection(at = Date.now()): void {
    this.readOutput();
    const since = at - this.lostAt < YOUNG_MS ? this.lostAt : at - RESEND_WINDOW_MS;
    this.bound += TRAITS[this.options.transport].repeated(this.oracle.linesSince(since - READ_DELAY_MS));
    this.lostAt = at;
  }

  /** Most lines that the receiver's kernel has acknowledged and the receiver has not read: nobody can know that they die with it. */
  get acknowledgedAndUnread(): number {
    const port = this.receiverPort.toString(16).toUpperCase().padStart(4, "0");
    const rows = readFileSync("/proc/self/net/tcp", "utf8").matchAll(new RegExp(` [0-9A-F]{8}:${port} [0-9A-F]{8}:[0-9A-F]{4} 0[18] [0-9A-F]{8}:([0-9A-F]{8}) `, "g"));
    return [...rows].reduce((sum, [, bytes = "0"]) => sum + Math.ceil(parseInt(bytes, 16) / SMALLEST_LINE_BYTES), 0);
  }

  get residentMB(): number {
    return residentMB(this.nodeRed?.pid ?? 0);
  }

  /** Number of pages that were read: the searches that the tenant answered. */
  get pagesRead(): number {
    return this.tenant.requests.filter(({ path, status }) => path === "/v2/file-events" && status === 200).length;
  }

  /** Waits for all events (unless some `mayLose`) and for a new one, then stops Node-RED in order. */
  async finish({ mayLose = false } = {}): Promise<void> {
    try {
      if (!mayLose) await this.until(() => this.oracle.missing === 0, "every event arrived", 2 * TIMEOUT_MS);
      this.tenant.add([this.oracle.offerFresh()]);
      await this.until(() => this.oracle.freshArrived, "a new event still passes", 2 * TIMEOUT_MS);
    } catch (error) {
      this.problems.push(String(error));
    }
    await sleep(EXTRA_WAIT_MS);
    await this.stopNodeRed();
    this.readOutput();
  }

  private async timed(what: string, action: () => Promise<void>): Promise<void> {
    const started = Date.now();
    await action();
    const took = Date.now() - started;
    this.longestCloseMs = Math.max(this.longestCloseMs, took);
    if (took > CLOSE_LIMIT_MS) this.problems.push(`${what} took ${took} ms`);
  }

  private readLog(nodeRed: NodeRedProcess): void {
    const problem = CLOSE_PROBLEM.exec(nodeRed.log());
    if (problem !== null) this.problems.push(`Node-RED says "${problem[0]}"`);
  }
}

/** The node without its credentials, because sending them would count as a change of the node. */
const withoutCredentials = (node: FlowNode): FlowNode => Object.fromEntries(Object.entries(node).filter(([name]) => name !== "credentials")) as FlowNode;

function* messagesIn(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield readReceived(line).raw;
}
