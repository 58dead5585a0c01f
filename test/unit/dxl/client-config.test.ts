import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { join, resolve } from "node:path";
import { certificateInfo, fabricOptions, parseClientConfig } from "../../../src/dxl/client-config";
import { secureContext } from "../../../src/dxl/credentials";
import { brokersOf } from "../../../src/dxl/ini";
import { SiemError } from "../../../src/common/errors";
import { makeCertificates, type Certificates } from "../../support/certs";

const GUID = "{5d73b77f-8c4b-4ae0-b437-febd12facfd4}";
const CERTS = "[Certs]\nBrokerCertChain=ca-bundle.crt\nCertFile=client.crt\nPrivateKey=client.key\n";
const SAMPLE = `${CERTS}
[Brokers]
${GUID}=${GUID};8883;mybroker.example.com;192.0.2.12

[BrokersWebSockets]
${GUID}=${GUID};443;mybroker.example.com;192.0.2.12
`;

const enoent = (path: string) => Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" });
/** Files that hold their own path. */
const echo = { folder: "/dxl", readFile: (path: string) => path };
const parse = (text: string) => parseClientConfig(text, echo);
const refused = (text: string, code: string, params: Record<string, unknown> = {}) =>
  assert.throws(() => parse(text), (error: unknown) => {
    assert.ok(error instanceof SiemError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.permanent, true);
    for (const [name, value] of Object.entries(params)) {
      assert.equal(error.params[name], value);
      assert.ok(error.message.includes(String(value)), error.message);
    }
    return true;
  });

describe("dxlclient.config", () => {
  it("is read as the provisioning writes it", () => {
    assert.deepEqual(parse(SAMPLE), {
      brokers: [{ host: "mybroker.example.com", port: 8883 }, { host: "192.0.2.12", port: 8883 }],
      webSockets: false,
      credentials: { brokerCertChain: "/dxl/ca-bundle.crt", certificate: "/dxl/client.crt", privateKey: "/dxl/client.key", passphrase: undefined },
      clientId: undefined,
      keepAlive: 30,
      reconnectDelay: 1,
      proxy: undefined,
    });
  });

  it("may have a BOM, CRLF, comments, spaces around =, quotes and keys in any case", () => {
    const text = `\uFEFF# made by hand\r\n; another comment\r\n[ certs ]\r\nbrokercertchain = "my ca.crt"\r\nCertFile = 'client.crt'\r\nPRIVATEKEY=client.key\r\n[Brokers]\r\nx = 8883 ; h1.example.com \r\n[General]\r\n#UseWebSockets=true\r\nClientId = me\r\n`;
    const options = parse(text);
    assert.deepEqual(options.brokers, [{ host: "h1.example.com", port: 8883 }]);
    assert.equal(options.credentials.brokerCertChain, "/dxl/my ca.crt");
    assert.equal(options.webSockets, false);
    assert.equal(options.clientId, "me");
  });

  it("takes both forms of a broker line, any number of hosts and IPv6 in brackets", () => {
    const options = parse(`${CERTS}[Brokers]\na=8883;one.example.com\nb=${GUID};8884;two.example.com;192.0.2.2;[2001:db8::2];\nc=third;8885;2001:db8::3;2001:db8::3`);
    assert.deepEqual(options.brokers, [
      { host: "one.example.com", port: 8883 }, { host: "two.example.com", port: 8884 }, { host: "192.0.2.2", port: 8884 },
      { host: "2001:db8::2", port: 8884 }, { host: "2001:db8::3", port: 8885 },
    ]);
  });

  it("chooses WebSockets when told to, or when there are no other brokers", () => {
    const sockets = "[BrokersWebSockets]\na=443;ws.example.com\n";
    const brokers = "[Brokers]\na=8883;mqtt.example.com\n";
    for (const value of ["true", "True", "YES", "on", "1"]) {
      const options = parse(`[General]\nUseWebSockets=${value}\n${CERTS}${brokers}${sockets}`);
      assert.deepEqual([options.webSockets, options.brokers[0]?.host], [true, "ws.example.com"]);
    }
    for (const general of ["", "[General]\nUseWebSockets=false\n", "[General]\nUseWebSockets=\n"]) {
      assert.equal(parse(`${general}${CERTS}${brokers}${sockets}`).webSockets, false);
      assert.equal(parse(`${general}${CERTS}[Brokers]\n${sockets}`).webSockets, true);
    }
    refused(`[General]\nUseWebSockets=maybe\n${CERTS}${brokers}`, "CONFIG_VALUE", { section: "General", key: "UseWebSockets", line: 2 });
    refused(`[General]\nUseWebSockets=true\n${CERTS}${brokers}`, "CONFIG_SECTION_MISSING", { section: "BrokersWebSockets" });
  });

  it("gives the proxy for WebSockets only", () => {
    const sockets = "[BrokersWebSockets]\na=443;ws.example.com\n";
    const proxy = "[Proxy]\nAddress=proxy.example.com\nPort=3128\nUser=dana\nPassword=p;#=ss\n";
    assert.deepEqual(parse(`${CERTS}${sockets}${proxy}`).proxy, { url: "http://proxy.example.com:3128", username: "dana", password: "p;#=ss" });
    assert.deepEqual(parse(`${CERTS}${sockets}[Proxy]\nAddress=::1\nPort=3128`).proxy, { url: "http://[::1]:3128" });
    assert.equal(parse(`${CERTS}[Brokers]\na=8883;mqtt.example.com\n${proxy}`).proxy, undefined);
    refused(`${CERTS}${sockets}[Proxy]\nAddress=proxy`, "CONFIG_KEY_MISSING", { section: "Proxy", key: "Port" });
    refused(`${CERTS}${sockets}[Proxy]\nAddress=proxy\nPort=0`, "CONFIG_VALUE", { section: "Proxy", key: "Port", line: 9 });
    refused(`${CERTS}${sockets}[Proxy]\nAddress=proxy\nPort=1\nUser=dana`, "CONFIG_KEY_MISSING", { section: "Proxy", key: "Password" });
  });

  it("says where it is wrong: section, key and line", () => {
    refused("", "CONFIG_SECTION_MISSING", { section: "Certs" });
    refused(SAMPLE.replace("CertFile=", "CertFiles="), "CONFIG_KEY_MISSING", { section: "Certs", key: "CertFile" });
    refused(SAMPLE.replace("CertFile=client.crt", "CertFile="), "CONFIG_KEY_MISSING", { section: "Certs", key: "CertFile" });
    refused(CERTS, "CONFIG_SECTION_MISSING", { section: "Brokers" });
    refused(`${CERTS}[Brokers]\n`, "CONFIG_SECTION_MISSING", { section: "Brokers" });
    refused(`${CERTS}nonsense`, "CONFIG_LINE", { line: 5 });
    for (const line of ["8883", "8883;", "host", "8883;http://host", "8883;ho st", "8883;[nonsense]", "8883;host:8883", ""]) {
      refused(`${CERTS}[Brokers]\nb1=${line}`, "BROKER_LINE", { section: "Brokers", key: "b1", line: 6 });
    }
    for (const line of ["id;host", "0;host", "65536;host", "-1;host", "id;65536;host", "id;0x50;host"]) {
      refused(`${CERTS}[Brokers]\r\nb1=${line}`, "BROKER_PORT", { section: "Brokers", key: "b1", line: 6 });
    }
  });

  it("takes paths relative to its folder, and says which file is missing", () => {
    assert.equal(parse(SAMPLE.replace("client.key", "/etc/pki/client.key")).credentials.privateKey, "/etc/pki/client.key");
    assert.equal(parse(SAMPLE.replace("client.key", "../keys/client.key")).credentials.privateKey, "/keys/client.key");
    const doubled = parse(SAMPLE.replace("client.key", "c:\\\\certs\\\\client.key")).credentials.privateKey;
    assert.ok(doubled.endsWith("c:\\certs\\client.key"), doubled);
    assert.throws(
      () => parseClientConfig(SAMPLE, { folder: "/dxl", readFile: (path) => { throw enoent(path); } }),
      { code: "PEM_FILE", params: { section: "Certs", key: "BrokerCertChain", line: 2, path: "/dxl/ca-bundle.crt", reason: "ENOENT: no such file or directory, open '/dxl/ca-bundle.crt'" } },
    );
  });

  it("answers damaged text with its own errors only", () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 3000; round++) {
      const at = random(SAMPLE.length);
      const text = SAMPLE.slice(0, at) + ["", "=", "[", "]", ";", "\0", "\n", "\uFEFF", "__proto__=1\n", "[__proto__]\n"][random(10)] + SAMPLE.slice(at + random(20));
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof SiemError, String(error));
      }
    }
  });
});

describe("a file in a form that no client of a fabric reads", () => {
  let certs: Certificates;
  before(() => { certs = makeCertificates(); });
  after(() => certs.remove());

  const utf16 = (text: string, bigEndian: boolean, mark: boolean) => {
    const bytes = Buffer.from(`${mark ? "\uFEFF" : ""}${text}`, "utf16le");
    return bigEndian ? bytes.swap16() : bytes;
  };
  /** The error for `bytes` as the named file; undefined if there is none. */
  const problem = (named: string, bytes: Buffer) => {
    const files = new Map<string, Buffer>([["dxlclient.config", Buffer.from(SAMPLE)], ["ca-bundle.crt", Buffer.from(certs.read(certs.ca.cert))],
      ["client.crt", Buffer.from(certs.read(certs.client.cert))], ["client.key", Buffer.from(certs.read(certs.client.key))], [named, bytes]]);
    try {
      const { credentials } = fabricOptions({ configFile: "/dxl/dxlclient.config" }, {}, { userFolder: "/", readFile: (path) => files.get(path.slice("/dxl/".length))?.toString("utf8") ?? "" });
      secureContext(credentials);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof SiemError, String(error));
      assert.equal(error.params["name"], `/dxl/${named}`, error.message);
      return error.code;
    }
  };

  it("is named, with UTF-16 as the cause", () => {
    const texts = { "dxlclient.config": SAMPLE, "client.crt": certs.read(certs.client.cert), "client.key": certs.read(certs.client.key), "ca-bundle.crt": certs.read(certs.ca.cert) };
    for (const [named, text] of Object.entries(texts)) {
      for (const bigEndian of [false, true]) for (const mark of [false, true]) assert.equal(problem(named, utf16(text, bigEndian, mark)), "TEXT_UTF16", `${named} ${bigEndian} ${mark}`);
      assert.equal(problem(named, Buffer.from(`\uFEFF${text.replaceAll("\n", "\r\n")}`)), undefined, `${named} in UTF-8 with a byte order mark`);
    }
  });

  it("is named, with DER as the cause", () => {
    const key = createPrivateKey(certs.read(certs.client.key));
    for (const bytes of [key.export({ type: "sec1", format: "der" }), key.export({ type: "pkcs8", format: "der" })]) assert.equal(problem("client.key", bytes), "TEXT_BINARY");
    for (const named of ["client.crt", "ca-bundle.crt"]) assert.equal(problem(named, new X509Certificate(certs.read(certs.client.cert)).raw), "TEXT_BINARY");
  });

  it("is none if only a comment is in another encoding", () => {
    const latin1 = Buffer.from("Aussteller: Müller\n", "latin1");
    assert.equal(problem("client.crt", Buffer.concat([latin1, Buffer.from(certs.read(certs.client.cert))])), undefined);
    assert.equal(problem("dxlclient.config", Buffer.concat([Buffer.from("# "), latin1, Buffer.from(SAMPLE)])), undefined);
  });
});

describe("the options of a fabric", () => {
  const files = new Map<string, string>([
    ["/data/dxl/dxlclient.config", SAMPLE], ["/data/dxl/ca-bundle.crt", "CA"], ["/data/dxl/client.crt", "CERT"], ["/data/dxl/client.key", "KEY"],
  ]);
  const parts = {
    userFolder: "/data",
    readFile: (path: string) => {
      if (path === "/data/dxl") throw Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" });
      const text = files.get(path);
      if (text === undefined) throw enoent(path);
      return text;
    },
  };
  const PEM = { brokerCertChain: "CA\n", certificate: "CERT\n", privateKey: "KEY\n" };

  it("come from a file or its folder, relative to the user's folder", () => {
    for (const configFile of ["dxl/dxlclient.config", "dxl", "/data/dxl"]) {
      const options = fabricOptions({ configFile, keepAlive: "45" }, { passphrase: "secret" }, parts);
      assert.equal(options.keepAlive, 45);
      assert.deepEqual(options.credentials, { brokerCertChain: "CA", certificate: "CERT", privateKey: "KEY", passphrase: "secret" });
      assert.equal(options.brokers[0]?.port, 8883);
    }
    const forced = fabricOptions({ configFile: "dxl", webSockets: true }, {}, parts);
    assert.deepEqual([forced.webSockets, forced.brokers[0]?.port], [true, 443]);
    assert.throws(() => fabricOptions({ configFile: "nowhere" }, {}, parts), { code: "CONFIG_FILE", params: { path: resolve("/data", "nowhere"), reason: enoent(join("/data", "nowhere")).message } });
  });

  it("come from broker lines, also pasted from a file, and PEM texts", () => {
    const brokers = `[Brokers]\n# ours\n${GUID}=${GUID};8883;one.example.com;192.0.2.1\r\n\n8884;two.example.com`;
    const options = fabricOptions({ brokers, webSockets: "true" }, { ...PEM, privateKey: "A\\nB" }, parts);
    assert.deepEqual(options.brokers, [{ host: "one.example.com", port: 8883 }, { host: "192.0.2.1", port: 8883 }, { host: "two.example.com", port: 8884 }]);
    assert.equal(options.webSockets, true);
    assert.equal(options.keepAlive, 30);
    assert.equal(options.credentials.privateKey, "A\nB");
    assert.equal(options.credentials.passphrase, undefined);
  });

  it("say what is missing", () => {
    assert.throws(() => fabricOptions({}, PEM, parts), { code: "NO_BROKERS" });
    assert.throws(() => fabricOptions({ brokers: "8883;h\nh" }, PEM, parts), { code: "BROKER_LINE" });
    assert.throws(() => fabricOptions({ brokers: "8883;h" }, { ...PEM, privateKey: " " }, parts), { code: "CREDENTIAL_MISSING", params: { name: "privateKey" } });
    assert.throws(() => fabricOptions({ brokers: "8883;h", keepAlive: "0" }, PEM, parts), { code: "PROPERTY_NUMBER" });
    assert.throws(() => fabricOptions({ brokers: "8883;h" }, PEM, { ...parts, proxy: { url: "http://proxy:1" } }), { code: "PROXY_NEEDS_WEB_SOCKETS" });
  });
});

describe("a pasted dxlclient.config", () => {
  it("gives its broker lines and the choice of WebSockets", () => {
    const taken = brokersOf(SAMPLE);
    assert.deepEqual(taken, { brokers: `${GUID}=${GUID};8883;mybroker.example.com;192.0.2.12`, webSockets: false });
    assert.deepEqual(brokersOf(`[General]\nUseWebSockets=true\n${SAMPLE}`), { brokers: `${GUID}=${GUID};443;mybroker.example.com;192.0.2.12`, webSockets: true });
    assert.equal(brokersOf(taken?.brokers ?? ""), undefined);
  });
});

describe("the client certificate", () => {
  let certs: Certificates;
  before(() => { certs = makeCertificates(); });
  after(() => certs.remove());

  it("is described as topic authorization names it", () => {
    const info = certificateInfo(certs.read(certs.client.cert));
    assert.equal(info.subject, "CN=client");
    assert.equal(info.issuer, "CN=ca");
    assert.match(info.thumbprint, /^[0-9a-f]{40}$/);
    assert.ok(Date.parse(info.validFrom) <= Date.now() && Date.parse(info.validTo) > Date.now());
    assert.throws(() => certificateInfo("nonsense"), { code: "CERTIFICATE_INVALID" });
  });
});
