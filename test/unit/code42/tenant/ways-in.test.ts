import assert from "node:assert/strict";
import { inspect } from "node:util";
import { wholeOf } from "../../../../src/pages/body";
import { consoleOf, isConsole } from "../../../../src/code42/tenant/base-url";
import { legacyService, unwrap, unwrapped } from "../../../../src/code42/tenant/legacy";
import { ServiceDirectory } from "../../../../src/code42/tenant/services";
import { Tenant, type TenantOptions, type TenantDependencies } from "../../../../src/code42/tenant/tenant";
import { totpCode, totpKey } from "../../../../src/code42/tenant/totp";
import { SiemError } from "../../../../src/common/errors";
import { chunkedBody } from "../../../support/chunked-body";
import { startConsoleServer, type ConsoleServer } from "../../../support/console-server";
import { postWhole } from "../../../support/whole-reply";

const PASSWORD = "canary-Pass:word-ü/77";
const TOTP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const USER = { authType: "user", username: "dana@example.com", password: PASSWORD } as const;
const CLIENT = { clientId: "dana@example.com", clientSecret: PASSWORD };
const PAGE = { fileEvents: [{ event: { id: "e1" } }], nextPgToken: null, problems: null, totalCount: 1 };

describe("ways into a tenant", () => {
  let server: ConsoleServer;
  const tenants: Tenant[] = [];
  const log: string[] = [];
  beforeEach(async () => {
    server = await startConsoleServer(`dana@example.com:${PASSWORD}`);
    server.answers["/v2/file-events"] = () => PAGE;
    server.answers["/ffs/forensic-search/queryservice/api/v2/fileevent"] = () => ({ data: PAGE });
  });
  afterEach(() => {
    for (const tenant of tenants.splice(0)) tenant.close();
    server.close();
  });
  after(() => {
    const secrets = ["canary", Buffer.from(`dana@example.com:${PASSWORD}`).toString("base64"), TOTP_SECRET, "token-1"];
    assert.ok(log.length > 30);
    for (const secret of secrets) assert.deepEqual(log.filter((line) => line.includes(secret)), [], `${secret} came out`);
  });

  const connect = (options: Partial<TenantOptions>, parts: Partial<TenantDependencies> = {}) => {
    const tenant = new Tenant(
      { baseUrl: server.url, userAgent: "test", requestsPerMinute: 6000, timeoutMs: 5000, ...options },
      { random: () => 0, log: (level, text) => log.push(`${level} ${text}`), ...parts },
    );
    tenants.push(tenant);
    return tenant;
  };
  const search = (tenant: Tenant) => postWhole(tenant, "/v2/file-events", { pgToken: "" });
  const json = ({ data }: { data: Buffer }) => JSON.parse(data.toString()) as unknown;
  const failure = async (promise: Promise<unknown>): Promise<SiemError> => {
    const thrown: unknown = await promise.then(() => assert.fail("expected a failure"), (error: unknown) => error);
    assert.ok(thrown instanceof SiemError, inspect(thrown));
    log.push(inspect(thrown, { depth: 8, showHidden: true }));
    return thrown;
  };

  it("are told apart by the host's name", () => {
    for (const url of ["https://console.us.code42.com", "HTTPS://Console.gov.code42.com/"]) assert.ok(isConsole(url), url);
    for (const url of ["https://api.us.code42.com", "https://example.com/console.us", ""]) assert.ok(!isConsole(url), url);
    assert.equal(consoleOf(new URL("https://api.us2.code42.com")).href, "https://console.us2.code42.com/");
    assert.equal(consoleOf(new URL("http://127.0.0.1:8080")).href, "http://127.0.0.1:8080/");
  });

  describe("as a user", () => {
    it("at the gateway with the password, and the token is used", async () => {
      assert.deepEqual(json(await search(connect(USER))), PAGE);
      const [signIn] = server.asked("/v1/auth");
      assert.equal(signIn?.method, "GET");
      assert.equal(signIn.headers["totp-auth"], undefined);
      assert.equal(server.asked("/v2/file-events")[0]?.headers.authorization, "Bearer token-1");
    });

    it("with two factors: each renewal computes a code of its own, and none is used twice", async () => {
      const key = totpKey(TOTP_SECRET) ?? assert.fail();
      let now = Date.parse("2026-03-01T10:00:10Z");
      const slept: number[] = [];
      const at = now;
      server.totp = () => totpCode(key, now);
      server.sendsDate = false; // The clock is the test's.
      const tenant = connect({ ...USER, totpSecret: TOTP_SECRET.toLowerCase() }, {
        now: () => now,
        monotonic: () => now - at,
        sleep: async (ms) => {
          slept.push(ms);
          now += ms;
        },
      });
      await search(tenant);
      server.tokensIssued += 1; // The first token is void now.
      await search(tenant);
      assert.deepEqual(slept, [20_000], "the second sign-in waits for the next code");
      now += 1_740_001;
      await search(tenant);
      const codes = server.asked("/v1/auth").map(({ headers }) => headers["totp-auth"]);
      assert.equal(new Set(codes).size, 3);
      for (const code of codes) assert.match(String(code), /^\d{6}$/);
    });

    it("whose password is wrong is refused in words, without the password", async () => {
      const error = await failure(search(connect({ ...USER, password: `${PASSWORD}x` })));
      assert.deepEqual([error.code, error.permanent], ["USER_REJECTED", true]);
      assert.match(error.message, /dana@example\.com.*Could not authenticate user Basic \*\*\*/);
    });

    it("of single sign-on is told to create an API client, also where the user is unknown to have one", async () => {
      server.loginType = "CLOUD_SSO";
      const error = await failure(search(connect({ ...USER, username: "sso+user@example.com" })));
      assert.deepEqual([error.code, error.permanent], ["USER_SSO", true]);
      assert.match(error.message, /API client/);
      assert.equal(server.asked("/api/v3/LoginConfiguration")[0]?.path, "/api/v3/LoginConfiguration?username=sso%2Buser%40example.com");
      assert.equal(server.asked("/api/v3/LoginConfiguration")[0]?.headers.authorization, undefined);
    });

    it("with two-factor sign-in but no TOTP secret is told to enter it", async () => {
      server.loginType = "LOCAL_2FA";
      server.totp = () => "123456";
      assert.equal((await failure(search(connect(USER)))).code, "USER_TOTP_MISSING");
      assert.equal((await failure(search(connect({ ...USER, totpSecret: TOTP_SECRET })))).code, "USER_REJECTED");
    });

    it("is still refused when the console cannot say how the user signs in", async () => {
      server.loginType = undefined;
      server.answers["/api/v3/LoginConfiguration"] = (_request, response) => void response.destroy();
      assert.equal((await failure(search(connect({ ...USER, password: "wrong" })))).code, "USER_REJECTED");
    });

    it("without name or password, or with a code for a secret, is refused before anything is sent", () => {
      const cases: [Partial<TenantOptions>, string][] = [
        [{ authType: "user" }, "USER_CREDENTIALS_MISSING"], [{ ...USER, username: "" }, "USER_CREDENTIALS_MISSING"], [{ ...USER, password: "" }, "USER_CREDENTIALS_MISSING"],
        [{ ...USER, totpSecret: "123456" }, "TOTP_SECRET_INVALID"], [{ clientId: "key" }, "CREDENTIALS_MISSING"],
      ];
      for (const [options, code] of cases) assert.throws(() => connect(options), { code, permanent: true });
      assert.deepEqual(server.requests, []);
    });
  });

  describe("at a console", () => {
    for (const [name, identity, path] of [["an API client", CLIENT, "/api/v3/oauth/token"], ["a user", USER, "/api/v3/auth/jwt"]] as const) {
      it(`${name} signs in there, and the paths of the gateway are asked of the services that it names`, async () => {
        const tenant = connect({ ...identity, addressKind: "console" });
        const reply = await search(tenant);
        assert.deepEqual(json(reply), PAGE);
        const read = await tenant.postAndRead("/v2/file-events", {}, async (body) => [await wholeOf(body), body.whole()]);
        for (const data of read.value) assert.deepEqual(json({ data }), PAGE);
        assert.equal(server.asked(path).length, 1);
        await search(tenant);
        assert.equal(server.asked("/api/v1/ServerEnv").length, 1, "looked up once");
        assert.equal(server.asked("/simple-key-value-store/v1/FORENSIC_SEARCH-API_URL")[0]?.headers.authorization, undefined);
        assert.equal(server.requests.length, 6);
      });
    }

    it("parameters and ids reach the services, and short replies get the gateway's names", async () => {
      const tenant = connect({ ...USER, addressKind: "console" });
      server.answers["/ffs/forensic-search/queryservice/api/v2/saved/a%20b"] = () => ({ searches: [] });
      server.answers["/api/v3/customer/my"] = () => ({ data: { tenantUid: "t-1", name: "Example" } });
      assert.deepEqual(json(await tenant.get("/v2/file-events/saved-searches/a%20b", { query: { x: ["1", "2"] } })), { searches: [] });
      assert.ok(server.requests.some((request) => request.path === "/ffs/forensic-search/queryservice/api/v2/saved/a%20b?x=1&x=2"));
      assert.deepEqual(json(await tenant.get("/v1/customer")), { tenantId: "t-1", name: "Example" });
    });

    it("the audit log gets its dates as text", async () => {
      server.answers["/audit/rpc/search/search-audit-log"] = ({ body }) => body;
      const tenant = connect({ ...USER, addressKind: "console" });
      const dateRange = { startTime: 1740823964.239647, endTime: null };
      const body = { dateRange, page: 0 };
      assert.deepEqual(json(await postWhole(tenant, "/v1/audit/search-audit-log", body)), { dateRange: { startTime: "2025-03-01T10:12:44.239647Z" }, page: 0 });
    });

    it("a service that moved is found again", async () => {
      const tenant = connect({ ...USER, addressKind: "console" });
      await search(tenant);
      const move = (_request: unknown, response: { statusCode: number }) => {
        server.services["FORENSIC_SEARCH-API_URL"] = `${server.url}/moved`;
        response.statusCode = 404;
      };
      server.answers["/ffs/forensic-search/queryservice/api/v2/fileevent"] = move;
      server.answers["/moved/forensic-search/queryservice/api/v2/fileevent"] = () => PAGE;
      assert.equal((await failure(search(tenant))).code, "NOT_FOUND");
      assert.deepEqual(json(await search(tenant)), PAGE);
    });

    it("what only the gateway has is refused with the address to enter", async () => {
      const error = await failure(connect({ ...USER, addressKind: "console" }).get("/v1/sessions", { query: { page_number: "0" } }));
      assert.deepEqual([error.code, error.permanent], ["BASE_URL_CONSOLE", true]);
      assert.match(error.message, /\/v1\/sessions.*"api\."/);
      assert.deepEqual(server.requests, []);
      assert.equal(legacyService("/v2/file-events/grouping"), undefined);
    });

    it("never sends the token to a service without encryption, or to none", async () => {
      for (const address of ["http://ffs.example.com", "no address", "https://user:pass@example.com"]) {
        server.services["FORENSIC_SEARCH-API_URL"] = address;
        const error = await failure(search(connect({ ...USER, addressKind: "console" })));
        assert.deepEqual([error.code, error.permanent], ["SERVICE_UNKNOWN", true]);
      }
      server.answers["/api/v1/ServerEnv"] = () => ({ data: {} });
      assert.equal((await failure(search(connect({ ...USER, addressKind: "console" })))).code, "SERVICE_UNKNOWN");
    });
  });

  it("a console elsewhere may not name a service of this machine without encryption, which may belong to anybody", async () => {
    const directory = (console: string) => new ServiceDirectory(new URL(console), {
      environment: () => Promise.resolve({ data: Buffer.from(JSON.stringify({ data: { stsBaseUrl: "https://sts.example.com" } })) }),
      text: () => Promise.resolve("http://127.0.0.1:8080"),
    });
    const { signal } = new AbortController();
    assert.equal((await failure(directory("https://console.example.com").find("KEY", signal))).code, "SERVICE_UNKNOWN");
    assert.equal((await directory("https://localhost:4285").find("KEY", signal)).href, "http://127.0.0.1:8080/");
  });

  it("parameters of a get are encoded, and a list repeats its name", async () => {
    server.answers["/v1/sessions"] = () => ({ items: [] });
    await connect(USER).get("/v1/sessions", { query: { page_number: "0", state: ["OPEN", "OPEN_NEW_DATA"], actor_id: "a&b=ü" } });
    assert.ok(server.requests.some(({ method, path }) => method === "GET" && path === "/v1/sessions?page_number=0&state=OPEN&state=OPEN_NEW_DATA&actor_id=a%26b%3D%C3%BC"));
  });

  it("a wrapped reply is unwrapped, any other is left alone, in whatever pieces it comes", async () => {
    const cases: [body: string, unwrapped: string][] = [
      ['{"data":{"a":[1,{"data":2}]}}', '{"a":[1,{"data":2}]}'],
      [' { "metadata" : {"timestamp":"t","params":{"data":1}} , "data" : [1] } \n', " [1] "],
      ['{"fileEvents":[],"data":1}', '{"fileEvents":[],"data":1}'],
      ['{"database":1}', '{"database":1}'],
      ["[]", "[]"],
      ["", ""],
      [`{"data":{"a":"${"}{ ".repeat(5000)}"}}   `, `{"a":"${"}{ ".repeat(5000)}"}`],
      [`{"data":{"a":"}${"x".repeat(200_000)}"}}`, `{"a":"}${"x".repeat(200_000)}"}`],
      [`{"fileEvents":["${"}".repeat(10_000)}"]}`, `{"fileEvents":["${"}".repeat(10_000)}"]}`],
    ];
    for (const [text, inner] of cases) {
      assert.equal(unwrap(Buffer.from(text)).toString(), inner);
      for (const size of [1, 7, 4096, 10_000]) {
        if (text.length / size < 20_000) assert.equal((await wholeOf(unwrapped(chunkedBody(Buffer.from(text), size)))).toString(), inner, `${size}`);
      }
    }
  });
});
