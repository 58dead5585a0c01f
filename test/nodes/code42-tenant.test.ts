import assert from "node:assert/strict";
import { inspect } from "node:util";
import code42Tenant from "../../nodes/code42-tenant";
import { SiemError } from "../../src/common/errors";
import type { Tenant, TenantNode } from "../../src/code42/tenant/tenant";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates, type Certificates } from "../support/certs";
import { startConsoleServer } from "../support/console-server";
import { startConnectProxy } from "../support/connect-proxy";
import { coreNode, getNode, helper, loadFlow, startServer, stopServer, unloadFlow, type FlowNode } from "../support/node-red";
import { postWhole } from "../support/whole-reply";

const QUERY = { groups: [{ filters: [{ term: "event.id", operator: "EXISTS", value: null }] }], pgToken: "" };
const CREDENTIALS = { clientId: "key-00000000-simulator", clientSecret: "simulated-client-secret" };

describe("code42-tenant", () => {
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
    await unloadFlow();
    await simulator.close();
  });
  after(async () => {
    certs.remove();
    await stopServer();
  });

  const nodes = [code42Tenant as never, coreNode("network/05-tls"), coreNode("network/06-httpproxy")];
  // The TLS and proxy nodes come after the tenant on purpose.
  const load = (tenant: Record<string, unknown>, more: FlowNode[] = [], credentials: Record<string, Record<string, string>> = { tenant: CREDENTIALS }) =>
    loadFlow(nodes, [{ id: "tenant", type: "code42-tenant", name: "t", baseUrl: simulator.url, tls: "tls", ...tenant }, ...more], { credentials });
  const tls = (properties: Record<string, unknown> = {}): FlowNode => (
    { id: "tls", type: "tls-config", name: "own CA", cert: "", key: "", ca: certs.ca.cert, servername: "", verifyservercert: true, ...properties }
  );
  const node = () => getNode("tenant") as unknown as TenantNode & { tenant: Tenant | undefined; configError: SiemError | undefined };
  const refused = (code: string): SiemError => {
    let thrown: unknown;
    try {
      node().getTenant();
    } catch (error) {
      thrown = error;
    }
    assert.ok(thrown instanceof SiemError, inspect(thrown));
    assert.equal(thrown.code, code);
    assert.equal(thrown.permanent, true);
    assert.equal(node().configError, thrown);
    assert.equal(node().tenant, undefined);
    assert.doesNotMatch(inspect(thrown), /simulated-client-secret/);
    return thrown;
  };

  it("gives all nodes the same tenant, with the CA of the TLS node", async () => {
    await load({}, [tls()]);
    assert.equal(node().getTenant(), node().getTenant());
    assert.equal(node().tenant, node().getTenant());
    assert.equal((await postWhole(node().getTenant(), "/v2/file-events", QUERY)).status, 200);
    assert.match(simulator.requests[0]?.headers["user-agent"] ?? "", /^node-red-siem\/\d+\.\d+\.\d+ \(@security-events\/node-red-siem\)$/);
  });

  it("takes every value from the environment", async () => {
    const values = { TEST_URL: simulator.url, TEST_TIMEOUT: "5", TEST_RATE: "30", TEST_ID: CREDENTIALS.clientId, TEST_SECRET: CREDENTIALS.clientSecret };
    Object.assign(process.env, values);
    try {
      await load(
        { baseUrl: "${TEST_URL}", timeout: "${TEST_TIMEOUT}", requestsPerMinute: "${TEST_RATE}" }, [tls()],
        { tenant: { clientId: "${TEST_ID}", clientSecret: "${TEST_SECRET}" } },
      );
      assert.equal((await postWhole(node().getTenant(), "/v2/file-events", QUERY)).status, 200);
    } finally {
      for (const name of Object.keys(values)) delete process.env[name];
    }
  });

  it("uses the proxy node with its user and password, except for the hosts that it excludes", async () => {
    const proxy = await startConnectProxy({ login: "dana:pass" });
    try {
      const credentials = { tenant: CREDENTIALS, proxy: { username: "dana", password: "pass" } };
      await load({ proxy: "proxy" }, [tls(), { id: "proxy", type: "http proxy", name: "", url: proxy.url, noproxy: [] }], credentials);
      await postWhole(node().getTenant(), "/v2/file-events", QUERY);
      assert.deepEqual(proxy.tunnels, [`127.0.0.1:${simulator.port}`]);
      await unloadFlow();
      await load({ proxy: "proxy" }, [tls(), { id: "proxy", type: "http proxy", name: "", url: proxy.url, noproxy: ["127.0.0.1"] }], credentials);
      await postWhole(node().getTenant(), "/v2/file-events", QUERY);
      assert.equal(proxy.tunnels.length, 1);
    } finally {
      await proxy.close();
    }
  });

  it("ends calls that are under way when it is closed", async () => {
    await load({}, [tls()]);
    simulator.faults.add({ kind: "stall" });
    const call = assert.rejects(postWhole(node().getTenant(), "/v2/file-events", QUERY), { code: "CLOSED" });
    while (simulator.faults.hits === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await unloadFlow();
    await call;
  });

  it("reports missing credentials, each time that it is used", async () => {
    await load({ tls: "" }, [], {});
    refused("CREDENTIALS_MISSING");
    refused("CREDENTIALS_MISSING");
  });

  const cases: [name: string, tenant: Record<string, unknown>, more: () => FlowNode[], code: string][] = [
    ["a base URL that is not valid", { baseUrl: "api.us.code42.com" }, () => [tls()], "BASE_URL_SCHEME"],
    ["a base URL without encryption", { baseUrl: "http://api.us.code42.com" }, () => [tls()], "BASE_URL_INSECURE"],
    ["the address of a console without encryption", { baseUrl: "http://console.us.code42.com" }, () => [tls()], "BASE_URL_INSECURE"],
    ["an unreadable CA", {}, () => [tls({ ca: "/nowhere/ca.pem" })], "TLS_NODE_INVALID"],
    ["verification that is switched off", {}, () => [tls({ verifyservercert: false })], "TLS_UNVERIFIED"],
    ["a TLS node that does not exist", {}, () => [], "TLS_NODE_MISSING"],
    ["a proxy node that does not exist", { proxy: "gone" }, () => [tls()], "PROXY_NODE_MISSING"],
    ["a user without a password", { authType: "user" }, () => [tls()], "USER_CREDENTIALS_MISSING"],
    ["an unknown way to sign in", { authType: "certificate" }, () => [tls()], "PROPERTY_CHOICE"],
    ["a time-out that is not a number", { timeout: "soon" }, () => [tls()], "PROPERTY_NUMBER"],
    ["a rate of 0", { requestsPerMinute: 0 }, () => [tls()], "PROPERTY_NUMBER"],
  ];
  for (const [name, tenant, more, code] of cases) {
    it(`refuses ${name}: ${code}`, async () => {
      await load(tenant, more());
      refused(code);
      assert.equal(simulator.requests.length, 0);
    });
  }

  it("signs in as a user, whose password may begin or end with a blank, with codes made from the TOTP secret", async () => {
    const server = await startConsoleServer("dana@example.com: canary-pass ");
    server.answers["/v1/customer"] = () => ({ tenantId: "t" });
    try {
      const user = { username: "dana@example.com", password: " canary-pass ", totpSecret: "GEZD GNBV GY3T QOJQ" };
      await load({ baseUrl: server.url, authType: "user", tls: "" }, [], { tenant: user });
      assert.equal((await node().getTenant().get("/v1/customer")).status, 200);
      assert.match(String(server.asked("/v1/auth")[0]?.headers["totp-auth"]), /^\d{6}$/);
    } finally {
      server.close();
    }
  });

  it("keeps the secret out of the log", async () => {
    await load({}, [tls()], { tenant: { ...CREDENTIALS, clientSecret: "wrong-canary-secret" } });
    await assert.rejects(postWhole(node().getTenant(), "/v2/file-events", QUERY), { code: "CLIENT_REJECTED" });
    const lines = helper.log().args.map((args) => inspect(args));
    assert.deepEqual(lines.filter((line) => line.includes("canary")), []);
  });
});
