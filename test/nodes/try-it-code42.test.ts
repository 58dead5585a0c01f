/** The answers to the buttons in the dialogs of tenant and query. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import tenantNode from "../../nodes/code42-tenant";
import queryNode from "../../nodes/code42-query";
import { deliveryRegistry } from "../../src/delivery/registry";
import { makeFileEvent } from "../../src/simulator/events";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates, type Certificates } from "../support/certs";
import { startConnectProxy } from "../support/connect-proxy";
import { getDialog, postDialog, postForeignForm, tryForm } from "../support/dialog";
import { freePort } from "../support/free-port";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const SECRET = "simulated-client-secret";
const CREDENTIALS = { clientId: "key-00000000-simulator", clientSecret: SECRET };

describe("the dialog of code42-tenant", () => {
  let simulator: TenantSimulator;
  let certs: Certificates;
  before(async () => {
    certs = makeCertificates();
    await startServer();
  });
  beforeEach(async () => {
    simulator = await startTenantSimulator({ tls: { key: certs.read(certs.server.key), cert: certs.read(certs.server.cert) } });
  });
  afterEach(async () => {
    delete process.env["SIEM_TEST_SECRET"];
    await unloadFlow();
    await simulator.close();
  });
  after(async () => {
    certs.remove();
    await stopServer();
  });

  const tls: FlowNode = { id: "tls", type: "tls-config", name: "own CA", cert: "", key: "", ca: "", servername: "", verifyservercert: true };
  const load = (tenant: Record<string, unknown> = {}, more: FlowNode[] = [], credentials: Record<string, string> = CREDENTIALS) =>
    loadFlow([tenantNode, coreNode("network/05-tls"), coreNode("network/06-httpproxy")], [
      { id: "t", type: "code42-tenant", baseUrl: simulator.url, authType: "api-client", tls: "tls", ...tenant }, { ...tls, ca: certs.ca.cert }, ...more,
    ], { credentials: { t: credentials } });
  const test = (settings: Record<string, unknown> = {}, credentials: Record<string, string> = { clientId: CREDENTIALS.clientId }, id = "t") =>
    tryForm("code42-tenant/test", { id, settings: { baseUrl: simulator.url, authType: "api-client", tls: "tls", ...settings }, credentials }, [SECRET]);
  const searches = () => simulator.requests.length;

  it("signs in with the stored secret, and says as whom and what it may read", async () => {
    await load();
    const answer = await test();
    assert.deepEqual(answer, {
      ok: true, address: simulator.url, principal: CREDENTIALS.clientId,
      sources: ["file-events", "sessions", "alerts", "audit-log"].map((source) => ({ source })),
    });
    assert.ok(searches() < 10, `${searches()} requests`);
  });

  it("needs no deployed node if the user typed everything", async () => {
    await load({}, [], {});
    assert.equal((await test({}, CREDENTIALS, "new")).ok, true);
  });

  it("names the sources that may not be read, and fails if none may", async () => {
    await load();
    simulator.faults.add({ kind: "status", status: 403 }, { path: "/v1/sessions", times: Infinity });
    const answer = await test() as unknown as { ok: boolean; sources: { source: string; refused?: { code: string } }[] };
    assert.equal(answer.ok, true);
    assert.deepEqual(answer.sources.filter(({ refused }) => refused !== undefined).map(({ source, refused }) => [source, refused?.code]), [["sessions", "FORBIDDEN"]]);
    for (const path of ["/v2/file-events", "/v1/customer", "/v1/audit/search-audit-log"]) simulator.faults.add({ kind: "status", status: 403 }, { path, times: Infinity });
    const { ok, step, code } = await test();
    assert.deepEqual({ ok, step, code }, { ok: false, step: "permission", code: "FORBIDDEN" });
  });

  describe("names the step that failed:", () => {
    const failure = async (settings: Record<string, unknown>, credentials: Record<string, string> = CREDENTIALS) => {
      const { ok, step, code } = await test(settings, credentials);
      assert.equal(ok, false);
      return `${String(step)} ${String(code)}`;
    };

    it("settings, name, connection, TLS and sign-in", async () => {
      await load();
      assert.equal(await failure({ baseUrl: "http://api.us.code42.com" }), "settings BASE_URL_INSECURE");
      assert.equal(await failure({}, { clientId: "", clientSecret: "" }), "settings CREDENTIALS_MISSING");
      assert.equal(await failure({ baseUrl: "https://no-such-host.invalid" }), "name HOST_NOT_FOUND");
      assert.equal(await failure({ baseUrl: `https://127.0.0.1:${await freePort()}` }), "connection CONNECTION_FAILED");
      assert.equal(await failure({ tls: "" }), "tls TLS_UNKNOWN_CA");
      assert.equal(await failure({}, { ...CREDENTIALS, clientSecret: "wrong" }), "signIn CLIENT_REJECTED");
    });

    it("the proxy, if it refuses or cannot be reached", async () => {
      const proxy = await startConnectProxy({ refuse: 403 });
      const free = await freePort();
      await load({}, [
        { id: "refusing", type: "http proxy", name: "", url: proxy.url, noproxy: [] },
        { id: "absent", type: "http proxy", name: "", url: `http://127.0.0.1:${free}`, noproxy: [] },
      ]);
      assert.equal(await failure({ proxy: "refusing" }), "proxy PROXY_REFUSED");
      assert.equal(await failure({ proxy: "absent" }), "proxy CONNECTION_FAILED");
      await proxy.close();
    });
  });

  describe("keeps a stored secret", () => {
    const thief = async (use: (url: string, heard: () => string) => Promise<void>) => {
      let heard = "";
      const server = createServer((socket) => void socket.on("data", (data) => (heard += data.toString())).on("error", () => undefined));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => heard).finally(() => server.close());
    };

    it("from every address but the deployed one, and sends a typed secret anywhere", async () => {
      await load();
      await thief(async (url, heard) => {
        const { code, message } = await test({ baseUrl: url });
        assert.equal(code, "TRY_SECRET_ADDRESS");
        assert.match(String(message), /Type the secret again/);
        assert.equal(heard(), "");
      });
      assert.equal(searches(), 0);
      assert.equal((await test({ baseUrl: `${simulator.url}/` })).ok, true);
      assert.equal((await test({ baseUrl: simulator.url.replace("127.0.0.1", "localhost") }, CREDENTIALS)).ok, true);
    });

    it("from another proxy if nothing is encrypted", async () => {
      const plain = await startTenantSimulator();
      await thief(async (url, heard) => {
        await load({ baseUrl: plain.url }, [{ id: "thief", type: "http proxy", name: "", url, noproxy: [] }]);
        assert.equal((await test({ baseUrl: plain.url, proxy: "thief" })).code, "TRY_SECRET_ADDRESS");
        assert.equal(heard(), "");
        assert.equal((await test({ baseUrl: plain.url })).ok, true);
      });
      await plain.close();
    });

    it("of a user from the sign-in as an API client", async () => {
      await load({ authType: "user" }, [], { username: "dana@example.com", password: "stored-password" });
      assert.equal((await test()).code, "CREDENTIALS_MISSING");
    });

    it("in an environment variable from every node but the deployed one that uses it", async () => {
      process.env["SIEM_TEST_SECRET"] = SECRET;
      await load({}, [], { clientId: CREDENTIALS.clientId, clientSecret: "${SIEM_TEST_SECRET}" });
      assert.equal((await test()).ok, true);
      assert.equal((await test({}, { clientId: "${SIEM_TEST_SECRET}" })).code, "TRY_ENVIRONMENT");
      assert.equal((await test({ baseUrl: "${SIEM_TEST_SECRET}" }, CREDENTIALS)).code, "TRY_ENVIRONMENT");
    });

    it("of a node of another type", async () => {
      await load({}, [{ id: "other", type: "code42-tenant", baseUrl: simulator.url }]);
      assert.equal((await test({}, { clientId: CREDENTIALS.clientId }, "other")).code, "CREDENTIALS_MISSING");
      assert.equal((await test({}, { clientId: CREDENTIALS.clientId }, "tls")).code, "CREDENTIALS_MISSING");
    });
  });

  it("refuses a request that no dialog sends", async () => {
    await load();
    assert.equal((await postDialog("code42-tenant/test", { id: 7 })).code, "TRY_REQUEST");
    assert.equal(await postForeignForm("code42-tenant/test"), 415);
  });
});

describe("the dialog of code42-query", () => {
  let simulator: TenantSimulator;
  before(startServer);
  after(stopServer);
  beforeEach(async () => {
    simulator = await startTenantSimulator({ requestsPerMinute: 100_000 });
    const start = Date.now() - 3_600_000;
    simulator.add(Array.from({ length: 120 }, (_, index) => makeFileEvent(index, { insertedUs: (start + index * 10) * 1000 })));
  });
  afterEach(async () => {
    await unloadFlow();
    await simulator.close();
  });

  const query = (properties: Record<string, unknown> = {}): FlowNode => (
    { id: "q", type: "code42-query", tenant: "t", source: "file-events", pollInterval: "0", pageSize: "100", startFrom: "P1D", cursor: "cursor_q", cursorType: "global", wires: [["out"]], ...properties }
  );
  const load = (properties: Record<string, unknown> = {}) => loadFlow([tenantNode, queryNode], [
    { id: "t", type: "code42-tenant", baseUrl: simulator.url }, query(properties), { id: "out", type: "helper", wires: [] },
  ], { credentials: { t: CREDENTIALS } });
  const preview = (properties: Record<string, unknown> = {}, id = "q") => tryForm("code42-query/preview", { id, settings: query(properties) });
  const panel = () => getDialog("code42-query/q/cursor");

  it("previews the edited query in one request: the number of events and the first ones", async () => {
    await load();
    const { ok, count, exact, events, from } = await preview() as unknown as { ok: boolean; count: number; exact: boolean; events: { event: { inserted: string } }[]; from: string };
    assert.deepEqual([ok, count, exact, events.length], [true, 120, true, 5]);
    const times = events.map(({ event }) => event.inserted);
    assert.deepEqual(times, [...times].sort());
    assert.ok(Math.abs(Date.parse(from) - (Date.now() - 86_400_000)) < 10_000, from);
    assert.equal(simulator.requests.filter(({ path }) => path === "/v2/file-events").length, 1);
  });

  it("uses criteria and start of the form, also for a node that is not deployed", async () => {
    await load();
    const filter = (value: string) => [{ filters: [{ term: "event.id", operator: "IS", value }] }];
    const one = simulator.requests.length;
    assert.equal((await preview({ criteria: filter("no-such-event") }, "new")).count, 0);
    assert.equal((await preview({ startFrom: "PT1S" })).count, 0);
    assert.ok(simulator.requests.length > one);
    assert.equal((await preview({ criteria: [{ filters: [{ term: "event.id" }] }] })).code, "CRITERIA_INVALID");
    assert.equal((await preview({ startFrom: "yesterday" })).code, "START_FROM_INVALID");
    const { warnings } = await preview({ criteria: [{ filters: [{ term: "file.name", operator: "IS", value: "*x" }] }] }) as unknown as { warnings: { key: string }[] };
    assert.match(warnings[0]?.key ?? "", /WILDCARD_LEADING$/);
  });

  describe("with the tenant as it is edited", () => {
    const edited = (settings: Record<string, unknown> = {}, credentials: object = { clientId: CREDENTIALS.clientId }, id = "t") =>
      tryForm("code42-query/preview", { id: "new", settings: query({ tenant: id }), question: { tenant: { id, settings: { baseUrl: simulator.url, authType: "api-client", ...settings }, credentials } } }, [SECRET]);

    it("needs nothing that is deployed, if the user typed everything", async () => {
      await loadFlow([tenantNode, queryNode], []);
      assert.equal((await edited({}, CREDENTIALS, "new-tenant")).count, 120);
    });

    it("asks at the edited address, and keeps the stored secret for the deployed one", async () => {
      await load();
      assert.equal((await edited({ timeout: "30" })).count, 120);
      const requests = simulator.requests.length;
      const other = simulator.url.replace("127.0.0.1", "localhost");
      assert.equal((await edited({ baseUrl: other })).code, "TRY_SECRET_ADDRESS");
      assert.equal((await edited({ authType: "user" }, {})).code, "USER_CREDENTIALS_MISSING");
      assert.equal((await edited({}, { clientId: "${SIEM_TEST_SECRET}" })).code, "ENVIRONMENT_UNSET");
      assert.equal(simulator.requests.length, requests);
      assert.equal((await edited({ baseUrl: other }, CREDENTIALS)).count, 120);
      const { step, code } = await edited({}, { ...CREDENTIALS, clientSecret: "wrong" });
      assert.deepEqual([step, code], ["signIn", "CLIENT_REJECTED"]);
    });

    it("refuses what no dialog sends", async () => {
      await load();
      for (const tenant of [7, "t", [], { id: 7 }, { id: "t", settings: {}, credentials: [] }]) {
        const answer = await tryForm("code42-query/preview", { settings: query(), question: { tenant } });
        assert.equal(answer.ok, false, JSON.stringify(tenant));
      }
    });
  });

  for (const source of ["file-events-v1", "sessions", "alerts", "audit-log"]) {
    it(`previews ${source} with few requests`, async () => {
      await load();
      simulator.sessions.preload({ count: 300, startMs: Date.now() - 7_200_000 });
      simulator.alerts.preload({ count: 300, startMs: Date.now() - 7_200_000 });
      simulator.auditLog.preload({ count: 300, startMs: Date.now() - 7_200_000 });
      const { ok, count, events } = await preview({ source, lookback: "86400" }) as unknown as { ok: boolean; count: number; events: unknown[] };
      assert.equal(ok, true);
      assert.ok(count >= 50, String(count));
      assert.equal(events.length, 5);
      assert.ok(simulator.requests.length <= 5, `${simulator.requests.length} requests`);
    });
  }

  it("counts the sessions of a long range, those of later days too", async () => {
    await load();
    const day = 86_400_000;
    simulator.sessions.preload({ count: 7, startMs: Date.now() - 29 * day });
    simulator.sessions.preload({ count: 40, startMs: Date.now() - 2 * day });
    const { count, exact } = await preview({ source: "sessions", startFrom: "P30D", lookback: "86400" }) as unknown as { count: number; exact: boolean };
    assert.deepEqual([count, exact], [47, true]);
  });

  it("replaces an environment variable in the criteria only where the deployed node has the same one", async () => {
    process.env["SIEM_TEST_EVENT"] = makeFileEvent(3, { insertedUs: 0 }).event.id;
    const criteria = (value: string, ...before: object[]) => [...before, { filters: [{ term: "event.id", operator: "IS", value }] }];
    const other = { filters: [{ term: "file.name", operator: "EXISTS" }] };
    for (const variable of ["${SIEM_TEST_EVENT}", "$(SIEM_TEST_EVENT)"]) {
      await unloadFlow();
      await load({ criteria: criteria(variable) });
      assert.equal((await preview({ criteria: criteria(variable) })).count, 1);
      assert.equal((await preview({ criteria: criteria(variable, other) })).code, "TRY_ENVIRONMENT");
    }
    assert.equal((await preview({ criteria: criteria("${HOME}") })).code, "TRY_ENVIRONMENT");
  });

  it("says what to do if the tenant is not deployed, and at which step the tenant failed", async () => {
    await load();
    assert.equal((await preview({ tenant: "" })).code, "PREVIEW_NO_TENANT");
    assert.equal((await preview({ tenant: "gone" })).code, "PREVIEW_TENANT");
    assert.equal((await preview({ tenant: "out" })).code, "PREVIEW_TENANT");
    simulator.faults.add({ kind: "status", status: 403 });
    const { step, code } = await preview();
    assert.deepEqual([step, code], ["permission", "FORBIDDEN"]);
    simulator.faults.add({ kind: "status", status: 503 });
    assert.equal((await preview()).code, "SERVER_ERROR");
  });

  it("shows the cursor and what its store survives, and a preview does not move it", async () => {
    await load();
    assert.equal((await preview()).ok, true);
    assert.deepEqual(await panel(), { ok: true, scope: "global", key: "cursor_q", store: { name: "memory", kind: "memory" }, cursor: null, latenessSeconds: null, pagesOut: 0, pagesHeld: 0 });
    const out = recordMessages("out");
    getNode("q").receive({});
    await until(() => out.length === 2, "both pages are out");
    assert.equal((await panel())["pagesOut"], 2);
    const status = recordStatus("q");
    for (const message of out) deliveryRegistry().confirm(message);
    await until(() => status.at(-1)?.text === "status.idle", "the poll ends");
    const { cursor, pagesOut } = await panel() as unknown as { cursor: { floor: string; lastInserted: string }; pagesOut: number };
    assert.equal(pagesOut, 0);
    assert.equal(cursor.floor, cursor.lastInserted);
  });

  it("sets and resets the cursor of the running node", async () => {
    await load();
    const floor = async () => ((await panel())["cursor"] as { floor: string } | null)?.floor;
    const { ok, cursor } = await postDialog("code42-query/q/cursor", { action: "set", cursor: "2026-01-31T08:00:00Z" });
    assert.equal(ok, true);
    assert.equal((cursor as { floor: string }).floor, "2026-01-31T08:00:00.000Z");
    assert.equal(await floor(), "2026-01-31T08:00:00.000Z");
    assert.equal((await postDialog("code42-query/q/cursor", { action: "set", cursor: "soon" })).code, "CURSOR_VALUE_INVALID");
    const byEvent = await postDialog("code42-query/q/cursor", { action: "set", cursor: makeFileEvent(3, { insertedUs: 0 }).event.id });
    assert.equal(byEvent.ok, true, `of an event, after the node was halted: ${JSON.stringify(byEvent)}`);
    await postDialog("code42-query/q/cursor", { action: "set", cursor: "2026-01-31T08:00:00Z" });
    assert.equal((await postDialog("code42-query/q/cursor", { action: "stop" })).code, "ACTION_UNKNOWN");
    assert.equal(await floor(), "2026-01-31T08:00:00.000Z");
    assert.equal((await postDialog("code42-query/q/cursor", { action: "reset" })).ok, true);
    assert.equal(await floor(), undefined);
  });

  it("says that a query in a subflow has no cursor and no stored values to show", async () => {
    await loadFlow([tenantNode, queryNode], [
      { id: "s", type: "subflow", name: "ours", in: [], out: [] },
      { id: "t", type: "code42-tenant", baseUrl: simulator.url },
      { id: "inner", type: "code42-tenant", z: "s", baseUrl: simulator.url },
      { ...query(), z: "s", x: 100, y: 100, wires: [[]] },
      { id: "copy", type: "subflow:s", wires: [] },
    ], { credentials: { t: CREDENTIALS, inner: CREDENTIALS } });
    assert.equal((await panel()).code, "PANEL_SUBFLOW");
    assert.equal((await postDialog("code42-query/q/cursor", { action: "reset" })).code, "PANEL_SUBFLOW");
    assert.equal((await getDialog("code42-query/inner/cursor")).code, "PANEL_NOT_DEPLOYED");
    assert.equal((await preview()).ok, true);
    assert.equal((await preview({ startFrom: "${FROM}" })).code, "TRY_SUBFLOW");
    assert.equal((await preview({ tenant: "inner" })).code, "PREVIEW_SUBFLOW");
    const test = (credentials: Record<string, string>) => tryForm("code42-tenant/test", { id: "inner", settings: { baseUrl: simulator.url, authType: "api-client" }, credentials }, [SECRET]);
    assert.equal((await test({ clientId: CREDENTIALS.clientId })).code, "TRY_SUBFLOW");
    assert.equal((await test({ ...CREDENTIALS, clientSecret: "${SECRET}" })).code, "TRY_SUBFLOW");
    assert.equal((await test(CREDENTIALS)).ok, true);
  });

  it("says why there is no cursor: not deployed, wrong settings, or a query without one", async () => {
    await load({ cursorType: "none" });
    assert.deepEqual(await panel(), { ok: true, scope: "none" });
    assert.equal((await getDialog("code42-query/new/cursor")).code, "PANEL_NOT_DEPLOYED");
    assert.equal((await getDialog("code42-query/t/cursor")).code, "PANEL_NOT_DEPLOYED");
    await unloadFlow();
    await load({ startFrom: "yesterday" });
    assert.equal((await panel()).code, "START_FROM_INVALID");
  });
});
