/**
 * Runs the main flow in a real Node-RED, from the simulated tenant to the simulated SIEM, and counts the events at both
 * ends. For end-to-end tests of faults.
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
  /** The tenant's address in the flow; by default the simulator's. */
  url?: (tenant: TenantSimulator) => string;
  extra?: readonly FlowNode[];
  nodeRed?: Partial<NodeRedOptions>;
}

export class Journey {
  /** The latest status of each node, by node id (`query-job`, `syslog-job`). */
  readonly status = new Map<string, string>();
  /** Every status of the query, oldest first, as "fill text". */
  readonly queryStatuses: string[] = [];
  private readonly running = new Set<NodeRedProcess>();
  private made = 0;
  /** Insertion time of the latest event, epoch ms. */
  private latestMs = 0;

  private constructor(readonly folder: string, readonly tenant: TenantSimulator, readonly siem: Siem, private readonly options: JourneyOptions) {}

  static async prepare(options: JourneyOptions = {}): Promise<Journey> {
    const folder = mkdtempSync(join(tmpdir(), "siem-journey-"));
    return new Journey(folder, await startTenantSimulator({ requestsPerMinute: 1_000_000 }), await startSiem(), options);
  }

  get userDir(): string {
    return join(this.folder, "user");
  }

  /** The number of events that were added to the tenant. */
  get added(): number {
    return this.made;
  }

  /** The flow, with these properties of the query changed. */
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
   * Adds `count` events to the tenant, a millisecond apart and after all earlier ones; the last was inserted about `agoMs`
   * ago. By default they are older than the overlap, which keeps the cursor small.
   */
  addEvents(count: number, agoMs = 2 * 3_600_000): void {
    this.latestMs = Math.max(this.latestMs, Date.now() - agoMs - count);
    this.tenant.add(Array.from({ length: count }, () => makeFileEvent(this.made++, { insertedUs: ++this.latestMs * 1000 })));
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

  /** Waits until every event has arrived. */
  async waitForAll(timeoutMs = 60_000): Promise<void> {
    await until(() => this.siem.ids.size >= this.made, `${this.made} events arrived`, timeoutMs).catch((error: unknown) => {
      throw new Error(`${this.siem.ids.size} of ${this.made} arrived; the query shows ${this.status.get("query-job")}; ${[...this.running].map((nodeRed) => nodeRed.log().slice(-3000)).join("\n")}`, { cause: error });
    });
  }

  /** Asserts that no event is missing, no line is illegal, and at most `duplicates` events arrived twice. */
  assertDelivered(duplicates: number): void {
    assert.equal(this.siem.ids.size, this.made);
    assert.equal(this.siem.illegal, 0);
    assert.ok(this.siem.duplicates <= duplicates, `${this.siem.duplicates} arrived twice, at most ${duplicates} may`);
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
