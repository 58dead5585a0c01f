import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { createRequire } from "node:module";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { SiemError } from "../../../src/common/errors";
import type { BrokerAddress, FabricOptions } from "../../../src/dxl/client-config";
import type { FabricCredentials } from "../../../src/dxl/credentials";
import { Fabric, type FabricDependencies, type FabricListener, type FabricState } from "../../../src/dxl/fabric";
import { fewest, covers } from "../../../src/dxl/filter";
import { systemClock } from "../../../src/common/clock";
import { makeCertificates, type Certificate, type Certificates } from "../../support/certs";
import { startConnectProxy } from "../../support/connect-proxy";
import { Mosquitto } from "../../support/mosquitto";
import { freePort } from "../../support/free-port";
import { until } from "../../support/until";

/** The WebSocket library that mqtt depends on. */
const webSocketLibrary = createRequire(require.resolve("mqtt"))("ws") as {
  WebSocketServer: new (options: { server: HttpsServer; handleProtocols(protocols: Set<string>): string | false }) => {
    on(event: "connection", listener: (socket: unknown) => void): void;
    clients: Set<{ terminate(): void }>;
  };
  createWebSocketStream(socket: unknown): Duplex;
};

const TOPIC = "/mcafee/event/epo/threat/response";

interface Recorder extends FabricListener {
  events: { topic: string; text: string }[];
  states: FabricState[];
}

const recorder = (): Recorder => {
  const events: Recorder["events"] = [];
  const states: FabricState[] = [];
  return { events, states, message: (topic, payload) => void events.push({ topic, text: payload.toString() }), state: (state) => void states.push(state) };
};

/** A server that answers a CONNECT with `reply`, or never. */
async function startMute(): Promise<{ server: Server; port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("Fabric", () => {
  let certs: Certificates;
  let broker: Mosquitto;
  let fabrics: Fabric[] = [];
  let outages: SiemError[] = [];

  before(async () => {
    certs = makeCertificates();
    // The broker's certificate has another name on purpose. Like a DXL broker, it sends a copy for each filter that matches.
    broker = await Mosquitto.start({ ca: certs.ca.cert, server: certs.wrongName, settings: ["log_type all", "allow_duplicate_messages true"] });
  });
  afterEach(async () => {
    await Promise.all(fabrics.map((fabric) => fabric.close()));
    fabrics = [];
    outages = [];
  });
  after(async () => {
    await broker.stop();
    certs.remove();
  });

  const pem = (client: Certificate = certs.client, ca: Certificate = certs.ca): FabricCredentials => ({
    brokerCertChain: certs.read(ca.cert), certificate: certs.read(client.cert), privateKey: certs.read(client.key), passphrase: undefined,
  });
  const at = (port: number, host = "127.0.0.1"): BrokerAddress => ({ host, port });
  const make = (options: Partial<FabricOptions> = {}, dependencies: Partial<FabricDependencies> = {}) => {
    const fabric = new Fabric(
      { brokers: [at(broker.port)], webSockets: false, credentials: pem(), clientId: undefined, keepAlive: 30, reconnectDelay: 1, proxy: undefined, ...options },
      { clock: systemClock, random: () => 0.05, log: () => undefined, outage: (error) => void outages.push(error), ...dependencies },
    );
    fabrics.push(fabric);
    return fabric;
  };
  const connected = (fabric: Fabric) => until(() => fabric.state.phase === "connected", `connected (${fabric.state.error?.message})`);
  const failed = async (fabric: Fabric, code: string) => {
    const listener = recorder();
    fabric.subscribe(TOPIC, listener);
    await until(() => fabric.state.error !== undefined, "an attempt failed");
    assert.equal(fabric.state.error?.code, code, fabric.state.error?.message);
    return listener;
  };
  const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

  it("connects with a client certificate, whatever name the broker's certificate has, and delivers each event once", async () => {
    const fabric = make();
    const listener = recorder();
    assert.equal(fabric.state.phase, "idle");
    fabric.subscribe(TOPIC, listener);
    await connected(fabric);
    assert.equal(fabric.state.broker, `127.0.0.1:${broker.port}`);
    for (let index = 0; index < 50; index++) await broker.publish(TOPIC, `event ${index}`);
    await until(() => listener.events.length >= 50, "all events came");
    await settle();
    assert.deepEqual(listener.events.map(({ text }) => text), Array.from({ length: 50 }, (_, index) => `event ${index}`));
    assert.deepEqual(listener.states.map(({ phase }) => phase), ["idle", "connecting", "connected"]);
    assert.deepEqual(outages, []);
  });

  it("delivers events of any size, whole and in order, while the broker answers pings", async () => {
    const fabric = make({ keepAlive: 1 });
    const events: Buffer[] = [];
    const listener = { ...recorder(), message: (_topic: string, payload: Buffer) => void events.push(payload) };
    fabric.subscribe(TOPIC, listener);
    await connected(fabric);
    const sent = [0, 1, 16_000, 16_384, 16_385, 70_000, 1_000_000, 3, 200_000, 0].map((size, index) => Buffer.alloc(size, index + 1));
    for (const payload of sent) await broker.publish(TOPIC, payload);
    await until(() => events.length >= sent.length, "all events came");
    assert.ok(events.every((event, index) => event.equals(sent[index] as Buffer)));
    // Time for two pings.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(fabric.state.phase, "connected");
    await broker.publish(TOPIC, "after");
    await until(() => events.length > sent.length, "the last event came");
    assert.deepEqual(outages, []);
  }).timeout(10_000);

  it("speaks MQTT 3.1.1 with a clean session, its keep-alive and QoS 0", async () => {
    broker.logged();
    const fabric = make({ keepAlive: 27, clientId: "siem-test" });
    fabric.subscribe(TOPIC, recorder());
    await connected(fabric);
    const log = broker.logged();
    assert.match(log, /New client connected from \S+ as siem-test \(p2, c1, k27\)/);
    assert.match(log, new RegExp(`${TOPIC} \\(QoS 0\\)`));
  });

  it("shares one connection, and gives each listener one copy, also with overlapping filters", async () => {
    broker.logged();
    const fabric = make();
    const [one, two, three] = [recorder(), recorder(), recorder()];
    fabric.subscribe(TOPIC, one);
    fabric.subscribe("/mcafee/#", one);
    fabric.subscribe("#", two);
    fabric.subscribe(TOPIC, three);
    fabric.subscribe(TOPIC, three);
    await connected(fabric);
    await broker.publish(TOPIC, "event");
    await broker.publish("/elsewhere", "other");
    await until(() => two.events.length >= 2, "both events came");
    await settle();
    assert.deepEqual([one, two, three].map(({ events }) => events.length), [1, 2, 1]);
    const log = broker.logged();
    assert.equal(log.match(/Received CONNECT|New client connected from \S+ as (?!mqttjs)/g)?.length ?? 0, 0);
    assert.equal(log.match(/^.*\(QoS 0\)$/gm)?.length, 1, log);
  });

  it("changes its subscriptions without losing an event or getting one twice", async () => {
    const fabric = make();
    const narrow = recorder();
    fabric.subscribe(TOPIC, narrow);
    await connected(fabric);
    let sent = 0;
    let running = true;
    const publishing = (async () => {
      while (running) {
        await broker.publish(TOPIC, `event ${sent}`);
        sent += 1;
      }
    })();
    for (let round = 0; round < 20; round++) {
      const wide = recorder();
      const leave = fabric.subscribe("#", wide);
      await until(() => wide.events.length > 5, "the wide filter delivers");
      leave();
      const before = wide.events.length;
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(wide.events.length, before);
    }
    running = false;
    await publishing;
    await until(() => narrow.events.length >= sent, "all events came");
    await settle();
    assert.deepEqual(narrow.events.map(({ text }) => text), Array.from({ length: sent }, (_, index) => `event ${index}`));
  });

  it("stays connected while one of two subscribers remains, and stops calling the other", async () => {
    const fabric = make();
    const [one, two] = [recorder(), recorder()];
    const leaveOne = fabric.subscribe(TOPIC, one);
    const leaveTwo = fabric.subscribe(TOPIC, two);
    await connected(fabric);
    leaveOne();
    leaveOne();
    await broker.publish(TOPIC, "event");
    await until(() => two.events.length === 1, "the event came");
    assert.equal(one.events.length, 0);
    assert.equal(fabric.state.phase, "connected");
    broker.logged();
    leaveTwo();
    assert.equal(fabric.state.phase, "idle");
    let log = "";
    await until(() => (log += broker.logged()).includes("Received DISCONNECT"), "the goodbye arrived");
    fabric.subscribe(TOPIC, two);
    await connected(fabric);
    await broker.publish(TOPIC, "again");
    await until(() => two.events.length === 2, "the event came after a new start");
  });

  it("connects again after the last user left while it was connecting", async () => {
    const fabric = make();
    const listener = recorder();
    fabric.subscribe(TOPIC, recorder())();
    assert.equal(fabric.state.phase, "idle");
    fabric.subscribe(TOPIC, listener);
    await connected(fabric);
    await broker.publish(TOPIC, "event");
    await until(() => listener.events.length === 1, "the event came");
    await settle();
    assert.equal(listener.events.length, 1);
  });

  it("reconnects and resubscribes after the broker was killed and came back", async () => {
    const own = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
    try {
      const fabric = make({ brokers: [at(own.port)] });
      const listener = recorder();
      fabric.subscribe(TOPIC, listener);
      await connected(fabric);
      await own.publish(TOPIC, "before");
      await until(() => listener.events.length === 1, "the first event came");
      await own.kill("SIGKILL");
      await until(() => fabric.state.phase === "waiting", "the loss is seen");
      await until(() => fabric.reconnects > 2, "attempts failed");
      await own.start();
      await connected(fabric);
      await own.publish(TOPIC, "after");
      await until(() => listener.events.length === 2, "the second event came");
      await settle();
      assert.deepEqual(listener.events.map(({ text }) => text), ["before", "after"]);
      assert.deepEqual([...new Set(outages.map(({ code }) => code))].sort(), outages.map(({ code }) => code).sort());
      assert.ok(outages.some(({ code }) => code === "CONNECTION_REFUSED"));
    } finally {
      await own.stop();
    }
  });

  it("notices a broker that hangs", async () => {
    const own = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
    try {
      const fabric = make({ brokers: [at(own.port)], keepAlive: 1 }, { patience: 500 });
      fabric.subscribe(TOPIC, recorder());
      await connected(fabric);
      await own.kill("SIGSTOP");
      await until(() => fabric.state.error !== undefined, "the silence is noticed");
      assert.equal(fabric.state.error?.code, "BROKER_SILENT");
      await own.kill("SIGCONT");
      await connected(fabric);
      await own.kill("SIGSTOP");
      const start = performance.now();
      await fabric.close();
      assert.ok(performance.now() - start < 3000);
      await own.kill("SIGCONT");
    } finally {
      await own.stop();
    }
  });

  it("tries the next broker first when one hangs, however long its connection has lasted", async () => {
    const own = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server });
    try {
      for (const [brokers, lasts] of [[[own.port, broker.port], 0], [[await freePort(), own.port, broker.port], 5100]] as const) {
        const fabric = make({ brokers: brokers.map((port) => at(port)), keepAlive: 1 });
        const listener = recorder();
        fabric.subscribe(TOPIC, listener);
        await connected(fabric);
        assert.equal(fabric.state.broker, `127.0.0.1:${own.port}`);
        await new Promise((resolve) => setTimeout(resolve, lasts));
        const before = listener.states.length;
        await own.kill("SIGSTOP");
        await until(() => fabric.state.error?.code === "BROKER_SILENT", "the silence is noticed");
        await connected(fabric);
        assert.deepEqual(listener.states.slice(before).map((state) => [state.phase, state.broker]), [
          ["waiting", `127.0.0.1:${own.port}`], ["connecting", `127.0.0.1:${broker.port}`], ["connected", `127.0.0.1:${broker.port}`],
        ]);
        await own.kill("SIGCONT");
        await fabric.close();
      }
    } finally {
      await own.kill("SIGCONT");
      await own.stop();
    }
  }).timeout(30_000);

  it("says that another client has the same id, when both take the connection from each other", async () => {
    const [one, two] = [make({ clientId: "shared" }), make({ clientId: "shared" })];
    one.subscribe(TOPIC, recorder());
    await connected(one);
    two.subscribe(TOPIC, recorder());
    await until(() => outages.filter(({ code }) => code === "CLIENT_ID_TAKEN").length === 2, "both name the cause");
    assert.match(outages.at(-1)?.message ?? "", /same id shared/);
  });

  it("says that a port is the one for WebSockets, or the one for MQTT", async () => {
    const own = await Mosquitto.start({ ca: certs.ca.cert, server: certs.server, webSockets: true });
    try {
      await failed(make({ brokers: [at(own.webSocketPort)] }), "PORT_IS_WEB_SOCKETS");
      await failed(make({ brokers: [at(own.port)], webSockets: true }), "PORT_IS_MQTT");
      const right = make({ brokers: [at(own.webSocketPort)], webSockets: true });
      right.subscribe(TOPIC, recorder());
      await connected(right);
    } finally {
      await own.stop();
    }
  });

  describe("with certificates of an intermediate authority", () => {
    const files = (name: string): Certificate => ({ cert: join(certs.folder, `${name}.pem`), key: join(certs.folder, `${name}.key`) });
    const issue = (name: string, issuer: string, ...extensions: string[]) => {
      const [made, by] = [files(name), issuer === "ca" ? certs.ca : files(issuer)];
      execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-CA", by.cert, "-CAkey", by.key,
        "-keyout", made.key, "-out", made.cert, "-subj", `/O=Example/CN=${name}`, ...extensions.flatMap((extension) => ["-addext", extension])], { stdio: "pipe" });
      return made;
    };
    let own: Mosquitto;
    before(async () => {
      issue("intermediate", "ca", "basicConstraints=critical,CA:TRUE");
      const leaf = issue("leaf", "intermediate", "basicConstraints=critical,CA:FALSE");
      own = await Mosquitto.start({ ca: certs.ca.cert, server: leaf, webSockets: true });
    });
    after(() => own.stop());
    const read = (name: string) => certs.read(files(name).cert);
    const bundle = (brokerCertChain: string) => ({ credentials: { ...pem(), brokerCertChain } });

    for (const webSockets of [false, true]) {
      it(`says which one the CA bundle lacks${webSockets ? ", over WebSockets" : ""}`, async () => {
        const brokers = [at(webSockets ? own.webSocketPort : own.port)];
        await failed(make({ brokers, webSockets, ...bundle(certs.read(certs.ca.cert)) }), "BROKER_UNKNOWN_CA");
        await failed(make({ brokers, webSockets, ...bundle(read("intermediate")) }), "BROKER_UNKNOWN_CA");
        const root = /CN\s*=\s*(\S+)/.exec(execFileSync("openssl", ["x509", "-in", certs.ca.cert, "-noout", "-subject"], { encoding: "utf8" }))?.[1];
        assert.deepEqual(outages.map(({ message }) => /lacks the certificate of (.*), which/.exec(message)?.[1]), ["O=Example, CN=intermediate", `CN=${root}`]);
        const right = make({ brokers, webSockets, ...bundle(read("intermediate") + certs.read(certs.ca.cert)) });
        right.subscribe(TOPIC, recorder());
        await connected(right);
      });
    }

    it("says which one the client certificate lacks", async () => {
      const client = issue("client-of-intermediate", "intermediate", "basicConstraints=critical,CA:FALSE");
      await failed(make({ credentials: pem(client) }), "CERTIFICATE_REFUSED");
      assert.match(outages[0]?.message ?? "", /Its issuer is O=Example, CN=intermediate: if that is an intermediate/);
      const right = make({ credentials: { ...pem(client), certificate: certs.read(client.cert) + read("intermediate") } });
      right.subscribe(TOPIC, recorder());
      await connected(right);
    });
  });

  it("tries the brokers in their order and stays with the first that answers", async () => {
    const dead = await freePort();
    const fabric = make({ brokers: [at(dead), at(dead, "::1"), at(broker.port, "localhost")] });
    const listener = recorder();
    fabric.subscribe(TOPIC, listener);
    await connected(fabric);
    assert.equal(fabric.state.broker, `localhost:${broker.port}`);
    assert.deepEqual([...new Set(listener.states.map((state) => state.broker))], [undefined, `127.0.0.1:${dead}`, `[::1]:${dead}`, `localhost:${broker.port}`]);
  });

  it("waits longer after each round of brokers, up to a minute, with full jitter", async () => {
    const pauses: number[] = [];
    const clock = {
      ...systemClock,
      after: (ms: number, callback: () => void) => {
        if (ms === 1000) return systemClock.after(ms, callback);
        pauses.push(ms);
        return systemClock.after(1, callback);
      },
    };
    const fabric = make({ brokers: [at(await freePort())] }, { clock, random: () => 0.4 });
    fabric.subscribe(TOPIC, recorder());
    await until(() => pauses.length >= 9, "nine attempts failed");
    await fabric.close();
    assert.deepEqual(pauses.slice(0, 9), [400, 800, 1600, 3200, 6400, 12_800, 24_000, 24_000, 24_000]);
    for (const [reconnectDelay, expected] of [[0.1, [40, 80, 160, 320]], [30, [12_000, 24_000, 24_000, 24_000]], [300, [120_000, 120_000]]] as const) {
      pauses.length = 0;
      const other = make({ brokers: [at(await freePort())], reconnectDelay }, { clock, random: () => 0.4 });
      other.subscribe(TOPIC, recorder());
      await until(() => pauses.length >= expected.length, "attempts failed");
      await other.close();
      assert.deepEqual(pauses.slice(0, expected.length), expected);
    }
  });

  it("reports each failed attempt once", async () => {
    const other = await Mosquitto.start({ ca: certs.ca.cert, server: certs.otherServer });
    try {
      const fabric = make({ brokers: [at(other.port)] }, { random: () => 0.9 });
      const listener = await failed(fabric, "BROKER_UNKNOWN_CA");
      await settle();
      assert.deepEqual(listener.states.map(({ phase }) => phase), ["idle", "connecting", "waiting"]);
      assert.equal(outages.length, 1);
    } finally {
      await other.stop();
    }
  });

  const refusals: [what: string, code: string, server: () => Certificate, client: () => Certificate][] = [
    ["an expired broker certificate", "BROKER_CERTIFICATE_EXPIRED", () => certs.expired, () => certs.client],
    ["an expired client certificate", "CERTIFICATE_EXPIRED", () => certs.server, () => certs.expired],
    ["a client certificate of an authority that the broker does not know", "CERTIFICATE_REFUSED", () => certs.server, () => certs.otherClient],
  ];
  for (const [what, code, server, client] of refusals) {
    it(`reports ${what}`, async () => {
      const own = await Mosquitto.start({ ca: certs.ca.cert, server: server() });
      try {
        await failed(make({ brokers: [at(own.port)], credentials: pem(client()) }), code);
        assert.doesNotMatch(outages[0]?.message ?? "", /\n|\s\)/);
      } finally {
        await own.stop();
      }
    });
  }

  it("says that nobody listens, a name is unknown, a server does not answer, or a port speaks no TLS", async () => {
    await failed(make({ brokers: [at(await freePort())] }), "CONNECTION_REFUSED");
    await failed(make({ brokers: [at(8883, "broker.invalid")] }), "HOST_UNKNOWN");
    const mute = await startMute();
    try {
      await failed(make({ brokers: [at(mute.port)] }, { patience: 200 }), "TLS_NOT_SPOKEN");
      mute.server.once("connection", (socket: Socket) => void socket.end());
      await failed(make({ brokers: [at(mute.port)] }), "TLS_NOT_SPOKEN");
      mute.server.on("connection", (socket: Socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
      await failed(make({ brokers: [at(mute.port)] }), "TLS_NOT_SPOKEN");
    } finally {
      mute.close();
    }
  });

  it("refuses credentials that cannot work before it connects", () => {
    const encrypted = join(certs.folder, "encrypted.key");
    execFileSync("openssl", ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-in", certs.client.key, "-out", encrypted, "-passout", "pass:correct horse"], { stdio: "pipe" });
    const privateKey = certs.read(encrypted);
    const refused = (code: string, credentials: Partial<FabricCredentials>) =>
      assert.throws(() => make({ credentials: { ...pem(), ...credentials } }), (error: unknown) => {
        assert.ok(error instanceof SiemError);
        assert.equal(error.code, code, error.message);
        assert.equal(error.permanent, true);
        assert.doesNotMatch(error.message, /horse|donkey|PRIVATE KEY/);
        return true;
      });
    refused("KEY_MISMATCH", { privateKey: certs.read(certs.otherClient.key) });
    refused("PASSPHRASE_MISSING", { privateKey });
    refused("PASSPHRASE_WRONG", { privateKey, passphrase: "donkey" });
    // One wrong passphrase of 256 leaves valid padding.
    const misleading = Array.from({ length: 5000 }, (_, index) => `donkey ${index}`).find((passphrase) => {
      try {
        createPrivateKey({ key: privateKey, passphrase });
      } catch (error) {
        return !/bad decrypt/i.test(String(error));
      }
      return false;
    });
    assert.ok(misleading !== undefined);
    refused("PASSPHRASE_WRONG", { privateKey, passphrase: misleading });
    refused("CREDENTIALS_INVALID", { privateKey: "no key" });
    refused("CREDENTIALS_INVALID", { certificate: "no certificate" });
    refused("CA_INVALID", { brokerCertChain: "no certificate" });
    refused("CA_INVALID", { brokerCertChain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" });
    assert.doesNotThrow(() => make({ credentials: { ...pem(), privateKey, passphrase: "correct horse" } }));
    assert.throws(() => make({ brokers: [] }), { code: "NO_BROKERS" });
    assert.throws(() => make({ proxy: { url: "nonsense" } }), { code: "PROXY_URL_INVALID" });
  });

  it("refuses + because it misses events, and filters on which a broker would close the connection", () => {
    const fabric = make();
    for (const [filter, code] of [["", "FILTER_EMPTY"], ["  ", "FILTER_EMPTY"], ["/a/+/b", "FILTER_PLUS"], ["+", "FILTER_PLUS"], ["/a+", "FILTER_INVALID"],
      ["/a#", "FILTER_INVALID"], ["/a/#/b", "FILTER_INVALID"], ["/a\0", "FILTER_INVALID"], ["/\ud800", "FILTER_INVALID"], ["/".repeat(70_000), "FILTER_INVALID"]] as const) {
      assert.throws(() => fabric.subscribe(filter, recorder()), { code });
    }
    assert.equal(fabric.state.phase, "idle");
  });

  it("ends in an orderly way in every state, and leaves no timer behind", async () => {
    const timers = new Set<object>();
    const clock = {
      ...systemClock,
      after: (ms: number, callback: () => void) => {
        const timer = {};
        timers.add(timer);
        const cancel = systemClock.after(ms, () => {
          timers.delete(timer);
          callback();
        });
        return () => {
          timers.delete(timer);
          cancel();
        };
      },
    };
    const mute = await startMute();
    try {
      const hanging = make({ brokers: [at(mute.port)] }, { clock });
      const listener = recorder();
      hanging.subscribe(TOPIC, listener);
      await until(() => hanging.state.phase === "connecting", "connecting");
      await settle();
      await hanging.close();
      const waiting = make({ brokers: [at(await freePort())] }, { clock, random: () => 0.9 });
      waiting.subscribe(TOPIC, listener);
      await until(() => waiting.state.phase === "waiting", "waiting");
      await waiting.close();
      const up = make({}, { clock });
      up.subscribe(TOPIC, listener);
      await connected(up);
      await up.close();
      await make({}, { clock }).close();
      assert.equal(timers.size, 0);
      const count = listener.states.length;
      await broker.publish(TOPIC, "late");
      await settle();
      assert.equal(listener.states.length, count);
      assert.equal(listener.events.length, 0);
      assert.equal(up.state.phase, "closed");
    } finally {
      mute.close();
    }
  });

  describe("over WebSockets", () => {
    let port: number;
    let close: () => Promise<void>;
    before(async () => {
      const { Aedes } = await import("aedes");
      const aedes = await Aedes.createBroker({
        authorizeSubscribe: (_client, subscription, callback) => callback(null, subscription.topic === "#" ? null : subscription),
      });
      const server = createHttpsServer({
        ca: certs.read(certs.ca.cert), cert: certs.read(certs.wrongName.cert), key: certs.read(certs.wrongName.key), requestCert: true, rejectUnauthorized: true,
      });
      const sockets = new webSocketLibrary.WebSocketServer({ server, handleProtocols: (protocols) => (protocols.has("mqtt") ? "mqtt" : false) });
      sockets.on("connection", (socket) => void aedes.handle(webSocketLibrary.createWebSocketStream(socket).on("error", () => undefined)));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      port = (server.address() as AddressInfo).port;
      const echo = setInterval(() => aedes.publish({ cmd: "publish", topic: TOPIC, payload: "event", qos: 0, retain: false, dup: false }, () => undefined), 50);
      close = async () => {
        clearInterval(echo);
        for (const client of sockets.clients) client.terminate();
        await new Promise<void>((resolve) => aedes.close(() => server.close(() => resolve())));
      };
    });
    after(() => close());

    it("receives, with the certificates of both sides verified", async () => {
      const fabric = make({ brokers: [at(port)], webSockets: true });
      const listener = recorder();
      fabric.subscribe(TOPIC, listener);
      await connected(fabric);
      await until(() => listener.events.length > 1, "events came");
      await failed(make({ brokers: [at(port)], webSockets: true, credentials: pem(certs.client, certs.otherCa) }), "BROKER_UNKNOWN_CA");
      // Node.js as a server closes the connection without the alert that a broker sends, as a port for MQTT does.
      await failed(make({ brokers: [at(port)], webSockets: true, credentials: pem(certs.otherClient) }), "PORT_IS_MQTT");
      await failed(make({ brokers: [at(await freePort())], webSockets: true }), "CONNECTION_REFUSED");
    });

    it("says which subscription the broker refuses, and subscribes to the filters within it", async () => {
      const fabric = make({ brokers: [at(port)], webSockets: true });
      const [all, one] = [recorder(), recorder()];
      fabric.subscribe("#", all);
      const leave = fabric.subscribe(TOPIC, one);
      await connected(fabric);
      assert.equal(fabric.state.error?.code, "SUBSCRIPTION_REFUSED");
      assert.equal(fabric.state.error?.params["filter"], "#");
      assert.deepEqual(outages.map(({ code }) => code), ["SUBSCRIPTION_REFUSED"]);
      await until(() => one.events.length > 1 && all.events.length > 1, "events came");
      leave();
      await settle();
      const count = all.events.length;
      await settle();
      assert.equal(all.events.length, count);
    });

    it("goes through a proxy with user and password", async () => {
      const proxy = await startConnectProxy({ login: "dana:pass" });
      try {
        const settings = { url: proxy.url, username: "dana", password: "pass" };
        const fabric = make({ brokers: [at(port)], webSockets: true, proxy: settings });
        const listener = recorder();
        fabric.subscribe(TOPIC, listener);
        await connected(fabric);
        assert.deepEqual(proxy.tunnels, [`127.0.0.1:${port}`]);
        await until(() => listener.events.length > 0, "events came");
        const direct = make({ brokers: [at(port)], webSockets: true, proxy: { ...settings, noproxy: ["127.0.0.1"] } });
        direct.subscribe(TOPIC, listener);
        await connected(direct);
        assert.equal(proxy.tunnels.length, 1);
        await failed(make({ brokers: [at(port)], webSockets: true, credentials: pem(certs.client, certs.otherCa), proxy: settings }), "BROKER_UNKNOWN_CA");
        await failed(make({ brokers: [at(port)], webSockets: true, proxy: { ...settings, password: "wrong" } }), "WEB_SOCKET_REFUSED");
      } finally {
        await proxy.close();
      }
    });

    it("sends no password to a proxy whose certificate is unknown, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
      const proxy = await startConnectProxy({ tls: { cert: certs.read(certs.server.cert), key: certs.read(certs.server.key) } });
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      try {
        await failed(make({ brokers: [at(port)], webSockets: true, proxy: { url: proxy.url, username: "dana", password: "pass" } }), "TLS_FAILED");
        assert.deepEqual(proxy.tunnels, []);
      } finally {
        delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
        await proxy.close();
      }
    });
  });
});

describe("topic filters", () => {
  it("match as in MQTT", () => {
    for (const [filter, topic, expected] of [["/a/#", "/a/b/c", true], ["/a/#", "/a", true], ["/a/#", "/ab", false], ["#", "/a", true], ["#", "$SYS/a", false], ["/a", "/a", true], ["/a", "/a/", false]] as const) {
      assert.equal(covers(filter, topic), expected, `${filter} ${topic}`);
    }
  });

  it("are reduced to those that no other filter covers", () => {
    assert.deepEqual([...fewest(["/a", "/a/#", "/b", "/a/b/#", "/b"])], ["/a/#", "/b"]);
    assert.deepEqual([...fewest(["/a", "#", "/b/#"])], ["#"]);
  });
});
