import { alerts } from "../../../../src/code42/sources/alerts";
import { ALL, MODEL_TIMEOUT_MS, flagged, playModels, type Model } from "../../../support/model-run";
import type { ModelTenant } from "../../../support/model-tenant";

const OVERLAP_MS = 900_000;

/** Alerts: bursts in one millisecond that fill pages, late ones, and changes of state. */
function arrive(tenant: ModelTenant, random: () => number): void {
  const count = Math.floor(random() * 20);
  const burst = random() < 0.4;
  const startMs = tenant.now - Math.floor(random() * 30_000);
  const lateMs = random() < 0.3 ? Math.floor(random() * (OVERLAP_MS - 60_000)) : 0;
  for (let index = 0; index < count; index++) {
    const ms = startMs + (burst ? 0 : Math.floor(random() * 1000));
    const record = tenant.add({ ms, visibleAt: tenant.now + lateMs, flags: random() < 0.5 ? ["a", "b"] : ["b"], body: {} });
    record.body = { id: record.id, createdAt: new Date(ms).toISOString().replace("Z", "1234Z"), state: "OPEN", stateLastModifiedAt: null };
  }
  for (const record of tenant.records) {
    if (record.visibleAt <= tenant.now && random() < 0.1) record.body = { ...record.body, state: random() < 0.5 ? "RESOLVED" : "IN_PROGRESS", stateLastModifiedAt: new Date(tenant.now).toISOString() };
  }
}

const version = ({ id, state, stateLastModifiedAt }: Record<string, unknown>) => `${String(id)} ${String(state)} ${String(stateLastModifiedAt)}`;

const models: [name: string, model: Model][] = [
  ["alerts", {
    source: () => alerts({ alertChanges: false, excludeOwn: false, sessionOutput: "session" }), overlapMs: OVERLAP_MS, arrive,
    idOf: ({ id }) => String(id),
    expected: (tenant) => new Map(tenant.records.filter(({ flags }) => flags.includes("a")).map(({ id }) => [id, 1])),
    criteria: [ALL, flagged("a"), flagged("a", "b")],
  }],
  ["alerts with their changes", {
    source: () => alerts({ alertChanges: true, excludeOwn: false, sessionOutput: "session" }), overlapMs: OVERLAP_MS, arrive,
    idOf: version,
    expected: (tenant) => new Map(tenant.records.map(({ body }) => [version(body), 1])),
    criteria: [ALL, flagged("b", "a")],
  }],
];

describe("a model of", () => {
  for (const [name, model] of models) {
    it(`${name}: each alert is delivered, and none twice without a crash`, async function () {
      this.timeout(MODEL_TIMEOUT_MS);
      await playModels(model);
    });
  }
});
