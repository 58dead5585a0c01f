import { sessions } from "../../../../src/code42/sources/sessions";
import { MODEL_TIMEOUT_MS, playModels, type Model } from "../../../support/model-run";
import type { ModelRecord, ModelTenant } from "../../../support/model-tenant";

const LOOKBACK_MS = 3_600_000;
/** A session that began earlier no longer changes, so that the look-back always reaches it. */
const CHANGES_FOR_MS = LOOKBACK_MS / 2;

function touch(record: ModelRecord, now: number, random: () => number): void {
  const alerts = (record.body["triggeredAlerts"] as unknown[] | undefined) ?? [];
  record.body = {
    sessionId: record.id, beginTime: record.ms, endTime: now, lastUpdated: now,
    triggeredAlerts: random() < 0.5 ? [...alerts, { alertId: `${record.id}/${alerts.length}` }] : alerts,
  };
}

/** New sessions, sometimes more than a page, and changes of old ones. */
function arrive(tenant: ModelTenant, random: () => number): void {
  for (let count = Math.floor(random() * 60); count > 0; count--) {
    touch(tenant.add({ ms: tenant.now - Math.floor(random() * 60_000), visibleAt: tenant.now, flags: [], body: {} }), tenant.now, random);
  }
  for (const record of tenant.records) if (record.ms > tenant.now - CHANGES_FOR_MS && random() < 0.2) touch(record, tenant.now, random);
  // While the list is read, a session moves to its front.
  tenant.onRequest = () => {
    const moved = tenant.records.findLast(({ ms }) => ms > tenant.now - CHANGES_FOR_MS);
    if (moved !== undefined && random() < 0.2) touch(moved, tenant.now + 1, random);
  };
}

const version = ({ sessionId, lastUpdated }: Record<string, unknown>) => `${String(sessionId)} ${String(lastUpdated)}`;
const alertsOf = ({ triggeredAlerts }: Record<string, unknown>) => (triggeredAlerts as { alertId: string }[]).map(({ alertId }) => alertId);

const models: [name: string, model: Model][] = [
  ["sessions: each is delivered as it stands in the end", {
    source: () => sessions({ alertChanges: false, excludeOwn: false, sessionOutput: "session" }), overlapMs: LOOKBACK_MS, arrive,
    idOf: version,
    expected: (tenant) => new Map(tenant.records.map(({ body }) => [version(body), 1])),
  }],
  ["the alerts of sessions: each is delivered", {
    source: () => sessions({ alertChanges: false, excludeOwn: false, sessionOutput: "alert" }), overlapMs: LOOKBACK_MS, arrive,
    idOf: (event) => alertsOf(event).join(),
    expected: (tenant) => new Map(tenant.records.flatMap(({ body }) => alertsOf(body).map((id) => [id, 1] as const))),
  }],
];

describe("a model of", () => {
  for (const [name, model] of models) {
    it(`${name}, and nothing twice without a crash`, async function () {
      this.timeout(MODEL_TIMEOUT_MS);
      await playModels(model);
    });
  }
});
