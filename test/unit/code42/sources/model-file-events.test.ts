import { fileEvents } from "../../../../src/code42/sources/file-events";
import { fileEventsV1 } from "../../../../src/code42/sources/file-events-v1";
import type { EventSource } from "../../../../src/code42/sources/source";
import { ALL, MODEL_TIMEOUT_MS, flagged, playModels, type Model } from "../../../support/model-run";
import type { ModelTenant } from "../../../support/model-tenant";

const OVERLAP_MS = 300_000;

/** Events: bursts in one millisecond, some that become visible late, and the end of their retention. */
function arrive(tenant: ModelTenant, random: () => number, bodyOf: (id: string, inserted: string) => Record<string, unknown>): void {
  const count = Math.floor(random() * 25);
  const burst = random() < 0.4;
  const startMs = tenant.now - Math.floor(random() * 30_000);
  const lateMs = random() < 0.3 ? Math.floor(random() * (OVERLAP_MS - 60_000)) : 0;
  for (let index = 0; index < count; index++) {
    const ms = startMs + (burst ? 0 : Math.floor(random() * 1000));
    const flags = [["a"], ["b"], ["a", "b"]][Math.floor(random() * 3)] ?? [];
    const record = tenant.add({ ms, visibleAt: tenant.now + lateMs, flags, body: {} });
    record.body = bodyOf(record.id, new Date(ms).toISOString().replace("Z", `${Math.floor(random() * 1000)}`.padStart(3, "0") + "Z"));
  }
  // The tenant refuses a page token that names an event without retention.
  for (const record of tenant.records) if (tenant.delivered.has(record.id) && record.ms < tenant.now - 4 * OVERLAP_MS && random() < 0.3) record.gone = true;
}

/** Events with the flag `a` match each of the criteria. */
const expected = (tenant: ModelTenant) => new Map(tenant.records.filter(({ flags }) => flags.includes("a")).map(({ id }) => [id, 1]));

const models: [name: string, model: Model][] = [
  ["file events", {
    source: () => fileEvents, overlapMs: OVERLAP_MS, expected,
    arrive: (tenant, random) => arrive(tenant, random, (id, inserted) => ({ event: { id, inserted } })),
    idOf: (event) => (event["event"] as { id: string }).id,
    criteria: [ALL, flagged("a"), flagged("a", "b")],
  }],
  ["v1 file events, one search for each group", {
    source: (): EventSource => fileEventsV1, overlapMs: OVERLAP_MS, expected,
    arrive: (tenant, random) => arrive(tenant, random, (id, inserted) => ({ eventId: id, insertionTimestamp: inserted })),
    idOf: (event) => String(event["eventId"]),
    criteria: [ALL, flagged("a"), flagged("a", "b"), flagged("b", "a")],
  }],
];

describe("a model of", () => {
  for (const [name, model] of models) {
    it(`${name}: every event is delivered, and none twice without a crash`, async function () {
      this.timeout(MODEL_TIMEOUT_MS);
      await playModels(model);
    });
  }
});
