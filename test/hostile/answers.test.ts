/**
 * Answers that are made to harm: too long, too deep, too many, cut. Each becomes an error with a code, the process answers
 * everybody else within a second and stays small, and the next poll goes on.
 */
import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { SiemError } from "../../src/common/errors";
import { Tenant } from "../../src/code42/tenant/tenant";
import { until } from "../support/until";
import type { FlowNode } from "../support/node-red-process";
import { gzipped, repeated, startHostileServer, type HostileAnswer, type HostileServer } from "../support/hostile-server";
import { polledOverHttp, startWatched, type Watched } from "../support/watched-node-red";

const MIB = 2 ** 20;
const MOST_MB = 270;
const LONGEST_MS = 1000;

/** By query node: its source, the path that it asks, and the list in the answer. */
const QUERIES = {
  "v2": { source: "file-events", path: "/v2/file-events", list: "fileEvents" },
  "v1": { source: "file-events-v1", path: "/v1/file-events", list: "fileEvents" },
  "sessions": { source: "sessions", path: "/v1/sessions", list: "items" },
  "per alert": { source: "sessions", path: "/v1/sessions", list: "items", sessionOutput: "alert" },
  "alerts": { source: "alerts", path: "/v1/alerts/query-alerts", list: "alerts" },
  "changes": { source: "alerts", path: "/v1/alerts/query-alerts", list: "alerts", alertChanges: true },
  "details": { source: "alerts", path: "/v1/alerts/query-details", list: "alerts" },
  "audit": { source: "audit-log", path: "/v1/audit", list: "events" },
  "saved": { source: "file-events", path: "/v2/file-events/saved-searches", list: "searches", savedSearch: "saved" },
} as const;

const now = new Date().toISOString();
/** A record that is whole for every source, with `more` as its last property. */
const record = (id: string, more: string) =>
  `{"id":"${id}","eventId":"${id}","sessionId":"${id}","event":{"id":"${id}","inserted":"${now}"},"insertionTimestamp":"${now}","createdAt":"${now}","timestamp":"${now}","beginTime":${Date.now()},"endTime":${Date.now()},"lastUpdated":${Date.now()},"name":"${id}","more":${more}}`;
function* records(count: number, more: string): Generator<string> {
  for (let index = 0; index < count; index++) yield `${index === 0 ? "" : ","}${record(`r${index}`, more)}`;
}
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Compressed once for all sources. */
const LONG = {
  objects: gzipped(repeated(",{}", 250 * MIB)), blanks: gzipped(repeated(" ", 8 * MIB)), letters: gzipped(repeated("x", 20e6)), brackets: gzipped(repeated("[", 20e6)),
  deep: gzipped([nested(100_000)]), event: gzipped([record("a", `[{}${",{}".repeat(1e6)}]`)]),
};
async function compressed(start: string, inner: keyof typeof LONG, end: string): Promise<HostileAnswer> {
  return { gzip: true, pieces: [await gzipped([start]), await LONG[inner], await gzipped([end])] };
}

const EVIL: Record<string, (list: string) => Promise<HostileAnswer>> = {
  "250 MB of {}, in the list": (list) => compressed(`{"${list}":[{}`, "objects", "]}"),
  "250 MB of {}, before the list": (list) => compressed('{"x":[{}', "objects", `],"${list}":[]}`),
  "250 MB of {}, after the list": (list) => compressed(`{"${list}":[],"x":[{}`, "objects", "]}"),
  "8 MiB of blanks before the list": (list) => compressed("{", "blanks", `"${list}":[]}`),
  "8 MiB of blanks in the list": (list) => compressed(`{"${list}":[`, "blanks", "]}"),
  "8 MiB of blanks after the list": (list) => compressed(`{"${list}":[]`, "blanks", "}"),
  "a text of 20 MB in an event": (list) => compressed(`{"${list}":[${record("a", "1").slice(0, -1)},"text":"`, "letters", '"}]}'),
  "a text of 20 MB beside the list": (list) => compressed('{"text":"', "letters", `","${list}":[]}`),
  "an event 100,000 levels deep": (list) => compressed(`{"${list}":[{"more":`, "deep", "}]}"),
  "a property 100,000 levels deep": (list) => compressed('{"more":', "deep", `,"${list}":[]}`),
  "nothing but brackets": () => compressed("[", "brackets", ""),
  "an event of 3 MB of {},": (list) => compressed(`{"${list}":[`, "event", "]}"),
};

type QueryId = keyof typeof QUERIES;

function startQueries(server: HostileServer, ids: readonly QueryId[]): Promise<Watched> {
  const query = (id: QueryId): FlowNode[] => {
    const settings: Record<string, unknown> = { ...QUERIES[id], path: undefined, list: undefined };
    return [
      {
        id, type: "code42-query", z: "tab", name: "", tenant: "tenant", pollInterval: "0", startFrom: "PT1H", cursor: `cursor_${id.replace(" ", "_")}`, cursorType: "global",
        advance: "sent", wires: [[`${id}-format`]], ...settings,
      },
      { id: `${id}-format`, type: "cef-format", z: "tab", name: "", wires: [[], []] },
      ...polledOverHttp(id),
    ];
  };
  return startWatched([
    { id: "tenant", type: "code42-tenant", name: "", baseUrl: server.url, requestsPerMinute: "6000", credentials: { clientId: "key", clientSecret: "secret" } },
    ...ids.flatMap(query),
  ]);
}

describe("a hostile answer", function () {
  this.timeout(240_000);
  let server: HostileServer;
  let watched: Watched;

  before(async () => {
    server = await startHostileServer();
    watched = await startQueries(server, Object.keys(QUERIES) as QueryId[]);
    for (const id of Object.keys(QUERIES)) assert.equal(await watched.poll(id), "", id);
    await watched.measure();
  });
  after(async () => {
    await watched?.close();
    server?.close();
  });
  afterEach(() => {
    server.answers = {};
  });

  /** Polls with `id` while `path` answers so, checks the process, and polls again with a good answer. */
  async function attack(id: string, path: string, answer: HostileAnswer): Promise<string> {
    server.answers = { [path]: answer };
    const code = await watched.poll(id);
    await checkProcess(id);
    server.answers = {};
    assert.equal(await watched.poll(id), "", `${id}: the next poll`);
    return code;
  }

  async function checkProcess(what: string): Promise<void> {
    const { residentMB, stallMs } = await watched.measure();
    assert.ok(stallMs < LONGEST_MS, `${what}: stood still for ${Math.round(stallMs)} ms`);
    assert.ok(residentMB < MOST_MB, `${what}: ${Math.round(residentMB)} MB`);
  }

  for (const [name, answer] of Object.entries(EVIL)) {
    it(`${name}: from every source`, async () => {
      for (const [id, { path, list }] of Object.entries(QUERIES)) assert.equal(await attack(id, path, await answer(list)), "PAGE_TOO_LARGE", id);
    });
  }

  it("with more records than were asked for is refused by every source", async () => {
    for (const [id, most] of Object.entries({ v2: 1000, v1: 1000, sessions: 50, "per alert": 50, alerts: 500, changes: 500, details: 1, audit: 1000 })) {
      const { path, list } = QUERIES[id as keyof typeof QUERIES];
      const answer = (count: number): HostileAnswer => ({ pieces: [`{"${list}":[`, ...records(count, "1"), "]}"] });
      assert.equal(await attack(id, path, answer(most + 1)), "PAGE_TOO_LARGE", id);
    }
  });

  it("that a source would make much more of than came is refused", async () => {
    const alerts = (alert: (index: number) => string) => `,"triggeredAlerts":[${Array.from({ length: 40_000 }, (_, index) => alert(index)).join()}]`;
    for (const alert of [(index: number) => `{"alertId":"a${index}"}`, (index: number) => `${index}`]) {
      const session = record("s", `"${"x".repeat(MIB)}"`).replace(/}$/, `${alerts(alert)}}`);
      assert.equal(await attack("per alert", "/v1/sessions", { pieces: [`{"items":[${session}]}`] }), "PAGE_TOO_LARGE");
    }
    const token = `{"fileEvents":[],"nextPgToken":"${"x".repeat(MIB)}"}`;
    assert.equal(await attack("v2", QUERIES.v2.path, { pieces: [token] }), "PAGE_TOO_LARGE");
  });

  it("that is longer than its limit as it comes, or has no end, is refused by every source", async () => {
    for (const [id, { path, list }] of Object.entries(QUERIES)) {
      function* endless() {
        yield `{"${list}":[${record("a", "1")}`;
        yield* repeated(`,${record("a", `"${"x".repeat(50_000)}"`)}`, Infinity);
      }
      assert.match(await attack(id, path, { pieces: endless() }), /^(BODY|PAGE)_TOO_LARGE$/, id);
    }
  });

  it("whose gzip is cut is a broken connection, and is asked for again", async () => {
    const whole = await gzipped(['{"fileEvents":[', ...records(900, "1"), '],"nextPgToken":null}']);
    for (const bytes of [1, 9, 10, 11, whole.length >> 1, whole.length - 9, whole.length - 8, whole.length - 1]) {
      let asked = 0;
      const cut = { gzip: true, get pieces() { return [asked++ === 0 ? whole.subarray(0, bytes) : whole]; } };
      assert.equal(await attack("v2", QUERIES.v2.path, cut), "", `${bytes} bytes`);
      assert.ok(asked >= 2, `${bytes} bytes: asked ${asked} times`);
    }
  });

  it("that refuses at great length is a refusal", async () => {
    for (const [status, code] of [[400, "QUERY_REFUSED"], [403, "FORBIDDEN"], [302, "REDIRECTED"]] as const) {
      for (const [id, { path }] of Object.entries(QUERIES)) {
        if (id === "details") continue; // Its alerts come without details then.
        assert.equal(await attack(id, path, { ...await compressed('{"problems":[{}', "objects", "]}"), status }), code, id);
      }
    }
  });

  it("to a sign-in, to the question for the tenant or to another short question is refused", async () => {
    const press = async (path: string, form: object) => (JSON.parse(await watched.post(path, JSON.stringify(form))) as { code?: string }).code;
    const signIn = (authType: string) => press("code42-tenant/test", { id: "new", settings: { baseUrl: server.url, authType }, credentials: { clientId: "key", clientSecret: "s", username: "dana", password: "p" } });
    const alerts = () => press("code42-query/preview", { id: "new", settings: { tenant: "tenant", source: "alerts", startFrom: "PT1H", cursorType: "none" } });
    const bodies: typeof EVIL = { ...EVIL, "a text of 2 MB": async () => ({ pieces: ['{"access_token":"', ...repeated("x", 2e6), '"}'] }) };
    for (const [name, answer] of Object.entries(bodies)) {
      for (const [path, code, ask] of [
        ["/v1/oauth", "TOKEN_MISSING", () => signIn("api-client")], ["/v1/auth", "TOKEN_MISSING", () => signIn("user")], ["/v1/customer", "TENANT_ID_MISSING", alerts],
      ] as const) {
        server.answers = { [path]: await answer("x") };
        const found = await ask();
        assert.ok(found === "ANSWER_TOO_LARGE" || (found === code && name.includes("levels deep")), `${path}: ${name}: ${found}`);
        await checkProcess(`${path}: ${name}`);
      }
    }
    for (const token of ["x".repeat(500_000), "a\\nb", "", "\\u4e2d"]) {
      server.answers = { "/v1/oauth": { pieces: [`{"access_token":"${token}"}`] } };
      assert.equal(await signIn("api-client"), "TOKEN_MISSING");
    }
    // After a refused sign-in, the console is asked how the user signs in.
    server.answers = { "/v1/auth": { status: 401, pieces: ["{}"] }, "/api/v3/LoginConfiguration": await compressed('{"loginType":[{}', "objects", "]}") };
    assert.equal(await signIn("user"), "USER_REJECTED");
    server.answers = { "/v1/oauth": { ...await compressed('{"error":[{}', "objects", "]}"), status: 401 } };
    assert.equal(await signIn("api-client"), "CLIENT_REJECTED");
    await checkProcess("refusals");
  });

  it("to a preview is refused like that to a poll", async () => {
    for (const [name, answer] of Object.entries(EVIL)) {
      for (const { path, list, ...settings } of Object.values(QUERIES)) {
        server.answers = { [path]: await answer(list) };
        const { code } = JSON.parse(await watched.post("code42-query/preview", JSON.stringify({ id: "new", settings: { tenant: "tenant", startFrom: "PT1H", cursorType: "none", ...settings } }))) as { code?: string };
        assert.equal(code, "PAGE_TOO_LARGE", `${path}: ${name}`);
        await checkProcess(`${path}: ${name}`);
      }
    }
  });
});

describe("a proxy that never comes to the point", () => {
  /** What it sends in place of an answer to CONNECT. */
  const ANSWERS: Record<string, (socket: Socket) => void> = {
    "endless provisional answers": (socket) => keepWriting(socket, "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
    "endless headers": (socket) => keepWriting(socket, `X: ${"x".repeat(1000)}\r\n`, "HTTP/1.1 200 OK\r\n"),
    "a status line without end": (socket) => keepWriting(socket, "x".repeat(60_000), "HTTP/1.1 200 "),
    "an endless refusal": (socket) => keepWriting(socket, "x".repeat(60_000), "HTTP/1.1 403 No\r\n\r\n"),
    "no HTTP": (socket) => keepWriting(socket, "[".repeat(60_000)),
    "a header every 100 ms": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const timer = setInterval(() => socket.write("X: y\r\n"), 100);
      socket.once("close", () => clearInterval(timer));
    },
  };
  function keepWriting(socket: Socket, text: string, first = ""): void {
    socket.write(first);
    const more = () => {
      while (!socket.destroyed && socket.write(text));
      if (!socket.destroyed) socket.once("drain", more);
    };
    more();
  }

  for (const [name, answer] of Object.entries(ANSWERS)) {
    it(`is given up with a code, and its connection is closed: ${name}`, async () => {
      const open = new Set<Socket>();
      const proxy = createServer((socket) => {
        open.add(socket);
        socket.on("error", () => socket.destroy());
        socket.once("close", () => open.delete(socket));
        socket.once("data", () => answer(socket));
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const tenant = new Tenant({ baseUrl: "https://api.us.code42.com", clientId: "key", clientSecret: "s", userAgent: "test", proxy: { url }, timeoutMs: 500 }, { sleep: async () => undefined });
      try {
        const started = performance.now();
        await assert.rejects(tenant.get("/v1/customer"), (error: SiemError) => /^(CONNECTION_FAILED|TIMED_OUT|PROXY_REFUSED)$/.test(error.code));
        assert.ok(performance.now() - started < 6 * 1000);
        await until(() => open.size === 0, "all connections are closed", 2000);
      } finally {
        tenant.close();
        proxy.close();
        for (const socket of open) socket.destroy();
      }
    }).timeout(20_000);
  }
});

describe("an answer as large as the limits allow", function () {
  this.timeout(240_000);
  const LARGE: Record<string, string> = {
    "objects": `[{}${",{}".repeat(150_000)}]`,
    "texts": `"${"x".repeat(480_000)}"`,
    "texts of two bytes": `"\u4e2d${"x".repeat(480_000)}"`,
    "names": `{${Array.from({ length: 40_000 }, (_, index) => `"n${index}":1`).join()}}`,
  };
  const CASES: [name: string, id: QueryId][] = [["objects", "v2"], ["objects", "audit"], ["texts", "alerts"], ["texts of two bytes", "audit"], ["names", "v2"], ["names", "alerts"]];
  for (const [name, id] of CASES) {
    it(`holds nobody up: ${name}, ${id}`, async () => {
      const server = await startHostileServer();
      const watched = await startQueries(server, [id]);
      try {
        const { path, list } = QUERIES[id];
        server.answers = { [path]: { gzip: true, pieces: [await gzipped([`{"${list}":[`, ...records(500, LARGE[name]!), "]}"])] } };
        assert.match(await watched.poll(id), /^((PAGE|BODY)_TOO_LARGE)?$/);
        const { residentMB, stallMs } = await watched.measure();
        assert.ok(stallMs < LONGEST_MS && residentMB < MOST_MB, `${Math.round(residentMB)} MB, ${Math.round(stallMs)} ms`);
        server.answers = {};
        assert.equal(await watched.poll(id), "", "the next poll");
      } finally {
        await watched.close();
        server.close();
      }
    });
  }
});
