/** Texts with which a server, a file or a user tries to show a secret or to write in our log. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import code42Query from "../../nodes/code42-query";
import code42Tenant from "../../nodes/code42-tenant";
import syslogOut from "../../nodes/syslog-out";
import { previewQuery } from "../../src/code42/query/preview";
import { sources } from "../../src/code42/sources";
import { Tenant } from "../../src/code42/tenant/tenant";
import { systemClock } from "../../src/common/clock";
import { certificateInfo, fabricOptions } from "../../src/dxl/client-config";
import { testFabric } from "../../src/dxl/connection-test";
import { checkFilter } from "../../src/dxl/filter";
import { provision } from "../../src/dxl/provisioning";
import { localise } from "../../src/node-red/report";
import { readSettings } from "../../src/syslog/settings";
import { sendTestMessage } from "../../src/syslog/test-message";
import { Canaries, FORMS, formsOf } from "../support/canaries";
import { makeCertificates, type Certificates } from "../support/certs";
import { tryForm } from "../support/dialog";
import { EchoServer, PLACES } from "../support/echo-server";
import { everythingIn } from "../support/everything-in";
import { ManagementServer } from "../support/management-server";
import { coreNode, getNode, helper, loadFlow, recordMessages, recordStatus, startServer, stopServer, unloadFlow, until } from "../support/node-red";
import { startRecordingServer } from "../support/recording-server";
import { RelpServer, soundAnswer } from "../support/relp-server";
import { postWhole } from "../support/whole-reply";

const USER = "key-of-a-client";
const SECRET = "canary/Cl1ent §ecret+7f=3a";
const PROXY_PASSWORD = "canaryProxyPassword8c1e";
const PASSPHRASE = "canary Passphrase/2b6d+";
const basic = (name: string, secret: string) => Buffer.from(`${name}:${secret}`).toString("base64");

/** Line ends, controls, marks that turn a text around, and what nobody sees. */
const FORGERS = ["\n", "\r\n[error] forged", "\u001b[2K\u001b[31m", "\u0000", "\u0085", "\u009b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff"];
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** What `work` throws; otherwise what it returns. */
const outcomeOf = (work: () => unknown): Promise<unknown> => Promise.resolve().then(work).catch((error: unknown) => error);

/** The texts of an error that a log or dialog may write into a line: message, code and parameters, also of its causes. */
function sentencesIn(error: unknown): string[] {
  if (typeof error === "string") return [error];
  if (typeof error !== "object" || error === null) return [];
  const { message, params, cause, code } = error as { message?: unknown; params?: unknown; cause?: unknown; code?: unknown };
  return [message, code, ...Object.values((params ?? {}) as Record<string, unknown>)].filter((text): text is string => typeof text === "string").concat(sentencesIn(cause));
}

function assertOneLine(error: unknown, of: string): void {
  const sentences = sentencesIn(error);
  assert.ok(sentences.length > 0, `${of}: ${inspect(error)}`);
  for (const sentence of sentences) assert.ok(!UNPRINTABLE.test(sentence), `${of}: ${inspect(sentence)}`);
}

/** Each form of each secret, cut at every length up to 40 characters and at some beyond. */
function* repetitions(secrets: readonly string[], user: string | undefined, step = 1): Generator<string> {
  for (const secret of secrets) {
    for (const text of formsOf(secret, user)) {
      for (let length = text.length; length >= 8; length -= length > 40 ? 7 * step : step) yield text.slice(0, length);
    }
  }
}

describe("hostile texts", () => {
  let certs: Certificates;
  before(() => {
    certs = makeCertificates();
  });
  after(() => certs.remove());

  const provisioning = (port: number) => provision({ host: "127.0.0.1", port, user: USER, password: SECRET, commonName: "a", truststore: certs.read(certs.ca.cert) });

  describe("a server that repeats what it was sent, in any form and cut anywhere, puts no secret into an error or a log:", () => {
    it("a tenant, in each place of each answer", async function () {
      this.timeout(180_000);
      const server = await new EchoServer().start();
      const logged: string[] = [];
      const tenant = new Tenant(
        {
          baseUrl: server.url, clientId: USER, clientSecret: SECRET, requestsPerMinute: 1e6, userAgent: "test",
          proxy: { url: "http://127.0.0.1:1", username: USER, password: PROXY_PASSWORD, noproxy: ["127.0.0.1"] },
          tls: { passphrase: PASSPHRASE },
        },
        { log: (_level, text) => void logged.push(text), sleep: async () => undefined },
      );
      const source = sources["file-events"]?.({ sessionOutput: "session", alertChanges: false, excludeOwn: false });
      assert.ok(source);
      const search = (savedSearch = "") =>
        previewQuery(tenant, { source, criteria: { clause: "AND", groups: [] }, savedSearch, startFrom: "PT1H", until: "", overlapMs: 0 }, AbortSignal.timeout(60_000));
      try {
        await outcomeOf(() => postWhole(tenant, "/v2/file-events", {}));
        for (let time = 0; time < 2; time++) {
          server.forgetToken();
          await outcomeOf(() => postWhole(tenant, "/v2/file-events", {}));
        }
        assert.equal(server.tokens.length, 3);
        const secrets = [SECRET, basic(USER, SECRET), PROXY_PASSWORD, PASSPHRASE, ...server.tokens];
        const canaries = new Canaries(secrets, USER);
        let turn = 0;
        for (const text of repetitions(secrets, USER)) {
          server.say = text;
          server.place = PLACES[turn++ % PLACES.length] ?? "problems";
          const error = await outcomeOf(() => {
            if (server.place === "problems of a search") return search();
            if (server.place === "names of saved searches") return search(turn % 2 === 0 ? "twice" : "missing");
            if (server.place === "terms of a saved search") return search("saved");
            return postWhole(tenant, "/v2/file-events", {});
          });
          assert.ok(error instanceof Error, `${server.place}: ${inspect(error)}`);
          assert.deepEqual(canaries.in(everythingIn(error)), [], `${server.place}: ${text}`);
        }
        assert.ok(turn > 1500, `${turn} answers`);
        assert.ok(logged.some((line) => line.includes("***")), "the log has what the server repeated");
        assert.deepEqual(canaries.in(logged.join("\n")), []);
      } finally {
        tenant.close();
        await server.stop();
      }
    });

    it("the sign-in of a tenant", async function () {
      this.timeout(60_000);
      const server = await new EchoServer().start();
      server.refusesSignIn = true;
      const secrets = [SECRET, basic(USER, SECRET)];
      const canaries = new Canaries(secrets, USER);
      const tenant = new Tenant({ baseUrl: server.url, clientId: USER, clientSecret: SECRET, requestsPerMinute: 1e6, userAgent: "test" });
      try {
        for (const text of repetitions(secrets, USER, 3)) {
          server.say = text;
          const error = await outcomeOf(() => postWhole(tenant, "/v2/file-events", {}));
          assert.match((error as Error).message, /refused/);
          assert.deepEqual(canaries.in(everythingIn(error)), [], text);
        }
      } finally {
        tenant.close();
        await server.stop();
      }
    });

    it("a management server that provisions a DXL client", async function () {
      this.timeout(120_000);
      const server = await ManagementServer.start(certs);
      const session = "JSESSIONID=canarySession55e1";
      const canaries = new Canaries([SECRET, basic(USER, SECRET), session], USER);
      const answersWith = (say: string, header: string): NonNullable<ManagementServer["instead"]>[] => [
        (_request, response) => response.end(`Error 1: not so ${say}`),
        (_request, response) => response.writeHead(302, header, { location: `https://${header}.example/${header}` }).end(),
        (_request, response) => response.end(`OK:\r\n${JSON.stringify(`${certs.read(certs.ca.cert)},${certs.read(certs.client.cert)},${say}=${say};${say};;`)}`),
        (_request, response) => response.writeHead(503, header, { "x-a": header }).end(say),
        (request, response) => {
          if (request.headers.cookie === undefined) response.writeHead(302, { location: "/again", "set-cookie": `${session}; Path=/` }).end();
          else response.end(`Error 1: ${request.headers.cookie} ${say}`);
        },
      ];
      try {
        let turn = 0;
        for (const form of Object.values(FORMS)) {
          for (const text of [form(SECRET, USER), form(SECRET, USER).slice(0, -9)]) {
            server.instead = answersWith(text, text.replace(/[^ -~]/g, ""))[turn++ % 5];
            const error = await outcomeOf(() => provisioning(server.port));
            assert.ok(error instanceof Error, inspect(error));
            assert.deepEqual(canaries.in(everythingIn(error)), [], text);
          }
        }
      } finally {
        await server.stop();
      }
    });

    it("a RELP server that refuses sessions and lines", async function () {
      this.timeout(120_000);
      let say = "";
      let refuses = "open";
      const server = await new RelpServer((command, session) => {
        if (command.command === refuses) session.answer(command.txnr, `500 not so ${say}`);
        else soundAnswer(command, session);
      }).start();
      const canaries = new Canaries([PASSPHRASE], undefined);
      const settings = readSettings({ host: "127.0.0.1", port: server.port, transport: "relp" });
      const around = { clock: systemClock, random: () => 0, systemHostname: "host", systemAddresses: [], processId: 1, tls: { passphrase: PASSPHRASE } };
      try {
        for (const text of repetitions([PASSPHRASE], undefined)) {
          say = text;
          refuses = refuses === "open" ? "syslog" : "open";
          const error = await outcomeOf(() => sendTestMessage(settings, around, 5000));
          assert.match((error as Error).message, /not so/);
          assert.deepEqual(canaries.in(everythingIn(error)), [], text);
        }
      } finally {
        await server.stop();
      }
    });

    it("a DXL broker or a proxy in front of it", async function () {
      this.timeout(120_000);
      const credentials = { brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key), passphrase: PASSPHRASE };
      const proxy = { url: "http://127.0.0.1:1", username: USER, password: SECRET, noproxy: ["127.0.0.1"] };
      const secrets = [PASSPHRASE, SECRET, basic(USER, SECRET), credentials.privateKey.split("\n")[1] ?? ""];
      const canaries = new Canaries(secrets, USER);
      let say = "";
      const server = await startRecordingServer(
        (socket) => socket.end(`HTTP/1.1 403 ${say}\r\nwww-authenticate: ${say}\r\n${say}\r\n\r\n${say}`),
        { cert: certs.read(certs.server.cert), key: certs.read(certs.server.key) },
      );
      const options = { brokers: [{ host: "127.0.0.1", port: server.port }], webSockets: true, credentials, clientId: undefined, keepAlive: 30, reconnectDelay: 1, proxy };
      try {
        for (const secret of secrets) {
          for (const form of Object.values(FORMS)) {
            say = form(secret, USER);
            const error = await outcomeOf(() => testFabric(options, { clock: systemClock, patienceMs: 5000 }));
            assert.ok(error instanceof Error);
            assert.deepEqual(canaries.in(everythingIn(error)), [], say);
          }
        }
      } finally {
        server.close();
      }
    });
  });

  describe("in Node-RED", () => {
    let server: EchoServer;
    let relp: RelpServer;
    let relpSays = "";
    before(() => startServer());
    after(() => stopServer());
    beforeEach(async () => {
      server = await new EchoServer().start();
      relp = await new RelpServer((command, session) => {
        if (command.command === "open") session.answer(command.txnr, `500 not so ${relpSays}`);
        else soundAnswer(command, session);
      }).start();
    });
    afterEach(async () => {
      await unloadFlow();
      await relp.stop();
      await server.stop();
    });

    /** Nodes that fail as the servers say, and readers for every place where that shows. */
    async function startFlow() {
      const query = { type: "code42-query", tenant: "t", source: "file-events", pollInterval: "0", startFrom: "PT1H", cursorType: "none", wires: [["seen"]] };
      const saved = { savedSearch: "missing" };
      const siem = { host: "127.0.0.1", port: String(relp.port), transport: "relp" };
      const everything = { active: true, tosidebar: false, console: true, tostatus: true, statusType: "msg", statusVal: "payload", complete: "true", targetType: "full" };
      await loadFlow(
        [code42Tenant, code42Query, syslogOut, ...["network/06-httpproxy", "common/25-catch", "common/25-status", "common/21-debug"].map(coreNode)] as never,
        [
          { id: "t", type: "code42-tenant", baseUrl: server.url, authType: "api-client", proxy: "px", requestsPerMinute: "6000" },
          { id: "px", type: "http proxy", url: "http://127.0.0.1:1", noproxy: ["127.0.0.1"] },
          { id: "search", ...query, name: "sea\u202erch\n" },
          { id: "saved", ...query, ...saved, name: "saved" },
          { id: "siem", type: "syslog-out", name: "siem", ...siem, wires: [["seen"], ["seen"]] },
          { id: "catch", type: "catch", scope: ["search", "siem"], uncaught: false, wires: [["seen", "show"]] },
          { id: "status", type: "status", scope: null, wires: [["seen", "show"]] },
          { id: "show", type: "debug", ...everything, wires: [] },
          { id: "seen", type: "helper", wires: [] },
        ],
        { credentials: { t: { clientId: USER, clientSecret: SECRET }, px: { username: USER, password: PROXY_PASSWORD } } },
      );
      const messages = recordMessages("seen");
      const statuses = ["search", "saved", "siem", "show"].map((id) => recordStatus(id));
      const entries = () => (helper.log() as unknown as { args: { level: number; msg?: unknown }[][] }).args.flat();
      const logged = () => entries().map(({ msg }) => msg).filter((msg) => msg !== undefined);
      // The log turns an error into JSON and cuts it.
      const errorsLogged = () => entries().filter(({ level }) => level === 20).map(({ msg }) => (typeof msg === "string" ? JSON.parse(/"message":("(?:[^"\\]|\\.)*")/.exec(msg)?.[1] ?? "null") as unknown : msg));
      /** The errors of `search` go to `catch`, and those of `saved` into the log. */
      const failed = async (id: "search" | "saved", action = "poll") => {
        const [caught, inLog] = [messages.length, errorsLogged().length];
        getNode(id).receive({ action });
        await until(() => (id === "saved" ? errorsLogged().length > inLog : messages.slice(caught).some(({ error }) => error !== undefined)), `${id} failed`, 10_000);
      };
      return {
        messages, statuses, logged, errorsLogged, failed,
        dialogs: () => Promise.all([
          tryForm("code42-tenant/test", { id: "t", settings: { baseUrl: server.url, authType: "api-client", proxy: "px" } }),
          tryForm("code42-query/preview", { id: "search", settings: query }),
          tryForm("code42-query/preview", { id: "saved", settings: { ...query, ...saved } }),
          tryForm("syslog-out/test", { id: "siem", settings: siem }),
        ]),
        metrics: async () => (await (helper.request() as unknown as { get(path: string): Promise<{ text: string }> }).get("/security-events/metrics")).text,
        figures: async () => {
          getNode("search").receive({ action: "stats" });
          await until(() => messages.some(({ topic }) => topic === "security-events/stats"), "the figures came");
        },
      };
    }

    it("no form of a secret that a server repeats reaches log, status, catch, debug, metrics or a dialog", async function () {
      this.timeout(180_000);
      const { messages, statuses, logged, failed, dialogs, metrics, figures } = await startFlow();
      await failed("search");
      const secrets = [SECRET, basic(USER, SECRET), PROXY_PASSWORD, ...server.tokens];
      const canaries = new Canaries(secrets, USER);
      const answers: unknown[] = [];
      const texts = secrets.flatMap((secret) => Object.values(FORMS).map((form) => form(secret, USER)));
      for (const [turn, text] of texts.entries()) {
        server.place = PLACES[turn % PLACES.length] ?? "problems";
        server.say = turn % 2 === 0 ? text : text.slice(0, -5);
        if (!server.place.includes("saved")) await failed("search");
        await failed("saved");
        if (turn % 8 === 0) answers.push(...await dialogs());
      }
      await figures();
      const shown = { messages: messages.map(everythingIn).join("\n"), statuses: everythingIn(statuses), log: logged().map(everythingIn).join("\n"), metrics: await metrics(), dialogs: JSON.stringify(answers) };
      for (const place of ["messages", "log", "dialogs"] as const) assert.match(shown[place], /\*\*\*/, `the servers' texts are in the ${place}`);
      assert.deepEqual(Object.entries(shown).map(([place, text]) => [place, canaries.in(text)]), Object.keys(shown).map((place) => [place, []]));
    });

    it("no text of a server, a name or a message writes a line of its own into log, status, catch, metrics or a dialog", async function () {
      this.timeout(120_000);
      const { messages, statuses, errorsLogged, failed, dialogs, metrics, figures } = await startFlow();
      for (const forger of FORGERS) {
        server.say = relpSays = `so${forger}ng`;
        for (const place of PLACES) {
          server.place = place;
          if (!place.includes("saved")) await failed("search");
          await failed("saved");
        }
        await failed("search", `re${forger}set`);
      }
      for (const answer of await dialogs()) assertOneLine(answer, "a dialog");
      assert.ok(errorsLogged().length > 80, `${errorsLogged().length} errors in the log`);
      for (const error of errorsLogged()) assertOneLine(error, "the log");
      await figures();
      for (const { error, status } of messages) {
        if (error !== undefined) assertOneLine(error, "catch");
        if (status !== undefined) assertOneLine(String((status as { text?: string }).text), "a status");
      }
      for (const { text } of statuses.slice(0, 3).flat()) assertOneLine(String(text), "a status");
      const lines = (await metrics()).split("\n");
      assert.ok(lines.some((line) => line.includes('name="sea rch"')));
      for (const line of lines) assert.ok(!UNPRINTABLE.test(line), inspect(line));
    });
  });

  describe("a text that would forge a line of the log stays on one line, without marks that turn it around:", () => {
    for (const forger of FORGERS) {
      const of = inspect(forger);
      const forged = `a${forger}b`;
      // A line of a file has no line end in it.
      const inLine = forged.replace(/[\r\n]+/g, "\u001b");

      it(`${of} in a path, and in the lines of a configuration file`, async () => {
        const missing = (path: string) => assert.fail(Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" }));
        assertOneLine(await outcomeOf(() => fabricOptions({ configFile: forged }, {}, { userFolder: "/", readFile: missing })), of);
        for (const text of [
          `[${inLine}]\n${inLine}`, `[General]\nUseWebSockets=${inLine}\n`, `[Certs]\nBrokerCertChain=${inLine}\n[Brokers]\na=1;b;8883;host\n`,
          `[Certs]\n[Brokers]\n${inLine}=${inLine};${inLine};;`, `[Certs]\n[Brokers]\n${inLine}=1;8883;a b`,
        ]) {
          const readFile = (path: string) => (path === "/config" ? text : missing(path));
          assertOneLine(await outcomeOf(() => fabricOptions({ configFile: "/config" }, {}, { userFolder: "/", readFile })), `${of} in ${inspect(text)}`);
        }
        assertOneLine(await outcomeOf(() => fabricOptions({ brokers: `${inLine}=1;x;y z` }, {}, { userFolder: "/", readFile: missing })), of);
      });

      it(`${of} in a topic, a certificate and a property`, async () => {
        assertOneLine(await outcomeOf(() => checkFilter(`/${forged}/#/x`)), of);
        assertOneLine(await outcomeOf(() => certificateInfo(forged)), of);
        assertOneLine(await outcomeOf(() => readSettings({ host: "h", transport: forged })), of);
        assertOneLine(await outcomeOf(() => readSettings({ host: "h", port: forged })), of);
      });

      it(`${of} in the refusal of a management server, and of a RELP server`, async () => {
        const server = await ManagementServer.start(certs);
        server.instead = (_request, response) => response.end(`Error 1: ${forged}`);
        const relp = await new RelpServer((command, session) => session.answer(command.txnr, `500 ${forged}`)).start();
        try {
          assertOneLine(await outcomeOf(() => provisioning(server.port)), of);
          const around = { clock: systemClock, random: () => 0, systemHostname: "host", systemAddresses: [], processId: 1, tls: {} };
          assertOneLine(await outcomeOf(() => sendTestMessage(readSettings({ host: "127.0.0.1", port: relp.port, transport: "relp" }), around, 5000)), of);
        } finally {
          await server.stop();
          await relp.stop();
        }
      });
    }

    it("the error of a store, a library or another node", () => {
      const error = localise((key) => key, Object.assign(new RangeError("bad\n[error] forged \u202e"), { config: SECRET, cause: new Error(SECRET) }));
      assertOneLine(error, "a foreign error");
      assert.doesNotMatch(everythingIn(error), /canary/);
    });
  });
});
