import assert from "node:assert/strict";
import { grown, makeSession, sessionAsOf, triaged, type Session } from "../../../src/simulator/sessions";
import { clientStarter, type Client } from "./client";

const START_MS = Date.parse("2025-03-01T10:00:00.000Z");
const HOUR_MS = 3_600_000;

describe("simulated sessions", () => {
  const start = clientStarter();
  const made = (count: number) => Array.from({ length: count }, (_, index) => makeSession(index, { beginMs: START_MS + index * 1000 }));
  const list = (client: Client, query = "") => client.get<{ items: Session[]; totalCount: number }>(`/v1/sessions${query}`);
  const ids = (sessions: readonly Session[]) => sessions.map(({ sessionId }) => sessionId);
  const newestFirst = (sessions: readonly Session[]) => [...sessions].sort((a, b) => b.endTime - a.endTime || (a.sessionId < b.sessionId ? -1 : 1));
  const loaded = async (count: number) => {
    const client = await start();
    client.tenant.sessions.preload({ count, startMs: START_MS });
    return client;
  };

  it("grow with time: first not visible, then with more events, scores, alerts and states", () => {
    const options = { beginMs: START_MS };
    const index = Array.from({ length: 100 }, (_, number) => number).find((number) => makeSession(number, options).scores.length > 4 && makeSession(number, options).states.length > 1) as number;
    assert.equal(sessionAsOf(index, { ...options, asOfMs: START_MS }), undefined);
    const moments = Array.from({ length: 40 }, (_, step) => sessionAsOf(index, { ...options, asOfMs: START_MS + 300_000 + step * 300_000 }) as Session);
    const versions = new Map(moments.map((session) => [session.lastUpdated, session]));
    assert.ok(versions.size >= 5, String(versions.size));
    for (const [older, newer] of moments.slice(1).map((session, at) => [moments[at] as Session, session] as const)) {
      assert.ok(newer.lastUpdated >= older.lastUpdated && newer.scores.length >= older.scores.length && newer.triggeredAlerts.length >= older.triggeredAlerts.length);
      assert.equal(newer.sessionId, older.sessionId);
      assert.equal(newer.beginTime, older.beginTime);
    }
    assert.deepEqual(moments.at(-1), makeSession(index, options));
  });

  it("come in pages of at most 50, numbered from 0, latest end first, with the total count", async () => {
    const client = await loaded(120);
    const pages = await Promise.all([0, 1, 2, 3].map(async (page) => (await list(client, `?page_number=${page}&page_size=50`)).body));
    assert.deepEqual(pages.map(({ items }) => items.length), [50, 50, 20, 0]);
    assert.ok(pages.every(({ totalCount }) => totalCount === 120));
    assert.deepEqual(pages.flatMap(({ items }) => items), newestFirst(made(120)));
  });

  const refused = ["page_size=51", "page_size=0", "page_number=-1", "sort_direction=asc", "sort_direction=ASC", "on_or_after=2025-03-01T10:00:00Z", "order_by=lastUpdated"];
  for (const query of refused) {
    it(`refuse ${query}`, async () => assert.equal((await list(await loaded(1), `?${query}`)).status, 400));
  }

  const cases: [query: string, keep: (session: Session) => boolean][] = [
    [`on_or_after=${START_MS + 30_000}`, ({ beginTime }) => beginTime >= START_MS + 30_000],
    [`before=${START_MS + 30_000}`, ({ beginTime }) => beginTime < START_MS + 30_000],
    ["has_alerts=true", ({ triggeredAlerts }) => triggeredAlerts.length > 0],
    ["has_alerts=false", ({ triggeredAlerts }) => triggeredAlerts.length === 0],
    ["severity=3&severity=4", ({ scores }) => (scores.at(-1)?.severity ?? 0) >= 3],
    ["state=CLOSED_TP&state=CLOSED_FP", ({ states }) => states.at(-1)?.stateV2.startsWith("CLOSED_") === true],
    ["type=ACCOUNT_TAKE_OVER", ({ type }) => type === "ACCOUNT_TAKE_OVER"],
    ["actor_id=1004440923549700007", ({ actorId }) => actorId === "1004440923549700007"],
    ["content_inspection_status=FOUND", ({ contentInspectionResults }) => contentInspectionResults.status === "FOUND"],
    ["risk_indicators=Removable%20media", ({ riskIndicators }) => riskIndicators.some(({ id }) => id === "Removable media")],
  ];
  for (const [query, keep] of cases) {
    it(`are selected by ${query.replace(/\d{13,}/, "n")}`, async () => {
      const expected = ids(newestFirst(made(50).filter(keep)));
      assert.ok(expected.length > 0 && expected.length < 50, "the filter matches some events, not all");
      assert.deepEqual(ids((await list(await loaded(50), `?${query}`)).body.items), expected);
    });
  }

  it("change when a test changes them, and move in the list", async () => {
    const client = await loaded(10);
    const last = newestFirst(made(10)).at(-1) as Session;
    client.tenant.sessions.change(last.sessionId, (session) => triaged(grown(session, START_MS + 10 * HOUR_MS, "an-alert"), "CLOSED_TP", START_MS + 11 * HOUR_MS));
    const [first] = (await list(client)).body.items;
    assert.equal(first?.sessionId, last.sessionId);
    assert.equal(first.lastUpdated, START_MS + 11 * HOUR_MS);
    assert.equal(first.triggeredAlerts.at(-1)?.alertId, "an-alert");
    assert.equal(first.states.at(-1)?.stateV2, "CLOSED_TP");
    assert.throws(() => client.tenant.sessions.change("nobody", (session) => session), /nobody/);
  });

  it("of a live stream become visible some minutes after they began", async () => {
    const client = await start({ now: () => START_MS, expiresIn: 86_400 });
    client.tenant.sessions.live({ everyMs: 60_000, sinceMs: START_MS });
    assert.equal((await list(client)).body.totalCount, 0);
    client.tenant.clockOffsetMs = HOUR_MS;
    const { body } = await list(client);
    assert.ok(body.totalCount >= 55 && body.totalCount <= 60, String(body.totalCount));
  });

  it("return the faults that are set, and count against the request limit", async () => {
    const client = await start({ requestsPerMinute: 2 });
    client.tenant.faults.add({ kind: "null-events" }, { path: "/v1/sessions" });
    assert.equal((await list(client, "?page_number=0")).body.items, null);
    assert.equal(client.tenant.requests.at(-1)?.search, "?page_number=0");
    assert.equal((await list(client)).status, 200);
    const { status, headers } = await list(client);
    assert.equal(status, 429);
    assert.ok(Number(headers.get("retry-after")) > 0);
  });
});
