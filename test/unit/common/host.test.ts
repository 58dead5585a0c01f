/** How every TLS connection of the package names its server, and how addresses with brackets are taken. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { Tenant } from "../../../src/code42/tenant/tenant";
import { systemClock } from "../../../src/common/clock";
import { bypasses, type Proxy } from "../../../src/common/proxy";
import { Fabric } from "../../../src/dxl/fabric";
import { provision } from "../../../src/dxl/provisioning";
import { tlsOptions } from "../../../src/node-red/tls";
import { relpTlsTransport } from "../../../src/syslog/relp";
import { readSettings } from "../../../src/syslog/settings";
import { tlsTransport, type Transport } from "../../../src/syslog/transport";
import { makeCertificates, type Certificates } from "../../support/certs";
import { startConnectProxy } from "../../support/connect-proxy";
import { resolveNames } from "../../support/host-names";
import { until } from "../../support/until";
import { postWhole } from "../../support/whole-reply";

describe("a server whose host is written with a final dot", () => {
  let certs: Certificates;
  let server: Server;
  let port: number;
  /** The name that each client sent; false for none. */
  let names: (string | false)[];
  let accepted: number;
  let forget: () => void;
  const ends: (() => unknown)[] = [];

  before(async () => {
    certs = makeCertificates();
    forget = resolveNames({ "localhost.": ["127.0.0.1"] });
    server = createTlsServer({ cert: certs.read(certs.server.cert), key: certs.read(certs.server.key) }, (socket: TLSSocket) => {
      names.push(socket.servername as string | false);
      socket.on("error", () => undefined);
      // A client that does not trust the certificate sends nothing.
      socket.once("data", () => void (accepted += 1));
    }).on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => {
    names = [];
    accepted = 0;
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  after(() => {
    forget();
    server.close();
    certs.remove();
  });

  const ca = () => certs.read(certs.ca.cert);
  const isNamed = async () => {
    await until(() => accepted > 0, "the client trusts the server");
    assert.deepEqual([...new Set(names)], ["localhost"]);
  };
  const call = (tenant: Tenant) => {
    ends.push(() => tenant.close());
    void postWhole(tenant, "/v2/file-events", {}).catch(() => undefined);
  };
  const tenant = (proxy?: Proxy) => new Tenant(
    { baseUrl: `https://localhost.:${port}`, clientId: "id", clientSecret: "secret", userAgent: "test", timeoutMs: 3000, tls: { ca: ca() }, ...(proxy === undefined ? {} : { proxy }) },
    { random: () => 0 },
  );
  const link = (transport: Transport) => {
    const opened = transport.connect({ ready: () => opened.write({ bytes: Buffer.from("a\n"), ends: [2] }, { handedOver: () => undefined, refused: () => undefined }), drain: () => undefined, closed: () => undefined });
    ends.push(() => opened.destroy());
  };
  const fabric = (webSockets: boolean, proxy?: Proxy) => {
    const made = new Fabric(
      {
        brokers: [{ host: "localhost.", port }], webSockets, clientId: undefined, keepAlive: 30, reconnectDelay: 1, proxy,
        credentials: { brokerCertChain: ca(), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key), passphrase: undefined },
      },
      { clock: systemClock, random: () => 0, log: () => undefined, outage: () => undefined },
    );
    ends.push(() => made.close());
    made.subscribe("/topic", { message: () => undefined, state: () => undefined });
  };

  it("gets its name without the dot from a tenant", async () => {
    call(tenant());
    await isNamed();
  });

  it("gets its name without the dot from a tenant behind a proxy, and so does a proxy with TLS", async () => {
    const proxy = await startConnectProxy();
    ends.push(() => proxy.close());
    call(tenant({ url: proxy.url }));
    await isNamed();
    names = [];
    accepted = 0;
    call(tenant({ url: `https://localhost.:${port}` }));
    await isNamed();
  });

  it("gets its name without the dot from syslog over TLS and from RELP over TLS", async () => {
    const target = { host: "localhost.", port, clock: systemClock };
    link(tlsTransport(target, { ca: ca() }));
    link(relpTlsTransport(target, { ca: ca() }));
    await until(() => accepted === 2, "both clients trust the server");
    await isNamed();
  });

  it("gets its name without the dot when a DXL client is provisioned", async () => {
    const form = { host: "localhost.", port, user: "u", password: "p", commonName: "node-red", truststore: ca() };
    void provision(form, { patience: 3000 }).catch(() => undefined);
    await isNamed();
  });

  it("gets its name without the dot from a DXL fabric, over MQTT, over WebSockets and behind a proxy", async () => {
    fabric(false);
    await isNamed();
    names = [];
    accepted = 0;
    fabric(true);
    await isNamed();
    const proxy = await startConnectProxy();
    ends.push(() => proxy.close());
    names = [];
    accepted = 0;
    fabric(true, { url: proxy.url });
    await isNamed();
  });

  it("gets the server name of the TLS configuration without the dot too", () => {
    const node = { addTLSOptions: (options: object) => Object.assign(options, { servername: "siem.example.com." }) };
    assert.equal(tlsOptions(true, node).servername, "siem.example.com");
  });

  it("gets no name where the host is an address", async () => {
    link(tlsTransport({ host: "127.0.0.1", port, clock: systemClock }, { ca: ca() }));
    await until(() => accepted > 0, "the client trusts the server");
    assert.deepEqual(names, [false]);
  });
});

describe("an IPv6 address in brackets", () => {
  it("is taken like one without as host of the syslog server; a name stays as it is", () => {
    for (const [host, taken] of [["[::1]", "::1"], [" [2001:db8::7] ", "2001:db8::7"], ["[fe80::1%eth0]", "fe80::1%eth0"], ["::1", "::1"], ["siem", "siem"], ["[siem]", "[siem]"], ["[127.0.0.1]", "[127.0.0.1]"]]) {
      assert.equal(readSettings({ host }).host, taken);
    }
  });

  it("is taken as the address of a proxy", async () => {
    const targets: unknown[] = [];
    const proxy = createServer((socket) => socket.once("data", (data) => {
      targets.push(String(data).split("\r\n")[0]);
      socket.destroy();
    }));
    proxy.listen(0, "::1");
    await once(proxy, "listening");
    const tenant = new Tenant(
      { baseUrl: "https://api.example.com", clientId: "id", clientSecret: "secret", userAgent: "test", timeoutMs: 1000, proxy: { url: `http://[::1]:${(proxy.address() as AddressInfo).port}` } },
      { random: () => 0, sleep: async () => undefined },
    );
    await assert.rejects(postWhole(tenant, "/v2/file-events", {}));
    tenant.close();
    proxy.close();
    assert.equal(targets[0], "CONNECT api.example.com:443 HTTP/1.1");
  });

  it("goes around the proxy however it is written", () => {
    for (const entry of ["::1", "[::1]", "[::1]:8443"]) assert.equal(bypasses(new URL("https://[::1]:8443"), [entry]), true, entry);
    assert.equal(bypasses(new URL("https://[::1]:8443"), ["::2", "[::1]:1"]), false);
  });
});
