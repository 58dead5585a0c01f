import assert from "node:assert/strict";
import { requestGroups } from "../../../../src/code42/criteria/criteria";
import { loadSavedSearch } from "../../../../src/code42/criteria/saved-search";
import { Tenant } from "../../../../src/code42/tenant/tenant";
import { startConsoleServer, type ConsoleServer } from "../../../support/console-server";

const high = { term: "risk.severity", operator: "IS", value: "HIGH" };
const names = { term: "file.name", operator: "IS_ANY", value: ["a", "b"] };
const search = (id: string, name: string, more: Record<string, unknown>) => (
  { id, name, notes: null, apiVersion: 2, columns: ["x"], createdByUID: "1", srtKey: "@timestamp", srtDir: "desc", groupClause: "AND", ...more }
);

describe("a saved search", () => {
  let server: ConsoleServer;
  let tenant: Tenant;
  let searches: unknown;
  before(async () => {
    server = await startConsoleServer("dana:pass");
    server.answers["/v2/file-events/saved-searches"] = () => ({ searches });
    server.answers["/ffs/forensic-search/queryservice/api/v2/saved"] = () => ({ data: { searches } });
  });
  beforeEach(() => {
    tenant = new Tenant({ baseUrl: server.url, authType: "user", username: "dana", password: "pass", userAgent: "test" });
    searches = [
      search("id-1", "Risky", { groups: [{ filterClause: "AND", filters: [{ ...high, display: "High" }, names] }] }),
      search("id-2", "Either", { groupClause: "OR", groups: [{ filterClause: "AND", filters: [high] }, { subgroupClause: "OR", subgroups: [{ filters: [names] }] }] }),
      search("id-3", "Twice", { groups: [{ filters: [high] }] }), search("id-4", "Twice", { groups: [{ filters: [high] }] }),
      search("Risky-2", "Empty", { groups: [] }),
      search("id-6", "Old", { apiVersion: 1, groups: [{ filters: [{ term: "riskSeverity", operator: "IS", value: "HIGH" }, { term: "exposure", operator: "EXISTS" }] }] }),
      search("id-7", "Odd", { groups: [{ filters: [{ term: "a", operator: "IS", value: { from: 1 } }] }] }),
      "no search",
    ];
  });
  afterEach(() => tenant.close());
  after(() => server.close());
  const load = (idOrName: string) => loadSavedSearch(tenant, idOrName, new AbortController().signal);

  it("may have null in place of any list that it does not have", async () => {
    searches = [
      search("id-8", "Nulls", { notes: null, columns: null, groups: [{ filterClause: "AND", filters: [high], subgroupClause: null, subgroups: null }, { filterClause: null, filters: null, subgroupClause: "OR", subgroups: [{ filterClause: "AND", filters: [names], subgroups: null }] }] }),
      search("id-9", "None", { groups: null }),
    ];
    assert.deepEqual((await load("Nulls")).groups, [{ filterClause: "AND", filters: [high] }, { subgroupClause: "OR", subgroups: [{ filterClause: "AND", filters: [names] }] }]);
    await assert.rejects(load("None"), { code: "SAVED_SEARCH_UNTRANSLATABLE", message: /no filters/ });
  });

  it("is found by its id or its name, and only its filters count", async () => {
    const criteria = { clause: "AND", groups: [{ filterClause: "AND", filters: [high, names] }] };
    assert.deepEqual(await load("id-1"), criteria);
    assert.deepEqual(await load("Risky"), criteria);
  });

  it("is joined with the cursor by AND even if its groups are joined by OR", async () => {
    const cursor = { term: "event.inserted", operator: "ON_OR_AFTER", value: "2026-01-01T00:00:00.000Z" };
    const groups = requestGroups(await load("Either"), [], cursor);
    assert.deepEqual(groups, [
      { subgroupClause: "OR", subgroups: [{ filterClause: "AND", filters: [high] }, { subgroupClause: "OR", subgroups: [{ filterClause: "AND", filters: [names] }] }] },
      { filterClause: "AND", filters: [cursor] },
    ]);
  });

  it("is loaded also if the tenant's address is that of a console", async () => {
    const console = new Tenant({ baseUrl: server.url, addressKind: "console", authType: "user", username: "dana", password: "pass", userAgent: "test" });
    assert.equal((await loadSavedSearch(console, "id-1", new AbortController().signal)).groups.length, 1);
    console.close();
  });

  it("that cannot run is refused with the reason", async () => {
    const cases: [string, string, RegExp][] = [
      ["nobody", "SAVED_SEARCH_MISSING", /"nobody".*Risky, Either/], ["Twice", "SAVED_SEARCH_AMBIGUOUS", /id-3, id-4/],
      ["Empty", "SAVED_SEARCH_UNTRANSLATABLE", /the list is empty|no filters/], ["Old", "SAVED_SEARCH_UNTRANSLATABLE", /version 1.*riskSeverity, exposure/],
      ["Odd", "SAVED_SEARCH_UNTRANSLATABLE", /groups\[0\]\.filters\[0\]\.value/],
    ];
    for (const [name, code, message] of cases) await assert.rejects(load(name), { code, message, permanent: true });
  });

  it("is an error that the next poll can mend if the answer is no list", async () => {
    searches = "maintenance";
    await assert.rejects(load("id-1"), { code: "SAVED_SEARCHES_INVALID", permanent: false });
    searches = null;
    await assert.rejects(load("id-1"), { code: "SAVED_SEARCH_MISSING" });
  });
});
