import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { inspect } from "node:util";
import { plain } from "../../../../src/common/border";
import { SiemError } from "../../../../src/common/errors";
import { baseUrlFault, REGIONS, regionUrl } from "../../../../src/code42/tenant/base-url";
import { Tenant, type CallOptions, type Retry, type TenantOptions, type TenantDependencies } from "../../../../src/code42/tenant/tenant";
import { networkError } from "../../../../src/code42/tenant/tenant-errors";
import { PACKAGE_NAME, VERSION } from "../../../../src/common/version";
import { startTenantSimulator, type TenantSimulator, type TenantSimulatorOptions } from "../../../../src/simulator/tenant";
import type { TenantFault } from "../../../../src/simulator/faults";
import manifest from "../../../../package.json";
import { makeCertificates, type Certificates } from "../../../support/certs";
import { startConnectProxy, type ConnectProxy } from "../../../support/connect-proxy";
import { everythingIn } from "../../../support/everything-in";
import { postWhole } from "../../../support/whole-reply";

const SEARCH = "/v2/file-events";
const QUERY = {
  groups: [{ filterClause: "AND", filters: [{ term: "event.inserted", operator: "ON_OR_AFTER", value: "2025-01-01T00:00:00.000Z" }] }],
  srtKey: "event.inserted", srtDir: "asc", pgSize: 100, pgToken: "",
};
const CANARY = "canary-Secret-77+/=";

describe("tenant", () => {
  const simulators: TenantSimulator[] = [];
  const tenants: Tenant[] = [];
  const log: string[] = [];

  const simulate = async (options: TenantSimulatorOptions = {}) => {
    const simulator = await startTenantSimulator({ requestsPerMinute: 10_000, clientSecret: CANARY, ...options });
    simulator.preload({ count: 50, startMs: Date.parse("2025-03-01T10:00:00Z") });
    simulators.push(simulator);
    return simulator;
  };
  /** A tenant that waits for nothing, unless `dependencies` says otherwise. */
  const connect = (target: { url: string }, options: Partial<TenantOptions> = {}, dependencies: Partial<TenantDependencies> = {}) => {
    const tenant = new Tenant(
      { baseUrl: target.url, clientId: "key-00000000-simulator", clientSecret: CANARY, userAgent: "test", requestsPerMinute: 6000, timeoutMs: 3000, ...options },
      { random: () => 0, log: (level, text) => log.push(`${level} ${text}`), ...dependencies },
    );
    tenants.push(tenant);
    return tenant;
  };
  const search = (tenant: Tenant, options?: CallOptions) => postWhole(tenant, SEARCH, QUERY, options);
  const failure = async (promise: Promise<unknown>): Promise<SiemError> => {
    const thrown: unknown = await promise.then(() => assert.fail("expected a failure"), (error: unknown) => error);
    assert.ok(thrown instanceof SiemError, inspect(thrown));
    log.push(everythingIn(thrown));
    return thrown;
  };
  const searches = (simulator: TenantSimulator) => simulator.requests.filter((request) => request.path === SEARCH);

  afterEach(async () => {
    for (const tenant of tenants.splice(0)) tenant.close();
    for (const simulator of simulators.splice(0)) await simulator.close();
  });
  after(() => {
    // Everything that was logged or thrown in this file, headers, bodies and causes included.
    const secrets = [CANARY, Buffer.from(`key-00000000-simulator:${CANARY}`).toString("base64"), "simulated.", "proxy-pass-99", "ON_OR_AFTER", "Authorization"];
    assert.ok(log.length > 50);
    for (const secret of secrets) assert.deepEqual(log.filter((line) => line.includes(secret)), [], `${secret} came out`);
  });

  it("returns the unparsed body with the server's date, and names the package to the server", async () => {
    const simulator = await simulate();
    const reply = await search(connect(simulator, { userAgent: `node-red-siem/${VERSION} (${PACKAGE_NAME})` }));
    assert.equal(reply.status, 200);
    assert.ok(Buffer.isBuffer(reply.data));
    assert.equal((JSON.parse(reply.data.toString()) as { fileEvents: unknown[] }).fileEvents.length, 50);
    assert.ok(Math.abs((reply.date ?? 0) - Date.now()) < 2000);
    assert.ok(reply.elapsedMs > 0 && reply.elapsedMs < 3000);
    assert.ok(Math.abs(reply.receivedAt - Date.now()) < 2000);
    const { headers } = searches(simulator)[0] ?? assert.fail();
    assert.equal(headers["user-agent"], `node-red-siem/${manifest.version} (${manifest.name})`);
    assert.equal(headers["accept"], "application/json");
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["accept-encoding"], "gzip");
    assert.equal(headers["connection"], "keep-alive");
  });

  it("uses one connection for successive requests, and closes it with the tenant", async () => {
    const simulator = await simulate();
    const tenant = connect(simulator);
    for (let count = 0; count < 5; count++) await search(tenant);
    assert.equal(simulator.openConnections, 1);
    tenant.close();
    await waitUntil(() => simulator.openConnections === 0);
  });

  it("reads a body that is not compressed", async () => {
    const reply = await search(connect(await simulate({ gzip: false })));
    assert.equal((JSON.parse(reply.data.toString()) as { totalCount: number }).totalCount, 50);
  });

  it("sends a GET without a body", async () => {
    const simulator = await simulate();
    simulator.faults.add({ kind: "status", status: 200, body: { tenantId: "t" } }, { path: "/v1/customer" });
    assert.equal((await connect(simulator).get("/v1/customer")).data.toString(), '{"tenantId":"t"}');
    const { method, headers, body } = simulator.requests.at(-1) ?? assert.fail();
    assert.deepEqual([method, headers["content-type"], headers["content-length"], body], ["GET", undefined, undefined, ""]);
  });

  describe("base URL", () => {
    const cases: [url: string, fault: string | undefined][] = [
      ...REGIONS.map((region): [string, undefined] => [regionUrl(region), undefined]),
      ["https://api.us.code42.com/", undefined],
      ["http://localhost:8080", undefined],
      ["https://gateway.example.com/code42/", undefined],
      ["http://127.3.2.1:1", undefined],
      ["http://[::1]:1", undefined],
      ["", "BASE_URL_INVALID"],
      ["https://user:pass@api.us.code42.com", "BASE_URL_INVALID"],
      ["https://", "BASE_URL_INVALID"],
      ["http://api.us.code42.com", "BASE_URL_INSECURE"],
      ["http://localhost.example.com", "BASE_URL_INSECURE"],
      ["http://127.0.0.1.example.com", "BASE_URL_INSECURE"],
      ["http://10.0.0.1", "BASE_URL_INSECURE"],
      ["https://console.us.code42.com", undefined],
      ["http://console.us.code42.com", "BASE_URL_INSECURE"],
    ];
    for (const [url, fault] of cases) {
      it(`${JSON.stringify(url)} ${fault === undefined ? "is accepted" : `is refused as ${fault}`}`, () => {
        assert.equal(baseUrlFault(url), fault);
        if (fault !== undefined) assert.throws(() => connect({ url }), { code: fault, permanent: true });
      });
    }

    for (const [url, fault, meant] of [
      ["api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["api.us.code42.com:443/", "BASE_URL_SCHEME", "https://api.us.code42.com:443"],
      ["ftp://api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["https:api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["https:/api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["//api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["https ://api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["https://api.us.code42. com", "BASE_URL_BLANK", "https://api.us.code42.com"],
      ["https://console.us.code42.com/app/#/dashboard", "BASE_URL_PATH", "https://console.us.code42.com"],
      ["https://console.us.code42.com/console/login.html?next=%2F", "BASE_URL_PATH", "https://console.us.code42.com"],
      ["https://api.us.code42.com/v1/oauth", "BASE_URL_PATH", "https://api.us.code42.com"],
      ["https://api.us.code42.com/?x=1", "BASE_URL_PATH", "https://api.us.code42.com"],
      ["user:pass@api.us.code42.com", "BASE_URL_SCHEME", "https://api.us.code42.com"],
      ["https://console.example.com/console", "BASE_URL_PATH", "https://console.example.com"],
      ["https://gateway.example.com/code42?x=1", "BASE_URL_PATH", "https://gateway.example.com"],
    ] as const) {
      it(`${JSON.stringify(url)} is refused as ${fault}, with the address that was meant`, () => {
        assert.equal(baseUrlFault(url), fault);
        assert.throws(() => connect({ url }), (error: SiemError) => error.code === fault && error.message.includes(meant) && !error.message.includes("pass"));
      });
    }

    it("a client without id or secret is refused before anything is sent", () => {
      for (const missing of [{ clientId: "" }, { clientSecret: "" }]) {
        assert.throws(() => connect({ url: "https://api.us.code42.com" }, missing), { code: "CREDENTIALS_MISSING", permanent: true });
      }
    });
  });

  describe("sign-in", () => {
    it("happens once for ten calls at the same time", async () => {
      const simulator = await simulate();
      const tenant = connect(simulator);
      await Promise.all(Array.from({ length: 10 }, () => search(tenant)));
      assert.equal(simulator.tokensIssued, 1);
    });

    for (const [expiresIn, last, name] of [[900, 839_000, "60 s before the token ends"], [100, 49_000, "at half its life when that is short"]] as const) {
      it(`is renewed ${name}`, async () => {
        const simulator = await simulate({ expiresIn });
        let time = 0;
        const tenant = connect(simulator, {}, { monotonic: () => time });
        await search(tenant);
        time = last;
        await search(tenant);
        assert.equal(simulator.tokensIssued, 1);
        time = last + 1001;
        await search(tenant);
        assert.equal(simulator.tokensIssued, 2);
      });
    }

    it("is repeated once when a token was revoked, and the same request goes out again", async () => {
      const simulator = await simulate();
      const tenant = connect(simulator);
      await search(tenant);
      simulator.revokeTokens();
      const retries: Retry[] = [];
      const replies = await Promise.all([1, 2, 3].map(() => search(tenant, { onRetry: (retry) => retries.push(retry) })));
      assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 200]);
      assert.equal(simulator.tokensIssued, 2);
      assert.deepEqual(retries, []);
      assert.ok(searches(simulator).every((request) => JSON.stringify(request.body) === JSON.stringify(QUERY)));
    });

    it("does not go on for ever: a second 401 is final", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 401 }, { times: Infinity });
      const error = await failure(search(connect(simulator)));
      assert.equal(error.code, "UNAUTHORIZED");
      assert.equal(error.permanent, true);
      assert.equal(searches(simulator).length, 2);
      assert.equal(simulator.tokensIssued, 2);
    });

    it("reports a rejected client at once, and is tried again by the next call", async () => {
      const simulator = await simulate();
      const tenant = connect(simulator, { clientSecret: `${CANARY}wrong` });
      for (let count = 1; count <= 2; count++) {
        const error = await failure(search(tenant));
        assert.equal(error.code, "CLIENT_REJECTED");
        assert.equal(error.permanent, true);
        assert.match(error.message, /invalid_client/);
        assert.equal(simulator.requests.length, count);
      }
    });

    it("that fails temporarily is repeated by the calls that need it", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 503 }, { times: 2, path: "/v1/oauth" });
      const retries: Retry[] = [];
      await search(connect(simulator), { onRetry: (retry) => retries.push(retry) });
      assert.deepEqual(retries.map(({ attempt, error }) => [attempt, error.code]), [[1, "SERVER_ERROR"], [2, "SERVER_ERROR"]]);
    });

    it("whose reply has no token is not answered by Code42", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 200, body: { hello: "world" } }, { path: "/v1/oauth" });
      assert.equal((await failure(search(connect(simulator)))).code, "TOKEN_MISSING");
    });

    it("continues for the other callers when the one who began it stops", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "drip", everyMs: 1 }, { path: "/v1/oauth" });
      const tenant = connect(simulator);
      const stop = new AbortController();
      const stopped = failure(search(tenant, { signal: stop.signal }));
      const other = search(tenant);
      await waitUntil(() => simulator.requests.length === 1);
      stop.abort();
      assert.equal((await stopped).code, "ABORTED");
      assert.equal((await other).status, 200);
      assert.equal(simulator.tokensIssued, 1);
    });
  });

  describe("what cannot succeed", () => {
    const cases: [name: string, fault: TenantFault, code: string, text: RegExp][] = [
      ["403", { kind: "status", status: 403 }, "FORBIDDEN", /File Events: Read.*Code42 console/],
      ["404", { kind: "status", status: 404 }, "NOT_FOUND", /\/v2\/file-events.*"Base URL"/],
      ["400 with problems", { kind: "status", status: 400, body: { problems: [{ badFilter: null, description: "term file.colour is unknown" }] } }, "QUERY_REFUSED", /file\.colour is unknown/],
      ["a page token that is no longer valid", { kind: "status", status: 400, body: { problems: [{ description: "INVALID_PAGE_TOKEN" }] } }, "INVALID_PAGE_TOKEN", /starts again/],
      ["405", { kind: "status", status: 405 }, "REQUEST_REFUSED", /405/],
      ["407", { kind: "status", status: 407 }, "PROXY_REFUSED", /proxy configuration/],
      ["a login page", { kind: "login-page" }, "NOT_JSON", /text\/html/],
    ];
    for (const [name, fault, code, text] of cases) {
      it(`${name}: ${code}, at once, in words`, async () => {
        const simulator = await simulate();
        simulator.faults.add(fault, { times: Infinity });
        const error = await failure(search(connect(simulator)));
        assert.equal(error.code, code);
        assert.equal(error.permanent, true);
        assert.match(error.message, text);
        assert.equal(searches(simulator).length, 1);
      });
    }

    it("a redirect is an error and is never followed", async () => {
      const [simulator, elsewhere] = [await simulate(), await simulate()];
      simulator.faults.add({ kind: "redirect", location: `${elsewhere.url}/login?ticket=abc` });
      const error = await failure(search(connect(simulator)));
      assert.equal(error.code, "REDIRECTED");
      assert.match(error.message, new RegExp(`127.0.0.1:${elsewhere.port}`));
      assert.doesNotMatch(error.message, /ticket/);
      assert.equal(elsewhere.requests.length, 0);
    });

    it("names the permission that the caller needs", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 403 });
      assert.match((await failure(search(connect(simulator), { permission: "Alerts: Read" }))).message, /"Alerts: Read"/);
    });

    it("an answer that repeats the secrets is shown without them", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 400, body: { problems: [{ description: `client\n${CANARY}\u0000 was here` }] } });
      assert.match((await failure(search(connect(simulator)))).message, /client \*\*\* +was here/);
    });

    for (const gzip of [true, false]) {
      it(`a body over the limit is an error: ${gzip ? "compressed" : "plain"}`, async () => {
        const simulator = await simulate({ gzip });
        simulator.faults.add({ kind: "oversized", bytes: 3 * 2 ** 20 });
        const error = await failure(search(connect(simulator, { maxBodyBytes: 2 ** 20 })));
        assert.equal(error.code, "BODY_TOO_LARGE");
        assert.match(error.message, /1 MiB.*Lower "Page size"/);
        assert.equal(error.permanent, true);
      });
    }

    it("a host that does not exist", () => {
      const error = networkError(Object.assign(new Error("getaddrinfo ENOTFOUND api.xx.code42.com"), { code: "ENOTFOUND", hostname: "api.xx.code42.com" }), "api.xx.code42.com", plain);
      assert.equal(error.code, "HOST_NOT_FOUND");
      assert.equal(error.permanent, true);
      assert.match(error.message, /api\.xx\.code42\.com/);
    });
  });

  describe("what can succeed is tried again", () => {
    const cases: [name: string, fault: TenantFault, code: string][] = [
      ["500", { kind: "status", status: 500 }, "SERVER_ERROR"],
      ["503", { kind: "status", status: 503 }, "SERVER_ERROR"],
      ["a reset before the headers", { kind: "reset", when: "before-headers" }, "CONNECTION_FAILED"],
      ["a reset after the headers", { kind: "reset", when: "after-headers" }, "CONNECTION_FAILED"],
      ["a body that is cut", { kind: "truncate", bytes: 300 }, "CONNECTION_FAILED"],
      ["no answer", { kind: "stall" }, "TIMED_OUT"],
      ["a body that trickles", { kind: "drip", everyMs: 50 }, "TIMED_OUT"],
    ];
    for (const [name, fault, code] of cases) {
      it(`${name}: the same request again`, async () => {
        const simulator = await simulate();
        const tenant = connect(simulator, { timeoutMs: 300 });
        await search(tenant);
        simulator.faults.add(fault);
        const retries: Retry[] = [];
        const reply = await search(tenant, { onRetry: (retry) => retries.push(retry) });
        assert.equal(reply.status, 200);
        assert.deepEqual(retries.map(({ attempt, error }) => [attempt, error.code, error.permanent]), [[1, code, false]]);
        assert.equal(searches(simulator).length, 3);
        retries.forEach(({ error }) => log.push(everythingIn(error)));
      });
    }

    it("a page that is cut at any byte is never taken for a complete one", async function () {
      this.timeout(20_000);
      const simulator = await simulate({ gzip: false });
      const tenant = connect(simulator);
      const body = { ...QUERY, groups: [{ filters: [{ term: "event.inserted", operator: "ON_OR_AFTER", value: "2099-01-01T00:00:00.000Z" }] }] };
      const whole = (await postWhole(tenant, SEARCH, body)).data.toString();
      for (let bytes = 0; bytes < whole.length; bytes++) {
        simulator.faults.add({ kind: "truncate", bytes });
        assert.equal((await postWhole(tenant, SEARCH, body)).data.toString(), whole);
      }
      assert.equal(simulator.faults.hits, whole.length);
      assert.equal(searches(simulator).length, 1 + 2 * whole.length);
    });

    it("six attempts, with longer waits each time, then an error that is not permanent", async () => {
      const simulator = await simulate();
      simulator.faults.add({ kind: "status", status: 502 }, { times: Infinity });
      const sleeps: number[] = [];
      const error = await failure(search(connect(simulator, {}, { random: () => 0.5, sleep: async (ms) => void sleeps.push(ms) })));
      assert.equal(error.code, "SERVER_ERROR");
      assert.equal(error.permanent, false);
      assert.equal(searches(simulator).length, 6);
      assert.deepEqual(sleeps, [500, 1000, 2000, 4000, 8000]);
    });

    it("a connection that is refused", async () => {
      const simulator = await simulate();
      await simulator.close();
      const error = await failure(search(connect(simulator)));
      assert.equal(error.code, "CONNECTION_FAILED");
      assert.match(error.message, /ECONNREFUSED/);
    });

    it("a DNS server that does not answer", () => {
      const error = networkError(Object.assign(new Error("getaddrinfo EAI_AGAIN api.us.code42.com"), { code: "EAI_AGAIN" }), "api.us.code42.com", plain);
      assert.equal(error.code, "CONNECTION_FAILED");
      assert.equal(error.permanent, false);
    });
  });

  describe("429", () => {
    /** A clock that jumps to the end of every sleep, and the lengths of the sleeps. */
    const jumpingClock = (random: number) => {
      let time = 0;
      const sleeps: number[] = [];
      const sleep = async (ms: number) => {
        sleeps.push(Math.round(ms));
        time += ms;
      };
      return { sleeps, parts: { monotonic: () => time, random: () => random, sleep } };
    };
    const cases: [name: string, retryAfter: () => string | number | undefined, least: number, most: number][] = [
      ["seconds", () => 17, 17_000, 17_000],
      ["a date", () => new Date(Date.now() + 40_000).toUTCString(), 38_000, 42_000],
      ["a date beyond an hour", () => new Date(Date.now() + 86_400_000).toUTCString(), 3_600_000, 3_600_000],
      ["seconds beyond an hour", () => 1e9, 3_600_000, 3_600_000],
      ["a date in the past", () => new Date(Date.now() - 40_000).toUTCString(), 1000, 1000],
      ["a negative number", () => "-1", 1000, 1000],
      ["nonsense", () => "abc", 1000, 1000],
      ["nothing", () => undefined, 1000, 1000],
    ];
    for (const [name, retryAfter, least, most] of cases) {
      it(`with ${name} in Retry-After: the next request waits for it`, async () => {
        const simulator = await simulate();
        // No random part is added to a wait that the server asked for; a backoff has its full length.
        const clock = jumpingClock(least === 1000 ? 1 : 0);
        const value = retryAfter();
        simulator.faults.add({ kind: "status", status: 429, ...(value === undefined ? {} : { retryAfter: value }) });
        const retries: Retry[] = [];
        await search(connect(simulator, {}, clock.parts), { onRetry: (retry) => retries.push(retry) });
        assert.equal(clock.sleeps.length, 1);
        assert.ok((clock.sleeps[0] ?? 0) >= least && (clock.sleeps[0] ?? 0) <= most, String(clock.sleeps[0]));
        assert.deepEqual(retries.map(({ error, delayMs }) => [error.code, Math.round(delayMs)]), [["RATE_LIMITED", clock.sleeps[0]]]);
      });
    }

    it("reads a date by the server's clock, not by ours", async () => {
      const simulator = await simulate();
      simulator.clockOffsetMs = 3_600_000;
      const clock = jumpingClock(0);
      simulator.faults.add({ kind: "status", status: 429, retryAfter: new Date(Date.now() + 3_630_000).toUTCString() });
      await search(connect(simulator, {}, clock.parts));
      assert.ok((clock.sleeps[0] ?? 0) > 28_000 && (clock.sleeps[0] ?? 0) < 32_000, String(clock.sleeps[0]));
    });

    it("holds back every call of the tenant, also those that were not refused", async () => {
      const simulator = await simulate();
      const tenant = connect(simulator, {}, { random: Math.random });
      await search(tenant);
      simulator.faults.add({ kind: "status", status: 429, retryAfter: 1 });
      const refused = search(tenant);
      await waitUntil(() => simulator.faults.hits === 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await Promise.all([refused, search(tenant), search(tenant)]);
      const [, first, ...rest] = searches(simulator).map((request) => request.at);
      assert.equal(rest.length, 3);
      for (const at of rest) assert.ok(at - (first ?? 0) >= 990, `${at - (first ?? 0)} ms later`);
    });
  });

  it("sends at most requestsPerMinute for all callers together, sign-ins included", async () => {
    const simulator = await simulate();
    const waits: number[] = [];
    let time = 0;
    const tenant = connect(simulator, { requestsPerMinute: 4 }, {
      monotonic: () => time,
      sleep: async (ms) => {
        waits.push(ms);
        time += ms;
      },
    });
    await Promise.all(Array.from({ length: 7 }, () => search(tenant)));
    assert.deepEqual(waits, [60_000]);
    assert.equal(simulator.requests.length, 8);
  });

  it("knows the server's time, which continues without further replies", async () => {
    const simulator = await simulate();
    let time = 0;
    const tenant = connect(simulator, {}, { now: () => 5000, monotonic: () => time });
    assert.equal(tenant.serverNow(), 5000);
    simulator.clockOffsetMs = -3_600_000;
    await search(tenant);
    assert.ok(Math.abs(tenant.serverNow() - (Date.now() - 3_600_000)) < 2000);
    const then = tenant.serverNow();
    time = 30_000;
    assert.equal(tenant.serverNow(), then + 30_000);
  });

  describe("an end", () => {
    it("by the caller's signal ends a request, the wait before a repetition, and the wait for the rate", async () => {
      const simulator = await simulate();
      const states: [name: string, prepare: () => void, options: Partial<TenantOptions>][] = [
        ["request", () => simulator.faults.add({ kind: "stall" }), {}],
        ["wait", () => simulator.faults.add({ kind: "status", status: 500 }), {}],
        ["rate", () => undefined, { requestsPerMinute: 1 }],
      ];
      for (const [name, prepare, options] of states) {
        prepare();
        const stop = new AbortController();
        const call = failure(search(connect(simulator, options, { random: () => 1 }), { signal: stop.signal }));
        setTimeout(() => stop.abort(), 100);
        assert.equal((await call).code, "ABORTED", name);
      }
      assert.equal((await failure(search(connect(simulator), { signal: AbortSignal.abort() }))).code, "ABORTED");
    });

    it("by close ends all calls that are under way, and refuses every later one", async () => {
      const simulator = await simulate();
      const tenant = connect(simulator, { requestsPerMinute: 3 });
      await search(tenant);
      simulator.faults.add({ kind: "stall" });
      const calls = [failure(search(tenant)), failure(search(tenant))];
      await waitUntil(() => simulator.faults.hits === 1);
      tenant.close();
      for (const call of calls) assert.equal((await call).code, "CLOSED");
      assert.equal((await failure(search(tenant))).code, "CLOSED");
      await waitUntil(() => simulator.openConnections === 0);
    });
  });

  describe("TLS", () => {
    let certs: Certificates;
    before(() => {
      certs = makeCertificates();
    });
    after(() => certs.remove());
    const secured = (name: "server" | "wrongName" | "expired" | "otherServer") => simulate({ tls: { key: certs.read(certs[name].key), cert: certs.read(certs[name].cert) } });
    const tls = () => ({ ca: certs.read(certs.ca.cert), rejectUnauthorized: true });

    it("with the right CA works", async () => {
      assert.equal((await search(connect(await secured("server"), { tls: tls() }))).status, 200);
    });

    it("without that CA is refused, with the cause and a way out", async () => {
      const simulator = await secured("server");
      const error = await failure(search(connect(simulator)));
      assert.equal(error.code, "TLS_UNKNOWN_CA");
      assert.match(error.message, /TLS configuration/);
      assert.equal((error.cause as { code?: string }).code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
      assert.equal(simulator.requests.length, 0);
    });

    for (const [name, code] of [["otherServer", "TLS_UNKNOWN_CA"], ["wrongName", "TLS_WRONG_NAME"], ["expired", "TLS_EXPIRED"]] as const) {
      it(`with the certificate ${name} is refused as ${code}, at once`, async () => {
        const simulator = await secured(name);
        const error = await failure(search(connect(simulator, { tls: tls() })));
        assert.equal(error.code, code);
        assert.equal(error.permanent, true);
        assert.equal(simulator.requests.length, 0);
      });
    }

    it("to a server without TLS is refused", async () => {
      const simulator = await simulate();
      const error = await failure(search(connect({ url: simulator.url.replace("http:", "https:") })));
      assert.equal(error.code, "TLS_NOT_SPOKEN");
      assert.match(error.message, /Does this port expect TLS\?/);
    });

    it("to a port that says nothing asks whether it expects TLS, through a proxy too, and tries again", async () => {
      const silent = createTcpServer(() => undefined).listen(0, "127.0.0.1");
      await once(silent, "listening");
      const proxy = await startConnectProxy();
      const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      for (const options of [{}, { proxy: { url: proxy.url } }]) {
        const error = await failure(search(connect({ url }, { ...options, timeoutMs: 300 })));
        assert.deepEqual([error.code, error.permanent], ["TLS_NOT_SPOKEN", false]);
      }
      await proxy.close();
      silent.close();
    });

    it("to a server that answers TLS and then nothing says that it did not answer", async () => {
      const simulator = await secured("server");
      simulator.faults.add({ kind: "stall" }, { times: Infinity });
      assert.equal((await failure(search(connect(simulator, { tls: tls(), timeoutMs: 300 })))).code, "TIMED_OUT");
    });

    it("to a server that answers TLS and then nothing says so after earlier answers and through a proxy too", async () => {
      const proxy = await startConnectProxy();
      for (const options of [{}, { proxy: { url: proxy.url } }]) {
        const simulator = await secured("server");
        const tenant = connect(simulator, { ...options, tls: tls(), timeoutMs: 300 }, { sleep: async () => undefined });
        await search(tenant);
        simulator.faults.add({ kind: "stall" }, { times: Infinity });
        const codes: string[] = [];
        // The first attempt is on the connection of the search, the others may resume its TLS session.
        const error = await failure(search(tenant, { onRetry: (retry) => codes.push(retry.error.code) }));
        assert.deepEqual([...codes, error.code], Array(6).fill("TIMED_OUT"));
      }
      await proxy.close();
    });

    describe("through a proxy", () => {
      const proxies: ConnectProxy[] = [];
      const proxy = async (options?: Parameters<typeof startConnectProxy>[0]) => {
        const started = await startConnectProxy(options);
        proxies.push(started);
        return started;
      };
      afterEach(async () => {
        for (const started of proxies.splice(0)) await started.close();
      });

      it("goes through one tunnel, and the certificate is still verified", async () => {
        const [simulator, { url, tunnels }] = [await secured("server"), await proxy()];
        const tenant = connect(simulator, { tls: tls(), proxy: { url } });
        await search(tenant);
        await search(tenant);
        assert.deepEqual(tunnels, [`127.0.0.1:${simulator.port}`]);
        assert.equal((await failure(search(connect(simulator, { proxy: { url } })))).code, "TLS_UNKNOWN_CA");
      });

      it("signs in to the proxy, whatever is in the password", async () => {
        const login = "sie%40m:proxy-pass-99/@:%";
        const [simulator, { url, tunnels }] = [await secured("server"), await proxy({ login })];
        await search(connect(simulator, { tls: tls(), proxy: { url, username: "sie%40m", password: "proxy-pass-99/@:%" } }));
        assert.equal(tunnels.length, 1);
        const error = await failure(search(connect(simulator, { tls: tls(), proxy: { url, username: "sie%40m", password: "proxy-pass-99" } })));
        assert.equal(error.code, "PROXY_REFUSED");
        assert.match(error.message, /407/);
        assert.equal(error.permanent, true);
      });

      it("that makes many tunnels causes no warning about listeners, and one that never answers is disconnected by close", async () => {
        const warnings: Error[] = [];
        const warn = (warning: Error) => warnings.push(warning);
        process.on("warning", warn);
        const [simulator, { url, tunnels }] = [await secured("server"), await proxy()];
        simulator.faults.add({ kind: "reset", when: "before-headers" }, { times: 11 });
        const tenant = connect(simulator, { tls: tls(), proxy: { url } }, { sleep: async () => undefined });
        await failure(search(tenant));
        await search(tenant);
        assert.equal(tunnels.length, 12);
        const silent = createTcpServer().listen(0, "127.0.0.1");
        await once(silent, "listening");
        const other = connect(simulator, { timeoutMs: 60_000, tls: tls(), proxy: { url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` } });
        const [call, [socket]] = [failure(search(other)), await once(silent, "connection") as [Socket]];
        other.close();
        assert.equal((await call).code, "CLOSED");
        socket.resume();
        await once(socket, "close");
        silent.close();
        process.off("warning", warn);
        assert.deepEqual(warnings, []);
      });

      it("over TLS is verified with the tenant's CA, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
        const identity = (name: "server" | "otherServer") => ({ key: certs.read(certs[name].key), cert: certs.read(certs[name].cert) });
        const [simulator, trusted, other] = [await secured("server"), await proxy({ tls: identity("server") }), await proxy({ tls: identity("otherServer") })];
        process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
        try {
          await search(connect(simulator, { tls: tls(), proxy: { url: trusted.url } }));
          assert.equal(trusted.tunnels.length, 1);
          assert.equal((await failure(search(connect(simulator, { tls: tls(), proxy: { url: other.url } })))).code, "TLS_UNKNOWN_CA");
          assert.equal(other.tunnels.length, 0);
        } finally {
          delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
        }
      });

      it("that answers with a status of 500 or more is asked again", async () => {
        const simulator = await simulate();
        const retries: Retry[] = [];
        const error = await failure(search(connect(simulator, { proxy: { url: (await proxy({ refuse: 503 })).url } }), { onRetry: (retry) => retries.push(retry) }));
        assert.equal(error.code, "CONNECTION_FAILED");
        assert.equal(retries.length, 5);
      });

      for (const [noproxy, direct] of [["127.0.0.1", true], ["*.0.0.1", true], [".0.0.1", true], ["*", true], ["127.0.0.1:1", false], ["0.0.1", false], ["example.com", false], ["", false]] as const) {
        it(`${direct ? "goes around" : "uses"} it with noproxy "${noproxy}"`, async () => {
          const [simulator, { url, tunnels }] = [await simulate(), await proxy()];
          await search(connect(simulator, { proxy: { url, noproxy: [noproxy] } }));
          assert.equal(tunnels.length, direct ? 0 : 1);
        });
      }

      it("whose address is not valid is refused", () => {
        for (const url of ["", "proxy:8080", "socks5://proxy:1080"]) {
          assert.throws(() => connect({ url: "https://api.us.code42.com" }, { proxy: { url } }), { code: "PROXY_URL_INVALID" });
        }
      });

      it("of the environment is never used", async () => {
        const bystander: Server = createServer((_request, response) => response.end("no"));
        await new Promise<void>((resolve) => bystander.listen(0, "127.0.0.1", resolve));
        let asked = 0;
        bystander.on("connection", () => (asked += 1));
        const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
        for (const name of names) process.env[name] = `http://127.0.0.1:${(bystander.address() as AddressInfo).port}`;
        try {
          await search(connect(await simulate()));
          await search(connect(await secured("server"), { tls: tls() }));
          assert.equal(asked, 0);
        } finally {
          for (const name of names) delete process.env[name];
          bystander.close();
        }
      });
    });
  });
});

async function waitUntil(condition: () => boolean): Promise<void> {
  const end = Date.now() + 4000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
