import assert from "node:assert/strict";
import { makeAlert } from "../../../src/simulator/alerts";
import { makeSavedSearch } from "../../../src/simulator/endpoints/saved-searches";
import { eventId } from "../../../src/simulator/events";
import { basic, clientStarter, type Client } from "./client";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");

describe("simulated console and the services behind it", () => {
  const start = clientStarter();
  let client: Client;
  before(async () => {
    client = await start({ consolePort: 0 });
    client.tenant.preload({ count: 5, startMs: START_MS });
    client.tenant.alerts.preload({ count: 5, startMs: START_MS });
    client.tenant.auditLog.preload({ count: 5, startMs: START_MS });
  });

  interface Data<T> {
    data: T;
  }

  it("signs an API client in, and its token is valid for the services", async () => {
    const { clientId, clientSecret, consoleUrl, url } = client.tenant;
    const { body } = await client.withoutToken<Data<{ access_token: string }>>(`${consoleUrl}/api/v3/oauth/token?grant_type=client_credentials`, {
      method: "POST", headers: { authorization: basic(clientId, clientSecret) },
    });
    const reply = await client.withoutToken(`${url}/forensic-search/queryservice/api/v1/saved`, { headers: { authorization: `Bearer ${body.data.access_token}` } });
    assert.equal(reply.status, 200);
  });

  it("lists its services in a key-value store, whose address clients derive from the address of the sign-in service", async () => {
    const { consoleUrl, url } = client.tenant;
    const { body } = await client.withoutToken<Data<{ stsBaseUrl: string }>>(`${consoleUrl}/api/v1/ServerEnv`);
    const store = body.data.stsBaseUrl.replace("sts", "simple-key-value-store");
    for (const key of ["FORENSIC_SEARCH-API_URL", "AlertService-API_URL", "AUDIT-LOG_API-URL"]) {
      const reply = await fetch(`${store}/v1/${key}`);
      assert.match(reply.headers.get("content-type") ?? "", /^text\/plain/);
      assert.equal(await reply.text(), url);
    }
    assert.equal((await fetch(`${store}/v1/NOBODY-API_URL`)).status, 404);
  });

  it("has no endpoint of the gateway or of a service, and calls the tenant id tenantUid", async () => {
    const { consoleUrl } = client.tenant;
    for (const path of ["/v1/oauth", "/v2/file-events", "/forensic-search/queryservice/api/v2/fileevent"]) {
      assert.equal((await client.post(path, {}, consoleUrl)).status, 404);
      assert.equal((await client.withoutToken(`${consoleUrl}${path}`, { method: "POST" })).status, 404);
    }
    assert.equal((await client.get<Data<{ tenantUid: string }>>("/api/v3/customer/my", consoleUrl)).body.data.tenantUid, client.tenant.tenantId);
    assert.equal((await client.get<{ tenantId: string }>("/v1/customer")).body.tenantId, client.tenant.tenantId);
  });

  it("wraps the results of its services in data, but not their refusals", async () => {
    const path = (version: number) => `/forensic-search/queryservice/api/v${version}/fileevent`;
    const query = (term: string) => ({ groups: [{ filters: [{ term, operator: "ON_OR_AFTER", value: "2000-01-01T00:00:00.000Z" }] }], srtKey: term, pgToken: "" });
    const one = await client.post<Data<{ fileEvents: { eventId: string }[] }>>(path(1), query("insertionTimestamp"));
    assert.deepEqual(one.body.data.fileEvents.map((event) => event.eventId), Array.from({ length: 5 }, (_, index) => eventId(index)));
    const two = await client.post<Data<{ fileEvents: { event: { id: string } }[] }>>(path(2), query("event.inserted"));
    assert.deepEqual(two.body.data.fileEvents.map(({ event }) => event.id), one.body.data.fileEvents.map((event) => event.eventId));
    const refused = await client.post<{ problems: unknown[] }>(path(1), query("event.inserted"));
    assert.equal(refused.status, 400);
    assert.equal(refused.body.problems.length, 1);
  });

  it("requires the tenant id for the details of alerts too", async () => {
    const alertIds = [makeAlert(0, { createdMs: START_MS }).id];
    const path = "/svc/api/v1/query-details";
    assert.equal((await client.post(path, { alertIds })).status, 400);
    const { body } = await client.post<Data<{ alerts: unknown[] }>>(path, { tenantId: client.tenant.tenantId, alertIds });
    assert.equal(body.data.alerts.length, 1);
    const groups = [{ filters: [{ term: "createdAt", operator: "ON_OR_AFTER", value: "2000-01-01T00:00:00.000000Z" }] }];
    const page = await client.post<Data<{ totalCount: number }>>("/svc/api/v1/query-alerts", { tenantId: client.tenant.tenantId, groups, pgNum: 0, pgSize: 500, srtKey: "CreatedAt", srtDirection: "asc" });
    assert.equal(page.body.data.totalCount, 5);
  });

  it("searches the audit log by ISO dates, and returns a count", async () => {
    const path = "/rpc/search/search-audit-log";
    const search = (dateRange: unknown) => client.post<Data<{ events: unknown[]; totalResultCount: number }>>(path, { page: 0, pageSize: 2, dateRange, eventTypes: [], actorIds: [] });
    const { body } = await search({ startTime: "2025-03-01T10:00:01.000000Z" });
    assert.equal(body.data.totalResultCount, 4);
    assert.equal(body.data.events.length, 2);
    assert.equal((await search({ startTime: START_MS / 1000 })).status, 400);
  });

  it("returns saved searches of the first version unchanged", async () => {
    const old = makeSavedSearch({ id: "old", name: "Old", apiVersion: 1, groups: [{ filterClause: "AND", filters: [{ term: "tabTitles", operator: "IS", value: "x" }] }] });
    client.tenant.savedSearches.push(old, makeSavedSearch({ id: "new", name: "New", groups: [] }));
    const get = (path: string) => client.get<Data<{ searches: { id: string }[] }>>(`/forensic-search/queryservice/api/${path}`);
    assert.deepEqual((await get("v1/saved")).body.data.searches, [old]);
    assert.deepEqual((await get("v1/saved/old")).body.data.searches, [old]);
    assert.equal((await get("v1/saved/new")).status, 404);
    assert.deepEqual((await get("v2/saved")).body.data.searches.map(({ id }) => id), ["new"]);
    assert.deepEqual((await get("v2/saved/old")).body.data.searches, []);
  });
});
