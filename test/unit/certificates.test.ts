/**
 * Wrong certificates of an API or a syslog server: the connection is refused without a retry, with the cause in words, and
 * nothing is sent. With the right certificate the next attempt succeeds.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, type Server as TlsServer, type TlsOptions } from "node:tls";
import { Tenant } from "../../src/code42/tenant/tenant";
import type { SiemError } from "../../src/common/errors";
import { systemClock } from "../../src/common/clock";
import { linkError } from "../../src/syslog/errors";
import { tlsTransport } from "../../src/syslog/transport";
import { makeCertificates, type Certificate, type Certificates } from "../support/certs";

describe("a wrong certificate", () => {
  let certs: Certificates;
  let bad: Record<string, TlsOptions>;
  let right: TlsOptions;
  let server: TlsServer | undefined;
  let received = 0;

  const pem = ({ cert, key }: Certificate): TlsOptions => ({ cert: certs.read(cert), key: certs.read(key) });
  /** Issued by our CA for localhost, `days` from now, with further arguments for openssl. */
  const issue = (name: string, days: number, ...more: string[]): TlsOptions => {
    const files = { cert: join(certs.folder, `${name}.pem`), key: join(certs.folder, `${name}.key`) };
    execFileSync("faketime", ["-f", `${days >= 0 ? "+" : ""}${days}d`, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-keyout", files.key, "-out", files.cert, "-days", "30", "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost", ...more], { stdio: "pipe" });
    return pem(files);
  };

  before(() => {
    certs = makeCertificates();
    const byUs = ["-CA", certs.ca.cert, "-CAkey", certs.ca.key];
    right = pem(certs.server);
    bad = {
      "of an unknown CA": pem(certs.otherServer),
      "for another name": pem(certs.wrongName),
      "that has expired": pem(certs.expired),
      "that is not valid yet": issue("future", 10, ...byUs),
      "that it signed itself": issue("self-signed", -1),
      "made for clients": issue("purpose", -1, ...byUs, "-addext", "extendedKeyUsage=clientAuth"),
      "behind a protocol that is too old": { ...right, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    };
  });
  after(() => certs.remove());
  afterEach(async () => {
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  });

  const trusting = () => ({ ca: certs.read(certs.ca.cert), rejectUnauthorized: true, minVersion: "TLSv1.2" as const });
  const listen = async (made: TlsServer) => {
    server = made;
    received = 0;
    made.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
    return (made.address() as AddressInfo).port;
  };

  const cases: [name: string, code: string, reason: RegExp][] = [
    ["of an unknown CA", "TLS_UNKNOWN_CA", /unable to verify/i],
    ["for another name", "TLS_WRONG_NAME", /siem\.example\.com/],
    ["that has expired", "TLS_EXPIRED", /expired/],
    ["that is not valid yet", "TLS_EXPIRED", /not yet valid/],
    ["that it signed itself", "TLS_UNKNOWN_CA", /self-signed/],
    ["made for clients", "TLS_FAILED", /purpose/],
    ["behind a protocol that is too old", "TLS_FAILED", /version|protocol/i],
  ];

  for (const [name, code, reason] of cases) {
    it(`${name} is refused by the API connection until it is replaced`, async () => {
      const made = createHttpsServer(bad[name] ?? {}, (request, response) => {
        received += 1;
        request.resume();
        response.setHeader("content-type", "application/json");
        response.end('{"access_token":"t"}');
      });
      const port = await listen(made);
      const tenant = new Tenant({ baseUrl: `https://localhost:${port}`, clientId: "id", clientSecret: "secret", userAgent: "test", tls: trusting() }, { sleep: async () => undefined });
      try {
        await assert.rejects(tenant.get("/v1/customer"), (error: SiemError) => {
          assert.deepEqual([error.code, error.permanent], [code, true], error.message);
          assert.match(error.message, reason);
          assert.match(error.message, /localhost/);
          return true;
        });
        assert.equal(received, 0);
        made.setSecureContext({ ...right, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" });
        assert.equal((await tenant.get("/v1/customer")).status, 200);
      } finally {
        tenant.close();
        made.closeAllConnections();
      }
    });

    it(`${name} is refused by the syslog connection until it is replaced`, async () => {
      const made = createTlsServer(bad[name] ?? {}, (socket) => socket.on("error", () => undefined).on("data", () => (received += 1)).resume());
      const port = await listen(made);
      const connect = () => new Promise<unknown>((resolve) => {
        const link = tlsTransport({ host: "localhost", port, clock: systemClock }, trusting()).connect({
          ready: () => {
            link.destroy();
            resolve("ready");
          },
          drain: () => undefined,
          closed: resolve,
        });
      });
      const error = linkError(await connect(), "localhost", port);
      assert.deepEqual([error.code, error.permanent], [code, true], error.message);
      assert.match(error.message, reason);
      assert.match(error.message, /localhost/);
      assert.equal(received, 0);
      made.setSecureContext({ ...right, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" });
      assert.equal(await connect(), "ready");
    });
  }
});
