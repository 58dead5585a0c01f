/** What a tenant sends, byte for byte: nothing that its HTTP library would add or write differently. */
import assert from "node:assert/strict";
import { Tenant, type TenantOptions } from "../../../../src/code42/tenant/tenant";
import { json, startRecordingServer, type RecordingServer } from "../../../support/recording-server";
import { postWhole } from "../../../support/whole-reply";

describe("what a tenant sends", () => {
  let server: RecordingServer;
  let tenant: Tenant | undefined;
  beforeEach(async () => {
    server = await startRecordingServer((socket, { line }) => socket.write(json(line.includes("/oauth") ? '{"access_token":"t0ken"}' : '{"items":[]}')));
  });
  afterEach(() => {
    tenant?.close();
    server.close();
  });
  const connect = (options: Partial<TenantOptions> = {}) => {
    tenant = new Tenant({ baseUrl: `http://127.0.0.1:${server.port}/base%20path/`, clientId: "id", clientSecret: "secret", userAgent: "the agent", requestsPerMinute: 6000, timeoutMs: 3000, ...options });
    return tenant;
  };
  const common = () => ["Accept-Encoding: gzip", "Accept: application/json", "Connection: keep-alive", `Host: 127.0.0.1:${server.port}`, "User-Agent: the agent"];

  it("to sign in and to search: these headers, and the body as UTF-8", async () => {
    await postWhole(connect(), "/v2/file-events", { term: "ü\u2028", list: [1.5, null] });
    const body = Buffer.from('{"term":"ü\u2028","list":[1.5,null]}');
    assert.deepEqual(server.requests, [
      { line: "POST /base%20path/v1/oauth?grant_type=client_credentials HTTP/1.1", headers: [...common(), "Authorization: Basic aWQ6c2VjcmV0", "Content-Length: 0"].sort(), body: "" },
      {
        line: "POST /base%20path/v2/file-events HTTP/1.1", body: body.toString("latin1"),
        headers: [...common(), "Authorization: Bearer t0ken", `Content-Length: ${body.length}`, "Content-Type: application/json"].sort(),
      },
    ]);
  });

  it("to get: the path as it was encoded, no type, no body", async () => {
    await connect().get("/v2/it's/%2e%2E/a%2Fb/%C3%BC/(*)!~$,;:@&=+[1]", { query: { text: "a&b=ü +'(*)!~%2F[1]", list: ["1", "2"] } });
    assert.deepEqual(server.requests.at(-1), {
      line: "GET /base%20path/v2/a%2Fb/%C3%BC/(*)!~$,;:@&=+[1]?text=a%26b%3D%C3%BC+%2B%27%28*%29%21%7E%252F%5B1%5D&list=1&list=2 HTTP/1.1",
      headers: [...common(), "Authorization: Bearer t0ken"].sort(), body: "",
    });
  });

  it("as a user at a console: the second factor, and no `Accept` of JSON for a text", async () => {
    const address = `http://127.0.0.1:${server.port}`;
    server.answer = (socket, { line }) => {
      const replies = { "/auth/": '{"v3_user_token":"t0ken"}', ServerEnv: `{"stsBaseUrl":"${address}/sts"}`, "key-value": `${address}/search`, search: '{"fileEvents":[]}' };
      socket.write(json(Object.entries(replies).find(([part]) => line.includes(part))?.[1] ?? "{}"));
    };
    await postWhole(connect({ authType: "user", addressKind: "console", username: "dana@example.com", password: "pass:wörd", totpSecret: "GEZDGNBVGY3TQOJQ" }), "/v2/file-events", {});
    assert.deepEqual(server.requests.map(({ line, headers }) => [line.replace("/base%20path", ""), headers.find((header) => header.startsWith("Accept:"))]), [
      ["GET /api/v3/auth/jwt?useBody=true HTTP/1.1", "Accept: application/json"],
      ["GET /api/v1/ServerEnv HTTP/1.1", "Accept: application/json"],
      ["GET /simple-key-value-store/v1/FORENSIC_SEARCH-API_URL HTTP/1.1", "Accept: */*"],
      ["POST /search/forensic-search/queryservice/api/v2/fileevent HTTP/1.1", "Accept: application/json"],
    ]);
    const signIn = server.requests[0]?.headers.map((header) => header.replace(/^totp-auth: \d{6}$/, "totp-auth: 000000"));
    assert.deepEqual(signIn, [...common(), "Authorization: Basic ZGFuYUBleGFtcGxlLmNvbTpwYXNzOnfDtnJk", "totp-auth: 000000"].sort());
  });
});
