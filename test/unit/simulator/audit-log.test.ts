import assert from "node:assert/strict";
import { makeAuditEntry, type AuditEntry } from "../../../src/simulator/audit-log";
import { clientStarter, type Client } from "./client";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");
const START_S = START_MS / 1000;

interface Page {
  events?: AuditEntry[];
  paginationRangeStartIndex: number;
  paginationRangeEndIndex: number;
}

describe("simulated audit log", () => {
  const start = clientStarter();
  const made = (count: number) => Array.from({ length: count }, (_, index) => makeAuditEntry(index, { timeMs: START_MS + index * 1000 }));
  const search = (client: Client, body: Record<string, unknown> = {}) => client.post<Page>("/v1/audit/search-audit-log", { page: 0, pageSize: 100, dateRange: null, ...body });
  const keys = (entries: readonly AuditEntry[]) => entries.map((entry) => JSON.stringify(entry)).sort();
  const loaded = async (count: number) => {
    const client = await start();
    client.tenant.auditLog.preload({ count, startMs: START_MS });
    return client;
  };

  it("has times of 3, 6 and 9 decimals and no ids", () => {
    assert.deepEqual(new Set(made(30).map(({ timestamp }) => /\.(\d+)Z$/.exec(timestamp)?.[1]?.length)), new Set([3, 6, 9]));
    assert.ok(made(30).every((entry) => !("id" in entry)));
  });

  it("is paged from 0, each page unordered, and omits the list of events after the last page", async () => {
    const client = await loaded(25);
    const pages = await Promise.all([0, 1, 2, 3].map(async (page) => (await search(client, { page, pageSize: 10 })).body));
    assert.deepEqual(pages.map(({ events }) => events?.length), [10, 10, 5, undefined]);
    assert.ok(!("events" in (pages[3] as object)));
    assert.deepEqual(pages.map(({ paginationRangeStartIndex }) => paginationRangeStartIndex), [0, 10, 20, 30]);
    assert.deepEqual(keys(pages.flatMap(({ events = [] }) => events)), keys(made(25)));
    const times = pages[0]?.events?.map(({ timestamp }) => timestamp) ?? [];
    assert.notDeepEqual([...times].sort(), times);
    assert.notDeepEqual([...times].sort().reverse(), times);
  });

  it("takes a range of epoch seconds, both ends included", async () => {
    const { body } = await search(await loaded(10), { dateRange: { startTime: START_S + 2, endTime: START_S + 4.9999 } });
    assert.deepEqual(keys(body.events ?? []), keys(made(10).slice(2, 5)));
  });

  it("compares times more precisely than to the millisecond", async () => {
    const client = await start();
    const entry = (timestamp: string) => ({ ...makeAuditEntry(0, { timeMs: START_MS }), timestamp });
    client.tenant.auditLog.add([entry("2025-03-01T10:00:00.000100Z"), entry("2025-03-01T10:00:00.000300987Z")]);
    const { body } = await search(client, { dateRange: { startTime: START_S + 0.0002, endTime: null } });
    assert.deepEqual(body.events?.map(({ timestamp }) => timestamp), ["2025-03-01T10:00:00.000300987Z"]);
  });

  it("keeps identical entries", async () => {
    const client = await start();
    const entry = makeAuditEntry(0, { timeMs: START_MS });
    client.tenant.auditLog.add([entry, entry]);
    assert.deepEqual((await search(client)).body.events, [entry, entry]);
  });

  const cases: [name: string, filter: Record<string, unknown>, keep: (entry: AuditEntry) => boolean][] = [
    ["types", { eventTypes: ["logged_in", "user_registered"] }, ({ type$ }) => /::(logged_in|user_registered)\//.test(type$)],
    ["actors", { actorIds: ["1000000000000000003"] }, ({ actorId }) => actorId === "1000000000000000003"],
    ["names of actors", { actorNames: ["user3@example.com", "user4@example.com"] }, ({ actorName }) => ["user3@example.com", "user4@example.com"].includes(actorName)],
    ["one of several addresses", { actorIpAddresses: ["203.0.113.9"] }, ({ actorIpAddress }) => actorIpAddress.includes("203.0.113.9")],
    ["types of users", { userTypes: ["API_CLIENT"] }, ({ actorType }) => actorType === "API_CLIENT"],
    ["affected users", { resourceIds: ["1000000000000000002"] }, (entry) => entry["userId"] === "1000000000000000002"],
  ];
  for (const [name, filter, keep] of cases) {
    it(`is searched by ${name}`, async () => {
      const expected = made(60).filter(keep);
      assert.ok(expected.length > 0 && expected.length < 60, "the filter matches some events, not all");
      assert.deepEqual(keys((await search(await loaded(60), filter)).body.events ?? []), keys(expected));
    });
  }

  const refused: [name: string, body: Record<string, unknown>][] = [
    ["a range in ISO 8601", { dateRange: { startTime: "2025-03-01T10:00:00.000Z", endTime: null } }],
    ["a page of 10,001", { pageSize: 10_001 }],
    ["a page before the first", { page: -1 }],
    ["an unknown type of users", { userTypes: ["ROBOT"] }],
  ];
  for (const [name, body] of refused) {
    it(`refuses ${name}`, async () => assert.equal((await search(await loaded(1), body)).status, 400));
  }

  it("records the queries of its clients, if that option is on", async () => {
    const client = await start({ auditQueries: true });
    await client.get("/v1/sessions");
    const { events = [] } = (await search(client)).body;
    assert.deepEqual(events.map(({ type$, actorId, actorType }) => [type$, actorId, actorType]), [["audit_log::search_issued/1", client.tenant.clientId, "API_CLIENT"]]);
    assert.equal((await search(client)).body.events?.length, 2);
  });

  it("shows an entry when it becomes visible", async () => {
    const client = await start();
    client.tenant.auditLog.add([makeAuditEntry(0, { timeMs: START_MS })], { visibleInMs: 60_000 });
    assert.equal((await search(client)).body.events, undefined);
    client.tenant.clockOffsetMs = 60_001;
    assert.equal((await search(client)).body.events?.length, 1);
  });
});
