import assert from "node:assert/strict";
import { alertKind, TENANT_ID } from "../../../src/simulator/alerts";
import { auditKind } from "../../../src/simulator/audit-log";
import { makeFileEvent } from "../../../src/simulator/events";
import { sessionKind } from "../../../src/simulator/sessions";
import { clientStarter } from "./client";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");

describe("records of the simulated tenant", () => {
  const start = clientStarter();

  for (const [name, kind] of [["alerts", alertKind(3, TENANT_ID)], ["sessions", sessionKind(3, TENANT_ID)], ["audit entries", auditKind(3)]] as const) {
    it(`${name} are the same for the same number, and stop changing at the time that their kind states`, () => {
      for (let index = 0; index < 200; index++) {
        assert.deepEqual(kind.make(index, START_MS, START_MS + kind.settlesInMs), kind.make(index, START_MS, Infinity));
      }
    });
  }

  it("disappear after their retention time, as do file events, and a page token of a missing event is refused", async () => {
    const client = await start();
    const { tenant } = client;
    for (const records of [tenant.sessions, tenant.alerts, tenant.auditLog]) records.preload({ count: 10, startMs: START_MS });
    tenant.preload({ count: 10, startMs: START_MS, stepUs: 1_000_000 });
    tenant.add([makeFileEvent(100, { insertedUs: START_MS * 1000 }), makeFileEvent(101, { insertedUs: (START_MS + 9000) * 1000 })]);
    const groups = (term: string) => [{ filters: [{ term, operator: "ON_OR_AFTER", value: "2000-01-01T00:00:00.000Z" }] }];
    const page = (pgToken: string) => client.post<{ totalCount: number; fileEvents: unknown[]; nextPgToken: string }>(
      "/v2/file-events", { groups: groups("event.inserted"), srtKey: "event.inserted", pgSize: 2, pgToken },
    );
    const counts = async () => [
      (await client.get<{ totalCount: number }>("/v1/sessions")).body.totalCount,
      (await client.post<{ totalCount: number }>("/v1/alerts/query-alerts", { tenantId: tenant.tenantId, groups: groups("CreatedAt") })).body.totalCount,
      (await client.post<{ events: unknown[] }>("/v1/audit/search-audit-log", {})).body.events.length,
      (await page("")).body.totalCount,
    ];
    assert.deepEqual(await counts(), [10, 10, 10, 12]);
    const token = (await page("")).body.nextPgToken;
    tenant.forgetBefore(START_MS + 5000);
    assert.deepEqual(await counts(), [5, 5, 5, 6]);
    assert.equal((await page(token)).status, 400);
    assert.equal((await page((await page("")).body.nextPgToken)).body.fileEvents.length, 2);
  });
});
