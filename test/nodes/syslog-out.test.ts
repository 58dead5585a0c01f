import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, Server as TlsServer, type TlsOptions } from "node:tls";
import syslogOut from "../../nodes/syslog-out";
import { deliveryRegistry } from "../../src/delivery/registry";
import { makeCertificates, type Certificates } from "../support/certs";
import { freePort } from "../support/free-port";
import { RelpServer, soundAnswer, type RelpCommand, type RelpSession } from "../support/relp-server";
import { coreNode, getNode, loadFlow, recordMessages, recordStatus, unloadFlow, until, type FlowNode } from "../support/node-red";

const tlsConfig = coreNode("network/05-tls.js");

/** A server that records lines, and can be stopped and started again on the same port. */
class LineServer {
  lines: string[] = [];
  sockets = new Set<Socket>();
  port = 0;
  private server: Server | undefined;
  private rest = "";

  async start(make: () => Server = () => createServer()): Promise<this> {
    const server = make();
    this.server = server;
    server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      this.sockets.add(socket);
      this.rest = "";
      socket.on("close", () => this.sockets.delete(socket)).on("error", () => undefined);
      socket.on("data", (data) => this.take(String(data)));
    });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as { port: number }).port;
    return this;
  }

  private take(data: string) {
    const lines = (this.rest + data).split("\n");
    this.rest = lines.pop() ?? "";
    this.lines.push(...lines);
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.resetAndDestroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}

interface Outcome { error: (Error & { code?: string; source?: unknown }) | undefined }

describe("syslog-out", () => {
  const servers: LineServer[] = [];
  let certs: Certificates;
  before(() => { certs = makeCertificates(); });
  after(() => certs.remove());
  afterEach(async () => {
    await unloadFlow();
    for (const server of servers.splice(0)) await server.stop();
  });

  const lineServer = async (make?: () => Server) => {
    const server = await new LineServer().start(make);
    servers.push(server);
    return server;
  };

  const node = (properties: Record<string, unknown>): FlowNode =>
    ({ id: "out", type: "syslog-out", wires: [["next"]], host: "127.0.0.1", transport: "tcp", header: "none", ...properties });

  const tls = (properties: Record<string, unknown>): FlowNode => ({
    id: "tls", type: "tls-config", name: "SIEM", cert: "", key: "", ca: certs.ca.cert, certname: "", keyname: "", caname: "",
    servername: "", verifyservercert: true, alpnprotocol: "", ...properties,
  });

  /** Loads the node with a node behind it, a catch node and `more`; returns what these see. */
  async function load(properties: Record<string, unknown>, more: FlowNode[] = []) {
    await loadFlow([tlsConfig, syslogOut], [
      node(properties),
      { id: "next", type: "helper", wires: [] },
      { id: "caught", type: "helper", wires: [] },
      { id: "catch", type: "catch", scope: null, uncaught: false, wires: [["caught"]] },
      ...more,
    ]);
    const statuses = recordStatus("out");
    return {
      sent: recordMessages("next"),
      caught: recordMessages("caught") as { error: { message: string; code?: string }; payload?: unknown }[],
      statuses,
      status: () => statuses.at(-1) ?? (getNode("out") as unknown as { status: { lastCall?: { args: [object] } } }).status.lastCall?.args[0] ?? {},
    };
  }

  /** Sends a message into the node and resolves with what it calls `done` with. */
  const input = (message: object) => new Promise<Outcome>((resolve) => {
    const out = getNode("out") as unknown as { send(m: object): void; _inputCallback(m: object, s: (m: object) => void, d: (error?: Error) => void): void };
    out._inputCallback(message, (output) => out.send(output), (error) => resolve({ error }));
  });

  it("delivers single lines, Buffers and pages in order, and passes the messages on", async () => {
    const server = await lineServer();
    const { sent } = await load({ port: server.port });
    const messages = [{ payload: "a" }, { payload: [] }, { payload: ["b", Buffer.from("c"), "d\r\ne"] }, { payload: Buffer.from("größe") }];
    const outcomes = await Promise.all(messages.map((message) => input(message)));
    assert.ok(outcomes.every(({ error }) => error === undefined));
    await until(() => server.lines.length === 5 && sent.length === 4, "all arrived");
    assert.deepEqual(server.lines, ["a", "b", "c", "d  e", "größe"]);
    assert.deepEqual(sent.map(({ payload }) => payload).filter((payload) => !Array.isArray(payload) || payload.length > 0),
      messages.map(({ payload }) => payload).filter((payload) => payload.length > 0));
  });

  it("adds its figures to a stats message and sends nothing of it to the SIEM", async () => {
    const server = await lineServer();
    const { sent } = await load({ port: server.port });
    const startMs = Date.now();
    await input({ payload: ["a", "b"] });
    await input({ action: "stats", topic: "security-events/stats", payload: [{ id: "before" }] });
    await until(() => sent.length === 2, "the answer comes");
    const [before, { lastDeliveryTimestampSeconds, status, ...own } = {}] = sent[1]?.["payload"] as Record<string, unknown>[];
    assert.deepEqual(before, { id: "before" });
    assert.ok(Number(lastDeliveryTimestampSeconds) * 1000 >= startMs && Number(lastDeliveryTimestampSeconds) * 1000 <= Date.now(), String(lastDeliveryTimestampSeconds));
    assert.ok(status !== undefined);
    assert.deepEqual(own, {
      id: "out", type: "syslog-out", name: "", received: 2, sent: 2, resent: 0, shortened: 0, bytes: 4, reconnects: 0, waiting: 0, connected: 1,
      unacknowledgedBytes: 0, secondsWithoutProgress: 0,
      dropped: { queue_full_refused: 0, queue_full_dropped: 0, undeliverable: 0, empty: 0 },
    });
    assert.deepEqual(server.lines, ["a", "b"]);
  });

  it("writes the RFC 3164 header by default", async () => {
    const server = await lineServer();
    await load({ port: server.port, header: "", hostname: "gate" });
    await input({ payload: "CEF:0|x" });
    assert.match(server.lines[0] ?? "", /^<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d gate CEF:0\|x$/);
  });

  it("counts octets when told to", async () => {
    const server = await lineServer();
    await load({ port: server.port, framing: "octet" });
    await input({ payload: ["größe\n", "b\n\nc"] });
    assert.deepEqual(server.lines, ["7 größe4 b", ""]);
  });

  it("holds a message in the registry until it is delivered, and confirms it then", async () => {
    const server = await lineServer();
    await load({ port: server.port, confirmDelay: 150 });
    const events: string[] = [];
    const registry = deliveryRegistry();
    const token = registry.open(2, {
      confirmed: (index) => events.push(`confirmed ${index}`),
      rejected: () => events.push("rejected"),
      holdChanged: (index, held) => events.push(`${held ? "held" : "released"} ${index}`),
    });
    const outcome = input({ payload: ["a"], delivery: { token, index: 1, count: 2 } });
    await until(() => server.lines.length === 1, "it arrived");
    assert.deepEqual(events, ["held 1"]);
    await outcome;
    assert.deepEqual(events, ["held 1", "confirmed 1"]);
    registry.close(token);
  });

  it("releases messages that it could not deliver without a confirmation when it is closed", async () => {
    const port = await freePort();
    await load({ port });
    const events: string[] = [];
    const registry = deliveryRegistry();
    const token = registry.open(1, {
      confirmed: () => events.push("confirmed"), rejected: () => events.push("rejected"),
      holdChanged: (_index, held) => events.push(held ? "held" : "released"),
    });
    const outcome = input({ payload: ["a"], delivery: { token, index: 0, count: 1 } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const started = Date.now();
    await unloadFlow();
    assert.equal((await outcome).error?.code, "CLOSED");
    assert.deepEqual(events, ["held", "released"]);
    assert.ok(Date.now() - started < 5000);
    registry.close(token);
  });

  it("delivers what is queued before it closes", async () => {
    const server = await lineServer();
    await load({ port: server.port });
    const outcome = input({ payload: Array.from({ length: 20_000 }, (_, n) => `${n}`) });
    await unloadFlow();
    assert.equal((await outcome).error, undefined);
    assert.equal(server.lines.length, 20_000);
  });

  it("loses nothing when the server goes away and comes back, and keeps the order", async () => {
    const server = await lineServer();
    const { caught } = await load({ port: server.port });
    const confirmed: string[] = [];
    let n = 0;
    const timer = setInterval(() => {
      const payload = Array.from({ length: 20 }, () => `${n++}`);
      void input({ payload }).then(({ error }) => { if (error === undefined) confirmed.push(...payload); });
    }, 5);
    for (let round = 0; round < 2; round++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await server.stop();
      await server.start();
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    clearInterval(timer);
    await until(() => confirmed.length === n, "everything was confirmed");
    const firsts = [...new Set(server.lines)].map(Number);
    assert.equal(firsts.length, n);
    assert.deepEqual(firsts, firsts.slice().sort((a, b) => a - b));
    assert.ok(caught.length <= 2);
  });

  it("refuses messages when the queue is full, and reports that to catch nodes", async () => {
    const { caught } = await load({ port: await freePort(), queueEvents: 3 });
    void input({ payload: ["a", "b"] });
    const { error } = await input({ payload: ["c", "d"] });
    assert.equal(error?.code, "QUEUE_FULL");
    void input({ payload: ["e"] });
    getNode("out").receive({ payload: ["f"] });
    await until(() => caught.some(({ payload }) => Array.isArray(payload) && payload[0] === "f"), "catch heard of it");
  });

  it("drops the oldest or the newest when told to, and never confirms what it dropped", async () => {
    // With little jitter, three attempts can fail within one status interval: then the status would be red.
    const { random } = Math;
    Math.random = () => 0.9;
    try {
      for (const [overflow, kept] of [["drop-oldest", ["b", "c"]], ["drop-newest", ["a", "b"]]] as const) {
        const server = new LineServer();
        server.port = await freePort();
        servers.push(server);
        const { status } = await load({ port: server.port, queueEvents: 2, overflow });
        const outcomes = new Map<string, string>();
        for (const payload of ["a", "b", "c"]) void input({ payload }).then(({ error }) => outcomes.set(payload, error?.code ?? "delivered"));
        await until(() => outcomes.size === 1, "one was dropped");
        assert.equal([...outcomes.values()][0], "QUEUE_DROPPED");
        await until(() => (status() as { text?: string }).text === "status.dropped", "the status says so");
        await server.start();
        await until(() => outcomes.size === 3, "the others were delivered");
        assert.deepEqual(server.lines, kept);
        await unloadFlow();
      }
    } finally {
      Math.random = random;
    }
  });

  it("takes a message larger than the queue when the queue is empty", async () => {
    const server = await lineServer();
    await load({ port: server.port, queueEvents: 2 });
    assert.equal((await input({ payload: ["a", "b", "c"] })).error, undefined);
  });

  it("sends nothing of a message with a wrong value and names it", async () => {
    const server = await lineServer();
    await load({ port: server.port });
    for (const [payload, words] of [
      [{ a: 1 }, /msg\.payload is of the type object/], [7, /type number/], [undefined, /type undefined/], [null, /type null/],
      [["a", { b: 1 }], /msg\.payload\[1\] is of the type object/], [["a", ["b"]], /msg\.payload\[1\] is of the type array/],
    ] as const) {
      const { error } = await input({ payload });
      assert.equal(error?.code, "PAYLOAD_TYPE");
      assert.match(error?.message ?? "", words);
    }
    await input({ payload: "last" });
    assert.deepEqual(server.lines, ["last"]);
  });

  it("cuts lines that are too long, delivers them and warns once for each message", async () => {
    const server = await lineServer();
    await load({ port: server.port, maxBytes: 480 });
    const warnings: unknown[] = [];
    getNode("out").on("call:warn" as never, ((call: { args: unknown[] }) => warnings.push(call.args[0])) as never);
    await input({ payload: ["x".repeat(1000), "y".repeat(1000), "short"] });
    assert.deepEqual(server.lines.map(({ length }) => length), [480, 480, 5]);
    await until(() => warnings.length > 0, "it warned");
    assert.deepEqual(warnings, ["warning.shortened"]);
  });

  describe("over RELP", () => {
    const relpServers: RelpServer[] = [];
    afterEach(async () => {
      await unloadFlow();
      for (const server of relpServers.splice(0)) await server.stop();
    });
    const relpServer = async (script?: (command: RelpCommand, session: RelpSession) => void) => {
      const server = await new RelpServer(script).start();
      relpServers.push(server);
      return server;
    };
    const refusesPoison = (command: RelpCommand, session: RelpSession) => {
      if (command.data.includes("poison")) session.answer(command.txnr, "500 too ugly");
      else soundAnswer(command, session);
    };

    it("confirms what the server answered, and nothing that waits for an answer", async () => {
      const server = await relpServer((command, session) => {
        if (command.data !== "c") soundAnswer(command, session);
      });
      await load({ port: server.port, transport: "relp" });
      assert.equal((await input({ payload: ["a", "b\n"] })).error, undefined);
      let settled = false;
      const outcome = input({ payload: "c" }).finally(() => { settled = true; });
      const [session] = server.sessions;
      await until(() => session?.syslog.length === 3, "all arrived");
      assert.deepEqual(session?.syslog.map(({ data }) => data), ["a", "b", "c"]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(settled, false);
      session?.answer(session.syslog[2]?.txnr ?? 0);
      assert.equal((await outcome).error, undefined);
    });

    it("sends a line that the server refuses for good to the second output, and confirms the page", async () => {
      const server = await relpServer(refusesPoison);
      const { sent } = await load({ port: server.port, transport: "relp", wires: [["next"], ["aside"]] }, [{ id: "aside", type: "helper", wires: [] }]);
      const aside = recordMessages("aside");
      const warnings: unknown[] = [];
      getNode("out").on("call:warn" as never, ((call: { args: unknown[] }) => warnings.push(call.args[0])) as never);
      const registry = deliveryRegistry();
      const confirmed: number[] = [];
      const token = registry.open(1, { confirmed: (index) => confirmed.push(index), rejected: () => undefined, holdChanged: () => undefined });
      const payload = ["a", "poison", "b"];
      const { error } = await input({ payload, topic: "t", kind: "code42.session", delivery: { token, index: 0, count: 1 }, parts: { id: "page", index: 0, count: 1 } });
      assert.equal(error, undefined);
      await until(() => sent.length === 1 && aside.length === 1 && warnings.length > 0, "both outputs had a message");
      assert.deepEqual(confirmed, [0]);
      assert.deepEqual(sent[0]?.payload, payload);
      const { payload: line, topic, kind, error: reason, delivery, parts } = aside[0] as Record<string, unknown>;
      assert.deepEqual([line, topic, kind, delivery, parts], ["poison", "t", "code42.session", undefined, undefined]);
      assert.equal((reason as { code: string }).code, "LINE_REFUSED");
      assert.match((reason as { message: string }).message, /too ugly/);
      assert.deepEqual(warnings, ["warning.undeliverable"]);
      registry.close(token);
    });

    it("works in a flow that was saved when the node had one output", async () => {
      const server = await relpServer(refusesPoison);
      const { sent } = await load({ port: server.port, transport: "relp", wires: [["next"]] });
      assert.equal((await input({ payload: ["a", "poison"] })).error, undefined);
      await until(() => sent.length === 1, "it went on");
    });
  });

  it("shows delivered, then waiting, and failed after several attempts", async () => {
    const server = await lineServer();
    const { statuses } = await load({ port: server.port });
    await input({ payload: ["a"] });
    await until(() => statuses.some(({ fill, shape, text }) => fill === "green" && shape === "dot" && text === "status.delivered"), "green");
    const before = statuses.length;
    await server.stop();
    void input({ payload: ["b"] });
    await until(() => statuses.some(({ fill, shape, text }) => fill === "red" && shape === "ring" && text === "status.CONNECTION_REFUSED"), "red");
    // How many steps in between are shown depends on the jitter of the attempts.
    const between = statuses.slice(before).map(({ fill, text }) => `${fill} ${text}`);
    const possible = ["yellow status.queued", "blue status.connecting", "red status.CONNECTION_REFUSED"];
    assert.deepEqual(between.filter((status) => !possible.includes(status)), []);
  });

  it("reports an outage once, with the cause and what to do", async () => {
    const { caught } = await load({ host: "siem.invalid", port: 514 });
    await until(() => caught.length > 0, "catch heard of it");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(caught.length, 1);
    assert.match(caught[0]?.error.message ?? "", /siem\.invalid cannot be resolved.*Check the host/);
  });

  describe("over TLS", () => {
    const tlsServer = (certificate: { cert: string; key: string }, options: TlsOptions = {}) =>
      () => createTlsServer({ cert: certs.read(certificate.cert), key: certs.read(certificate.key), ...options });
    const mutual = (): TlsOptions => ({ requestCert: true, rejectUnauthorized: true, ca: certs.read(certs.ca.cert) });
    const properties = (port: number) => ({ host: "localhost", port, transport: "tls", tls: "tls", framing: "lf" });

    /** Loads the node before the server is there, so that the test hears every report. */
    async function loadAndServe(make: () => Server) {
      const server = new LineServer();
      server.port = await freePort();
      servers.push(server);
      const seen = await load(properties(server.port), [tls({})]);
      await server.start(make);
      const shows = (code: string) => until(
        () => seen.caught.some(({ error }) => error.code === code) && seen.statuses.some(({ fill, text }) => fill === "red" && text === `status.${code}`),
        `${code} is reported and shown`);
      return { server, shows };
    }

    it("delivers to a verified server, with a client certificate where it is asked for", async () => {
      const server = await lineServer(tlsServer(certs.server, mutual()));
      await load(properties(server.port), [tls({ cert: certs.client.cert, key: certs.client.key })]);
      assert.equal((await input({ payload: ["a", "b"] })).error, undefined);
      assert.deepEqual(server.lines, ["a", "b"]);
    });

    it("sends nothing to a server with a bad certificate and shows why", async () => {
      for (const [certificate, code] of [[certs.otherServer, "TLS_UNKNOWN_CA"], [certs.wrongName, "TLS_WRONG_NAME"], [certs.expired, "TLS_EXPIRED"]] as const) {
        const { server, shows } = await loadAndServe(tlsServer(certificate));
        void input({ payload: ["secret"] });
        await shows(code);
        assert.deepEqual(server.lines, []);
        await unloadFlow();
      }
    });

    it("confirms nothing when the server misses the client certificate, even if it says so only after the handshake", async () => {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const { server, shows } = await loadAndServe(tlsServer(certs.server, { ...mutual(), maxVersion }));
        const outcome = input({ payload: ["a"] });
        await shows("TLS_CLIENT_CERTIFICATE");
        assert.deepEqual(server.lines, []);
        await unloadFlow();
        assert.equal((await outcome).error?.code, "CLOSED", maxVersion);
      }
    });
  });

  describe("with a wrong configuration", () => {
    for (const [why, wrong, code] of [
      ["no host", { host: "", port: 514 }, "PROPERTY_EMPTY"],
      ["a web address as host", { host: "https://siem.example.com", port: 514 }, "HOST_INVALID"],
      ["a port out of range", { port: 70_000 }, "PROPERTY_NUMBER"],
      ["an unknown transport", { transport: "carrier pigeon" }, "PROPERTY_CHOICE"],
      ["a missing TLS configuration of RELP", { transport: "relp-tls", tls: "gone" }, "TLS_NODE_MISSING"],
      ["a missing TLS configuration", { transport: "tls", tls: "gone" }, "TLS_NODE_MISSING"],
      ["a host name that the header cannot hold", { header: "rfc3164", hostname: "Büro-PC" }, "HOST_NAME"],
      ["a host name that is not printable ASCII", { header: "rfc5424", hostname: "東京" }, "HOST_NAME_PRINTABLE"],
      ["an app name that the header cannot hold", { header: "rfc5424", appName: "an app" }, "APP_NAME"],
      ["an unknown time zone", { timeZone: "Mars" }, "PROPERTY_CHOICE"],
      ["an unknown overflow policy", { overflow: "forget" }, "PROPERTY_CHOICE"],
    ] as const) {
      it(`stays alive, red, and fails every message: ${why}`, async () => {
        const { status } = await load({ port: 514, ...wrong });
        const { error } = await input({ payload: "a" });
        assert.equal(error?.code, code);
        assert.deepEqual(status(), { fill: "red", shape: "ring", text: "common.status.badConfig" });
      });
    }

    it("still tells its figures, with the reason, so that whoever watches sees which node it is", async () => {
      const { sent } = await load({ port: 70_000 });
      assert.equal((await input({ action: "stats" })).error, undefined);
      await until(() => sent.length === 1, "the answer comes");
      const [figures] = sent[0]?.["payload"] as { status?: { fill: string }; lastError?: { code: string } }[];
      assert.deepEqual([figures?.status?.fill, figures?.lastError?.code], ["red", "PROPERTY_NUMBER"]);
    });

    it("never sends to a server that a TLS configuration would not verify", async () => {
      await load({ port: 6514, transport: "tls", tls: "tls" }, [tls({ verifyservercert: false })]);
      assert.equal((await input({ payload: "a" })).error?.code, "TLS_UNVERIFIED");
    });

    it("takes numbers as text, as environment variables give them", async () => {
      const server = await lineServer();
      await load({ port: String(server.port), confirmDelay: "10", queueEvents: "5" });
      assert.equal((await input({ payload: "a" })).error, undefined);
    });
  });
});
