import assert from "node:assert/strict";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Socket } from "node:net";
import { sendRequest } from "../../../src/common/http";
import { makeCertificates, type Certificate, type Certificates } from "../../support/certs";
import { everythingIn } from "../../support/everything-in";
import { freePort } from "../../support/free-port";
import { json, startRecordingServer, type RecordingServer } from "../../support/recording-server";

const SECRETS = ["canary-token", "canary-body", "canary-query", "Authorization"];

describe("a request over HTTP", () => {
  const servers: RecordingServer[] = [];
  const agent = new HttpAgent({ keepAlive: true });
  let certs: Certificates;
  before(() => {
    certs = makeCertificates();
  });
  after(() => {
    agent.destroy();
    certs.remove();
    for (const server of servers) server.close();
  });
  const serve = async (answer: (socket: Socket) => void, identity?: Certificate) => {
    const server = await startRecordingServer(answer, identity && { key: certs.read(identity.key), cert: certs.read(identity.cert) });
    servers.push(server);
    return `http://127.0.0.1:${server.port}/`;
  };
  const send = (url: string, change: { agent?: HttpAgent; signal?: AbortSignal } = {}) => sendRequest({
    method: "POST", url: `${url}?secret=canary-query`, agent, signal: new AbortController().signal,
    headers: { Authorization: "Bearer canary-token" }, data: Buffer.from("canary-body"), ...change,
  });
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

  it("resolves with any status, and follows no redirect", async () => {
    for (const status of [204, 302, 304, 404, 500]) {
      const response = await send(await serve((socket) => socket.end(`HTTP/1.1 ${status} Text\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n`)));
      assert.deepEqual([response.status, response.headers.location, await response.body(0)], [status, "/elsewhere", Buffer.alloc(0)]);
    }
  });

  it("has a body of at most its limit: beyond it the connection is closed", async () => {
    const url = await serve((socket) => socket.write(json("12345")));
    assert.equal((await (await send(url)).body(5))?.toString(), "12345");
    let written = 0;
    const endless = await serve((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) written += 65_536;
        if (!socket.destroyed) socket.once("drain", more);
      };
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
      socket.once("close", () => (written = -1));
      more();
    });
    assert.equal(await (await send(endless)).body(1_000_000), undefined);
    while (written !== -1) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  describe("that fails", () => {
    const abortAfter = (ms: number) => AbortSignal.timeout(ms);
    const cases: [name: string, code: string, run: () => Promise<unknown>][] = [
      ["because nobody listens", "ECONNREFUSED", async () => send(`http://127.0.0.1:${await freePort()}/`)],
      ["because the host is unknown", "ENOTFOUND", () => send("http://nowhere.invalid/")],
      ["by a reset before the headers", "ECONNRESET", async () => send(await serve((socket) => socket.resetAndDestroy()))],
      ["by a reset in the headers", "ECONNRESET", async () => send(await serve((socket) => socket.write("HTTP/1.1 200 OK\r\nCont", () => socket.resetAndDestroy())))],
      ["by a reset in the body", "ECONNRESET", async () => (await send(await serve((socket) => socket.write(head, () => socket.resetAndDestroy())))).body(1000)],
      ["by an end in the body", "ECONNRESET", async () => (await send(await serve((socket) => socket.end(`${head}canary-body`)))).body(1000)],
      ["because that is not HTTP", "HPE_INVALID_CONSTANT", async () => send(await serve((socket) => socket.write("canary-body\r\n\r\n")))],
      ["because the certificate is not trusted", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", async () => send((await serve(() => undefined, certs.server)).replace("http", "https"), { agent: new HttpsAgent() })],
      ["by an abort before it begins", "ERR_CANCELED", () => send("http://127.0.0.1/", { signal: AbortSignal.abort() })],
      ["by an abort before the headers", "ERR_CANCELED", async () => send(await serve(() => undefined), { signal: abortAfter(30) })],
      ["by an abort in the body", "ERR_CANCELED", async () => (await send(await serve((socket) => socket.write(head)), { signal: abortAfter(30) })).body(1000)],
      ["by an error that the agent throws", "EAGENT", () => send("http://127.0.0.1/", {
        agent: Object.assign(new HttpAgent(), { createConnection: () => { throw Object.assign(new Error("no"), { code: "EAGENT" }); } }),
      })],
      ["because several addresses refuse", "EFIRST", () => send("http://127.0.0.1/", {
        agent: Object.assign(new HttpAgent(), {
          createConnection: (_options: unknown, done: (error: Error) => void) => void done(new AggregateError([Object.assign(new Error("first"), { code: "EFIRST" }), new Error("second")])),
        }),
      })],
    ];
    for (const [name, code, run] of cases) {
      it(`${name}, throws ${code}, and nothing of the request is in the error`, async () => {
        const error: unknown = await run().then(() => assert.fail("it did not fail"), (thrown: unknown) => thrown);
        assert.equal((error as { code?: string }).code, code);
        assert.notEqual((error as Error).message, "");
        const everything = everythingIn(error);
        for (const secret of SECRETS) assert.ok(!everything.includes(secret), `${secret} came out`);
        assert.equal((error as Error).cause, undefined);
      });
    }
  });
});
