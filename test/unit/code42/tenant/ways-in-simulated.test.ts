import assert from "node:assert/strict";
import { loadSavedSearch } from "../../../../src/code42/criteria/saved-search";
import { Tenant, type TenantOptions } from "../../../../src/code42/tenant/tenant";
import { startTenantSimulator, type TenantSimulator } from "../../../../src/simulator/tenant";
import { postWhole } from "../../../support/whole-reply";

const TOTP = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

describe("ways into the simulated tenant", () => {
  let simulator: TenantSimulator;
  const tenants: Tenant[] = [];
  before(async () => {
    simulator = await startTenantSimulator({
      consolePort: 0, requestsPerMinute: 10_000,
      users: [{ name: "dana@example.com", password: "pass" }, { name: "totp@example.com", password: "pass", totpSecret: TOTP }, { name: "sso@example.com", password: "", sso: true }],
    });
    simulator.preload({ count: 25, startMs: Date.parse("2025-03-01T10:00:00Z") });
  });
  after(async () => {
    for (const tenant of tenants) tenant.close();
    await simulator.close();
  });

  const ways: [name: string, options: Partial<TenantOptions>][] = [
    ["API client", { clientId: "key-00000000-simulator", clientSecret: "simulated-client-secret" }],
    ["user", { authType: "user", username: "dana@example.com", password: "pass" }],
    ["user with two factors", { authType: "user", username: "totp@example.com", password: "pass", totpSecret: TOTP }],
  ];
  const connect = (atConsole: boolean, options: Partial<TenantOptions>) => {
    const address = atConsole ? { baseUrl: simulator.consoleUrl, addressKind: "console" as const } : { baseUrl: simulator.url };
    const tenant = new Tenant({ ...address, userAgent: "test", ...options });
    tenants.push(tenant);
    return tenant;
  };
  const read = async (reply: Promise<{ data: Buffer }>) => JSON.parse((await reply).data.toString()) as Record<string, unknown>;
  const since = (term: string) => ({ groupClause: "AND", groups: [{ filterClause: "AND", filters: [{ term, operator: "ON_OR_AFTER", value: "2025-01-01T00:00:00.000Z" }] }] });

  for (const atConsole of [false, true]) {
    for (const [name, options] of ways) {
      it(`${name} at the ${atConsole ? "console" : "gateway"} reads every source that is there, by the paths of the gateway`, async () => {
        const tenant = connect(atConsole, options);
        const events = await read(postWhole(tenant, "/v2/file-events", { ...since("event.inserted"), srtKey: "event.inserted", srtDir: "asc", pgSize: 100, pgToken: "" }));
        assert.equal(events["totalCount"], 25);
        const { tenantId } = await read(tenant.get("/v1/customer"));
        assert.equal(typeof tenantId, "string");
        const alerts = await read(postWhole(tenant, "/v1/alerts/query-alerts", { tenantId, ...since("CreatedAt"), pgNum: 0, pgSize: 100, srtKey: "CreatedAt", srtDirection: "ASC" }));
        assert.ok(Array.isArray(alerts["alerts"]));
        const end = Date.now() / 1000;
        await read(postWhole(tenant, "/v1/audit/search-audit-log", { dateRange: { startTime: end - 3600.5, endTime: end }, page: 0, pageSize: 100 }));
        await assert.rejects(loadSavedSearch(tenant, "nobody has this", new AbortController().signal), { code: "SAVED_SEARCH_MISSING" });
        const sessions = read(tenant.get("/v1/sessions", { query: { page_number: "0", page_size: "50" } }));
        if (atConsole) await assert.rejects(sessions, { code: "BASE_URL_CONSOLE" });
        else assert.ok(Array.isArray((await sessions)["items"]));
      });
    }
  }

  it("a user of single sign-on, and one whose second factor is missing, are refused with the reason", async () => {
    const refusals: [Partial<TenantOptions>, string][] = [
      [{ username: "sso@example.com", password: "x" }, "USER_SSO"], [{ username: "totp@example.com", password: "pass" }, "USER_TOTP_MISSING"],
      [{ username: "dana@example.com", password: "x" }, "USER_REJECTED"],
    ];
    for (const [user, code] of refusals) await assert.rejects(connect(true, { authType: "user", ...user }).get("/v1/customer"), { code, permanent: true });
  });
});
