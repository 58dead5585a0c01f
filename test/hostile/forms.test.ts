/** Forms and files that are made to harm: whatever an edit dialog sends, each of its routes answers within a second. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileFormatter } from "../../src/cef/encoder";
import { mappings } from "../../src/cef/mappings";
import { fieldProblems } from "../../src/editor/own-fields";
import { secureContext } from "../../src/dxl/credentials";
import { makeCertificates, type Certificates } from "../support/certs";
import type { FlowNode } from "../support/node-red-process";
import { makeAccounts } from "../support/nats-accounts";
import { startHostileServer, type HostileServer } from "../support/hostile-server";
import { startWatched, type Watched } from "../support/watched-node-red";

/** Just below the limit of a form. */
const BODY_BYTES = 1_030_000;
/** Just below the 5 MB that Node-RED takes (`apiMaxLength`). */
const LONGER_BYTES = 4_900_000;
const LONGEST_MS = 1000;

const accounts = makeAccounts();

describe("a hostile form", function () {
  this.timeout(240_000);
  let server: HostileServer;
  let watched: Watched;
  let certs: Certificates;
  let folder: string;

  before(async () => {
    certs = makeCertificates();
    folder = mkdtempSync(join(tmpdir(), "siem-forms-"));
    server = await startHostileServer();
    watched = await startWatched([
      { id: "tenant", type: "code42-tenant", name: "", baseUrl: server.url, requestsPerMinute: "6000", credentials: { clientId: "key", clientSecret: "secret" } },
      { id: "fabric", type: "dxl-fabric", name: "", brokers: "1;127.0.0.1", credentials: pem() },
      { id: "query", type: "code42-query", z: "tab", name: "", tenant: "tenant", source: "file-events", pollInterval: "0", cursor: "cursor", cursorType: "global", wires: [[]] },
      { id: "format", type: "cef-format", z: "tab", name: "", wires: [[], []] },
      { id: "syslog", type: "syslog-out", z: "tab", name: "", host: "127.0.0.1", port: "1", transport: "tcp", wires: [[], []] },
      { id: "nats", type: "nats-connection", name: "", servers: "127.0.0.1:1" },
      // A large flow, for what looks at each of its nodes.
      ...Array.from({ length: 1000 }, (_, index) => ({ id: `comment ${index}`, type: "comment", z: "tab", name: "", info: "" })),
    ] satisfies FlowNode[]);
    // The first request also loads modules: it is not measured.
    for (const [path, form] of Object.entries(ROUTES())) await watched.post(path, JSON.stringify(form));
  });
  after(async () => {
    await watched?.close();
    server?.close();
    certs.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const pem = () => ({ brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key) });

  /** A form that each route accepts. */
  const ROUTES = (): Record<string, Record<string, unknown>> => ({
    "code42-tenant/test": { id: "new", settings: { baseUrl: server.url, authType: "user" }, credentials: { clientId: "key", clientSecret: "s", username: "dana", password: "p", totpSecret: "GEZDGNBVGY3TQOJQ" } },
    "code42-query/preview": {
      id: "query", settings: { tenant: "tenant", source: "audit-log", criteriaType: "groups", criteriaJson: "[]", criteria: [], startFrom: "PT1H", until: "", savedSearch: "", cursor: "c", cursorType: "none", pageSize: "1", confirmedBy: [] },
    },
    "code42-query/query/cursor": { action: "set", cursor: "2026-01-01T00:00:00Z" },
    "cef-format/preview": { id: "format", settings: { kind: "auto", format: "cef", vendor: "", severity: "", maxBytes: "8000", fields: [] }, question: { kind: "code42.file-event.v2", event: "" } },
    "syslog-out/test": { id: "syslog", settings: { host: "127.0.0.1", port: "1", transport: "udp", header: "rfc5424", hostname: "h", appName: "a", maxBytes: "8192" } },
    "dxl-fabric/test": { id: "new", settings: { configFile: "", brokers: "1;127.0.0.1", keepAlive: "30" }, credentials: { ...pem(), passphrase: "p" } },
    "dxl-fabric/certificate": { configFile: "", certificate: certs.read(certs.client.cert) },
    "dxl-fabric/provision": { host: "127.0.0.1", port: 1, user: "u", password: "", commonName: "c", truststore: certs.read(certs.ca.cert), byFingerprint: false, fingerprint: "" },
    "nats-connection/test": { id: "new", settings: { servers: "127.0.0.1:1", authType: "creds", stream: "S" }, credentials: { creds: accounts.creds } },
    "security-events/environment": { names: ["A"] },
  });

  /** `form` with each of its values, at any depth, replaced by `value`. */
  function* changes(form: Record<string, unknown>, value: unknown): Generator<[name: string, form: Record<string, unknown>]> {
    for (const [name, inner] of Object.entries(form)) {
      if (name === "id" || name === "tenant") continue;
      if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) {
        for (const [below, changed] of changes(inner as Record<string, unknown>, value)) yield [`${name}.${below}`, { ...form, [name]: changed }];
      } else yield [name, { ...form, [name]: value }];
    }
  }

  const many = <Value>(value: Value, count: number): Value[] => Array.from({ length: Math.floor(0.95 * count) }, () => value);
  const long = (text: string) => text.repeat(Math.floor(0.95 * BODY_BYTES / JSON.stringify(text).slice(1, -1).length));
  const filter = { term: "a", operator: "IS", value: "b" };
  const VALUES: Record<string, unknown> = {
    "blanks": long(" "), "letters": long("a"), "lines": long("\n"), "brackets": long("["), "equals": long("a="), "backslashes": long("\\"), "pipes": long("|"), "digits": long("1"), "dots": long("a."),
    "stars": long("*?"), "variables": "${".concat(long("}")), "brokers": long("8883;a\n"), "hosts": `8883;${long("a;")}`, "slashes": `http://127.0.0.1:1${long("/")}`, "colons": long("::"),
    "certificates": long("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "beginnings": long("-----BEGIN CERTIFICATE-----"), "keys": long("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
    "objects as text": `[${long("{},")}{}]`, "depth as text": long("["), "a list of objects": many({}, BODY_BYTES / 3), "a list of lists": many([], BODY_BYTES / 3), "a list of texts": many("", BODY_BYTES / 3),
    "numbers": many(1, BODY_BYTES / 2), "names": Object.fromEntries(Array.from({ length: 80_000 }, (_, index) => [`n${index}`, 1])),
    "groups": many({ filters: [filter] }, BODY_BYTES / 60), "filters": [{ clause: "OR", filters: many(filter, BODY_BYTES / 42) }],
    "list values": [{ filters: [{ term: "a", operator: "IS_ANY", value: many("b", BODY_BYTES / 4) }] }], "many long lists": [{ clause: "OR", filters: many({ ...filter, operator: "IS_ANY", value: many("b", 200) }, 1000) }],
    "fields": Array.from({ length: 20_000 }, (_, index) => ({ key: `k${index}`, type: "string", source: `a.b${index}` })), "labels": many({ key: "cs1", source: "a", label: "x" }, BODY_BYTES / 40),
    "longest paths": Array.from({ length: 200 }, (_, index) => ({ key: `k${index}`, type: "string", source: Array.from({ length: 20 }, (_none, step) => `a${index}x${step}`).join(".") })),
    "paths of 240 steps": Array.from({ length: 300 }, (_, index) => ({ key: `k${index}`, type: "string", source: many(`a${index}`, 240).join(".").slice(0, 499) })),
    "criteria as text": JSON.stringify(many({ filters: [filter] }, BODY_BYTES / 90)),
  };

  for (const path of ["code42-tenant/test", "code42-query/preview", "code42-query/query/cursor", "cef-format/preview", "syslog-out/test", "dxl-fabric/test", "dxl-fabric/certificate", "dxl-fabric/provision", "nats-connection/test", "security-events/environment"]) {
    it(`of whatever content is answered in time: ${path}`, async () => {
      await watched.measure();
      for (const [what, value] of Object.entries(VALUES)) {
        for (const [name, form] of changes(ROUTES()[path]!, value)) {
          assert.ok((await watched.post(path, JSON.stringify(form))).startsWith("{"), `${name}: ${what}`);
        }
        const { stallMs } = await watched.measure();
        assert.ok(stallMs < LONGEST_MS, `${what}: stood still for ${Math.round(stallMs)} ms`);
      }
    });
  }

  it("longer than a form can be is refused in words, by every route", async () => {
    for (const [path, form] of Object.entries(ROUTES())) {
      await watched.measure();
      const answer = JSON.parse(await watched.post(path, JSON.stringify({ ...form, more: "x".repeat(LONGER_BYTES) }))) as { message: string };
      assert.match(answer.message, /more than 1 MiB/, path);
      assert.ok((await watched.measure()).stallMs < LONGEST_MS, path);
    }
  });

  it("with files that are no files is refused, and nothing waits for them", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const huge = join(folder, "huge");
    writeFileSync(huge, "");
    truncateSync(huge, 2 ** 40);
    for (const file of ["/dev/zero", "/dev/tty", huge, pipe]) {
      const config = join(folder, "config");
      writeFileSync(config, `[Certs]\nBrokerCertChain=${file}\nCertFile=${file}\nPrivateKey=${file}\n[Brokers]\nb=1;127.0.0.1\n`);
      for (const configFile of [file, config]) {
        for (const [path, form] of [["dxl-fabric/certificate", { configFile }], ["dxl-fabric/test", { id: "new", settings: { configFile }, credentials: {} }]] as const) {
          await watched.measure();
          const before = await watched.measure();
          const started = performance.now();
          assert.match(await watched.post(path, JSON.stringify(form)), /not a regular file|longer than 1 MiB/, `${path} ${file}`);
          const { stallMs, residentMB } = await watched.measure();
          assert.ok(stallMs < LONGEST_MS && performance.now() - started < 2000 && residentMB < before.residentMB + 50, `${path} ${file}`);
        }
      }
    }
  });

  it("with a private key that takes hours to decrypt is refused", () => {
    const slow = execFileSync("openssl", ["pkcs8", "-topk8", "-v2", "aes256", "-iter", "1500000", "-passout", "pass:p", "-in", certs.client.key], { encoding: "utf8" });
    const started = performance.now();
    for (const privateKey of [slow, slow.replace("KEY-----\n", "KEY-----\nName: value\n\n"), `${slow.replaceAll("1", "2")}${slow}`]) {
      assert.throws(() => secureContext({ ...pem(), privateKey, passphrase: "p" }), { code: "CREDENTIALS_INVALID" });
    }
    assert.ok(performance.now() - started < 200);
    const usual = execFileSync("openssl", ["pkcs8", "-topk8", "-v2", "aes256", "-iter", "600000", "-passout", "pass:p", "-in", certs.client.key], { encoding: "utf8" });
    secureContext({ ...pem(), privateKey: usual, passphrase: "p" });
  });

  it("takes time in proportion to its own fields, where they are typed and where they are used, and refuses too many", () => {
    const fields = (count: number, steps: number) => Array.from({ length: count }, (_, index) => ({
      key: `k${index}`, type: "string", source: Array.from({ length: steps }, (_none, step) => `a${index}x${step}`).join("."), label: "",
    }));
    const mapping = mappings.get("code42.file-event.v2")!;
    const started = performance.now();
    compileFormatter(mapping, { fields: fields(200, 20) });
    assert.ok(fieldProblems(fields(200, 20), "standard").every((problem) => problem === undefined));
    assert.throws(() => compileFormatter(mapping, { fields: fields(201, 1) }), { code: "FIELD_COUNT" });
    assert.throws(() => compileFormatter(mapping, { fields: fields(100_000, 20) }), { code: "FIELD_COUNT" });
    assert.throws(() => compileFormatter(mapping, { fields: fields(1, 21) }), { code: "FIELD_STEPS" });
    assert.equal(fieldProblems(fields(1, 21), "standard")[0]?.code, "FIELD_STEPS");
    assert.deepEqual(fieldProblems(fields(201, 1), "standard").map((problem) => problem?.code).slice(198), [undefined, undefined, "FIELD_COUNT"]);
    fieldProblems(fields(20_000, 5), "standard");
    assert.ok(performance.now() - started < 1000, `${Math.round(performance.now() - started)} ms`);
  });
});
