/** Puts a canary text into every credential of every node. It must not appear anywhere, even when the nodes fail. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { makeFileEvent } from "../../src/simulator/events";
import { startTenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates } from "../support/certs";
import { freePort } from "../support/free-port";
import { mainJob } from "../support/flows";
import { NatsServer } from "../support/nats";
import { textOf } from "../support/nats-accounts";
import { durableStore, nodeRedRequire, startNodeRed, type FlowNode, type NodeStatus } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { until } from "../support/until";

/** Each text is unique, so that a leak shows which secret it is. The TOTP secret must be base32. */
const SECRETS = {
  clientSecret: "canaryClientSecret7f3a", wrongClientSecret: "canaryWrongSecret91bd", password: "canaryPassword5e0c", totpSecret: "KANARYTOTPSECRET234567ABCD",
  privateKey: "canaryPrivateKey44aa", passphrase: "canaryPassphrase2b6d", proxyPassword: "canaryProxyPassword8c1e", provisioningPassword: "canaryProvisioning3d9f",
  natsPassword: "canaryNatsPassword4f1b", natsToken: "canaryNatsToken77d2", natsSeed: textOf(nkeys.createUser().getSeed()), natsJwt: "canaryNatsJwt90e3",
};
/** Credentials that are not secret: they must not be in files or flows, but edit dialogs and errors may show them. */
const IDENTITIES = {
  wrongClientId: "canaryClientId60ce", username: "canary.user77@example.com", certificate: "canaryCertificate12fe", brokerCertChain: "canaryChain8aa0", proxyUser: "canaryProxyUser0b5b", natsUser: "canaryNatsUser1c8a",
};
/** What a request for events holds, which an error of a library might carry with it. */
const REQUEST = { token: "simulated.", header: "Authorization", body: "srtKey" };
/** The words of NATS for a refused sign-in. */
const REFUSAL = /Authorization( Violation|Error)/g;
/** A function node that writes everything that it finds in the error of a message to the log, causes included. */
const READ_ERROR = `
  const seen = new Set();
  const texts = [];
  const read = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) texts.push(String(value));
    else if (!seen.has(value)) seen.add(value), Reflect.ownKeys(value).forEach((key) => (texts.push(String(key)), read(value[key])));
  };
  read(msg.error);
  node.log("error of " + msg.error.source.id + ": " + msg.error.code + " cause " + typeof msg.error.cause);
  const text = texts.join(" ") + JSON.stringify(msg.error);
  for (let start = 0; start < text.length; start += 5000) node.log(text.slice(start, start + 5500));
  return msg;
`;
const pem = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n-----END ${name}-----\n`;

interface Socket {
  on(event: "open" | "message", listener: (data: Buffer) => void): void;
  send(text: string): void;
  close(): void;
}

describe("secrets", () => {
  it("appear in no flow file, export, log, error, status, metric, admin answer or debug message", async function () {
    this.timeout(90_000);
    const folder = mkdtempSync(join(tmpdir(), "siem-secrets-"));
    const userDir = join(folder, "user");
    const statuses: NodeStatus[] = [];
    const lines: string[] = [];
    const certs = makeCertificates();
    const closedPort = await freePort();
    const tenant = await startTenantSimulator({ clientSecret: SECRETS.clientSecret });
    tenant.add(Array.from({ length: 5 }, (_, index) => makeFileEvent(index, { seed: 3, insertedUs: (Date.now() - 3_600_000) * 1000 })));
    const nats = await NatsServer.start({ settings: "authorization { user: other, password: else }", ready: false });
    const cut = await startTenantSimulator({ clientSecret: SECRETS.clientSecret });
    cut.faults.add({ kind: "reset", when: "before-headers" }, { times: Infinity });
    const nodeRed = await startNodeRed({
      userDir,
      modules: packedPackage().modules,
      contextStorage: durableStore,
      flows: [],
      settings: { credentialSecret: "the key of the credential file", logging: { console: { level: "trace", metrics: true, audit: true } } },
      onLine: (line) => lines.push(line),
      onStatus: (status) => statuses.push(status),
    });
    const WebSocket = nodeRedRequire("ws") as new (url: string) => Socket;
    const socket = new WebSocket(`${nodeRed.url.replace("http", "ws")}/comms`);
    const comms: string[] = [];
    socket.on("message", (data) => comms.push(String(data)));
    socket.on("open", () => socket.send(JSON.stringify({ subscribe: "#" })));
    try {
      const query = (id: string, more: object): FlowNode => ({
        id, type: "code42-query", z: "tab", name: "", source: "file-events", pollInterval: "0.5", startFrom: "P7D", cursor: `#:(durable)::cursor_${id.replace(/\W/g, "_")}`, cursorType: "global", wires: [["show"]], ...more,
      });
      const fabric = (id: string, credentials: Record<string, string>): FlowNode => ({ id, type: "dxl-fabric", name: "", configFile: "", brokers: `b1=b1;${closedPort};127.0.0.1;127.0.0.1`, keepAlive: "30", credentials });
      const threats = (id: string, of: string): FlowNode => ({ id, type: "dxl-threat-event", z: "tab", name: "", fabric: of, topics: ["/mcafee/event/epo/threat/response"], payloadType: "json", wires: [["show"]] });
      /** A connection that its server refuses, and a node that waits for it. */
      const stream = (authType: string, credentials: Record<string, string>): FlowNode[] => [
        { id: `nats-${authType}`, type: "nats-connection", name: "", servers: [nats.address], authType, stream: "EVENTS", bucket: "cursors", create: true, credentials },
        { id: `stream-${authType}`, type: "event-stream-out", z: "tab", name: "", connection: `nats-${authType}`, channel: "siem", wires: [["show"], []] },
      ];
      const flows: FlowNode[] = [
        ...mainJob(tenant, [{ name: "good", query: { confirmTimeout: "1", wires: [["format-good", "show"]] }, syslog: { host: "127.0.0.1", port: String(closedPort), transport: "tcp" } }]),
        { id: "denied", type: "code42-tenant", name: "", baseUrl: tenant.url, authType: "api-client", credentials: { clientId: IDENTITIES.wrongClientId, clientSecret: SECRETS.wrongClientSecret } },
        { id: "person", type: "code42-tenant", name: "", baseUrl: tenant.url, authType: "user", credentials: { username: IDENTITIES.username, password: SECRETS.password, totpSecret: SECRETS.totpSecret } },
        { id: "proxy", type: "http proxy", name: "", url: `http://127.0.0.1:${closedPort}`, noproxy: [], credentials: { username: IDENTITIES.proxyUser, password: SECRETS.proxyPassword } },
        { id: "behind", type: "code42-tenant", name: "", baseUrl: "https://api.us.code42.com", authType: "api-client", proxy: "proxy", credentials: { clientId: IDENTITIES.wrongClientId, clientSecret: SECRETS.wrongClientSecret } },
        { id: "cut", type: "code42-tenant", name: "", baseUrl: cut.url, authType: "api-client", credentials: { clientId: cut.clientId, clientSecret: SECRETS.clientSecret } },
        query("q-cut", { tenant: "cut" }), query("q-denied", { tenant: "denied" }), query("q-user", { tenant: "person" }), query("q-behind", { tenant: "behind" }),
        fabric("fabric", { brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: pem("ENCRYPTED PRIVATE KEY", SECRETS.privateKey), passphrase: SECRETS.passphrase }),
        fabric("torn", { brokerCertChain: pem("CERTIFICATE", IDENTITIES.brokerCertChain), certificate: pem("CERTIFICATE", IDENTITIES.certificate), privateKey: SECRETS.privateKey, passphrase: SECRETS.passphrase }),
        threats("threats", "fabric"), threats("threats-torn", "torn"),
        ...stream("user", { user: IDENTITIES.natsUser, password: SECRETS.natsPassword }), ...stream("token", { token: SECRETS.natsToken }), ...stream("nkey", { nkeySeed: SECRETS.natsSeed }),
        ...stream("creds", { creds: pem("NATS USER JWT", SECRETS.natsJwt) + pem("USER NKEY SEED", SECRETS.natsSeed) }),
        { id: "confirm", type: "delivery-confirm", z: "tab", name: "", mode: "reject", wires: [["show"]] },
        { id: "catch", type: "catch", z: "tab", name: "", scope: null, uncaught: false, wires: [["read"]] },
        { id: "read", type: "function", z: "tab", name: "", outputs: 1, func: READ_ERROR, wires: [["show"]] },
        { id: "status", type: "status", z: "tab", name: "", scope: null, wires: [["show"]] },
        { id: "show", type: "debug", z: "tab", name: "", active: true, tosidebar: true, console: true, tostatus: false, complete: "true", targetType: "full", wires: [] },
        {
          id: "ask", type: "inject", z: "tab", name: "", props: [{ p: "action", v: "stats", vt: "str" }], repeat: "1", once: true,
          wires: [["query-good", "q-denied", "q-user", "q-behind", "format-good", "syslog-good", "threats", "confirm", "stream-user"]],
        },
      ];
      // Node-RED treats a node without a position on the canvas as a config node.
      await nodeRed.deploy(flows.map((node) => (node["z"] === undefined ? node : { x: 100, y: 100, ...node })));

      // Each of these nodes must have failed, otherwise the test proves nothing.
      for (const id of ["syslog-good", "q-denied", "q-user", "q-behind", "threats", "threats-torn", "stream-user", "stream-token", "stream-nkey", "stream-creds"]) {
        await until(() => statuses.some(({ id: of, status }) => of === id && status.fill === "red"), `${id} shows an error`, 20_000);
      }
      await until(() => comms.some((text) => text.includes("debug")), "the editor gets debug messages", 10_000);
      // A request with a token that was cut six times, and one that never reached its proxy.
      for (const id of ["q-cut", "q-behind"]) {
        await until(() => lines.some((line) => line.includes(`error of ${id}: CONNECTION_FAILED cause object`)), `${id} tells its error to catch, with its cause`, 45_000);
      }

      const post = async (path: string, body: unknown) => (await fetch(`${nodeRed.url}/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).text();
      const provisioning = { host: "127.0.0.1", port: String(closedPort), user: IDENTITIES.proxyUser, password: SECRETS.provisioningPassword, commonName: "a", truststore: "", byFingerprint: false };
      const answers = [
        await post("dxl-fabric/fabric/certificate", {}),
        await post("dxl-fabric/certificate", { certificate: pem("CERTIFICATE", SECRETS.privateKey) }),
        await post("dxl-fabric/provision", provisioning),
        ...await Promise.all(["user", "token", "nkey", "creds"].map((authType) => post("nats-connection/test", { id: `nats-${authType}`, settings: { servers: [nats.address], authType }, credentials: {} }))),
        ...await Promise.all(["/security-events/metrics", "/flows", "/settings", "/nodes", "/context/global"].map(async (path) => (await nodeRed.admin(path)).text())),
      ];
      const credentials = await Promise.all(flows.filter((node) => node.credentials !== undefined).map(async ({ id, type }) => (await nodeRed.admin(`/credentials/${encodeURIComponent(type.replace(/\s/g, "-"))}/${id}`)).text()));
      assert.match(credentials.join(""), /canaryClientId60ce/);
      const files = readdirSync(userDir, { recursive: true, encoding: "utf8" })
        .filter((name) => !name.startsWith("node_modules") && statSync(join(userDir, name)).isFile() && !name.startsWith("settings.js"))
        .map((name) => [name, readFileSync(join(userDir, name), "utf8")] as const);
      assert.ok(files.some(([name]) => name === "flows.json") && files.some(([name]) => name === "flows_cred.json"));

      const places: [string, string, Record<string, string>][] = [
        ...files.map(([name, text]): [string, string, Record<string, string>] => [`the file ${name}`, text, { ...SECRETS, ...IDENTITIES }]),
        ["the log", lines.join("\n").replace(REFUSAL, ""), { ...SECRETS, ...REQUEST }],
        ["a message to the editor", comms.join("\n").replace(REFUSAL, ""), { ...SECRETS, ...REQUEST }],
        ["a status", JSON.stringify(statuses), { ...SECRETS, ...IDENTITIES }],
        ...answers.map((text): [string, string, Record<string, string>] => ["an admin answer", text, { ...SECRETS, ...IDENTITIES }]),
        ...credentials.map((text): [string, string, Record<string, string>] => ["the credentials for an edit dialog", text, SECRETS]),
      ];
      const base64 = (text: string) => Buffer.from(text).toString("base64").replaceAll("=", "").slice(0, -1);
      const pairs = [`${tenant.clientId}:${SECRETS.clientSecret}`, `${IDENTITIES.wrongClientId}:${SECRETS.wrongClientSecret}`, `${IDENTITIES.proxyUser}:${SECRETS.proxyPassword}`];
      const leaks = places.flatMap(([place, text, canaries]) =>
        [...Object.entries(canaries), ...pairs.map((pair) => ["an Authorization header", base64(pair)] as const)]
          .filter(([, canary]) => text.includes(canary))
          .map(([name, canary]) => `${place} has ${name}: ${text.slice(Math.max(0, text.indexOf(canary) - 200), text.indexOf(canary) + 60)}`));
      assert.deepEqual(leaks, []);
    } finally {
      socket.close();
      await nodeRed.stop();
      await tenant.close();
      await cut.close();
      await nats.remove();
      certs.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
