/**
 * The main job in a real Node-RED, from the simulated tenant to the simulated SIEM, with an account of what was
 * offered and what arrived: what every end-to-end fault test needs.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { mainJob } from "./flows";
import { durableStore, startNodeRed, type FlowNode, type NodeRedOptions, type NodeRedProcess, type NodeStatus } from "./node-red-process";
import { packedPackage } from "./packed-package";
import { until } from "./until";

export interface JourneyOptions {
  /** Properties of the query and of syslog-out. */
  query?: Record<string, unknown>;
  syslog?: Record<string, unknown>;
  /** The tenant's address as the flow has it; the simulator's by default. */
  url?: (tenant: TenantSimulator) => string;
  extra?: readonly FlowNode[];
  nodeRed?: Partial<NodeRedOptions>;
}

export class Journey {
  /** The newest status of each node that showed one, by its id (`query-job`, `syslog-job`). */
  readonly status = new Map<string, string>();
  /** Every status of the query, oldest first, as "fill text". */
  readonly queryStatuses: string[] = [];
  private readonly running = new Set<NodeRedProcess>();
  private made = 0;
  /** Insertion time of the newest event, epoch ms. */
  private newest = 0;

  private constructor(readonly folder: string, readonly tenant: TenantSimulator, readonly siem: Siem, private readonly options: JourneyOptions) {}

  static async prepare(options: JourneyOptions = {}): Promise<Journey> {
    const folder = mkdtempSync(join(tmpdir(), "siem-journey-"));
    return new Journey(folder, await startTenantSimulator({ requestsPerMinute: 1_000_000 }), await startSiem(), options);
  }

  get userDir(): string {
    return join(this.folder, "user");
  }

  /** How many events the tenant has been given. */
  get offered(): number {
    return this.made;
  }

  /** The flow, with changed properties of the query. */
  flows(query: Record<string, unknown> = {}): FlowNode[] {
    const { tenant, siem, options } = this;
    const access = { url: options.url?.(tenant) ?? tenant.url, clientId: tenant.clientId, clientSecret: tenant.clientSecret };
    return mainJob(access, [{
      name: "job",
      query: { pageSize: "100", ...options.query, ...query },
      syslog: { host: "127.0.0.1", port: String(siem.port), transport: "tcp", ...options.syslog },
    }], options.extra);
  }

  /**
   * The tenant gets `count` more events, a millisecond apart and behind those that it has: the last about `agoMs` ago.
   * What is older than the overlap keeps the cursor small.
   */
  offer(count: number, agoMs = 2 * 3_600_000): void {
    this.newest = Math.max(this.newest, Date.now() - agoMs - count);
    this.tenant.add(Array.from({ length: count }, () => makeFileEvent(this.made++, { insertedUs: ++this.newest * 1000 })));
  }

  async start(more: Partial<NodeRedOptions> = {}): Promise<NodeRedProcess> {
    const nodeRed = await startNodeRed({
      userDir: this.userDir, modules: packedPackage().modules, contextStorage: durableStore, flows: this.flows(),
      onStatus: (status) => this.record(status), ...this.options.nodeRed, ...more,
    });
    this.running.add(nodeRed);
    void nodeRed.exited.then(() => this.running.delete(nodeRed));
    return nodeRed;
  }

  /** Everything that was offered has arrived. */
  async arrived(timeoutMs = 60_000): Promise<void> {
    await until(() => this.siem.ids.size >= this.made, `${this.made} events arrived`, timeoutMs).catch((error: unknown) => {
      throw new Error(`${this.siem.ids.size} of ${this.made} arrived; the query shows ${this.status.get("query-job")}; ${[...this.running].map((nodeRed) => nodeRed.log().slice(-3000)).join("\n")}`, { cause: error });
    });
  }

  /** Nothing is missing, nothing illegal came, and at most `duplicates` events came twice. */
  settle(duplicates: number): void {
    assert.equal(this.siem.ids.size, this.made);
    assert.equal(this.siem.illegal, 0);
    assert.ok(this.siem.duplicates <= duplicates, `${this.siem.duplicates} came twice, at most ${duplicates} may`);
  }

  async remove(): Promise<void> {
    for (const nodeRed of [...this.running]) await nodeRed.stop();
    await this.siem.close();
    await this.tenant.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private record({ id, status }: NodeStatus): void {
    const text = `${status.fill} ${status.text}`;
    this.status.set(id, text);
    if (id === "query-job") this.queryStatuses.push(text);
  }
}
