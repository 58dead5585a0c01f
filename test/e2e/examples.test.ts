/**
 * Runs the unchanged examples from 06 on in one Node-RED, against simulated systems and a real nats-server with the least permissions
 * of the documentation. Example 17 needs a package that the tests do not install.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import type { Browser, Page } from "playwright-core";
import manifest from "../../package.json";
import { makeAlert } from "../../src/simulator/alerts";
import { makeAuditEntry } from "../../src/simulator/audit-log";
import { makeAuthority } from "../../src/simulator/certificates";
import { startDxlBroker, type DxlBroker } from "../../src/simulator/dxl-broker";
import { indexOfId, makeFileEvent } from "../../src/simulator/events";
import { makeSession } from "../../src/simulator/sessions";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { makeThreatEvent } from "../../src/simulator/threat-events";
import { openConsumer } from "../../src/scale-out/consumer";
import { modulesWithDashboard } from "../support/dashboard";
import { authorization, linkOf, passwordOf } from "../support/documented-nats";
import { launchBrowser } from "../support/editor";
import { examples, isNotInstalled } from "../support/examples";
import { startHttpSink, type HttpSink } from "../support/http-sink";
import { durableStore, startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { NatsServer } from "../support/nats";
import { packedPackage } from "../support/packed-package";
import { until } from "../support/until";

const EVENTS = 250;
const HOUR = 3_600_000;
const SESSIONS = 20;
const ALERTS = 15;
const AUDIT_ENTRIES = 30;
const THREATS = 12;

/** Returns a function that is true on its first call: every sink refuses once, and a refused event must not count as delivered. */
const once = () => {
  let asked = 0;
  return () => asked++ === 0;
};

/** Merges the examples into one flow. As the editor does on import, it keeps only one dashboard. Figures are asked for every second, not every ten. */
function together(flow: FlowNode[]): FlowNode[] {
  const [base, ...others] = flow.filter(({ type }) => type === "ui-base").map(({ id }) => id);
  const changed = ({ type, repeat }: FlowNode) => (type === "ui-page" ? { ui: base } : type === "inject" && repeat === "10" ? { repeat: "1" } : {});
  return flow.filter(({ id }) => !others.includes(id)).map((node) => ({ ...node, ...changed(node) }));
}

interface Indexed {
  event: { id: string };
}

describe("the examples from 06 on", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "siem-examples-"));
  const files = join(folder, "files");
  let tenant: TenantSimulator;
  let siem: Siem;
  let broker: DxlBroker;
  let splunk: HttpSink;
  let elastic: HttpSink;
  let chat: HttpSink;
  let nats: NatsServer;
  let nodeRed: NodeRedProcess;
  let browser: Browser;
  const kinds = new Map<string, number>();

  before(async () => {
    tenant = await startTenantSimulator({ requestsPerMinute: 100_000 });
    tenant.preload({ count: EVENTS, startMs: Date.now() - HOUR });
    tenant.sessions.add(Array.from({ length: SESSIONS }, (_, index) => makeSession(index, { beginMs: Date.now() - 10 * HOUR + index * 60_000 })));
    tenant.alerts.add(Array.from({ length: ALERTS }, (_, index) => makeAlert(index, { createdMs: Date.now() - 10 * HOUR + index * 60_000 })));
    tenant.auditLog.add(Array.from({ length: AUDIT_ENTRIES }, (_, index) => makeAuditEntry(index, { timeMs: Date.now() - HOUR + index * 1000 })));
    siem = await startSiem({ onEvent: ({ product, classId, extension }) => {
      const kind = extension.get("cat") ?? `${product} ${classId}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    } });
    const refuse = { splunk: once(), elastic: once(), chat: once() };
    splunk = await startHttpSink(() => (refuse.splunk() ? { status: 503, body: { text: "Server is busy", code: 9 } } : { status: 200, body: { text: "Success", code: 0 } }));
    elastic = await startHttpSink(({ body }) => {
      const ids = body.trimEnd().split("\n").filter((_, line) => line % 2 === 0).map((line) => (JSON.parse(line) as { create: { _id: string } }).create._id);
      const busy = refuse.elastic();
      const items = ids.map((_id, index) => ({ create: busy && index === 3 ? { _id, status: 429, error: { type: "es_rejected_execution_exception" } } : { _id, status: index % 2 === 0 ? 201 : 409 } }));
      return { status: 200, body: { errors: true, items } };
    });
    chat = await startHttpSink(() => (refuse.chat() ? { status: 429, body: "rate_limited" } : { status: 200, body: "ok" }));
    const authority = makeAuthority("Example fabric");
    const client = authority.issue("node-red");
    broker = await startDxlBroker({ tls: { ...authority.issue("broker"), ca: authority.cert } });
    const certificates = { "ca.crt": authority.cert, "client.crt": client.cert, "client.key": client.key };
    for (const [name, pem] of Object.entries(certificates)) writeFileSync(join(folder, name), pem, { mode: 0o600 });
    const configFile = join(folder, "dxlclient.config");
    writeFileSync(configFile, `[Certs]\nBrokerCertChain=ca.crt\nCertFile=client.crt\nPrivateKey=client.key\n\n[Brokers]\none=one;${broker.port};127.0.0.1\n`);
    nats = await NatsServer.start({ settings: authorization, admin: { user: "siem-setup", pass: passwordOf("siem-setup") } });
    const setup = linkOf("siem-setup", [nats.address]);
    const session = await setup.session();
    await session.bucket();
    await openConsumer(setup.link, session, "siem");
    await setup.close();
    // A file in place of the folder, so that at first nothing can be written.
    writeFileSync(files, "");

    browser = await launchBrowser();
    const userDir = join(folder, "user");
    nodeRed = await startNodeRed({
      userDir, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true, contextStorage: durableStore,
      flows: together(examples().filter(({ name, flow }) => name >= "06" && !flow.some(({ type }) => isNotInstalled(type))).flatMap(({ flow }) => flow)),
      env: {
        CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret,
        SIEM_HOST: "127.0.0.1", SIEM_PORT: String(siem.port), DXL_CONFIG_FILE: configFile, CODE42_FOLDER: files,
        SPLUNK_HEC_URL: `${splunk.url}/services/collector/event`, SPLUNK_HEC_TOKEN: "hec-token",
        ELASTIC_BULK_URL: `${elastic.url}/logs-code42-default/_bulk`, ELASTIC_USER: "code42", ELASTIC_PASSWORD: "elastic-password",
        CHAT_WEBHOOK_URL: `${chat.url}/hooks/room`,
        NATS_SERVERS: nats.address, NATS_USER: "siem", NATS_PASSWORD: passwordOf("siem"),
      },
    });
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    for (const part of [splunk, elastic, chat, broker, siem, tenant]) await part?.close();
    await nats?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A metric of a node in example `number`. */
  const figure = async (number: string, name: string, node = "query") => {
    const text = await (await nodeRed.admin("/security-events/metrics")).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(`security_events_${name}{node="siem${number}${node}`));
    return Number(line?.split(" ").at(-1) ?? Number.NaN);
  };
  /** Waits until `value` is `wanted`, which it must not exceed. */
  const reached = async (value: () => Promise<number>, wanted: number, what: string) => {
    for (const end = Date.now() + 40_000; !(await value() >= wanted); await new Promise((resolve) => setTimeout(resolve, 100))) {
      assert.ok(Date.now() < end, `${what}: ${await value()} of ${wanted}\n${nodeRed.log().slice(-3000)}`);
    }
    assert.equal(await value(), wanted, what);
  };
  const confirmed = (number: string, count: number) => reached(() => figure(number, "confirmed_total"), count, `example ${number}, confirmed`);
  /** The examples 15 and 16 have the same channel, so each of them delivers what the other one stored. */
  const takenOut = async () => await figure("15", "confirmed_total", "take") + await figure("16", "confirmed_total", "take");
  const all = (ids: string[]) => assert.deepEqual(new Set(ids.map((id) => indexOfId(id))), new Set(Array.from({ length: EVENTS }, (_, index) => index)));

  it("08: no event counts as written while the folder is not writable; then every event is in a file", async () => {
    // This test runs first, because the query stops after it has sent the page again three times.
    assert.equal(await figure("08", "confirmed_total"), 0);
    rmSync(files);
    await confirmed("08", EVENTS);
    const lines = readdirSync(files).flatMap((name) => readFileSync(join(files, name), "utf8").trimEnd().split("\n"));
    all(lines.map((line) => (JSON.parse(line) as Indexed).event.id));
  });

  it("06: events that Splunk refused are sent again, and every event is in a request that it answered with 200", async () => {
    await confirmed("06", EVENTS);
    const bodies = splunk.requests.map(({ body }) => body.split("\n").map((line) => JSON.parse(line) as { time: number; sourcetype: string; event: Indexed }));
    all(bodies.slice(1).flat().map(({ event }) => event.event.id));
    assert.equal(bodies[0]?.length, bodies[1]?.length);
    assert.ok(bodies.flat().every(({ time, sourcetype }) => Math.abs(time * 1000 - Date.now()) < 3 * HOUR && sourcetype === "code42:file-event"));
    assert.equal(splunk.requests[0]?.headers.authorization, `Basic ${Buffer.from("node-red:hec-token").toString("base64")}`);
    assert.equal(splunk.requests[0]?.path, "/services/collector/event");
  });

  it("07: a refused document sends the page again, a document that is already stored does not", async () => {
    await confirmed("07", EVENTS);
    assert.equal(elastic.requests.length, 2);
    for (const { body, headers } of elastic.requests) {
      assert.equal(headers["content-type"], "application/x-ndjson");
      assert.ok(body.endsWith("\n"));
      const lines = body.trimEnd().split("\n").map((line) => JSON.parse(line) as Indexed & { create: { _id: string } });
      all(lines.flatMap(({ event }) => (event === undefined ? [] : [event.id])));
      lines.forEach((line, index) => assert.equal(index % 2 === 0 ? line.create._id : line.event.id, lines[index - index % 2]?.create._id));
    }
  });

  it("09: the chat gets only high and critical risks, at most 20 in one message", async () => {
    await until(() => chat.requests.length >= 2, "the message was sent again", 40_000);
    const { text } = JSON.parse(chat.requests[1]?.body ?? "{}") as { text: string };
    const [title, ...lines] = text.split("\n");
    const count = Number(/^Code42: (\d+) file events with a high risk$/.exec(title ?? "")?.[1]);
    assert.ok(count > 20 && count < EVENTS, title);
    assert.equal(lines.length, 21);
    assert.ok(lines.slice(0, 20).every((line) => /^• `(HIGH|CRITICAL)`: `\S+@\u200b\S+`, (`[^`]+`), (`[^`]+`) to (`[^`]+`)$/.test(line)), text);
    assert.equal(lines[20], `and ${count - 20} more`);
    await confirmed("09", count);
  });

  it("09: no file name forges a line, a link or a mention in the chat", () => {
    const { func } = examples().flatMap(({ flow }) => flow).find(({ id }) => id === "siem09func000001") as unknown as { func: string };
    const names = ["a\n• `HIGH`: `boss`", "b\u2028c\r\nd\u0000\u0085", "`@channel` @all", "[pay](https://evil.example) <!here> <https://evil.example|x>", "\u202egpj.exe", "", "\n`\n", "a & b"];
    const events = names.map((name) => ({ risk: { severity: "HIGH" }, user: { email: "a@b.example" }, event: { action: "file-created" }, file: { name }, destination: {} }));
    const run = runInNewContext(`(function (msg) { ${func} })`) as (message: object) => { payload: { text: string } };
    const { payload: { text } } = run({ payload: events });
    const shown = ["a • HIGH: boss", "b c  d", "@\u200bchannel @\u200ball", "[pay](https://evil.example) &lt;!here&gt; &lt;https://evil.example|x&gt;", "gpj.exe", "unknown", "unknown", "a &amp; b"];
    assert.deepEqual(text.split("\n").slice(1), shown.map((name) => `• \`HIGH\`: \`a@\u200bb.example\`, \`file-created\`, \`${name}\` to \`unknown\``));
  });

  it("10 and 11: sessions, alerts and the audit log reach the SIEM", async () => {
    await until(() => siem.received >= SESSIONS + ALERTS + AUDIT_ENTRIES + EVENTS, "all of it arrived", 20_000);
    assert.equal(siem.illegal, 0);
    assert.deepEqual(Object.fromEntries([...kinds].filter(([kind]) => kind !== "file-event")), { session: SESSIONS, alert: ALERTS, audit: AUDIT_ENTRIES });
  });

  it("14: with the least permissions in NATS, the query takes the lease and delivers from a shared cursor", async () => {
    await confirmed("14", EVENTS);
    assert.equal(await figure("14", "active"), 1);
    assert.equal(await figure("14", "connected", "nats"), 1);
  });

  it("15: the cursor moves when the stream has a page, and the stream is empty when the SIEM has it", async () => {
    await confirmed("15", EVENTS);
    assert.equal(await figure("15", "sent_total", "store"), EVENTS);
    await reached(takenOut, EVENTS, "taken out of the stream and delivered");
    assert.equal(await nats.ask(async (jsm) => (await jsm.streams.info("SECURITY_EVENTS")).state.messages), 0);
  });

  /** Opens a page of the dashboard and records its errors in `problems`. */
  const open = async (path: string, problems: string[]): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1300 } });
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("response", (response) => void (response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`)));
    await page.goto(nodeRed.url + path);
    return page;
  };

  it("12: the form searches for a user, and the table shows that user's events", async () => {
    const problems: string[] = [];
    const page = await open("/dashboard/search", problems);
    const wanted = Array.from({ length: EVENTS }, (_, index) => makeFileEvent(index, { insertedUs: 0 })).filter(({ user }) => (user as { email: string }).email === "dana@example.com");
    await page.getByLabel("User (email)").fill("dana@example.com");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText(`${wanted.length} events`, { exact: true }).waitFor();
    const rows = await page.locator("tbody tr").allInnerTexts();
    assert.equal(rows.length, Math.min(20, wanted.length));
    assert.ok(rows.every((row) => row.includes("dana@example.com")), rows.join("\n"));
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("12: a second search during the first one is refused, and the page accepts a new one after the first succeeded or failed", async () => {
    const problems: string[] = [];
    const page = await open("/dashboard/search", problems);
    const count = (user: string) => Array.from({ length: EVENTS }, (_, index) => makeFileEvent(index, { insertedUs: 0 })).filter((event) => (event["user"] as { email: string }).email === user).length;
    const ask = async (user: string) => {
      await page.getByLabel("User (email)").fill(user);
      await page.getByRole("button", { name: "Search" }).click();
    };
    const rows = () => page.locator("tbody tr").allInnerTexts();
    tenant.faults.add({ kind: "status", status: 503 }, { times: Infinity });
    try {
      await ask("dana@example.com");
      await page.getByText("searching", { exact: true }).waitFor();
      await ask("nobody@example.com");
      await page.getByText(/^One question at a time: ask this one again/).waitFor();
    } finally {
      tenant.faults.clear();
    }
    await page.getByText(`${count("dana@example.com")} events. One question at a time: the later one was not asked`, { exact: true }).waitFor();
    assert.ok((await rows()).every((row) => row.includes("dana@example.com")), (await rows()).join("\n"));

    tenant.faults.add({ kind: "status", status: 403 }, { times: Infinity });
    try {
      await ask("nobody@example.com");
      await page.getByText(/"File Events: Read"/).waitFor();
    } finally {
      tenant.faults.clear();
    }
    await ask("dana@example.com");
    await page.getByText(`${count("dana@example.com")} events`, { exact: true }).waitFor();
    assert.deepEqual(problems, []);
    await page.close();
  });

  it("13: the dashboard shows the figures of both sources and updates with new events", async () => {
    const problems: string[] = [];
    const page = await open("/dashboard", problems);
    await until(() => broker.filters.length > 0, "the flow listens to the fabric");
    for (let index = 0; index < THREATS; index++) await broker.publish("/mcafee/event/epo/threat/response", JSON.stringify(makeThreatEvent(index, 1, Date.now())));
    await page.waitForURL("**/dashboard/security-events");
    const group = (name: string) => page.locator(".nrdb-ui-group", { hasText: name });
    await group("Pipeline").getByText(String(EVENTS + THREATS), { exact: true }).nth(1).waitFor();
    const cells = async (name: string) => Promise.all((await group(name).locator("tbody tr").all()).map((row) => row.locator("td").allInnerTexts()));
    await group("Top users").locator("tbody tr").nth(5).waitFor();
    const users = await cells("Top users");
    assert.ok(users.every(([user, events], index) => user !== "" && Number(events) > 0 && Number(events) <= Number(users[index - 1]?.[1] ?? EVENTS)), JSON.stringify(users));
    assert.ok((await cells("Top destinations")).some(([name]) => name === "OneDrive"));
    await reached(takenOut, EVENTS + THREATS, "16: threat events that went through the stream");
    assert.deepEqual((await cells("Nodes")).map(([name]) => name).sort(), ["CEF", "Code42 file events", "SIEM", "ePO threat events"]);
    // A chart is a bitmap; it must have more than one colour.
    for (const name of ["Events a minute", "Severity"]) {
      const colours = await group(name).locator("canvas").first().evaluate((canvas: HTMLCanvasElement) =>
        new Set(new Uint32Array(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data.buffer ?? new ArrayBuffer(0))).size);
      assert.ok(colours > 3, `${name} shows nothing`);
    }
    // The picture of the README: SCREENSHOTS=docs/images npx mocha test/e2e/examples.test.ts
    const pictures = process.env["SCREENSHOTS"];
    if (pictures !== undefined) await page.screenshot({ path: join(pictures, "dashboard.png"), clip: { x: 0, y: 0, width: 1400, height: 1010 } });
    assert.deepEqual(problems, []);
    await page.close();
  });
});
