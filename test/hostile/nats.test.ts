/** A NATS server that is made to harm: what it repeats, forges, or sends without an end. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { systemClock } from "../../src/common/clock";
import type { SiemError } from "../../src/common/errors";
import type { Properties } from "../../src/common/properties";
import { testConnection } from "../../src/scale-out/connection-test";
import { readSettings } from "../../src/scale-out/settings";
import { Canaries, formsOf } from "../support/canaries";
import { makeCertificates, type Certificates } from "../support/certs";
import { everythingIn } from "../support/everything-in";
import { infoLine, message, startHostileNats, type HostileNats } from "../support/hostile-nats";
import { makeAccounts } from "../support/nats-accounts";
import { watchedLink } from "../support/nats-link";
import { until } from "../support/until";

const accounts = makeAccounts();
const SECRET = "canary/Nats §ecret+7f=3a";
const SIGN_INS: Record<string, { credentials: Properties; secrets: string[] }> = {
  user: { credentials: { user: "dana", password: SECRET }, secrets: [SECRET] },
  token: { credentials: { token: SECRET }, secrets: [SECRET] },
  nkey: { credentials: { nkeySeed: accounts.seed }, secrets: [accounts.seed] },
  creds: { credentials: { creds: accounts.creds }, secrets: [accounts.seed, accounts.creds.split("\n")[1] ?? ""] },
};
const FORGERS = ["\r\n[error] forged", "\u001b[2K\u001b[31m", "\u0000", "\u2028", "\u202e", "\ufeff"];
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Where a server may say `text`: each makes the server say it, and a connection fail. */
const PLACES: Record<string, (server: HostileNats, text: string) => void> = {
  "the version": (server, text) => { server.info = infoLine({ version: text }); },
  "an INFO that is none": (server, text) => { server.info = `INFO {"version":"${text}\r\n`; },
  "a line that is no NATS": (server, text) => { server.info = `${text}\r\n`; },
  "a line after the sign-in": (server, text) => { server.welcome = `PONG\r\nMSG ${text}\r\n${text}\r\n`; server.answer = () => undefined; },
  "a refusal": (server, text) => { server.welcome = `-ERR 'Authorization Violation ${text}'\r\n`; },
  "an error": (server, text) => { server.welcome = `-ERR '${text}'\r\n`; },
  "a missing permission": (server, text) => { server.answer = (subject) => `-ERR 'Permissions Violation for Publish to "${subject}" ${text}'\r\n-ERR '${text}'\r\n`; },
  "an error of JetStream": (server, text) => { server.answer = (_subject, reply) => message(reply, JSON.stringify({ error: { code: 500, err_code: 10_039, description: text } })); },
  "an answer that is no JSON": (server, text) => { server.answer = (_subject, reply) => message(reply, text); },
  "the settings of a stream": (server, text) => {
    server.answer = (subject, reply) => message(reply, JSON.stringify(subject.endsWith("API.INFO") ? {} : { config: { subjects: ["security.events.*"], retention: text } }));
  },
};

describe("a hostile NATS server", function () {
  this.timeout(120_000);
  let server: HostileNats;
  let certs: Certificates;
  let printed: string;
  const { log, error, trace } = console;
  before(() => { certs = makeCertificates(); });
  after(() => certs.remove());
  beforeEach(async () => {
    printed = "";
    // The package writes there what it cannot read.
    console.log = console.error = console.trace = (...parts: unknown[]) => { printed += parts.map((part) => inspect(part)).join(" "); };
    server = await startHostileNats();
  });
  afterEach(() => {
    Object.assign(console, { log, error, trace });
    server.close();
  });

  const reset = () => Object.assign(server, { info: infoLine(), welcome: "PONG\r\n", answer: (_subject: string, reply: string) => message(reply, "{}") });
  const settingsOf = (authType: string, credentials: Properties, more: Properties = {}) =>
    readSettings({ servers: server.address, authType, ...more }, credentials, undefined);
  const outcomeOf = (authType = "none", credentials: Properties = {}) =>
    testConnection(settingsOf(authType, credentials), { clock: systemClock }).then(() => assert.fail("no error"), (thrown: unknown) => thrown as Error & { cause: SiemError });

  for (const [authType, { credentials, secrets }] of Object.entries(SIGN_INS)) {
    it(`that repeats what it was sent puts no secret into an error, a log or an answer: ${authType}`, async () => {
      const canaries = new Canaries(secrets, undefined);
      const places = Object.entries(PLACES);
      let turn = 0;
      for (const secret of secrets) {
        for (const form of formsOf(secret, undefined).map((text) => text.slice(0, 2000))) {
          for (const text of [form, form.slice(0, Math.ceil(form.length / 2))]) {
            const [place, say] = places[turn++ % places.length] as (typeof places)[number];
            reset();
            say(server, text);
            const thrown = await outcomeOf(authType, credentials);
            assert.deepEqual(canaries.in(everythingIn(thrown)), [], `${place}: ${text}`);
          }
        }
      }
      assert.ok(turn >= places.length, `${turn} answers`);
      assert.deepEqual(canaries.in(printed), []);
    });
  }

  it("writes no second line and no control character into a text", async () => {
    for (const [place, say] of Object.entries(PLACES)) {
      for (const forger of FORGERS) {
        reset();
        say(server, `a${forger}b`);
        const { message: text, cause } = await outcomeOf();
        for (const sentence of [text, cause.message, ...Object.values(cause.params).map(String)]) assert.ok(!UNPRINTABLE.test(sentence), `${place}: ${inspect(sentence)}`);
      }
    }
    assert.ok(!printed.includes("forged"), printed);
  });

  it("is told of while it runs without its secrets, also where nobody waits for the error", async () => {
    const canaries = new Canaries([SECRET], undefined);
    const watched = watchedLink({ servers: server.address, authType: "token" }, { credentials: { token: SECRET } });
    await watched.session();
    const [socket] = server.sockets;
    for (let index = 0; index < 100; index++) socket?.write(`-ERR 'Permissions Violation for Publish to "$JS.ACK.${index}.${Buffer.from(SECRET).toString("base64")}"'\r\n`);
    await until(() => watched.outages.length > 0, "told");
    socket?.write("XXXX\r\n");
    await watched.failure();
    assert.ok(watched.outages.length <= 11, `${watched.outages.length} errors`);
    assert.deepEqual(watched.outages.map(({ code }) => code).sort().slice(-2), ["NATS_PERMISSION", "NATS_UNREACHABLE"]);
    assert.deepEqual(canaries.in(everythingIn(watched.outages)), []);
    assert.equal(printed, "");
    await watched.close();
  });

  it("that sends without an end is cut off soon, and takes no memory", async () => {
    const flood = (first: string, piece: string) => {
      server.info = first;
      for (const socket of server.sockets) socket.destroy();
      return piece;
    };
    const rows: [string, string, string, RegExp][] = [
      ["an INFO", "INFO {", " ".repeat(65_536), /a line of more than 1048576 bytes/],
      ["a line", "-ERR '", "x".repeat(65_536), /a line of more than 1048576 bytes/],
      ["garbage", "\u0000", "\u0000".repeat(65_536), /does not speak NATS/],
      ["HTTP", "HTTP/1.1 400 Bad Request\r\n", "x", /does not speak NATS/],
      ["a huge message", `${infoLine()}PONG\r\nMSG a 1 99999999999\r\n`, "x".repeat(65_536), /a message of more than 16777216 bytes/],
    ];
    for (const [what, first, piece, words] of rows) {
      flood(first, piece);
      const before = process.memoryUsage.rss();
      const started = performance.now();
      const pump = setInterval(() => {
        for (const socket of server.sockets) for (let times = 0; times < 50 && socket.writableLength < 10 ** 6; times++) socket.write(piece);
      }, 1);
      const { cause } = await outcomeOf();
      clearInterval(pump);
      assert.match(cause.message, words, what);
      assert.ok(performance.now() - started < 4000, `${what}: ${Math.round(performance.now() - started)} ms`);
      assert.ok(process.memoryUsage.rss() - before < 100 * 2 ** 20, what);
      await until(() => server.sockets.size === 0, `${what}: the socket is closed`);
    }
    assert.equal(printed, "");
  });

  it("that is silent, or slow, is left after the time of a connection", async () => {
    for (const info of ["", "INFO {"]) {
      server.info = info;
      const started = performance.now();
      const { cause } = await outcomeOf();
      assert.match(cause.message, /no answer in time/);
      assert.ok(performance.now() - started < 7000);
      await until(() => server.sockets.size === 0, "the socket is closed");
    }
  });

  it("gets our secrets at no server that it names, and nothing before TLS that was asked for", async () => {
    const other = await startHostileNats();
    let asked = 0;
    Object.defineProperty(other, "info", { get: () => { asked += 1; return infoLine(); } });
    server.info = infoLine({ connect_urls: [other.address] });
    server.welcome = "-ERR 'Authorization Violation'\r\n";
    await outcomeOf("token", { token: SECRET });
    assert.equal(asked, 0);
    other.close();
    server.info = `${infoLine({ tls_required: true })}PONG\r\n`;
    const settings = readSettings({ servers: server.address, authType: "token" }, { token: SECRET }, { ca: certs.read(certs.ca.cert) });
    await assert.rejects(testConnection(settings, { clock: systemClock }), /more than its INFO before TLS/);
  });

  it("with limits that are none gets messages of the usual size", async () => {
    for (const [max, expected] of [["x", 2 ** 20], [1e12, 8 * 2 ** 20], [1000, 1000]] as const) {
      server.info = infoLine({ max_payload: max });
      const watched = watchedLink({ servers: server.address });
      assert.equal((await watched.session()).maxPayload, expected);
      await watched.close();
    }
  });
});
