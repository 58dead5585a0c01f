import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { inspect } from "node:util";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import dxlFabric from "../../nodes/dxl-fabric";
import { certificateInfo } from "../../src/dxl/client-config";
import type { FabricNode } from "../../src/dxl/fabric";
import { makeCertificates, type Certificates } from "../support/certs";
import { dxlClient } from "../support/dxl-client";
import { BROKERS, ManagementServer, PASSWORD, USER } from "../support/management-server";
import { Mosquitto } from "../support/mosquitto";
import { coreNode, getNode, helper, loadFlow, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

const TOPIC = "/mcafee/event/epo/threat/response";

describe("dxl-fabric", () => {
  let certs: Certificates;
  let broker: Mosquitto;
  before(async () => {
    certs = makeCertificates();
    broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.wrongName });
    await startServer();
  });
  afterEach(() => unloadFlow());
  after(async () => {
    await stopServer();
    await broker.stop();
    certs.remove();
  });

  const nodes = [dxlFabric as never, coreNode("network/06-httpproxy")];
  const pem = () => ({ brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key) });
  const load = (properties: Record<string, unknown>, credentials: Record<string, string> = {}, more: FlowNode[] = []) =>
    loadFlow(nodes, [{ id: "fabric", type: "dxl-fabric", name: "f", ...properties }, ...more], { credentials: { fabric: credentials }, settings: { userDir: certs.folder } });
  const getFabric = () => (getNode("fabric") as unknown as FabricNode).getFabric();
  const reload = async (properties: Record<string, unknown>) => {
    await unloadFlow();
    await load(properties);
    return getFabric;
  };
  const receives = async () => {
    const events: string[] = [];
    const fabric = await getFabric();
    fabric.subscribe(TOPIC, { message: (_topic, payload) => void events.push(payload.toString()), state: () => undefined });
    await until(() => fabric.state.phase === "connected", "connected");
    await broker.publish(TOPIC, "event");
    await until(() => events.length === 1, "the event came");
  };
  const writeConfig = (certificate = certs.client) => {
    writeFileSync(join(certs.folder, "dxlclient.config"),
      `[Certs]\nBrokerCertChain=ca.pem\nCertFile=${certificate.cert}\nPrivateKey=${certificate.key}\n[Brokers]\n{b}={b};${broker.port};127.0.0.1\n`);
  };

  it("connects with brokers and PEM texts, one connection for all", async () => {
    await load({ brokers: `${broker.port};127.0.0.1` }, pem());
    assert.equal(await getFabric(), await getFabric());
    await receives();
  });

  it("connects with a dxlclient.config in the user's folder", async () => {
    writeConfig();
    await load({ configFile: "dxlclient.config" });
    await receives();
  });

  it("refuses a configuration or a certificate that is a pipe, a device, a folder or too long, at once", async () => {
    const pipe = join(certs.folder, "pipe");
    const long = join(certs.folder, "long");
    execFileSync("mkfifo", [pipe]);
    writeFileSync(long, "x".repeat(2 ** 20 + 1));
    for (const [name, reason] of [[pipe, "not a regular file"], ["/dev/zero", "not a regular file"], ["/dev/tty", "not a regular file"], [long, "longer than 1 MiB"]] as const) {
      const started = performance.now();
      await load({ configFile: name });
      await assert.rejects(getFabric(), { code: "CONFIG_FILE", message: new RegExp(reason) }, name);
      writeConfig({ ...certs.client, cert: name });
      await assert.rejects((await reload({ configFile: "dxlclient.config" }))(), { code: "PEM_FILE", message: new RegExp(reason) }, name);
      assert.ok(performance.now() - started < 2000, name);
      await unloadFlow();
    }
    writeConfig({ ...certs.client, cert: certs.folder });
    await load({ configFile: "dxlclient.config" });
    await assert.rejects(getFabric(), { code: "PEM_FILE", message: /EISDIR/ });
  });

  it("connects when somebody subscribes, not before and not after it was stopped", async () => {
    broker.logged();
    await load({ brokers: `${broker.port};127.0.0.1` }, pem());
    const fabric = await getFabric();
    assert.equal(fabric.state.phase, "idle");
    await receives();
    await unloadFlow();
    assert.equal(fabric.state.phase, "closed");
    let log = "";
    await until(() => (log += broker.logged()).includes("Received DISCONNECT"), "the goodbye arrived");
    await load({});
  });

  it("says what is wrong with its settings, and works once they are repaired", async () => {
    await load({ brokers: `${broker.port};127.0.0.1` }, { ...pem(), privateKey: certs.read(certs.otherClient.key) });
    await assert.rejects(getFabric(), { code: "KEY_MISMATCH" });
    await unloadFlow();
    await load({ brokers: `${broker.port};127.0.0.1`, proxy: "gone", webSockets: true }, pem());
    await assert.rejects(getFabric(), { code: "PROXY_NODE_MISSING" });
    await unloadFlow();
    await load({ brokers: `${broker.port};127.0.0.1`, proxy: "proxy" }, pem(), [{ id: "proxy", type: "http proxy", name: "", url: "http://proxy.example.com:3128", noproxy: [] }]);
    await assert.rejects(getFabric(), { code: "PROXY_NEEDS_WEB_SOCKETS" });
    await unloadFlow();
    await load({ brokers: `${broker.port};127.0.0.1` }, pem());
    await receives();
  });

  it("logs an outage with its reason, in words", async () => {
    await load({ brokers: `${broker.port};127.0.0.1` }, { ...pem(), brokerCertChain: certs.read(certs.otherCa.cert) });
    const logged: unknown[] = [];
    getNode("fabric").on("call:error" as never, ((call: { args: unknown[] }) => logged.push(call.args[0])) as never);
    const fabric = await getFabric();
    fabric.subscribe(TOPIC, { message: () => undefined, state: () => undefined });
    await until(() => logged.length > 0, "the outage was logged");
    assert.equal((logged[0] as { code?: string }).code, "BROKER_UNKNOWN_CA");
    assert.doesNotMatch(inspect(logged), /PRIVATE KEY/);
  });

  describe("shows the client certificate", () => {
    const post = async (path: string, body: object = {}) => {
      const { status, body: answer } = await (helper.request() as unknown as { post(path: string): { send(body: object): Promise<{ status: number; body: Record<string, string> }> } }).post(path).send(body);
      assert.doesNotMatch(JSON.stringify(answer), /BEGIN|PRIVATE/);
      return { status, answer };
    };

    it("of the deployed node", async () => {
      await load({ brokers: `${broker.port};127.0.0.1` }, pem());
      const { status, answer } = await post("/dxl-fabric/fabric/certificate");
      assert.equal(status, 200);
      assert.deepEqual(answer, { ok: true, ...certificateInfo(certs.read(certs.client.cert)) });
    });

    it("of a file or a text that is not deployed yet", async () => {
      writeConfig();
      await load({});
      const expected = { ok: true, ...certificateInfo(certs.read(certs.client.cert)) };
      assert.deepEqual((await post("/dxl-fabric/certificate", { configFile: "dxlclient.config" })).answer, expected);
      assert.deepEqual((await post("/dxl-fabric/certificate", { certificate: certs.read(certs.client.cert) })).answer, expected);
    });

    it("and says why it cannot, without a secret", async () => {
      await load({});
      for (const [path, body] of [
        ["/dxl-fabric/nobody/certificate", {}], ["/dxl-fabric/fabric/certificate", {}], ["/dxl-fabric/certificate", {}],
        ["/dxl-fabric/certificate", { configFile: "/nowhere" }], ["/dxl-fabric/certificate", { configFile: certs.client.key }], ["/dxl-fabric/certificate", { certificate: 7 }],
      ] as const) {
        const { status, answer } = await post(path, body);
        assert.equal(status, 200);
        assert.deepEqual(Object.keys(answer), ["ok", "code", "key", "params", "message"]);
      }
    });
  });

  describe("provisions a client", () => {
    let server: ManagementServer;
    beforeEach(async () => {
      server = await ManagementServer.start(certs);
      await load({});
    });
    afterEach(() => server.stop());
    const provision = async (change: Record<string, unknown> = {}) => {
      const form = { host: "127.0.0.1", port: server.port, user: USER, password: PASSWORD, commonName: "node-red", truststore: certs.read(certs.ca.cert), ...change };
      const { status, headers, body } = await (helper.request() as unknown as { post(path: string): { send(body: object): Promise<{ status: number; headers: Record<string, string>; body: Record<string, string> }> } }).post("/dxl-fabric/provision").send(form);
      assert.equal(status, 200);
      assert.equal(headers["cache-control"], "no-store");
      assert.ok(!JSON.stringify(body).includes(PASSWORD));
      return body;
    };

    it("with what a fabric then connects with", async () => {
      const { ok, brokers, webSocketBrokers, ...credentials } = await provision();
      assert.equal(ok, true);
      assert.equal(brokers, BROKERS);
      assert.match(webSocketBrokers ?? "", /;443;/);
      await unloadFlow();
      await load({ brokers: `${broker.port};127.0.0.1` }, credentials);
      await receives();
    });

    it("into a folder, with which the vendor's client connects, and this fabric", async () => {
      server.brokers = `{b}={b};${broker.port};127.0.0.1`;
      const folder = join(certs.folder, "clients", "node-red");
      const answer = await provision({ folder: "clients/node-red" });
      assert.deepEqual(answer, { ok: true, folder }, "the private key left the runtime");
      assert.match(readFileSync(join(folder, "client.key"), "utf8"), /^-----BEGIN PRIVATE KEY-----/);

      const { Client, Config, Event } = dxlClient as {
        Client: new (config: unknown) => { connect(callback: (error?: Error) => void): void; sendEvent(event: object): void; destroy(callback: () => void): void };
        Config: { createDxlConfigFromFile(path: string): unknown };
        Event: new (topic: string) => { payload: unknown };
      };
      const client = new Client(Config.createDxlConfigFromFile(join(folder, "dxlclient.config")));
      await new Promise<void>((resolve, reject) => client.connect((error) => (error == null ? resolve() : reject(error))));
      try {
        await unloadFlow();
        await load({ configFile: folder });
        const events: Buffer[] = [];
        const fabric = await getFabric();
        fabric.subscribe(TOPIC, { message: (_topic, payload) => void events.push(payload), state: () => undefined });
        await until(() => fabric.state.phase === "connected", "the fabric is connected");
        client.sendEvent(Object.assign(new Event(TOPIC), { payload: "from the vendor's client" }));
        await until(() => events.length === 1, "the event came");
        assert.ok(events[0]?.includes("from the vendor's client"));
      } finally {
        await new Promise<void>((resolve) => client.destroy(resolve));
      }

      const again = await provision({ folder });
      assert.deepEqual(Object.keys(again), ["ok", "code", "key", "params", "message"]);
      assert.equal(server.csrs.length, 1, "the server was asked for a second certificate");
    });

    it("shows the fingerprint of the server before it sends anything", async () => {
      const { fingerprint, ...rest } = await provision({ byFingerprint: true });
      assert.match(fingerprint ?? "", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      assert.deepEqual(rest, { ok: true });
      assert.deepEqual(server.requests, []);
      assert.equal((await provision({ byFingerprint: true, fingerprint }))["brokers"], BROKERS);
    });

    it("and says why it cannot, without a secret", async () => {
      for (const change of [{ truststore: "" }, { password: "wrong" }, { host: "" }]) {
        assert.deepEqual(Object.keys(await provision(change)), ["ok", "code", "key", "params", "message"]);
      }
    });
  });
});
