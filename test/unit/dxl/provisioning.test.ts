import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { SiemError } from "../../../src/common/errors";
import { certificateRequest, provision, type Provisioned, type Unconfirmed } from "../../../src/dxl/provisioning";
import { makeCertificates, type Certificates } from "../../support/certs";
import { everythingIn } from "../../support/everything-in";
import { BROKERS, ManagementServer, PASSWORD, USER, WEB_SOCKET_BROKERS } from "../../support/management-server";
import { startRecordingServer } from "../../support/recording-server";

describe("a request for a certificate", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const openssl = (input: string | Buffer, ...args: string[]) => spawnSync("openssl", ["req", "-verify", "-text", "-noout", "-nameopt", "utf8", ...args], { input, encoding: "utf8" });
  const read = async (commonName: string) => {
    const { stdout, stderr } = openssl(await certificateRequest(commonName, publicKey, privateKey));
    assert.match(stderr, /verify OK/);
    return stdout;
  };

  it("is what OpenSSL verifies and reads", async () => {
    const text = await read("node-red");
    assert.match(text, /Subject: CN ?= ?node-red\n/);
    assert.match(text, /Version: 1 /);
    assert.match(text, /Public-Key: \(2048 bit\)/);
    assert.match(text, /Signature Algorithm: sha256WithRSAEncryption/);
    assert.match(text, /CA:FALSE/);
    assert.match(text, /Digital Signature, Key Encipherment/);
    assert.match(text, /TLS Web Client Authentication/);
  });

  it("holds any name unchanged", async () => {
    assert.match(await read("Zürich, CN=admin"), /Subject: CN ?= ?"?Zürich, CN=admin"?\n/);
    assert.match(await read("ß".repeat(64)), /ß{64}/);
  });

  it("does not verify after a change", async () => {
    const request = await certificateRequest("node-red", publicKey, privateKey);
    const der = Buffer.from(request.replace(/-----.*-----|\n/g, ""), "base64");
    der[der.indexOf("node-red")] = 0x4e;
    const { stdout, stderr } = openssl(der, "-inform", "DER");
    assert.match(stdout, /CN ?= ?Node-red/);
    assert.doesNotMatch(stderr, /verify OK/);
  });
});

describe("provisioning", () => {
  let certs: Certificates;
  let server: ManagementServer;
  before(() => {
    certs = makeCertificates();
  });
  beforeEach(async () => {
    server = await ManagementServer.start(certs);
  });
  afterEach(() => server.stop());
  after(() => certs.remove());

  const form = (change: Record<string, unknown> = {}) => ({
    host: "127.0.0.1", port: String(server.port), user: USER, password: PASSWORD, commonName: "node-red", truststore: certs.read(certs.ca.cert), ...change,
  });
  const provisioned = async (change?: Record<string, unknown>) => (await provision(form(change))) as Provisioned;
  /** The error. Checks for each that it holds no secret. */
  const failure = async (change: Record<string, unknown> = {}, options = {}) => {
    const error = await provision(form(change), options).then(() => assert.fail("it was provisioned"), (thrown: unknown) => thrown);
    assert.ok(error instanceof SiemError, inspect(error));
    assert.doesNotMatch(error.message, /__|undefined/);
    for (const secret of [PASSWORD, Buffer.from(`${USER}:${PASSWORD}`).toString("base64"), "PRIVATE KEY", "Authorization", "csrString"]) {
      assert.ok(!everythingIn(error).includes(secret), `${error.code} holds ${secret}`);
    }
    return error;
  };
  const replying = (body: string, status = 200, headers = {}) => {
    server.instead = (_request, response) => response.writeHead(status, headers).end(body);
  };

  it("returns brokers, CA chain, and a certificate of the name with its key", async () => {
    const { privateKey, certificate, ...rest } = await provisioned();
    assert.deepEqual(rest, { brokers: BROKERS, webSocketBrokers: WEB_SOCKET_BROKERS, brokerCertChain: certs.read(certs.ca.cert).trim() });
    assert.equal(new X509Certificate(certificate).subject, "CN=node-red");
    const file = execFileSync("openssl", ["x509", "-noout", "-pubkey"], { input: certificate, encoding: "utf8" });
    assert.equal(execFileSync("openssl", ["pkey", "-pubout"], { input: privateKey, encoding: "utf8" }), file);
    assert.doesNotMatch(server.requests.join(), /PRIVATE/);
  });

  it("makes a new key every time", async () => {
    assert.notEqual((await provisioned()).privateKey, (await provisioned()).privateKey);
    assert.notEqual(server.csrs[0], server.csrs[1]);
  });

  describe("by fingerprint", () => {
    const expected = () => new X509Certificate(certs.read(certs.otherServer.cert)).fingerprint256;
    beforeEach(async () => {
      await server.stop();
      server = await ManagementServer.start(certs, certs.otherServer);
    });

    it("shows the certificate first, without a request", async () => {
      assert.deepEqual(await provision(form({ byFingerprint: true })), { fingerprint: expected() });
      assert.deepEqual(server.requests, []);
    });

    it("provisions when it is confirmed", async () => {
      const { fingerprint } = (await provision(form({ byFingerprint: true }))) as Unconfirmed;
      assert.equal((await provisioned({ byFingerprint: true, fingerprint })).brokers, BROKERS);
    });

    it("sends nothing to a server with another certificate, not even one of the same authority", async () => {
      const { port } = server;
      await server.stop();
      server = await ManagementServer.start(certs, certs.server, port);
      const error = await failure({ byFingerprint: true, fingerprint: expected() });
      assert.equal(error.code, "PROVISION_FINGERPRINT");
      assert.deepEqual(server.requests, []);
    });
  });

  it("sends nothing to a server that is not trusted", async () => {
    const cases = [
      [certs.otherServer, {}, "PROVISION_UNTRUSTED"], [certs.wrongName, {}, "PROVISION_WRONG_NAME"], [certs.expired, {}, "PROVISION_EXPIRED"],
      [certs.server, { truststore: "" }, "PROVISION_UNTRUSTED"],
      // A fingerprint counts only with `byFingerprint`.
      [certs.otherServer, { fingerprint: new X509Certificate(certs.read(certs.otherServer.cert)).fingerprint256 }, "PROVISION_UNTRUSTED"],
    ] as const;
    for (const [identity, change, code] of cases) {
      await server.stop();
      server = await ManagementServer.start(certs, identity);
      assert.equal((await failure(change)).code, code);
      assert.deepEqual(server.requests, []);
    }
  });

  it("checks its input before it connects", async () => {
    for (const [change, code] of [
      [{ host: "" }, "PROPERTY_EMPTY"], [{ host: "https://epo.example.com" }, "PROVISION_HOST"], [{ host: "a\r\nb" }, "PROVISION_HOST"], [{ port: 0 }, "PROPERTY_NUMBER"],
      [{ user: "" }, "PROPERTY_EMPTY"], [{ password: "" }, "PROPERTY_EMPTY"], [{ password: 7 }, "PROPERTY_EMPTY"], [{ commonName: " " }, "PROPERTY_EMPTY"],
      [{ commonName: "a".repeat(65) }, "COMMON_NAME_INVALID"], [{ commonName: "a\nb" }, "COMMON_NAME_INVALID"],
      [{ truststore: "no certificate" }, "TRUSTSTORE_INVALID"], [{ truststore: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }, "TRUSTSTORE_INVALID"],
    ] as const) {
      assert.equal((await failure(change)).code, code, JSON.stringify(change));
    }
    assert.deepEqual(server.requests, []);
  });

  it("says that user or password is wrong", async () => {
    assert.equal((await failure({ user: "nobody" })).code, "PROVISION_UNAUTHORIZED");
  });

  it("reports the server's reason for a refusal, without the password", async () => {
    replying("Error 1 :\r\nNo\r\npermission");
    const error = await failure();
    assert.equal(error.code, "PROVISION_REFUSED");
    assert.match(error.message, /command: No permission\./);
    replying(`Error 2 : not for ${PASSWORD}`);
    assert.equal((await failure()).params["text"], "not for ***");
  });

  it("refuses a reply that the fabric could not use", async () => {
    const { certificate, brokerCertChain } = await provisioned();
    const other = certs.read(certs.client.cert);
    const complete = (...parts: string[]) => ManagementServer.package(...parts);
    for (const [body, reason] of [
      ["", /package/], ["<html>", /package/], ["OK:", /package/], ["OK:\n{}", /package/], ["OK:\n\"cut", /package/], [complete(brokerCertChain, certificate), /package/],
      [complete("", certificate, BROKERS), /CA chain|brokerCertChain/], [complete(brokerCertChain, "nothing", BROKERS), /certificate/],
      [complete(brokerCertChain, other, BROKERS), /does not belong/], [complete(brokerCertChain, other, "nonsense"), /broker/], [complete(brokerCertChain, other, ""), /broker/],
      ["OK:".padEnd(2 ** 20 + 1), /1 MiB/],
    ] as const) {
      replying(body);
      const error = await failure();
      assert.equal(error.code, "PROVISION_REPLY", body.slice(0, 40));
      assert.match(error.message, reason);
    }
  });

  it("sends its two headers, and again with cookies, byte for byte", async () => {
    const tls = { key: certs.read(certs.server.key), cert: certs.read(certs.server.cert) };
    const plain = await startRecordingServer((socket, { line }) => socket.end(
      line.includes("/login") ? "HTTP/1.1 500 No\r\n\r\n" : "HTTP/1.1 302 Found\r\nLocation: /login//it's/%2F/ü?a=b c&d='%27\r\nSet-Cookie: a=b; Secure\r\nSet-Cookie: c=\"d e\"\r\n\r\n",
    ), tls);
    try {
      assert.equal((await failure({ port: plain.port })).code, "PROVISION_STATUS");
      const authorization = `Authorization: Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;
      const common = [authorization, "Connection: close", `Host: 127.0.0.1:${plain.port}`];
      assert.match(plain.requests[0]?.line ?? "", /^GET \/remote\/DxlBrokerMgmt\.generateOpenDXLClientProvisioningPackageCmd\?csrString=-----BEGIN%20CERTIFICATE%20REQUEST-----%0A[\w%.-]+%0A&:output=json HTTP\/1\.1$/);
      assert.deepEqual(plain.requests.map(({ headers, body }) => [headers, body]), [[common, ""], [[...common, 'Cookie: a=b; c="d e"'].sort(), ""]]);
      assert.equal(plain.requests[1]?.line, "GET /login//it's/%2F/%C3%83%C2%BC?a=b%20c&d=%27%27 HTTP/1.1");
    } finally {
      plain.close();
    }
  });

  it("follows redirects within the server with its cookies, and sends the password nowhere else", async () => {
    server.instead = (request, response) => {
      if (request.headers.cookie === "session=1; b=2") server.instead = undefined;
      response.writeHead(302, { Location: request.url, "Set-Cookie": ["session=1; Secure; HttpOnly", "b=2"] }).end();
    };
    assert.equal((await provisioned()).brokers, BROKERS);
    for (const location of ["https://other.example.com:8443/", `http://127.0.0.1:${server.port}/`, "/forever"]) {
      replying("", 302, { Location: location });
      server.requests.length = 0;
      assert.equal((await failure()).code, "PROVISION_REDIRECTED");
      assert.ok(server.requests.length <= 6);
    }
  });

  it("has an error for each other failure", async () => {
    replying("", 500);
    assert.equal((await failure()).code, "PROVISION_STATUS");
    server.instead = (request) => request.socket.destroy();
    assert.equal((await failure()).code, "PROVISION_NO_ANSWER");
    server.instead = (_request, response) => void response.writeHead(200).write("OK:");
    assert.match((await failure({}, { patience: 1000 })).message, /timeout/);
    server.instead = () => undefined;
    assert.match((await failure({}, { patience: 1000 })).message, /timeout/);
    assert.equal((await failure({ host: "nowhere.invalid" })).code, "PROVISION_HOST_UNKNOWN");
    assert.equal((await failure({ port: 1 })).code, "PROVISION_NO_ANSWER");

    const plain = createServer((socket) => socket.on("error", () => undefined).end("SSH-2.0\r\n")).listen(0, "127.0.0.1");
    await once(plain, "listening");
    assert.equal((await failure({ port: (plain.address() as AddressInfo).port })).code, "PROVISION_TLS");
    plain.close();
  });
});
