/** The answers to the buttons in the dialogs of cef-format, syslog-out and dxl-fabric. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer, type AddressInfo } from "node:net";
import cefFormat from "../../nodes/cef-format";
import dxlFabric from "../../nodes/dxl-fabric";
import syslogOut from "../../nodes/syslog-out";
import { mappings } from "../../src/cef/mappings";
import { startDxlBroker, type DxlBroker } from "../../src/simulator/dxl-broker";
import { parseCef } from "../../src/simulator/cef-parser";
import { startSiem } from "../../src/simulator/siem";
import { makeCertificates, type Certificates } from "../support/certs";
import { tryForm } from "../support/dialog";
import { freePort } from "../support/free-port";
import { coreNode, loadFlow, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";
import { RelpServer } from "../support/relp-server";

interface Preview {
  ok: boolean;
  line: string;
  fields: { key: string; value: string; name: string; type: string; label?: string; instant?: string }[];
  failure?: { code: string };
}

describe("the dialogs of cef-format, syslog-out and dxl-fabric", () => {
  let certs: Certificates;
  before(async () => {
    certs = makeCertificates();
    await startServer();
  });
  afterEach(() => unloadFlow());
  after(async () => {
    await stopServer();
    certs.remove();
  });

  describe("cef-format", () => {
    beforeEach(() => loadFlow([cefFormat], []));
    const preview = async (settings: object, question: object) => await tryForm("cef-format/preview", { settings, question }) as unknown as Preview;

    for (const kind of mappings.keys()) {
      it(`shows the sample of ${kind} as a line with all its fields`, async () => {
        const { line, fields, failure } = await preview({ kind: "auto" }, { kind });
        assert.equal(failure, undefined);
        const { extension, vendor, classId } = parseCef(line);
        const shown = new Map(fields.map(({ key, value }) => [key, value]));
        for (const { key, label } of fields) if (label !== undefined) shown.set(`${key}Label`, label);
        assert.deepEqual(Object.fromEntries([...shown].filter(([key]) => !key.startsWith("header")).sort()), Object.fromEntries([...extension].sort()));
        assert.deepEqual([shown.get("header 2"), shown.get("header 5")], [vendor, classId]);
        // Keys that are not in the dictionary begin with the product.
        assert.deepEqual(fields.filter(({ key, name, type }) => (name === "" || type === "") && !/^(Code42|McAfeeEpo)/.test(key)), []);
      });
    }

    it("names fields as in the dictionary, with readable times and labels", async () => {
      const { fields } = await preview({ kind: "code42.file-event.v2" }, {});
      const field = (key: string) => fields.find((each) => each.key === key);
      assert.deepEqual(field("rt"), { key: "rt", value: "1738027644362", name: "deviceReceiptTime", type: "timestamp", instant: "2025-01-28T01:27:24.362Z" });
      assert.deepEqual([field("cs5")?.name, field("cs5")?.label], ["deviceCustomString5", "RiskIndicators"]);
      assert.equal(field("cs5Label"), undefined);
    });

    it("formats a pasted event with the form's own fields, and shows values without escapes", async () => {
      const event = JSON.stringify([{ event: { id: "a", observer: "Endpoint" }, user: { email: "x=y|z\\n@example.com" }, note: "two\nlines k=v" }]);
      const { fields } = await preview({ kind: "code42.file-event.v2", vendor: "A|B\\", fields: [{ key: "ownKey", source: "note" }] }, { event });
      const value = (key: string) => fields.find((each) => each.key === key)?.value;
      assert.equal(value("header 2"), "A|B\\");
      assert.equal(value("suser"), "x=y|z\\n@example.com");
      assert.equal(value("ownKey"), "two\nlines k=v");
      assert.deepEqual([fields.find(({ key }) => key === "ownKey")?.name, fields.find(({ key }) => key === "ownKey")?.type], ["", ""]);
    });

    it("shows integers of a pasted event beyond 2^53 with every digit", async () => {
      const { line } = await preview({ kind: "code42.audit-event" }, { event: '[{"type$":"audit_log::x/1","userId":1004622955308648174,"more":{"id":-9007199254740993}}]' });
      assert.match(line, /duid=1004622955308648174 .*msg=\{"more":\{"id":"-9007199254740993"\}\} /);
    });

    it("says what is wrong with the form, the pasted text, or the event", async () => {
      const code = async (settings: object, question: object) => (await tryForm("cef-format/preview", { settings, question })).code;
      assert.equal(await code({ maxBytes: "5" }, {}), "PROPERTY_NUMBER");
      assert.equal(await code({ kind: "code42.session" }, { event: "{" }), "EVENT_JSON");
      assert.equal(await code({ kind: "auto" }, {}), "KIND_MISSING");
      const { failure, line } = await preview({ kind: "code42.session" }, { event: "{}" });
      assert.equal(failure?.code, "EVENT_EMPTY");
      assert.match(line, /\|unformatted\|/);
      const json = await preview({ kind: "code42.session", format: "raw-json" }, {});
      assert.deepEqual(json.fields, []);
      assert.match(json.line, /^\{/);
    });
  });

  describe("syslog-out", () => {
    const tls: FlowNode = { id: "tls", type: "tls-config", name: "", cert: "", key: "", ca: "", servername: "", verifyservercert: true };
    beforeEach(() => loadFlow([syslogOut, coreNode("network/05-tls")], [{ ...tls, ca: certs.ca.cert }]));
    const send = (settings: object) => tryForm("syslog-out/test", { settings: { host: "127.0.0.1", header: "rfc5424", ...settings } });

    it("sends one line over TCP and shows the line as sent", async () => {
      const messages: string[] = [];
      const siem = await startSiem({ onEvent: (_event, message) => messages.push(message), onIllegal: (reason) => messages.push(reason) });
      const { ok, sent, known, id } = await send({ transport: "tcp", port: siem.port });
      assert.deepEqual([ok, known], [true, "tcp"]);
      await until(() => messages.length === 1, "the line came");
      assert.deepEqual(messages, [sent]);
      assert.match(String(sent), new RegExp(`externalId=${String(id)} `));
      await siem.close();
    });

    it("says that a RELP server acknowledged it, or refused it", async () => {
      const server = await new RelpServer().start();
      const { ok, known, sent } = await send({ transport: "relp", port: server.port });
      assert.deepEqual([ok, known], [true, "relp"]);
      assert.deepEqual(server.sessions.flatMap(({ syslog }) => syslog.map(({ data }) => data)), [sent]);
      await server.stop();
      const refusing = await new RelpServer(({ txnr, command }, session) => session.answer(txnr, command === "open" ? "200 OK\nrelp_version=0\ncommands=syslog" : "500 full")).start();
      assert.deepEqual([(await send({ transport: "relp", port: refusing.port })).code], ["ALL_REFUSED"]);
      await refusing.stop();
    });

    it("sends a datagram", async () => {
      const socket = createSocket("udp4");
      const came: string[] = [];
      socket.on("message", (bytes) => came.push(bytes.toString()));
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      const { ok, known, sent } = await send({ transport: "udp", port: (socket.address()).port });
      assert.deepEqual([ok, known], [true, "udp"]);
      const { code, step } = await send({ transport: "udp", port: await freePort() });
      assert.deepEqual([code, step], ["CONNECTION_REFUSED", "connection"]);
      await until(() => came.length === 1, "the datagram came");
      assert.deepEqual(came, [sent]);
      socket.close();
    });

    it("names the step that failed, without a retry", async () => {
      const failure = async (settings: object) => {
        const { step, code } = await send(settings);
        return `${String(step)} ${String(code)}`;
      };
      const port = await freePort();
      assert.equal(await failure({ transport: "tcp", port }), "connection CONNECTION_REFUSED");
      assert.equal(await failure({ transport: "tcp", host: "no-such-host.invalid" }), "name HOST_UNKNOWN");
      const plain = createServer((socket) => void socket.on("error", () => undefined).end("220 ready\r\n"));
      await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
      assert.equal(await failure({ transport: "tls", tls: "tls", port: (plain.address() as AddressInfo).port }), "tls TLS_NOT_SPOKEN");
      plain.close();
      assert.equal((await send({ transport: "tls", tls: "gone", port })).code, "TLS_NODE_MISSING");
      assert.equal((await send({ transport: "tcp", port: "0" })).code, "PROPERTY_NUMBER");
      assert.equal((await send({ transport: "tcp", host: "${HOME}" })).code, "TRY_ENVIRONMENT");
    });
  });

  describe("dxl-fabric", () => {
    let broker: DxlBroker;
    before(async () => {
      broker = await startDxlBroker({ tls: { key: certs.read(certs.wrongName.key), cert: certs.read(certs.wrongName.cert), ca: certs.read(certs.ca.cert) } });
    });
    after(() => broker.close());

    const typed = () => ({ brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert) });
    const key = () => certs.read(certs.client.key);
    const load = () => loadFlow([dxlFabric, coreNode("network/06-httpproxy")], [{ id: "f", type: "dxl-fabric", brokers: `${broker.port};127.0.0.1` }], { credentials: { f: { ...typed(), privateKey: key() } } });
    const test = (settings: object, credentials: object = typed(), id = "f") => tryForm("dxl-fabric/test", { id, settings, credentials }, [key()]);

    it("connects to each broker with the stored key, and disconnects", async () => {
      await load();
      assert.deepEqual(await test({ brokers: `${broker.port};127.0.0.1` }), { ok: true, brokers: [{ broker: `127.0.0.1:${broker.port}` }] });
      await until(() => broker.clients === 0, "it has left");
    });

    it("reports on each broker, and fails if none can be used", async () => {
      await load();
      const free = await freePort();
      const some = await test({ brokers: `${free};127.0.0.1\n${broker.port};127.0.0.1` }, { ...typed(), privateKey: key() }) as unknown as { ok: boolean; brokers: { error?: { code: string } }[] };
      assert.equal(some.ok, true);
      assert.deepEqual(some.brokers.map(({ error }) => error?.code), ["CONNECTION_REFUSED", undefined]);
      const { step, code } = await test({ brokers: `${free};127.0.0.1` }, { ...typed(), privateKey: key() });
      assert.deepEqual([step, code], ["connection", "CONNECTION_REFUSED"]);
      const otherChain = await test({ brokers: `${broker.port};127.0.0.1` }, { ...typed(), brokerCertChain: certs.read(certs.otherCa.cert) });
      assert.deepEqual([otherChain.step, otherChain.code], ["tls", "BROKER_UNKNOWN_CA"]);
    });

    it("uses a stored key for no other broker", async () => {
      await load();
      assert.equal((await test({ brokers: `${await freePort()};127.0.0.1` })).code, "TRY_SECRET_ADDRESS");
      assert.equal((await test({ brokers: `${broker.port};127.0.0.1\n${broker.port};localhost` })).code, "TRY_SECRET_ADDRESS");
      assert.equal((await test({ brokers: `${broker.port};127.0.0.1` }, typed(), "new")).code, "CREDENTIAL_MISSING");
    });
  });
});
