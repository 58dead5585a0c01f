import assert from "node:assert/strict";
import { nkeys } from "@nats-io/transport-node";
import { makeCertificates, type Certificates } from "../../support/certs";
import { NatsServer, type NatsOptions } from "../../support/nats";
import { makeAccounts, textOf } from "../../support/nats-accounts";
import { watchedLink, type WatchedLink } from "../../support/nats-link";

describe("the sign-in at NATS", () => {
  const servers: NatsServer[] = [];
  const links: WatchedLink[] = [];
  const start = async (options: NatsOptions = {}) => {
    const server = await NatsServer.start(options);
    servers.push(server);
    return server;
  };
  const made = (...args: Parameters<typeof watchedLink>) => {
    const link = watchedLink(...args);
    links.push(link);
    return link;
  };
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.close()));
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });

  const user = nkeys.createUser();
  const accounts = makeAccounts();
  const other = makeAccounts();
  const seedOf = (pair = nkeys.createUser()) => textOf(pair.getSeed());
  const WAYS: Record<string, { settings: string; right: Record<string, string>; wrong: Record<string, string>; authType: string }> = {
    "user and password": { authType: "user", settings: "authorization { user: dana, password: \" right secret \" }", right: { user: "dana", password: " right secret " }, wrong: { user: "dana", password: "right secret" } },
    "a token": { authType: "token", settings: "authorization { token: right-token }", right: { token: "right-token" }, wrong: { token: "wrong-token" } },
    "an nkey": { authType: "nkey", settings: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`, right: { nkeySeed: `${seedOf(user)}\n` }, wrong: { nkeySeed: seedOf() } },
    "a credentials file": { authType: "creds", settings: accounts.settings(), right: { creds: accounts.creds.replaceAll("\n", "\r\n").trim() }, wrong: { creds: other.creds } },
  };

  for (const [name, { settings, authType, right, wrong }] of Object.entries(WAYS)) {
    it(`works with ${name}, and a wrong one is refused in words`, async () => {
      const server = await start({ settings, admin: {} });
      const good = made({ servers: server.address, authType }, { credentials: right });
      await (await good.session()).stream();
      const bad = made({ servers: server.address, authType }, { credentials: wrong });
      const error = await bad.failure();
      assert.equal(error.code, "NATS_REFUSED");
      assert.match(error.message, /refused the sign-in: (Authorization Violation|'Authorization Violation')/i);
      assert.deepEqual(bad.outages.map(({ code }) => code), ["NATS_REFUSED"]);
      const anonymous = made({ servers: server.address });
      assert.equal((await anonymous.failure()).code, "NATS_REFUSED");
    });
  }

  it("that is taken away while it is used ends the connection as refused", async () => {
    const server = await start({ settings: WAYS["a token"]!.settings });
    const watched = made({ servers: server.address, authType: "token" }, { credentials: { token: "right-token" } });
    await watched.session();
    await server.reload("authorization { token: another-token }");
    assert.equal((await watched.failure()).code, "NATS_REFUSED");

    const jwtServer = await start({ settings: accounts.settings() });
    const withJwt = made({ servers: jwtServer.address, authType: "creds" }, { credentials: { creds: accounts.creds } });
    await withJwt.session();
    await jwtServer.reload(accounts.settings([accounts.user]));
    const error = await withJwt.failure();
    assert.match(error.message, /refused the sign-in: .*Revoked/);
  });

  it("needs a seed or credentials file that can be read", async () => {
    for (const [authType, credentials] of [["nkey", { nkeySeed: "SUNOTASEED" }], ["creds", { creds: "-----BEGIN NATS USER JWT-----" }], ["creds", { creds: accounts.creds.slice(0, -400) }]] as const) {
      const error = await made({ servers: "127.0.0.1:1", authType }, { credentials }).failure();
      assert.equal(error.code, "CREDENTIALS_INVALID", String(error));
      assert.ok(!error.message.includes("NOTASEED"));
    }
  });

  it("without JetStream on the server or for the account is refused in words", async () => {
    for (const server of [await start({ jetstream: false }), await start({ settings: "accounts { A { users: [{ user: a, password: b }] } }\nno_auth_user: a" })]) {
      const error = await made({ servers: server.address }).failure();
      assert.equal(error.code, "NATS_NO_JETSTREAM");
    }
    const none = makeAccounts({ jetstream: false });
    const server = await start({ settings: none.settings() });
    assert.equal((await made({ servers: server.address, authType: "creds" }, { credentials: { creds: none.creds } }).failure()).code, "NATS_NO_JETSTREAM");
  });

  describe("over TLS", () => {
    let certs: Certificates;
    before(() => { certs = makeCertificates(); });
    after(() => certs.remove());
    const tlsOf = (files: { cert: string; key: string }, more = "") => `tls { cert_file: "${files.cert}", key_file: "${files.key}"\n${more} }`;
    const ca = () => ({ ca: certs.read(certs.ca.cert), minVersion: "TLSv1.2" as const });

    it("works by name and by address, and refuses every certificate that is not right", async () => {
      const server = await start({ settings: tlsOf(certs.server) });
      for (const address of [`127.0.0.1:${server.port}`, `localhost:${server.port}`]) {
        const good = made({ servers: address }, { tls: ca() });
        await good.session();
        assert.deepEqual(good.warnings, []);
      }
      const rows = [
        ["an unknown CA", server, {}, "127.0.0.1", /self-signed|unable to verify|issuer/],
        ["no configuration", server, undefined, "127.0.0.1", /self-signed|unable to verify|issuer/],
        ["another name", await start({ settings: tlsOf(certs.wrongName) }), ca(), "127.0.0.1", /127\.0\.0\.1/],
        ["another name", await start({ settings: tlsOf(certs.wrongName) }), ca(), "localhost", /localhost/],
        ["expired", await start({ settings: tlsOf(certs.expired) }), ca(), "127.0.0.1", /expired/],
        ["no TLS", await start(), ca(), "127.0.0.1", /does not offer TLS/],
        ["client certificate", await start({ settings: tlsOf(certs.server, `ca_file: "${certs.ca.cert}", verify: true`) }), ca(), "127.0.0.1", /certificate/],
      ] as const;
      for (const [what, nats, tls, host, words] of rows) {
        const error = await made({ servers: `${host}:${nats.port}` }, tls === undefined ? {} : { tls }).failure();
        assert.equal(error.code, "NATS_TLS", what);
        assert.match(error.message, words, what);
      }
      const demanding = servers.at(-1) as NatsServer;
      await made({ servers: demanding.address }, { tls: { ...ca(), cert: certs.read(certs.client.cert), key: certs.read(certs.client.key) } }).session();
    });
  });
});
