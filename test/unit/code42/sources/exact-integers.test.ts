/** Integers beyond 2^53, which JavaScript's numbers round, in the answers of a tenant over HTTP. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { compileFormatter } from "../../../../src/cef/encoder";
import { mappings } from "../../../../src/cef/mappings";
import { criteriaFromJson, type Criteria } from "../../../../src/code42/criteria/criteria";
import { loadSavedSearch } from "../../../../src/code42/criteria/saved-search";
import { previewQuery } from "../../../../src/code42/query/preview";
import { sources } from "../../../../src/code42/sources";
import type { EventSource } from "../../../../src/code42/sources/source";
import { Tenant } from "../../../../src/code42/tenant/tenant";
import type { FlowMessage } from "../../../../src/common/messages";
import { packedEvents } from "../../../../src/pages/packed-events";
import { startConsoleServer, type ConsoleServer } from "../../../support/console-server";
import { makeQuery, MemoryStore } from "../../../support/query";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const BIG = "1004622955308648174";
const NO_CRITERIA: Criteria = { clause: "AND", groups: [] };

const source = (name: string): EventSource => sources[name]!({ sessionOutput: "session", alertChanges: false, excludeOwn: false });

/** An audit entry as JSON text; its integers are written as they are. */
const entry = (user: string, time = "2026-03-01T11:58:00.123456Z") => `{"type$":"audit_log::user_added/1","actorName":"dana@example.com","userId":${user},"count":3,"timestamp":"${time}"}`;

describe("integers beyond 2^53", () => {
  let server: ConsoleServer;
  let tenant: Tenant;
  let store: MemoryStore;
  /** Answers by path, as JSON text. */
  let answers: Record<string, string>;
  before(async () => {
    server = await startConsoleServer("dana:pass");
    const dated = (response: ServerResponse) => response.setHeader("date", new Date(NOW).toUTCString());
    server.answers["/v1/auth"] = (_request, response) => dated(response).end(`{"data":{"v3_user_token":"token-${++server.tokensIssued}"}}`);
    for (const path of ["/v2/file-events", "/v1/file-events", "/v1/sessions", "/v1/alerts/query-alerts", "/v1/alerts/query-details", "/v1/customer", "/v1/audit/search-audit-log", "/v2/file-events/saved-searches"]) {
      server.answers[path] = (_request, response) => dated(response).end(answers[path]);
    }
  });
  after(() => server.close());
  beforeEach(() => {
    answers = { "/v1/customer": '{"tenantId":"model"}' };
    tenant = new Tenant({ baseUrl: server.url, authType: "user", username: "dana", password: "pass", userAgent: "test", requestsPerMinute: 100_000 });
    store = new MemoryStore();
  });
  afterEach(() => tenant.close());

  const query = (name: string, nextFormatter?: () => ReturnType<typeof compileFormatter>) =>
    makeQuery(tenant, store, { source: source(name), overlapMs: 86_400_000, pageSize: 500 }, undefined, { now: () => NOW, ...(nextFormatter === undefined ? {} : { nextFormatter }) });
  const payloads = (messages: FlowMessage[]) => messages.flatMap(({ payload }) => payload) as Record<string, unknown>[];

  const time = "2026-03-01T11:00:00.000Z";
  const records: Record<string, { path: string; list: string; event: string; fields: Record<string, string> }> = {
    "file-events": { path: "/v2/file-events", list: "fileEvents", event: `{"event":{"id":"e-1","inserted":"${time}"},"user":{"id":${BIG}},"report":{"count":-9007199254740993}}`, fields: { suid: BIG, cn3: "-9007199254740993" } },
    "file-events-v1": { path: "/v1/file-events", list: "fileEvents", event: `{"eventId":"e-1","insertionTimestamp":"${time}","userUid":${BIG},"fileSize":9007199254740993}`, fields: { suid: BIG, Code42IncydrFileSize: "9007199254740993" } },
    "sessions": { path: "/v1/sessions", list: "items", event: `{"sessionId":"s-1","beginTime":${NOW - 3_600_000},"lastUpdated":${NOW},"actorId":${BIG},"criticalEvents":9007199254740993}`, fields: { suid: BIG, cn1: "9007199254740993", rt: String(NOW) } },
    "alerts": { path: "/v1/alerts/query-alerts", list: "alerts", event: `{"id":"a-1","createdAt":"${time}","actorId":${BIG}}`, fields: { suid: BIG, cn2: "18014398509481986" } },
    "audit-log": { path: "/v1/audit/search-audit-log", list: "events", event: `{"type$":"audit_log::x/1","timestamp":"${time}","userId":${BIG},"other":[{"id":${BIG}}]}`, fields: { duid: BIG, msg: `{"other":[{"id":"${BIG}"}]}` } },
  };
  for (const [name, { path, list, event, fields }] of Object.entries(records)) {
    const answer = () => {
      answers[path] = `{"totalCount":1,"${list}":[ ${event}\n],"nextPgToken":null}`;
      answers["/v1/alerts/query-details"] = `{"alerts":[{"id":"a-1","observations":[{"data":${JSON.stringify('{"totalFileSize":9007199254740993}')}},{"data":"{\\"totalFileSize\\": 9007199254740993 }"}]}]}`;
    };
    it(`reach event and line with every digit: ${name}`, async () => {
      answer();
      const { runner, messages } = query(name);
      await runner.act({});
      const [read] = payloads(messages);
      assert.ok(JSON.stringify(read).includes(`"${BIG}"`), JSON.stringify(read));
      const line = compileFormatter(mappings.get(String(messages[0]?.kind))!).format(read);
      for (const [key, value] of Object.entries(fields)) assert.ok(new RegExp(`[ |]${key}=`).test(line) && line.includes(`${key}=${value}`), line);
      await runner.act({});
      assert.equal(messages.length, 1);
    });
    it(`are shown with every digit in the preview: ${name}`, async () => {
      answer();
      const { events } = await previewQuery(tenant, { source: source(name), criteria: NO_CRITERIA, savedSearch: "", startFrom: "P1D", until: "", overlapMs: 300_000 }, AbortSignal.timeout(10_000));
      assert.ok(JSON.stringify(events).includes(`"${BIG}"`), JSON.stringify(events));
    });
  }

  it("are in lines that are made while a page is read, and in those that are made again", async () => {
    answers["/v2/file-events"] = `{"fileEvents":[${Array.from({ length: 500 }, (_, index) => `{"event":{"id":"e-${index}","inserted":"${time}"},"user":{"id":1004622955308648${String(index).padStart(3, "0")}}}`).join()}]}`;
    const formatter = compileFormatter(mappings.get("code42.file-event.v2")!);
    const { runner, messages } = query("file-events", () => formatter);
    await runner.act({});
    const lines = messages.flatMap((message) => {
      const packed = packedEvents(message)!.takeLines(formatter)!;
      const made = packed.unpackAtOnce();
      packed.release();
      assert.deepEqual(packed.unpackAtOnce(), made);
      return made;
    });
    assert.deepEqual(lines.map((line) => / suid=(\d+)/.exec(line)?.[1]), Array.from({ length: 500 }, (_, index) => `1004622955308648${String(index).padStart(3, "0")}`));
  });

  it("are sent with every digit if they come from query JSON or a saved search", async () => {
    answers["/v2/file-events"] = '{"fileEvents":[]}';
    const groups = `[{"filterClause":"AND","filters":[{"term":"user.id","operator":"IS","value":${BIG}},{"term":"file.sizeInBytes","operator":"IS_ANY","value":[9007199254740993,1]}]}]`;
    answers["/v2/file-events/saved-searches"] = `{"searches":[{"id":"s","name":"n","groupClause":"AND","groups":${groups}}]}`;
    for (const criteria of [criteriaFromJson(groups), criteriaFromJson(`{"groups":${groups}}`), await loadSavedSearch(tenant, "s", AbortSignal.timeout(10_000))]) {
      server.requests.length = 0;
      await makeQuery(tenant, new MemoryStore(), { source: source("file-events"), criteria }, undefined, { now: () => NOW }).runner.act({});
      const { groups: [sent] } = server.asked("/v2/file-events")[0]?.body as { groups: { filters: { value: unknown }[] }[] };
      assert.deepEqual(sent?.filters.map(({ value }) => value), [BIG, ["9007199254740993", 1]]);
    }
  });

  it("do not make an audit entry new that an earlier version has sent", async () => {
    // The first two entries differ in digits that the first version rounded away.
    const sent = [entry(BIG), entry("1004622955308648175"), entry("1004622955308648175"), entry('"1004622955308649999"'), entry("42")];
    answers["/v1/audit/search-audit-log"] = `{"events":[${sent.join()}]}`;
    store.value = JSON.stringify({ ...RECORDED, base: server.url });
    const { runner, messages } = query("audit-log");
    await runner.act({});
    assert.deepEqual(payloads(messages), []);
    answers["/v1/audit/search-audit-log"] = `{"events":[${[...sent, entry(BIG, "2026-03-01T11:59:00.123456Z")].join()}]}`;
    await runner.act({});
    await runner.act({});
    assert.deepEqual(payloads(messages).map(({ userId, timestamp }) => [userId, timestamp]), [[BIG, "2026-03-01T11:59:00.123456Z"]]);
  });

  it("tell audit entries of one instant apart that become visible one after the other, in whatever order", async () => {
    for (const users of [["1004622955308648174", "1004622955308648175", "1004622955308648176"], ["1004622955308648176", "1004622955308648175", "1004622955308648174"]]) {
      store = new MemoryStore();
      const { runner, messages } = query("audit-log");
      for (let visible = 1; visible <= users.length; visible++) {
        answers["/v1/audit/search-audit-log"] = `{"events":[${users.slice(0, visible).map((user) => entry(user)).join()}]}`;
        await runner.act({});
      }
      assert.deepEqual(payloads(messages).map(({ userId }) => userId), users);
    }
  });
});

/** The cursor that version 0.1.0 stored after it had sent these five entries; it rounded their integers. */
const RECORDED = {
  v: 1, line: "6ff0f4e8", count: 2, stream: "audit-log", queryHash: "VFcj9hMo1ol6gRoGlujQHn", floor: "2026-02-28T12:00:00.003Z", lastInserted: "2026-03-01T11:58:00.123Z",
  seen: { tb7yko: "3fYeFUt8hbWonX3f88BaJHRfMfc13flU0hmtCoZjEh3fA0w5W9UH1fpC3fC8iXe6rJ4dgd" }, updatedAt: "2026-03-01T12:00:00.000Z",
};
