import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type ConnectionOptions, type TlsOptions } from "node:tls";
import type { SiemError } from "../../../src/common/errors";
import { systemClock } from "../../../src/common/clock";
import { linkError, serverClosed } from "../../../src/syslog/errors";
import { tcpTransport, tlsTransport, udpTransport, type Link, type Transport } from "../../../src/syslog/transport";
import { Sender } from "../../../src/syslog/sender";
import { makeCertificates, type Certificates } from "../../support/certs";
import { freePort } from "../../support/free-port";
import { resolveNames } from "../../support/host-names";
import { until } from "../../support/until";

const frames = (...lines: string[]) => {
  let end = 0;
  return { bytes: Buffer.from(lines.join("")), ends: lines.map((line) => (end += Buffer.byteLength(line))) };
};

/** What a link told its listener. */
function open(transport: Transport) {
  const seen = { ready: 0, accepted: 0, drain: 0, stalled: 0, closed: [] as (Error | undefined)[], handedOver: 0, refused: [] as SiemError[] };
  const link: Link = transport.connect({
    ready: () => void (seen.ready += 1),
    accepted: () => void (seen.accepted += 1),
    drain: () => void (seen.drain += 1),
    stalled: () => void (seen.stalled += 1),
    closed: (error) => void seen.closed.push(error),
  });
  return { link, seen, write: (...lines: string[]) => link.write(frames(...lines), {
    handedOver: (count) => void (seen.handedOver += count),
    refused: (reason) => void seen.refused.push(reason),
  }) };
}

describe("syslog transports", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  const links: Link[] = [];
  const listen = async (server: Server) => {
    servers.push(server);
    server.on("connection", (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as { port: number }).port;
  };
  const target = (port: number, host = "127.0.0.1", patience?: number) => ({ host, port, clock: systemClock, ...(patience === undefined ? {} : { patience, stallPatience: patience }) });
  const start = (transport: Transport) => {
    const opened = open(transport);
    links.push(opened.link);
    return opened;
  };
  const failure = async (transport: Transport, host: string, port: number) => {
    const { seen } = start(transport);
    await until(() => seen.closed.length > 0, "the link was given up");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(seen.closed.length, 1, "closed is called once");
    return seen.closed[0] === undefined ? serverClosed(host, port) : linkError(seen.closed[0], host, port);
  };
  afterEach(async () => {
    for (const link of links.splice(0)) link.destroy();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  describe("TCP", () => {
    it("writes, drains and ends in an orderly way", async () => {
      let bytes = 0;
      let ended = false;
      const port = await listen(createServer((socket) => socket.on("data", (data) => { bytes += data.length; }).on("end", () => { ended = true; })));
      const { link, seen, write } = start(tcpTransport(target(port)));
      await until(() => seen.ready === 1, "it is up");
      assert.equal(write("a\n".repeat(8_000_000)), false);
      await until(() => seen.drain === 1 && seen.handedOver === 1, "it drained");
      link.end();
      await until(() => ended && seen.closed.length === 1, "both sides ended");
      assert.equal(bytes, 16_000_000);
      assert.equal(seen.closed[0], undefined);
    });

    it("leaves nothing to the system when it is given up in the middle of a line: the server would get a half line, late", async () => {
      const port = await listen(createServer((socket) => void socket.pause()));
      const { link, seen, write } = start(tcpTransport(target(port)));
      await until(() => seen.ready === 1 && sockets.length === 1, "it is up");
      write(`${"a".repeat(8_000_000)}\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const own = `:${(sockets[0]?.remotePort ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
      const isOpen = () => readFileSync("/proc/self/net/tcp", "utf8").split("\n").some((row) => row.trim().split(/\s+/)[1]?.endsWith(own) === true);
      assert.ok(isOpen());
      link.destroy();
      await until(() => !isOpen(), "the system has forgotten the connection", 1000);
    });

    it("ends when the server ends the connection, although writing would still succeed", async () => {
      const port = await listen(createServer({ allowHalfOpen: true }, (socket) => socket.end()));
      const { seen } = start(tcpTransport(target(port)));
      await until(() => seen.closed.length === 1, "it saw the end");
    });

    it("tells of a server that takes nothing any more, but not of one that is idle or slow", async () => {
      let frozen: Socket | undefined;
      const port = await listen(createServer((socket) => { frozen = socket.pause(); }));
      const idle = start(tcpTransport(target(port, "127.0.0.1", 600)));
      await until(() => idle.seen.ready === 1, "it is up");
      await new Promise((resolve) => setTimeout(resolve, 900));
      assert.equal(idle.seen.stalled, 0, "idle");
      for (let n = 0; n < 400; n++) idle.write("x".repeat(256 * 1024));
      for (let n = 0; n < 6; n++) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        frozen?.resume();
        await new Promise((resolve) => setTimeout(resolve, 5));
        frozen?.pause();
      }
      assert.equal(idle.seen.stalled, 0, "slow");
      await until(() => idle.seen.stalled === 1, "the frozen server was told of");
      assert.equal(idle.seen.closed.length, 0);
    });

    it("names a refused connection and a host that does not resolve", async () => {
      const port = await listen(createServer());
      await new Promise((resolve) => servers.pop()?.close(resolve));
      assert.equal((await failure(tcpTransport(target(port)), "127.0.0.1", port)).code, "CONNECTION_REFUSED");
      const unknown = await failure(tcpTransport(target(514, "siem.invalid")), "siem.invalid", 514);
      assert.equal(unknown.code, "HOST_UNKNOWN");
      assert.match(unknown.message, /siem\.invalid/);
    });

    it("gives up a server that does not answer the connection", async () => {
      const port = await listen(createTlsServer({ handshakeTimeout: 10_000 }).on("error", () => undefined));
      const silent = await listen(createServer((socket) => void socket.pause()));
      assert.ok(port);
      assert.equal((await failure(tlsTransport(target(silent, "127.0.0.1", 200), {}), "127.0.0.1", silent)).code, "TLS_NOT_SPOKEN");
    });
  });

  describe("TLS", () => {
    let certs: Certificates;
    before(() => { certs = makeCertificates(); });
    after(() => certs.remove());

    const server = (certificate: { cert: string; key: string }, options: TlsOptions = {}) => {
      const made = createTlsServer({ cert: certs.read(certificate.cert), key: certs.read(certificate.key), ...options }, (socket) => socket.on("error", () => undefined).resume());
      made.on("tlsClientError", () => undefined);
      return listen(made);
    };
    const trusting = (): ConnectionOptions => ({ ca: certs.read(certs.ca.cert), rejectUnauthorized: true, minVersion: "TLSv1.2" });
    const clientCert = (client: { cert: string; key: string }) => ({ cert: certs.read(client.cert), key: certs.read(client.key) });
    const mutual = (): TlsOptions => ({ requestCert: true, rejectUnauthorized: true, ca: certs.read(certs.ca.cert) });

    /** A link to a server that may still be starting. */
    const connected = async (port: number, options: ConnectionOptions) => {
      for (;;) {
        const link = start(tlsTransport(target(port, "localhost"), options));
        await until(() => link.seen.ready + link.seen.closed.length > 0, "it is up or refused");
        if (link.seen.ready > 0) return link;
        assert.equal(linkError(link.seen.closed[0], "localhost", port).code, "CONNECTION_REFUSED");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };

    it("connects by name and by address when the certificate says so", async () => {
      const port = await server(certs.server);
      for (const host of ["localhost", "127.0.0.1"]) {
        const { seen } = start(tlsTransport(target(port, host), trusting()));
        await until(() => seen.ready === 1, `${host} is up`);
      }
    });

    it("refuses an unknown CA, a wrong name and an expired certificate, each with its own error", async () => {
      const cases = [[certs.otherServer, "TLS_UNKNOWN_CA"], [certs.wrongName, "TLS_WRONG_NAME"], [certs.expired, "TLS_EXPIRED"]] as const;
      for (const [certificate, code] of cases) {
        const port = await server(certificate);
        const error = await failure(tlsTransport(target(port, "localhost"), trusting()), "localhost", port);
        assert.equal(error.code, code);
        assert.ok(error.permanent);
      }
    });

    it("checks the name that the TLS configuration gives instead of the host", async () => {
      const port = await server(certs.wrongName);
      const { seen } = start(tlsTransport(target(port), { ...trusting(), servername: "siem.example.com" }));
      await until(() => seen.ready === 1, "it is up");
    });

    it("presents a client certificate", async () => {
      const port = await server(certs.server, mutual());
      const { seen } = start(tlsTransport(target(port, "localhost"), { ...trusting(), ...clientCert(certs.client) }));
      await until(() => seen.ready === 1, "it is up");
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(seen.closed.length, 0);
    });

    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`says that the server wants another client certificate (${maxVersion})`, async () => {
        const port = await server(certs.server, { ...mutual(), maxVersion });
        for (const own of [{}, clientCert(certs.otherClient)]) {
          const error = await failure(tlsTransport(target(port, "localhost"), { ...trusting(), ...own }), "localhost", port);
          assert.ok(["TLS_CLIENT_CERTIFICATE", "CONNECTION_LOST", "SERVER_CLOSED"].includes(error.code), error.code);
          if (!("cert" in own)) assert.equal(error.code, "TLS_CLIENT_CERTIFICATE");
        }
      });
    }

    it("is up in TLS 1.3 once the server has accepted the client certificate, with a ticket or without", async () => {
      for (const tickets of ["0", "2"]) {
        const port = await freePort();
        const openssl = spawn("openssl", ["s_server", "-accept", String(port), "-tls1_3", "-num_tickets", tickets, "-cert", certs.server.cert, "-key", certs.server.key,
          "-CAfile", certs.ca.cert, "-Verify", "1", "-verify_return_error", "-quiet"], { stdio: ["pipe", "ignore", "ignore"] });
        try {
          const link = await connected(port, { ...trusting(), ...clientCert(certs.client) });
          assert.deepEqual([link.seen.ready, link.seen.accepted, link.seen.closed.length], [1, 1, 0], `${tickets} tickets`);
          link.link.destroy(); // It serves one at a time.
          const refused = await failure(tlsTransport(target(port, "localhost"), { ...trusting(), ...clientCert(certs.otherClient) }), "localhost", port);
          assert.deepEqual([refused.code, refused.permanent], ["TLS_CLIENT_CERTIFICATE", true]);
        } finally {
          openssl.kill("SIGKILL");
        }
      }
    });

    it("names a refused client certificate in TLS 1.3 although lines are written as soon as that is possible", async () => {
      const port = await server(certs.server, { ...mutual(), maxVersion: "TLSv1.3" });
      for (const own of [{}, clientCert(certs.otherClient)]) {
        for (let n = 0; n < 5; n++) {
          const { seen, link } = start(tlsTransport(target(port, "localhost"), { ...trusting(), ...own }));
          const writer = setInterval(() => {
            if (seen.ready === 1 && seen.closed.length === 0) link.write(frames("x".repeat(200_000)), { handedOver: () => undefined, refused: () => undefined });
          }, 1);
          await until(() => seen.closed.length === 1, "it was refused");
          clearInterval(writer);
          assert.deepEqual([linkError(seen.closed[0], "localhost", port).code, seen.handedOver], ["TLS_CLIENT_CERTIFICATE", 0]);
        }
      }
    });

    for (const [what, serve] of [
      ["closes it", (socket: Socket) => void socket.on("error", () => undefined).end()],
      ["resets it", (socket: Socket) => void socket.once("data", () => socket.resetAndDestroy())],
      ["stays silent", (socket: Socket) => void socket.on("error", () => undefined).resume()],
    ] as const) {
      it(`asks whether a port expects TLS if the server accepts the connection and ${what}`, async () => {
        const port = await listen(createServer(serve));
        assert.equal((await failure(tlsTransport(target(port, "localhost", 300), trusting()), "localhost", port)).code, "TLS_NOT_SPOKEN");
      });
    }

    it("says that a port does not speak TLS", async () => {
      const port = await listen(createServer((socket) => void socket.on("error", () => undefined).end("220 hello, this is no TLS\r\n".repeat(10))));
      assert.equal((await failure(tlsTransport(target(port, "localhost"), trusting()), "localhost", port)).code, "TLS_NOT_SPOKEN");
    });

    it("ends when the server sends close_notify, although the connection stays half open", async () => {
      const port = await listen(createTlsServer({ cert: certs.read(certs.server.cert), key: certs.read(certs.server.key), allowHalfOpen: true }, (socket) => void socket.end()));
      const { seen } = start(tlsTransport(target(port, "localhost"), trusting()));
      await until(() => seen.closed.length === 1, "it saw the end");
      assert.equal(seen.closed[0], undefined);
    });

    it("tells of a server that takes nothing any more", async () => {
      const port = await listen(createTlsServer({ cert: certs.read(certs.server.cert), key: certs.read(certs.server.key) }, (socket) => void socket.pause()));
      const { seen, write } = start(tlsTransport(target(port, "localhost", 300), trusting()));
      await until(() => seen.ready === 1, "it is up");
      for (let n = 0; n < 64; n++) write("x".repeat(256 * 1024));
      await until(() => seen.stalled === 1, "the frozen server was told of");
    });
  });

  describe("UDP", () => {
    it("sends one datagram a frame, without a line feed, and asks to wait meanwhile", async () => {
      const received: string[] = [];
      const socket = createSocket("udp4").on("message", (message) => received.push(message.toString()));
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      const { seen, write } = start(udpTransport(target(socket.address().port)));
      await until(() => seen.ready === 1, "it is up");
      assert.equal(write("one", "größe", "x".repeat(8000)), false);
      assert.equal(seen.handedOver, 0);
      await until(() => seen.drain === 1 && received.length === 3, "all arrived");
      assert.deepEqual(received, ["one", "größe", "x".repeat(8000)]);
      socket.close();
    });

    it("reports that nobody listens", async () => {
      const { seen, write } = start(udpTransport(target(9, "localhost")));
      await until(() => seen.ready === 1, "it is up");
      write("a");
      await until(() => seen.closed.length === 1, "it heard of it");
      assert.equal(linkError(seen.closed[0], "localhost", 9).code, "CONNECTION_REFUSED");
    });

    it("names a host that does not resolve", async () => {
      assert.equal((await failure(udpTransport(target(514, "siem.invalid")), "siem.invalid", 514)).code, "HOST_UNKNOWN");
    });

    it("leaves no socket behind when the system refuses the address", async () => {
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;
      const before = sockets();
      const { seen } = start(udpTransport(target(514, "255.255.255.255")));
      await until(() => seen.closed.length === 1, "it was refused");
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(sockets(), before);
    });

    it("reports a datagram that is too long, and sends the others", async () => {
      const received: string[] = [];
      const socket = createSocket("udp4").on("message", (message) => received.push(message.toString()));
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      const { seen, write } = start(udpTransport(target(socket.address().port)));
      await until(() => seen.ready === 1, "it is up");
      write("a", "b", "x".repeat(70_000), "c");
      await until(() => seen.drain === 1 && received.length === 3, "the others arrived");
      assert.deepEqual([seen.handedOver, seen.refused.map(({ code, permanent }) => [code, permanent]), seen.closed], [3, [["DATAGRAM_TOO_LONG", true]], []]);
      socket.close();
    });

    describe("to a name with several addresses", () => {
      let forget = () => {};
      afterEach(() => forget());
      /** A receiver on 127.0.0.1, or for nobody to listen there. */
      const receiver = async () => {
        const received: string[] = [];
        const socket = createSocket("udp4").on("message", (message) => received.push(message.toString()));
        await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
        return { received, socket, port: socket.address().port };
      };

      for (const [why, dead] of [["nobody listens", ["::1"]], ["the system sends nothing", ["255.255.255.255"]], ["both", ["255.255.255.255", "::1", "::1", "255.255.255.255"]]] as const) {
        it(`sends to the first that takes datagrams; to those before it ${why}`, async () => {
          forget = resolveNames({ "siem.test": [...dead, "127.0.0.1"] });
          const { received, socket, port } = await receiver();
          const { seen, write } = start(udpTransport(target(port, "siem.test")));
          await until(() => seen.ready === 1, "it is up");
          for (let n = 0; n < 8; n += 2) {
            write(`${n}`, `${n + 1}`);
            await until(() => seen.drain === n / 2 + 1, "it can be written to again");
          }
          await until(() => received.length >= 8, "all arrived");
          assert.deepEqual([received, seen.handedOver, seen.closed], [Array.from({ length: 8 }, (_, n) => `${n}`), 8, []]);
          socket.close();
        });
      }

      it("ends when none takes datagrams, and reports nothing as sent", async () => {
        forget = resolveNames({ "siem.test": ["255.255.255.255", "::1", "127.0.0.1"] });
        const { seen, write } = start(udpTransport(target(await freePort(), "siem.test")));
        await until(() => seen.ready === 1, "it is up");
        write("a", "b");
        await until(() => seen.closed.length === 1, "it heard of it");
        assert.equal(linkError(seen.closed[0], "siem.test", 9).code, "CONNECTION_REFUSED");
        assert.deepEqual([seen.handedOver, seen.refused.length, seen.drain], [0, 0, 0]);
      });

      it("loses no line of a sender that starts before the receiver", async () => {
        forget = resolveNames({ "siem.test": ["::1", "127.0.0.1"] });
        const port = await freePort();
        const sender = new Sender({
          host: "siem.test", port, framing: "datagram", header: () => Buffer.alloc(0), maxBytes: 8192, transport: udpTransport(target(port, "siem.test")),
          limits: { events: 1000, bytes: 1_000_000, overflow: "refuse" }, resendWindow: 0, confirmDelay: 0,
          clock: systemClock, random: () => 0.01, changed: () => undefined, outage: () => undefined,
        });
        sender.start();
        const delivered: string[] = [];
        const push = (line: string) => sender.push([line], (error) => void (error === undefined && delivered.push(line)));
        for (const line of ["a", "b", "c"]) push(line);
        await until(() => sender.counters.reconnects > 1, "it tried again");
        assert.deepEqual(delivered, []);
        const received: string[] = [];
        const socket = createSocket("udp4").on("message", (message) => received.push(message.toString()));
        await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
        await until(() => delivered.length === 3, "all are delivered");
        assert.deepEqual([...new Set(received)], ["a", "b", "c"]);
        await sender.close(100);
        socket.close();
      });
    });

    it("can be destroyed while it looks up the name", async () => {
      const { link, seen } = start(udpTransport(target(514, "localhost")));
      link.destroy();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual([seen.ready, seen.closed.length], [0, 0]);
    });
  });
});
