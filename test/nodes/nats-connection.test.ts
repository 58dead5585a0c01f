import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { nkeys } from "@nats-io/transport-node";
import type { Node, NodeAPI, NodeInitializer } from "node-red";
import natsConnection from "../../nodes/nats-connection";
import { linkOf } from "../../src/node-red/nats-link";
import type { LinkState, NatsConnectionNode } from "../../src/scale-out/link";
import { makeCertificates, type Certificates } from "../support/certs";
import { tryForm, type DialogAnswer } from "../support/dialog";
import { tlsConfig } from "../support/flows";
import { everythingIn } from "../support/everything-in";
import { freePort } from "../support/free-port";
import { NatsServer, type NatsOptions } from "../support/nats";
import { makeAccounts, textOf } from "../support/nats-accounts";
import { coreNode, getNode, helper, loadFlow, recordMessages, startServer, stopServer, unloadFlow, until, type FlowNode } from "../support/node-red";

/** A node that uses a connection as event-stream-out, event-stream-in and code42-query do. */
interface UserNode extends Node {
  states: LinkState[];
  failure: unknown;
}
const user: NodeInitializer = (RED: NodeAPI) => {
  RED.nodes.registerType("user", function (this: UserNode, config: never) {
    RED.nodes.createNode(this, config);
    this.states = [];
    let release: (() => void) | undefined;
    try {
      release = linkOf(RED.nodes, (config as { connection: string }).connection, this).use((state) => void this.states.push(state));
    } catch (error) {
      this.failure = error;
    }
    this.on("close", () => release?.());
  } as never);
};

describe("nats-connection", () => {
  let certs: Certificates;
  const servers: NatsServer[] = [];
  const start = async (options: NatsOptions = {}) => {
    const server = await NatsServer.start(options);
    servers.push(server);
    return server;
  };
  before(async () => {
    certs = makeCertificates();
    await startServer();
  });
  afterEach(async () => {
    await unloadFlow();
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });
  after(async () => {
    await stopServer();
    certs.remove();
  });

  const load = (properties: Record<string, unknown>, credentials: Record<string, string> = {}, more: FlowNode[] = []) => loadFlow(
    [natsConnection, user, coreNode("common/25-catch"), coreNode("network/05-tls")],
    [
      { id: "nats", type: "nats-connection", name: "n", ...properties },
      { id: "one", type: "user", connection: "nats", wires: [] }, { id: "two", type: "user", connection: "nats", wires: [] },
      { id: "catch", type: "catch", scope: null, uncaught: false, wires: [["seen"]] }, { id: "seen", type: "helper", wires: [] },
      ...more,
    ],
    { credentials: { nats: credentials } },
  );
  const link = () => (getNode("nats") as unknown as NatsConnectionNode).getLink();
  const userNode = (id = "one") => getNode(id) as unknown as UserNode;
  const connected = () => until(() => link().session !== undefined, "connected");
  const metrics = async () => (await (helper.request() as unknown as { get(path: string): Promise<{ text: string }> }).get("/security-events/metrics")).text;

  it("gives all nodes that use it one connection, which ends with the flow", async () => {
    const monitor = await freePort();
    const nats = await start({ settings: `http: 127.0.0.1:${monitor}` });
    const clients = async () => (await (await fetch(`http://127.0.0.1:${monitor}/connz`)).json() as { num_connections: number }).num_connections;
    for (let deploy = 0; deploy < 3; deploy++) {
      await load({ servers: nats.address });
      await connected();
      assert.equal(await clients(), 1);
      assert.deepEqual(userNode("two").states.at(-1)?.phase, "connected");
      assert.match(await metrics(), /security_events_connected\{node="nats",type="nats-connection",name="n"\} 1/);
      await unloadFlow();
      for (let tries = 0; await clients() > 0; tries++) assert.ok(tries < 100, "a connection is left");
    }
  });

  it("loads the packages when a node uses it, not before", () => {
    const loaded = execFileSync(process.execPath, ["--import", "tsx", "-e", `
      const RED = { nodes: { registerType: (_type, make) => { RED.make = make; }, createNode: (node) => { node.on = () => {}; } }, events: { on() {}, off() {} }, auth: { needsPermission() {} }, httpAdmin: { get() {}, post() {} }, settings: {}, _: (key) => key };
      const packages = () => Object.keys(require.cache).some((name) => name.includes("@nats-io"));
      for (const type of ["nats-connection", "code42-query", "syslog-out"]) require("./nodes/" + type)(RED);
      const before = packages();
      import("@nats-io/transport-node").then(() => console.log(before, packages()));
    `], { encoding: "utf8" });
    assert.equal(loaded.trim(), "false true");
  });

  it("is missed in words where it is missing, disabled or something else", async () => {
    await load({ servers: "127.0.0.1:1", d: true }, {}, [
      { id: "gone", type: "user", connection: "nowhere", wires: [] }, { id: "none", type: "user", wires: [] }, { id: "other", type: "user", connection: "one", wires: [] },
    ]);
    for (const id of ["one", "gone", "none", "other"]) assert.equal((userNode(id).failure as { code?: string }).code, "CONNECTION_MISSING", id);
  });

  it("says what is wrong with its settings to each node that uses it", async () => {
    const rows: [Record<string, unknown>, string][] = [
      [{}, "SERVERS_EMPTY"], [{ servers: "http://nats:4222" }, "SERVER_INVALID"], [{ servers: "nats:99999" }, "SERVER_INVALID"], [{ servers: 7 }, "PROPERTY_LIST"],
      [{ servers: [{}] }, "PROPERTY_TEXT"], [{ servers: Array.from({ length: 101 }, () => "a") }, "SERVERS_COUNT"], [{ servers: "${NATS_NOT_SET}" }, "ENVIRONMENT_UNSET"],
      [{ servers: ["a", "${NATS_NOT_SET}"] }, "ENVIRONMENT_UNSET"], [{ servers: "nats-${HOME}" }, "ENVIRONMENT_PART"],
      [{ servers: "a", authType: "magic" }, "PROPERTY_CHOICE"], [{ servers: "a", authType: "user" }, "CREDENTIAL_MISSING"], [{ servers: "a", stream: "a.b" }, "NAME_INVALID"], [{ servers: "a", bucket: "a b" }, "NAME_INVALID"],
      [{ servers: "a", replicas: "2" }, "PROPERTY_CHOICE"], [{ servers: "a", streamBytes: "1" }, "PROPERTY_NUMBER"], [{ servers: "a", dedupeWindow: "0" }, "PROPERTY_NUMBER"],
      [{ servers: "a", tls: "gone" }, "TLS_NODE_MISSING"],
    ];
    for (const [properties, code] of rows) {
      await load(properties);
      for (const id of ["one", "two"]) assert.equal((userNode(id).failure as { code?: string } | undefined)?.code, code, JSON.stringify(properties));
      await unloadFlow();
    }
    process.env["NATS_SERVERS_SET"] = "127.0.0.1:1\n127.0.0.1:2";
    await load({ servers: "${NATS_SERVERS_SET}" });
    assert.deepEqual(link().settings.servers, ["127.0.0.1:1", "127.0.0.1:2"]);
  });

  it("repeats no password or token that was written into a server", async () => {
    for (const servers of ["nats://dana:s3cret-canary@nats:4222", "s3cret-canary@nats", "dana:s3cret@canary@nats:4222", ["a", "tls://s3cret-canary@nats"]]) {
      await load({ servers });
      assert.match(String(userNode("one").failure), /\*\*\*@nats.*"Sign in with"/);
      assert.doesNotMatch(everythingIn(userNode("one").failure), /s3cret|canary/);
      await unloadFlow();
    }
  });

  it("waits for NATS, tells each catch node of its users once for each outage, and connects later", async () => {
    const port = await freePort();
    await load({ servers: `127.0.0.1:${port}` });
    const caught = recordMessages("seen");
    await until(() => caught.length === 2, "both users");
    assert.deepEqual(caught.map(({ error }) => (error as { source: { id: string }; code?: string }).source.id), ["nats", "nats"]);
    const { phase, error } = userNode().states.at(-1) as { phase: string; error?: { code: string; permanent: boolean } };
    assert.deepEqual([phase, error?.code, error?.permanent], ["waiting", "NATS_UNREACHABLE", false]);
    assert.match(await metrics(), /last_error_timestamp_seconds\{node="nats",type="nats-connection",name="n",code="NATS_UNREACHABLE"\}/);
    await start({ port });
    await connected();
    assert.equal(caught.length, 2);
  });

  it("is refused for good, as far as it can know: a sign-in, a permission, JetStream, TLS", async () => {
    const nkey = nkeys.createUser();
    const allowed = `authorization { users: [{ nkey: ${nkey.getPublicKey()}, permissions: { publish: ["other"] } }] }`;
    const rows: [NatsOptions, Record<string, unknown>, Record<string, string>, string][] = [
      [{ settings: "authorization { token: right }" }, { authType: "token" }, { token: "wrong" }, "NATS_REFUSED"],
      [{ settings: allowed }, { authType: "nkey" }, { nkeySeed: textOf(nkey.getSeed()) }, "NATS_PERMISSION"],
      [{ jetstream: false }, {}, {}, "NATS_NO_JETSTREAM"],
      [{}, { tls: "tls" }, {}, "NATS_TLS"],
      [{ settings: `tls { cert_file: "${certs.otherServer.cert}", key_file: "${certs.otherServer.key}" }` }, { tls: "tls" }, {}, "NATS_TLS"],
      [{}, { authType: "nkey" }, { nkeySeed: "no seed" }, "CREDENTIALS_INVALID"],
    ];
    for (const [options, properties, credentials, code] of rows) {
      const nats = await start(options);
      await load({ servers: nats.address, ...properties }, credentials, [tlsConfig("tls", { ca: certs.ca.cert })]);
      await until(() => userNode().states.at(-1)?.phase === "waiting", code);
      const { error } = userNode().states.at(-1) as { error?: { code: string; permanent: boolean } };
      assert.deepEqual([error?.code, error?.permanent], [code, true]);
      await unloadFlow();
    }
  });

  it("connects over TLS with a TLS configuration, and with a scheme alone", async () => {
    const nats = await start({ settings: `tls { cert_file: "${certs.server.cert}", key_file: "${certs.server.key}", ca_file: "${certs.ca.cert}", verify: true }` });
    await load({ servers: `localhost:${nats.port}`, tls: "tls" }, {}, [tlsConfig("tls", { ca: certs.ca.cert, cert: certs.client.cert, key: certs.client.key })]);
    await connected();
    await unloadFlow();
    await load({ servers: `tls://${(await start()).address}` });
    await until(() => userNode().states.at(-1)?.phase === "waiting", "refused");
    assert.match((userNode().states.at(-1) as { error?: Error }).error?.message ?? "", /does not offer TLS/);
  });

  describe("Test connection", () => {
    const accounts = makeAccounts();
    const test = (settings: object, credentials: object = {}, secrets: readonly string[] = [], id = "nats"): Promise<DialogAnswer> => tryForm("nats-connection/test", { id, settings, credentials }, secrets);
    const outcome = async (...args: Parameters<typeof test>) => {
      const { ok, step, code } = await test(...args);
      return ok ? "ok" : `${String(step)} ${String(code)}`;
    };
    const streamsOf = (nats: NatsServer) => nats.ask((jsm) => jsm.streams.names().next());

    it("signs in, looks, and changes nothing", async () => {
      const nats = await start();
      await load({ servers: nats.address });
      await connected();
      const fresh = await test({ servers: `${nats.address}\n127.0.0.1:1`, create: true }) as unknown as { ok: boolean; servers: { server: string; error?: { code: string } }[] };
      assert.deepEqual({ ...fresh, servers: fresh.servers.map(({ server, error }) => [server, error?.code]) }, {
        ok: true, version: "2.10.27", isOld: false, hasStream: false, hasBucket: false, servers: [[nats.address, undefined], ["127.0.0.1:1", "NATS_UNREACHABLE"]],
      });
      assert.deepEqual(await streamsOf(nats), []);
      await link().session?.stream();
      await link().session?.bucket();
      const { hasStream, hasBucket } = await test({ servers: nats.address });
      assert.deepEqual([hasStream, hasBucket], [true, true]);
      assert.equal(await nats.ask(async (jsm) => (await jsm.streams.info("KV_security-events")).state.messages), 0);
      const old = await test({ servers: (await start({ version: "2.9" })).address });
      assert.deepEqual([old.ok, old["isOld"], old["version"]], [true, true, "2.9.10"]);
    });

    it("names the step that failed", async () => {
      await load({ servers: "127.0.0.1:1" });
      const plain = await start();
      const nkey = nkeys.createUser();
      const limited = (publish: string[]) => `authorization { users: [{ nkey: ${nkey.getPublicKey()}, permissions: { publish: ${JSON.stringify(publish)} } }] }`;
      const info = ["$JS.API.INFO", "$JS.API.STREAM.INFO.*"];
      const signIn = { authType: "nkey" };
      const seed = { nkeySeed: textOf(nkey.getSeed()) };
      const used = await start();
      await used.ask(async (jsm) => {
        await jsm.streams.add({ name: "SECURITY_EVENTS", subjects: ["security.events.*"] });
        await jsm.streams.add({ name: "KV_brief", subjects: ["$KV.brief.>"], max_age: 60e9 });
      });
      const rows: [string, object, object?][] = [
        ["settings SERVERS_EMPTY", { servers: "" }], ["name NATS_UNREACHABLE", { servers: "no-such-host.invalid" }], ["connection NATS_UNREACHABLE", { servers: "127.0.0.1:1" }],
        ["tls NATS_TLS", { servers: plain.address, tls: "tls" }], ["signIn NATS_REFUSED", { servers: (await start({ settings: "authorization { token: right }" })).address, authType: "token" }, { token: "wrong" }],
        ["jetStream NATS_NO_JETSTREAM", { servers: (await start({ jetstream: false })).address }], ["permission NATS_PERMISSION", { servers: (await start({ settings: limited(["x"]) })).address, ...signIn }, seed],
        ["permission NATS_PERMISSION", { servers: (await start({ settings: limited(["$JS.API.INFO"]) })).address, ...signIn }, seed],
        ["stream STREAM_MISSING", { servers: plain.address, create: false }], ["stream STREAM_UNSUITABLE", { servers: used.address }], ["bucket STREAM_UNSUITABLE", { servers: used.address, stream: "NEW", bucket: "brief" }],
      ];
      await unloadFlow();
      await load({ servers: "127.0.0.1:1" }, {}, [tlsConfig("tls", { ca: certs.ca.cert })]);
      for (const [expected, settings, credentials] of rows) {
        const found = await outcome({ ...settings }, credentials);
        assert.equal(found, expected.startsWith("settings") ? "undefined SERVERS_EMPTY" : expected, JSON.stringify(settings));
      }
      const nats = await start({ settings: limited([...info, "$JS.API.STREAM.MSG.GET.*"]), admin: {} });
      assert.equal(await outcome({ servers: nats.address, ...signIn }, seed), "ok");
    });

    it("finds that cursors may not be written, and stores none", async () => {
      const nkey = nkeys.createUser();
      const settings = (publish: string) => `authorization { users: [{ user: a, password: b }, { nkey: ${nkey.getPublicKey()}, permissions: { publish: ${publish} } }] }`;
      const nats = await start({ settings: settings("\">\""), admin: { user: "a", pass: "b" } });
      await nats.ask((jsm) => jsm.streams.add({ name: "KV_security-events", subjects: ["$KV.security-events.>"], discard: "new" }));
      await load({ servers: nats.address });
      const form = [{ servers: nats.address, authType: "nkey" }, { nkeySeed: textOf(nkey.getSeed()) }] as const;
      assert.equal(await outcome(...form), "ok");
      assert.equal(await nats.ask(async (jsm) => (await jsm.streams.info("KV_security-events")).state.messages), 0);
      await nats.reload(settings("[\"$JS.API.>\"]"));
      const { step, message } = await test(...form);
      assert.equal(step, "permission");
      assert.match(String(message), /\$KV\.security-events/);
    });

    it("uses a stored secret for the deployed servers only, with the deployed TLS", async () => {
      const nats = await start({ settings: "authorization { token: stored-canary-token }" });
      const secrets = ["stored-canary-token"];
      await load({ servers: nats.address, authType: "token" }, { token: "stored-canary-token" });
      assert.equal(await outcome({ servers: nats.address, authType: "token" }, {}, secrets), "ok");
      assert.equal((await test({ servers: `127.0.0.1:${await freePort()}`, authType: "token" }, {}, secrets)).code, "TRY_SECRET_ADDRESS");
      assert.equal((await test({ servers: `${nats.address}\nlocalhost:${nats.port}`, authType: "token" }, {}, secrets)).code, "TRY_SECRET_ADDRESS");
      assert.equal((await test({ servers: nats.address, authType: "token" }, {}, secrets, "new")).code, "CREDENTIAL_MISSING");
      assert.equal(await outcome({ servers: `localhost:${nats.port}`, authType: "token" }, { token: "stored-canary-token" }, secrets), "ok");
      await unloadFlow();
      await load({ servers: `tls://${nats.address}`, authType: "token" }, { token: "stored-canary-token" });
      assert.equal((await test({ servers: nats.address, authType: "token" }, {}, secrets)).code, "TRY_SECRET_ADDRESS");
      assert.equal((await test({ servers: "${HOME}", authType: "token" }, {}, secrets)).code, "TRY_ENVIRONMENT");
    });

    it("signs in with a credentials file that was pasted", async () => {
      const nats = await start({ settings: accounts.settings() });
      await load({ servers: nats.address });
      assert.equal(await outcome({ servers: nats.address, authType: "creds" }, { creds: accounts.creds }, [accounts.seed]), "ok");
      assert.equal((await test({ servers: nats.address, authType: "creds" }, { creds: accounts.creds.slice(0, 500) }, [accounts.seed])).code, "CREDENTIALS_INVALID");
    });
  });
});
