/** A query with its cursor in memory and a sink that the test controls. */
import { setTimeout as sleep } from "node:timers/promises";
import { plain } from "../../src/common/border";
import { fileEvents } from "../../src/code42/sources/file-events";
import { QueryRunner, type QueryDependencies } from "../../src/code42/query/query-runner";
import type { QuerySettings } from "../../src/code42/query/query-settings";
import { Tenant } from "../../src/code42/tenant/tenant";
import type { Api } from "../../src/code42/tenant/api";
import type { CursorStore } from "../../src/cursor/context-store";
import { cursorError } from "../../src/cursor/errors";
import { DeliveryRegistry } from "../../src/delivery/registry";
import type { FlowMessage } from "../../src/common/messages";
import type { TenantSimulator } from "../../src/simulator/tenant";

/** A cursor store that outlives the query and can fail. */
export class MemoryStore implements CursorStore {
  value: string | undefined;
  fault: Error | undefined;
  /** This many writes succeed but are reported as failed. */
  losesAnswers = 0;
  commits = 0;

  async read(): Promise<string | undefined> {
    return this.value;
  }

  look(): Promise<string | undefined> {
    return this.read();
  }

  async commit(expected: string | undefined, next: string | undefined): Promise<void> {
    if (this.value !== expected) throw cursorError("CURSOR_CHANGED", plain.params({ key: "test" }), { permanent: true });
    await this.overwrite(next);
  }

  async overwrite(next: string | undefined): Promise<void> {
    await sleep(0);
    if (this.fault !== undefined) throw cursorError("CURSOR_NOT_SAVED", plain.params({ key: "test", reason: this.fault }));
    this.commits += 1;
    this.value = next;
    if (this.losesAnswers-- > 0) throw cursorError("CURSOR_NOT_SAVED", plain.params({ key: "test", reason: "connection lost" }));
  }

  get cursor(): { floor: string; lastInserted: string | null; seen: Record<string, string> } | undefined {
    return this.value === undefined ? undefined : JSON.parse(this.value) as { floor: string; lastInserted: string | null; seen: Record<string, string> };
  }
}

export interface QueryUnderTest {
  runner: QueryRunner;
  registry: DeliveryRegistry;
  /** All sent messages, oldest first. */
  messages: FlowMessage[];
  errors: Error[];
  warnings: string[];
  statuses: string[];
}

export const tenantOf = (simulator: TenantSimulator): Tenant => new Tenant({
  baseUrl: simulator.url, clientId: simulator.clientId, clientSecret: simulator.clientSecret, userAgent: "test", requestsPerMinute: 100_000,
}, { sleep: (ms, signal) => sleep(Math.min(ms, 5), undefined, { signal }) });

/** Makes a query. `sink` gets each message and the registry; by default it confirms at once. */
export function makeQuery(
  tenant: Api | undefined,
  store: CursorStore,
  settings: Partial<QuerySettings> = {},
  sink: (message: FlowMessage, registry: DeliveryRegistry) => void = (message, registry) => void setImmediate(() => registry.confirm(message)),
  dependencies: Partial<QueryDependencies> = {},
): QueryUnderTest {
  const registry = new DeliveryRegistry();
  const made: Omit<QueryUnderTest, "runner"> = { registry, messages: [], errors: [], warnings: [], statuses: [] };
  const runner = new QueryRunner({
    source: fileEvents, criteria: { clause: "AND", groups: [] }, pollIntervalMs: 0, startFrom: "P1D", until: "", once: false, overlapMs: 300_000, pageSize: 100,
    output: "page", advance: "confirmed", pagesOut: 4, confirmTimeoutMs: 60_000, confirmedBy: [], savedSearch: "", cursorKey: "test", resendDelayMs: 1, ...settings,
  }, {
    api: () => tenant as Api,
    nodeName: (id) => id,
    store,
    registry,
    send: (message) => {
      made.messages.push(message);
      sink(message, registry);
    },
    status: (colour, key) => made.statuses.push(`${colour} ${key}`),
    error: (error) => made.errors.push(error as Error),
    nextFormatter: () => undefined,
    copies: () => false,
    warn: (key) => made.warnings.push(key),
    text: (key) => key,
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    ...dependencies,
  });
  return { ...made, runner };
}

/** The ids of all events in `messages`, in order. */
export function eventIds(messages: readonly FlowMessage[]): string[] {
  return messages.flatMap(({ payload }) => (Array.isArray(payload) ? payload : [payload]) as { event: { id: string } }[]).map(({ event }) => event.id);
}
