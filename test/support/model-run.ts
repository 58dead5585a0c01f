/**
 * Plays random sequences of arrivals, polls, crashes and changed criteria on a tenant in memory, and compares the delivered
 * events with a reference: all of them, and none twice unless a crash came between delivery and commit.
 */
import assert from "node:assert/strict";
import type { Criteria } from "../../src/code42/criteria/criteria";
import type { EventSource } from "../../src/code42/sources/source";
import type { CursorStore } from "../../src/cursor/context-store";
import type { FlowMessage } from "../../src/common/messages";
import { ModelTenant, randomOf } from "./model-tenant";
import { makeQuery, MemoryStore } from "./query";

export interface Model {
  source: () => EventSource;
  /** The overlap that each poll reads again, ms. */
  overlapMs: number;
  /** Adds or changes records at the tenant. */
  arrive: (tenant: ModelTenant, random: () => number) => void;
  /** The id of a delivered event. */
  idOf: (event: Record<string, unknown>) => string;
  /** The ids that must have been delivered in the end, and how often. */
  expected: (tenant: ModelTenant) => Map<string, number>;
  /** Each poll uses one of these. */
  criteria?: Criteria[];
}

export const ALL: Criteria = { clause: "AND", groups: [] };
export const flagged = (...flags: string[]): Criteria => ({
  clause: "OR", groups: flags.map((value) => ({ filterClause: "AND", filters: [{ term: "flag", operator: "IS", value }] })),
});

/** Number of sequences for each model; the environment variable MODEL_RUNS changes it. */
export const MODEL_RUNS = Number(process.env["MODEL_RUNS"] ?? 60);
/** Many times longer than they need on an idle machine, ms. */
export const MODEL_TIMEOUT_MS = 10_000 * MODEL_RUNS;
const ROUNDS = 8;
const START = Date.parse("2026-03-01T12:00:00Z");

/** Plays one sequence, which `seed` determines. */
export async function playModel(model: Model, seed: number): Promise<void> {
  const random = randomOf(seed);
  const tenant = new ModelTenant(START, random);
  const store = new MemoryStore();
  const delivered = new Map<string, number>();
  /** How often each event may be delivered again. */
  const allowedRepeats = new Map<string, number>();
  const count = (counts: Map<string, number>, id: string) => counts.set(id, (counts.get(id) ?? 0) + 1);
  const settings = { source: model.source(), overlapMs: model.overlapMs, pageSize: 2 + Math.floor(random() * 6), pagesOut: 1 + Math.floor(random() * 3) };
  for (let round = 0; round <= ROUNDS; round++) {
    const last = round === ROUNDS;
    if (!last) for (let times = Math.floor(random() * 3); times > 0; times--) model.arrive(tenant, random);
    const crashAfter = !last && random() < 0.3 ? Math.floor(random() * 3) : Infinity;
    const { criteria = [ALL] } = model;
    const sent: string[] = [];
    let messages = 0;
    let crash = () => undefined as void;
    const crashed = new Promise<"crashed">((resolve) => {
      crash = () => resolve("crashed");
    });
    let dead = false;
    // Writes of a node that has crashed are dropped.
    let writing: Promise<void> = Promise.resolve();
    const write = (begin: () => Promise<void>) => (dead ? new Promise<never>(() => undefined) : writing = begin());
    const alive: CursorStore = {
      read: () => store.read(),
      look: () => store.look(),
      overwrite: (next) => write(() => store.overwrite(next)),
      commit: (expected, next) => write(() => store.commit(expected, next)),
    };
    const { runner, errors } = makeQuery(undefined, alive, {
      ...settings, criteria: criteria[Math.floor(random() * criteria.length)] ?? ALL, output: random() < 0.3 ? "event" : "page", pollIntervalMs: 0,
    }, (message: FlowMessage, registry) => {
      if (dead) return;
      for (const event of [message.payload].flat() as Record<string, unknown>[]) {
        sent.push(model.idOf(event));
        count(delivered, model.idOf(event));
        tenant.delivered.add(model.idOf(event));
      }
      messages += 1;
      if (messages <= crashAfter) setImmediate(() => dead || registry.confirm(message));
      else crash();
    }, { api: () => tenant, now: () => tenant.now });
    const outcome = await Promise.race([runner.act({}), crashed]);
    if (outcome === "crashed") {
      dead = true;
      for (const id of sent) count(allowedRepeats, id);
      await runner.act({ action: "stop" });
      await writing;
    }
    assert.deepEqual(errors, [], `seed ${seed}`);
    tenant.now += last ? 0 : Math.floor(random() * model.overlapMs);
    if (round === ROUNDS - 1) tenant.now += 2 * model.overlapMs;
  }
  for (const [id, times] of model.expected(tenant)) {
    const found = delivered.get(id) ?? 0;
    assert.ok(found >= times, `seed ${seed}: ${id} was delivered ${found} times, not ${times}`);
    assert.ok(found <= times + (allowedRepeats.get(id) ?? 0), `seed ${seed}: ${id} was delivered ${found} times without a crash`);
  }
}

/** Plays all sequences of a model. */
export async function playModels(model: Model): Promise<void> {
  for (let seed = 1; seed <= MODEL_RUNS; seed++) await playModel(model, seed);
}
