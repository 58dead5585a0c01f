import { auditLog } from "../../../../src/code42/sources/audit-log";
import { MODEL_TIMEOUT_MS, playModels } from "../../../support/model-run";
import type { ModelTenant } from "../../../support/model-tenant";

const OVERLAP_MS = 300_000;
const contentOf = ({ actorName, timestamp }: Record<string, unknown>) => `${String(actorName)} ${String(timestamp)}`;

/** Entries without an id: some are equal, some become visible late. */
function arrive(tenant: ModelTenant, random: () => number): void {
  const lateMs = random() < 0.3 ? Math.floor(random() * (OVERLAP_MS - 60_000)) : 0;
  for (let count = Math.floor(random() * 25); count > 0; count--) {
    const ms = tenant.now - 1000 - Math.floor(random() * 60) * 500;
    const body = { type$: "audit_log::logged_in/1", actorName: `user${Math.floor(random() * 3)}@example.com`, timestamp: new Date(ms).toISOString().replace("Z", "123456Z") };
    tenant.add({ ms, visibleAt: tenant.now + lateMs, flags: [], body });
  }
}

describe("a model of", () => {
  it("the audit log: each entry is delivered, equal ones too, and none twice without a crash", async function () {
    this.timeout(MODEL_TIMEOUT_MS);
    await playModels({
      source: () => auditLog({ alertChanges: false, excludeOwn: false, sessionOutput: "session" }), overlapMs: OVERLAP_MS, arrive,
      idOf: contentOf,
      expected: (tenant) => {
        const counts = new Map<string, number>();
        for (const { body } of tenant.records) counts.set(contentOf(body), (counts.get(contentOf(body)) ?? 0) + 1);
        return counts;
      },
    });
  });
});
