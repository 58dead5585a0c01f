import assert from "node:assert/strict";
import { alertInState, makeAlert, TENANT_ID, type Alert } from "../../../src/simulator/alerts";
import { clientStarter, type Client } from "./client";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");

interface Page {
  type$: string;
  alerts: Alert[];
  totalCount: number;
  problems: { description: string; type: string }[];
}

describe("simulated alerts", () => {
  const start = clientStarter();
  const filters = (...list: [term: string, operator: string, value: unknown][]) => ({ filterClause: "AND", filters: list.map(([term, operator, value]) => ({ term, operator, value })) });
  const everything = filters(["CreatedAt", "ON_OR_AFTER", "2000-01-01T00:00:00.000Z"]);
  const query = (client: Client, groups: unknown[] = [everything], more: Record<string, unknown> = {}) => client.post<Page>(
    "/v1/alerts/query-alerts", { tenantId: TENANT_ID, groupClause: "AND", groups, pgNum: 0, pgSize: 500, srtKey: "CreatedAt", srtDirection: "ASC", ...more },
  );
  const details = (client: Client, alertIds: unknown) => client.post<Page>("/v1/alerts/query-details", { alertIds });
  const ids = (alerts: readonly Alert[]) => alerts.map(({ id }) => id);
  const made = (count: number) => Array.from({ length: count }, (_, index) => makeAlert(index, { createdMs: START_MS + index * 1000 }));
  const loaded = async (count: number) => {
    const client = await start();
    client.tenant.alerts.preload({ count, startMs: START_MS });
    return client;
  };

  it("have unique ids, and six or seven decimals", () => {
    const alerts = made(1000);
    assert.equal(new Set(ids(alerts)).size, 1000);
    assert.notDeepEqual(ids(alerts).sort(), ids(alerts));
    const decimals = new Set(alerts.map(({ createdAt }) => /\.(\d+)Z$/.exec(createdAt)?.[1]?.length));
    assert.deepEqual(decimals, new Set([6, 7]));
    assert.ok(alerts.every(({ createdAt }, index) => Date.parse(createdAt) === START_MS + index * 1000));
  });

  it("hold observations as JSON text, and a few do not parse", () => {
    const broken = made(200).filter(({ observations: [one] }) => {
      try {
        return typeof JSON.parse(one?.data ?? "") !== "object";
      } catch {
        return true;
      }
    });
    assert.equal(broken.length, 4);
  });

  it("are paged by number from 0, as summaries, and end with a short page", async () => {
    const client = await loaded(25);
    const pages: Page[] = [];
    for (let pgNum = 0; pgNum < 4; pgNum++) pages.push((await query(client, [everything], { pgNum: String(pgNum), pgSize: "10" })).body);
    assert.deepEqual(pages.map(({ alerts }) => alerts.length), [10, 10, 5, 0]);
    assert.ok(pages.every(({ totalCount, type$ }) => totalCount === 25 && type$ === "ALERT_QUERY_RESPONSE"));
    assert.deepEqual(ids(pages.flatMap(({ alerts }) => alerts)), ids(made(25)));
    const [first] = pages[0]?.alerts ?? [];
    assert.equal(first?.type$, "ALERT_SUMMARY");
    assert.ok(!("observations" in first) && !("note" in first));
  });

  it("ignore srtDir and then come newest first", async () => {
    const client = await loaded(5);
    const { body } = await query(client, [everything], { srtDirection: undefined, srtDir: "asc" });
    assert.deepEqual(ids(body.alerts), ids(made(5)).reverse());
  });

  it("are selected by dates to the millisecond, both ends included", async () => {
    const client = await loaded(10);
    const { body } = await query(client, [filters(["CreatedAt", "ON_OR_AFTER", "2025-03-01T10:00:02.000999Z"], ["createdAt", "ON_OR_BEFORE", "2025-03-01T10:00:04.000Z"])]);
    assert.deepEqual(ids(body.alerts), ids(made(10).slice(2, 5)));
  });

  const cases: [name: string, filter: [string, string, unknown], keep: (alert: Alert) => boolean][] = [
    ["state", ["State", "IS", "OPEN"], ({ state }) => state === "OPEN"],
    ["part of a rule's name", ["Name", "CONTAINS", "removable"], ({ name }) => name.includes("removable")],
    ["text that a name must not contain", ["name", "DOES_NOT_CONTAIN", "code"], ({ name }) => !name.includes("code")],
    ["severity, whatever the case of the term", ["riskseverity", "IS", "CRITICAL"], ({ riskSeverity }) => riskSeverity === "CRITICAL"],
    ["type in the spelling of filters", ["Type", "IS", "FedCloudSharePermissions"], ({ type }) => type === "FED_CLOUD_SHARE_PERMISSIONS"],
    ["actor", ["Actor", "IS_NOT", "user3@example.com"], ({ actor }) => actor !== "user3@example.com"],
    ["watchlist", ["HasAuthSignificantWatchlist", "IS", true], ({ watchlists }) => watchlists.length > 0],
    ["the time of a change", ["StateLastModifiedAt", "ON_OR_AFTER", "2025-03-01T10:00:00.000Z"], ({ stateLastModifiedAt }) => stateLastModifiedAt !== null],
  ];
  for (const [name, filter, keep] of cases) {
    it(`are selected by ${name}`, async () => {
      const expected = ids(made(100).filter(keep));
      assert.ok(expected.length > 0 && expected.length < 100, "the filter matches some events, not all");
      assert.deepEqual(ids((await query(await loaded(100), [filters(filter)])).body.alerts), expected);
    });
  }

  const refused: [name: string, groups: unknown[], more: Record<string, unknown>, type: string][] = [
    ["no tenant", [everything], { tenantId: undefined }, "MissingValue"],
    ["no groups", [], {}, "MissingGroups"],
    ["an empty group", [{ filterClause: "AND", filters: [] }], {}, "MissingFilters"],
    ["a page of 501", [everything], { pgSize: 501 }, "InvalidPageSize"],
    ["a page before the first", [everything], { pgNum: -1 }, "InvalidPageNumber"],
    ["an operator of file events", [filters(["State", "EXISTS", null])], {}, "IllegalOperator"],
    ["an unknown term", [filters(["file.name", "IS", "x"])], {}, "IllegalValue"],
    ["an unknown sort key", [everything], { srtKey: "insertionTimestamp" }, "IllegalValue"],
  ];
  for (const [name, groups, more, type] of refused) {
    it(`refuse ${name} with ${type}`, async () => {
      const { status, body } = await query(await loaded(1), groups, more);
      assert.equal(status, 400);
      assert.equal(body.problems[0]?.type, type);
    });
  }

  it("are refused for another tenant's id", async () => {
    assert.equal((await query(await loaded(1), [everything], { tenantId: "00000000-0000-0000-0000-000000000000" })).status, 403);
  });

  it("return details in another order than requested, without unknown ids, and for at most 100 ids", async () => {
    const client = await loaded(120);
    const asked = ids(made(30));
    const { body } = await details(client, [...asked, "nobody"]);
    assert.notDeepEqual(ids(body.alerts), asked);
    assert.deepEqual(ids(body.alerts).sort(), [...asked].sort());
    assert.equal(body.type$, "ALERT_DETAILS_RESPONSE");
    assert.ok(body.alerts.every(({ observations }) => observations.length === 1));
    assert.equal((await details(client, ids(made(100)))).status, 200);
    assert.equal((await details(client, ids(made(101)))).status, 400);
    assert.equal((await details(client, undefined)).status, 400);
  });

  it("change: some by themselves, others when a test changes them", async () => {
    const client = await start({ now: () => START_MS + 5000 });
    const { tenant } = client;
    tenant.alerts.preload({ count: 4, startMs: START_MS });
    const states = async () => (await query(client)).body.alerts.map(({ state }) => state);
    assert.deepEqual(await states(), ["OPEN", "OPEN", "OPEN", "OPEN"]);
    tenant.clockOffsetMs = 600_000;
    assert.deepEqual(await states(), ["OPEN", "OPEN", "OPEN", "RESOLVED"]);
    tenant.alerts.change(makeAlert(0, { createdMs: START_MS }).id, (alert) => alertInState(alert, "IN_PROGRESS", START_MS + 7000));
    assert.deepEqual(await states(), ["IN_PROGRESS", "OPEN", "OPEN", "RESOLVED"]);
    const { body } = await query(client, [filters(["StateLastModifiedAt", "ON_OR_AFTER", "2025-03-01T10:00:07.000Z"])]);
    assert.equal(body.totalCount, 2);
  });

  it("appear when they become visible, and a live stream adds more", async () => {
    const client = await start({ now: () => START_MS });
    const { tenant } = client;
    const late = makeAlert(500, { createdMs: START_MS - 1000 });
    tenant.alerts.add([late], { visibleInMs: 60_000 });
    tenant.alerts.live({ everyMs: 30_000, sinceMs: START_MS });
    tenant.alerts.change(makeAlert(0, { createdMs: START_MS }).id, (alert) => alertInState(alert, "PENDING", START_MS));
    assert.deepEqual((await query(client)).body.alerts.map(({ state }) => state), ["PENDING"]);
    assert.deepEqual((await details(client, [late.id])).body.alerts, []);
    tenant.clockOffsetMs = 60_000;
    assert.equal((await query(client)).body.totalCount, 4);
    assert.deepEqual((await details(client, [late.id])).body.alerts, [late]);
  });

  it("play faults: problems on 200, null for the list, a reset", async () => {
    const client = await loaded(3);
    const path = "/v1/alerts/query-alerts";
    client.tenant.faults.add({ kind: "problems", description: "search timed out" }, { path });
    assert.deepEqual((await query(client)).body.problems.map(({ type }) => type), ["SearchFailed"]);
    client.tenant.faults.add({ kind: "null-events" }, { path });
    assert.equal((await query(client)).body.alerts, null);
    client.tenant.faults.add({ kind: "status", status: 403 }, { path });
    assert.equal((await query(client)).status, 403);
    client.tenant.faults.add({ kind: "reset", when: "before-headers" }, { path });
    await assert.rejects(query(client));
    assert.equal((await query(client)).body.alerts.length, 3);
  });
});
