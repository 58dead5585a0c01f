import assert from "node:assert/strict";
import { fromBase32, totp } from "../../../src/simulator/totp";
import { basic, clientStarter, type Client } from "./client";

const SECRET = "JBSWY3DPEHPK3PXP";
const NOW = Date.parse("2025-03-01T10:00:00.000Z");

describe("sign-in at the simulated tenant", () => {
  const start = clientStarter();
  let client: Client;
  before(async () => {
    client = await start({
      now: () => NOW, consolePort: 0,
      users: [
        { name: "local@example.com", password: "zoë:1" }, { name: "factor@example.com", password: "two", totpSecret: SECRET }, { name: "sso@example.com", password: "three", sso: true },
      ],
    });
  });
  after(() => {
    client.tenant.clockOffsetMs = 0;
  });

  interface Tokens {
    bearerToken?: string;
    data?: { v3_user_token: string };
  }
  const gateway = (name: string, password: string, headers: Record<string, string> = {}) =>
    client.withoutToken<Tokens>(`${client.tenant.url}/v1/auth`, { headers: { authorization: basic(name, password), ...headers } });
  const jwt = (name: string, password: string, headers: Record<string, string> = {}) =>
    client.withoutToken<Tokens>(`${client.tenant.consoleUrl}/api/v3/auth/jwt?useBody=true`, { headers: { authorization: basic(name, password), ...headers } });
  const sessions = async (token: string | undefined) => (await client.withoutToken(`${client.tenant.url}/v1/sessions`, { headers: { authorization: `Bearer ${token}` } })).status;

  it("accepts a local user with a password, at the gateway and at the console", async () => {
    assert.equal(await sessions((await gateway("local@example.com", "zoë:1")).body.bearerToken), 200);
    assert.equal(await sessions((await jwt("local@example.com", "zoë:1")).body.data?.v3_user_token), 200);
  });

  it("refuses a wrong password, an unknown user and a user with single sign-on", async () => {
    for (const [name, password] of [["local@example.com", "zoë"], ["nobody@example.com", "x"], ["sso@example.com", "three"]] as const) {
      for (const way of [gateway, jwt]) {
        const { status, body } = await way(name, password);
        assert.deepEqual([status, body], [401, { error: "Could not authenticate user" }]);
      }
    }
  });

  it("asks a user with a second factor for the one-time password", async () => {
    const password = totp(fromBase32(SECRET), NOW);
    for (const way of [gateway, jwt]) {
      assert.equal((await way("factor@example.com", "two")).status, 401);
      assert.equal((await way("factor@example.com", "two", { "totp-auth": password })).status, 200);
    }
    client.tenant.clockOffsetMs = 120_000;
    assert.equal((await gateway("factor@example.com", "two", { "totp-auth": password })).status, 401);
    client.tenant.clockOffsetMs = 0;
  });

  it("gives a user a token for 30 minutes, and an API client one for 15", async () => {
    const user = (await gateway("local@example.com", "zoë:1")).body.bearerToken;
    const { clientId, clientSecret, url } = client.tenant;
    const api = (await client.withoutToken<{ access_token: string; expires_in: number }>(`${url}/v1/oauth`, { method: "POST", headers: { authorization: basic(clientId, clientSecret) } })).body;
    assert.equal(api.expires_in, 900);
    const claims = JSON.parse(Buffer.from(api.access_token.split(".")[1] as string, "base64url").toString()) as { tenantUid: string };
    assert.equal(claims.tenantUid, client.tenant.tenantId);
    client.tenant.clockOffsetMs = 901_000;
    assert.deepEqual([await sessions(user), await sessions(api.access_token)], [200, 401]);
    client.tenant.clockOffsetMs = 1_801_000;
    assert.equal(await sessions(user), 401);
    client.tenant.clockOffsetMs = 0;
  });

  it("reports how an account signs in, and answers for an unknown one as if it had a second factor", async () => {
    const types: string[] = [];
    for (const name of ["local", "factor", "sso", "nobody"]) {
      const { body } = await client.withoutToken<{ data: { loginType: string } }>(`${client.tenant.consoleUrl}/api/v3/LoginConfiguration?username=${name}%40example.com`);
      types.push(body.data.loginType);
    }
    assert.deepEqual(types, ["LOCAL", "LOCAL_2FA", "CLOUD_SSO", "LOCAL_2FA"]);
  });

  it("returns a user's own account, and refuses an API client", async () => {
    const url = `${client.tenant.consoleUrl}/api/v1/User/my`;
    const token = (await jwt("local@example.com", "zoë:1")).body.data?.v3_user_token;
    const { body } = await client.withoutToken<{ data: { username: string } }>(url, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(body.data.username, "local@example.com");
    assert.equal((await client.get("/api/v1/User/my", client.tenant.consoleUrl)).status, 403);
    assert.equal((await client.withoutToken(url)).status, 401);
  });
});
