/**
 * Presses the buttons of the edit dialogs in a real browser, without deploying; the simulators answer. The environment
 * variable TRY_IT_SCREENSHOTS is a folder for a screenshot of each answer.
 */
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { startDxlBroker, type DxlBroker } from "../../src/simulator/dxl-broker";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { makeCertificates, type Certificates } from "../support/certs";
import { launchBrowser } from "../support/editor";
import { startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  nodes: { node(id: string): unknown };
  view: { importNodes(flow: unknown, options: { generateIds: boolean; addFlow: boolean }): void };
  editor: { edit(node: unknown): void; editConfig(name: string, type: string, id: string): void };
};

const SECRET = "simulated-client-secret";

describe("the buttons that try the settings in a dialog", () => {
  const userDir = mkdtempSync(join(tmpdir(), "siem-try-"));
  let certs: Certificates;
  let tenant: TenantSimulator;
  let broker: DxlBroker;
  let siem: Siem;
  let nodeRed: NodeRedProcess;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const answers: string[] = [];
  /** The questions of confirm() so far. */
  const questions: string[] = [];
  let pressed = 0;

  before(async function () {
    this.timeout(120_000);
    certs = makeCertificates();
    tenant = await startTenantSimulator();
    const start = Date.now() - 3_600_000;
    tenant.add(Array.from({ length: 12 }, (_, index) => makeFileEvent(index, { insertedUs: (start + index * 1000) * 1000 })));
    broker = await startDxlBroker({ tls: { key: certs.read(certs.server.key), cert: certs.read(certs.server.cert), ca: certs.read(certs.ca.cert) } });
    siem = await startSiem();
    const place = (x: number) => ({ z: "tab", x, y: 80, wires: [[]] });
    const flows: FlowNode[] = [
      { id: "tab", type: "tab", label: "try it" },
      { id: "tenant", type: "code42-tenant", name: "", baseUrl: tenant.url, authType: "api-client", timeout: "60", requestsPerMinute: "60", credentials: { clientId: tenant.clientId, clientSecret: SECRET } },
      {
        id: "fabric", type: "dxl-fabric", name: "", configFile: "", brokers: `${broker.port};127.0.0.1`, keepAlive: "30", webSockets: false,
        credentials: { brokerCertChain: certs.read(certs.ca.cert), certificate: certs.read(certs.client.cert), privateKey: certs.read(certs.client.key) },
      },
      { id: "other-tenant", type: "code42-tenant", name: "", baseUrl: tenant.url, authType: "api-client" },
      { id: "own-ca", type: "tls-config", name: "", cert: "", key: "", ca: "", servername: "", verifyservercert: true },
      { id: "way-out", type: "http proxy", name: "", url: "http://127.0.0.1:9", noproxy: [] },
      { id: "query", type: "code42-query", name: "", tenant: "tenant", source: "file-events", criteria: [], criteriaClause: "AND", criteriaType: "groups", pollInterval: "0", startFrom: "P1D", cursor: "cursor_try", cursorType: "global", overlap: "300", pageSize: "100", ...place(120) },
      { id: "format", type: "cef-format", name: "", property: "payload", kind: "auto", format: "cef", profile: "standard", maxBytes: "8000", fields: [], ...place(300), wires: [[], []] },
      { id: "syslog", type: "syslog-out", name: "", transport: "tcp", host: "127.0.0.1", port: String(siem.port), header: "rfc3164", framing: "auto", facility: "16", severity: "6", appName: "CEF", maxBytes: "8192", queueEvents: "100000", queueBytes: "67108864", overflow: "refuse", confirmDelay: "100", resendWindow: "5", ...place(480), wires: [[], []] },
    ];
    nodeRed = await startNodeRed({ userDir, modules: packedPackage().modules, flows, settings: { httpAdminRoot: "/" }, env: { TZ: "America/Denver" } });
    browser = await launchBrowser();
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1366, height: 768 } });
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("response", (response) => {
      if (response.status() >= 400 && response.url().startsWith(nodeRed.url)) problems.push(`${response.status()} ${response.url()}`);
      if (/\/(?:test|preview|cursor)$/.test(response.url())) void response.text().then((text) => answers.push(text), () => undefined);
    });
    page.on("dialog", (dialog) => {
      questions.push(dialog.message());
      void dialog.accept();
    });
    await page.route((address) => !address.href.startsWith(nodeRed.url), (route) => route.abort("blockedbyclient"));
    await page.goto(nodeRed.url);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
    await page.waitForFunction(() => RED.nodes.node("syslog") !== null);
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await siem.close();
    await broker.close();
    await tenant.close();
    certs.remove();
    rmSync(userDir, { recursive: true, force: true });
  });

  const open = async (id: string, type: string, config = false) => {
    await page.evaluate(({ id: node, type: kind, config: isConfig }) => {
      if (isConfig) RED.editor.editConfig("", kind, node);
      else RED.editor.edit(RED.nodes.node(node));
    }, { id, type, config });
    await page.locator(".red-ui-tray form").first().waitFor({ state: "visible" });
    await page.waitForTimeout(600);
  };
  const close = async (config = false) => {
    await page.locator(config ? "#node-config-dialog-cancel" : "#node-dialog-cancel").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
  };
  /** Presses a button with the keyboard, waits for the answer, and asserts that it is in view. Returns it: its verdict, and its text after the word for it. */
  const press = async (button: string, place = `${button}-result`) => {
    await page.locator(`#${place}`).evaluate((element) => element.replaceChildren());
    await page.locator(`#${button}`).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(({ button: id, place: shown }) => {
      const asked = document.getElementById(id) as HTMLButtonElement;
      return !asked.disabled && document.getElementById(shown)?.querySelector(".siem-answer") != null;
    }, { button, place });
    const answer = page.locator(`#${place} .siem-answer`);
    const isInView = await answer.evaluate((box) => {
      const { left, top, bottom } = box.getBoundingClientRect();
      return [top + 12, Math.min(bottom, top + 50) - 12].every((y) => box.contains(document.elementFromPoint(left + 20, y)));
    });
    assert.ok(isInView, `the answer to ${button} begins out of view`);
    const folder = process.env["TRY_IT_SCREENSHOTS"];
    if (folder !== undefined) {
      mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: join(folder, `${++pressed}-${button}.png`) });
    }
    const [, verdict] = /siem-answer-(\w+)/.exec(await answer.getAttribute("class") ?? "") ?? [];
    return `${verdict}: ${(await answer.innerText()).trim()}`;
  };
  /** Asserts that `change` clears the answer, or leaves it. */
  const afterwards = async (button: string, what: string, isCleared: boolean, change: () => Promise<unknown>) => {
    await change();
    const answer = page.locator(`#${button}-result .siem-answer`);
    if (isCleared) await answer.waitFor({ state: "detached", timeout: 3000 }).catch(() => undefined);
    else await page.waitForTimeout(500);
    assert.equal(await answer.count(), isCleared ? 0 : 1, what);
  };
  const select = (field: string, value: string) => () => page.locator(`#${field}`).selectOption(value);
  const enter = (field: string, value: string) => () => page.locator(`#${field}`).fill(value);

  it("tests the connection of a tenant, and sends the stored secret to no other address", async () => {
    await open("tenant", "code42-tenant", true);
    assert.match(await press("code42-tenant-test"), /^good: OK\s+Signed in to http:\/\/127\.0\.0\.1:\d+ as key-00000000-simulator\.[^]*File events: readable/);
    await page.locator("#node-config-input-baseUrl").fill("http://localhost:9");
    assert.match(await press("code42-tenant-test"), /^bad: Failed\s+The stored secret is used only for the address that is deployed/);
    await page.locator("#node-config-input-clientSecret").fill("typed-secret");
    assert.match(await press("code42-tenant-test"), /^bad: Failed at the connection\s+The connection/);
    await close(true);
  });

  it("previews the edited query, and shows and moves its cursor", async () => {
    await open("query", "code42-query");
    assert.match(await press("code42-query-preview"), /^good: OK\s+Events since [^]*: 12\.[^]*The first 5:[^]*"inserted"/);
    await page.locator("#node-input-startFrom").fill("PT1S");
    assert.match(await press("code42-query-preview"), /^good: OK\s+Events since [^]*: 0\.[^]*No event matches/);
    assert.match(await press("code42-query-cursor"), /There is no cursor yet[^]*in memory: lost at restart/);
    await page.locator("#code42-query-cursor-value").fill("2026-01-31T08:00:00Z");
    assert.match(await press("code42-query-cursor-set", "code42-query-cursor-result"), /The cursor was set\.[^]*2026-01-31 08:00:00\.000 UTC/);
    assert.match(questions.pop() ?? "", /to 2026-01-31T08:00:00\.000Z\?[^]*at once[^]*no cursor yet/);
    await page.locator("#code42-query-cursor-value").fill("2026-01-31T09:00:00Z");
    assert.match(await press("code42-query-cursor-set", "code42-query-cursor-result"), /The cursor was set/);
    assert.match(questions.pop() ?? "", /from 2026-01-31T08:00:00\.000Z to 2026-01-31T09:00:00\.000Z\?[^]*skipped for good/);
    await page.locator("#code42-query-cursor-value").fill("2126-01-31T09:00:00Z");
    assert.match(await press("code42-query-cursor-set", "code42-query-cursor-result"), /^bad: Failed\s+2126-01-31T09:00:00\.000Z is in the future/);
    assert.deepEqual(questions, []);
    assert.match(await press("code42-query-cursor"), /2026-01-31 09:00:00\.000 UTC/);
    assert.match(await press("code42-query-cursor-reset", "code42-query-cursor-result"), /The cursor was reset/);
    assert.match(questions.pop() ?? "", /Reset the cursor of the deployed node/);
    await close();
  });

  it("previews a query before the first deploy, with a tenant that was just added, and does not ask about a cursor that does not exist", async () => {
    await page.evaluate((node) => RED.view.importNodes([node], { generateIds: false, addFlow: false }), {
      id: "new-query", type: "code42-query", z: "tab", name: "", tenant: "", source: "file-events", criteria: [], criteriaClause: "AND", criteriaType: "groups", pollInterval: "0", startFrom: "P1D", cursor: "cursor_new", cursorType: "global", overlap: "300", pageSize: "100", x: 120, y: 200, wires: [[]],
    });
    await open("new-query", "code42-query");
    assert.match(await press("code42-query-preview"), /^bad: Failed at the settings\s+Choose or add a tenant first\.|^bad: Failed\s+Choose or add a tenant first\.$/);
    await page.locator(".form-row:has(#node-input-tenant) a:has(.fa-plus)").click();
    await page.locator("#code42-tenant-region").selectOption("");
    await page.locator("#node-config-input-baseUrl").fill(tenant.url);
    await page.locator("#node-config-input-clientId").fill(tenant.clientId);
    await page.locator("#node-config-input-clientSecret").fill(SECRET);
    await page.locator("#node-config-dialog-ok").click();
    await page.locator("#node-config-dialog-ok").waitFor({ state: "detached" });
    await page.waitForTimeout(600);
    assert.match(await press("code42-query-preview"), /^good: OK\s+Events since [^]*: 12\./);
    await page.locator(".form-row:has(#node-input-tenant) a:has(.fa-pencil)").click();
    await page.locator("#node-config-input-clientSecret").fill("another secret");
    await page.locator("#node-config-dialog-ok").click();
    await page.locator("#node-config-dialog-ok").waitFor({ state: "detached" });
    await afterwards("code42-query-preview", "the tenant's secret", true, async () => undefined);
    assert.match(await press("code42-query-preview"), /^bad: Failed at the sign-in/);
    assert.match(await press("code42-query-cursor-reset", "code42-query-cursor-result"), /^bad: Failed\s+This query is not deployed/);
    assert.deepEqual(questions, []);
    await close();
  });

  it("tests the connection of a fabric", async () => {
    await open("fabric", "dxl-fabric", true);
    assert.match(await press("dxl-fabric-test"), /^good: OK\s+127\.0\.0\.1:\d+: connected, may receive events/);
    await close(true);
  });

  it("shows the line of a sample and of a pasted event, with its fields", async () => {
    await open("format", "cef-format");
    assert.match(await press("cef-format-preview"), /^good: OK[^]*CEF:0\|[^]*deviceReceiptTime/);
    await page.locator("#cef-format-pasted").fill("no JSON");
    assert.match(await press("cef-format-preview"), /^bad: Failed\s+The pasted event is not JSON/);
    await close();
  });

  it("ignores a removed own field at once, while its row is still fading out", async () => {
    await open("format", "cef-format");
    const rows = page.locator("#cef-format-fields > li");
    for (const index of [0, 1]) {
      await page.locator(".red-ui-editableList-addButton").first().click();
      await rows.nth(index).locator(".cef-format-key").fill("suser");
      await rows.nth(index).locator(".cef-format-source").fill("user.email");
    }
    assert.equal(await rows.nth(1).locator(".cef-format-key").getAttribute("aria-invalid"), "true");
    const judged = await rows.evaluateAll(([first, second]) => {
      (first?.querySelector(".red-ui-editableList-item-remove") as HTMLElement).click();
      const key = second?.querySelector(".cef-format-key");
      key?.dispatchEvent(new Event("input", { bubbles: true }));
      return { fading: first?.isConnected, invalid: key?.getAttribute("aria-invalid") };
    });
    assert.deepEqual(judged, { fading: true, invalid: "false" });
    await close();
  });

  it("sends a test message", async () => {
    await open("syslog", "syslog-out");
    assert.match(await press("syslog-out-test"), /^good: OK[^]*handed over to 127\.0\.0\.1, port \d+\b[^]*externalId=test-[0-9a-f]{8} /);
    assert.equal(siem.received, 1);
    await close();
  });

  it("marks names in the header that the chosen header cannot hold, and sends the time that is chosen", async () => {
    await open("syslog", "syslog-out");
    const marked = (name: string) => page.locator(`#node-input-${name}`).evaluate((input) => input.classList.contains("input-error"));
    const enter = async (header: string, hostname: string, appName = "CEF") => {
      await page.locator("#node-input-appName").evaluate((input, value) => { (input as HTMLInputElement).value = value; }, appName);
      await page.locator("#node-input-hostname").evaluate((input, value) => { (input as HTMLInputElement).value = value; }, hostname);
      await page.locator("#node-input-header").selectOption(header);
      return [await marked("hostname"), await marked("appName")];
    };
    for (const [header, hostname, appName, ...expected] of [
      ["legacy", "Büro-PC", "CEF", true, false], ["rfc5424", "siem@dc", "an app", false, true], ["rfc3164", "siem@dc", "an app", true, false],
      ["rfc5424", "東京", "CEF", true, false], ["none", "東京", "an app", false, false], ["rfc3164", "${HOST}", "CEF", false, false], ["rfc3164", "gate", "CEF", false, false],
    ] as const) assert.deepEqual(await enter(header, hostname, appName), expected, `${header} ${hostname} ${appName}`);
    await enter("rfc5424", "gate");
    assert.equal(await page.locator("#node-input-timeZone").isVisible(), false, "RFC 5424 says its zone");
    await enter("rfc3164", "gate");
    assert.equal(await page.locator("#node-input-timeZone").inputValue(), "local");
    await page.locator("#node-input-timeZone").selectOption("UTC");
    const [, hour] = /<134>\w+ +\d+ (\d\d):\d\d:\d\d gate CEF/.exec(await press("syslog-out-test")) ?? [];
    assert.ok([0, -60_000].some((ms) => new Date(Date.now() + ms).getUTCHours() === Number(hour)), hour);
    await enter("rfc3164", "a/b");
    assert.match(await press("syslog-out-test"), /^bad: Failed\s+The host name "a\/b" does not fit into this header/);
    await close();
  });

  for (const { dialog: [id, type, config], button, changes } of [
    {
      dialog: ["tenant", "code42-tenant", true], button: "code42-tenant-test",
      changes: () => ({
        "the time-out": enter("node-config-input-timeout", "30"), "the client id": enter("node-config-input-clientId", "key-1"), "the secret": enter("node-config-input-clientSecret", "typed"),
        "the proxy": select("node-config-input-proxy", "way-out"), "TLS": select("node-config-input-tls", "own-ca"), "the sign-in": select("node-config-input-authType", "user"),
        "the region": select("code42-tenant-region", "https://api.us.code42.com"),
      }),
    },
    {
      dialog: ["query", "code42-query", false], button: "code42-query-preview",
      changes: () => ({
        "the start": enter("node-input-startFrom", "PT2H"), "the events": select("node-input-source", "alerts"), "the tenant": select("node-input-tenant", "other-tenant"),
        "the criteria": async () => {
          await page.locator("#code42-query-criteria button", { hasText: "group" }).last().click();
          await page.locator("#code42-query-criteria .siem-term").last().fill("file.name");
          await page.keyboard.press("Tab");
        },
        "the cursor's key": async () => {
          await page.locator("#node-input-cursor + .red-ui-typedInput-container input").first().fill("another_key");
          await page.keyboard.press("Tab");
        },
      }),
    },
    {
      dialog: ["fabric", "dxl-fabric", true], button: "dxl-fabric-test",
      changes: () => ({
        "WebSockets": () => page.locator("#node-config-input-webSockets").check(), "the key": enter("node-config-input-privateKey", "typed"),
        "the brokers": enter("node-config-input-brokers", "1;127.0.0.1"), "the source": select("dxl-fabric-source", "file"),
      }),
    },
    {
      dialog: ["format", "cef-format", false], button: "cef-format-preview",
      changes: () => ({
        "the event": select("cef-format-sample", "code42.session"), "the pasted event": enter("cef-format-pasted", "{}"), "the vendor": enter("node-input-vendor", "A"),
        "an own field": async () => {
          await page.locator(".red-ui-editableList-addButton").first().click();
          await page.locator(".cef-format-source").last().fill("user.email");
        },
      }),
    },
    {
      dialog: ["syslog", "syslog-out", false], button: "syslog-out-test",
      changes: () => ({ "the host": enter("node-input-host", "127.0.0.2"), "the port": enter("node-input-port", "9"), "the header": select("node-input-header", "rfc5424"), "the transport": select("node-input-transport", "udp") }),
    },
  ] as const) {
    it(`clears the answer to ${button} when a field that it depends on changes, and only then`, async () => {
      await open(id, type, config);
      await press(button);
      await afterwards(button, "the name", false, enter(config ? "node-config-input-name" : "node-input-name", "another name"));
      for (const [what, change] of Object.entries<() => Promise<unknown>>(changes())) {
        await press(button);
        await afterwards(button, what, true, change);
      }
      await close(config);
    });
  }

  it("marks the field that is wrong, and only while it is wrong", async () => {
    const marks = async (field: string) => page.locator(`#${field}`).evaluate((input) => input.classList.contains("input-error"));
    const enterAll = async (field: string, wrong: readonly string[], right: readonly string[]) => {
      for (const [texts, marked] of [[wrong, true], [right, false]] as const) {
        for (const text of texts) {
          await page.locator(`#${field}`).fill(text);
          await page.keyboard.press("Tab");
          assert.equal(await marks(field), marked, `${field}: ${text}`);
        }
      }
    };
    await open("query", "code42-query");
    await enterAll("node-input-startFrom", ["yesterday", "P", "2026-13-45", "2026-01-31T25:00:00Z"], ["PT6H", "2026-01-31", "2026-01-31T08:00:00Z", "${FROM}"]);
    const defaults = async (source: string) => {
      await page.locator("#node-input-source").selectOption(source);
      return Promise.all(["pollInterval", "overlap"].map((name) => page.locator(`#node-input-${name}`).inputValue()));
    };
    await page.locator("#code42-query-advanced summary").click();
    await page.locator("#node-input-pollInterval").fill("60");
    assert.deepEqual([await defaults("sessions"), await defaults("alerts"), await defaults("file-events")], [["300", "300"], ["60", "900"], ["60", "300"]]);
    await page.locator("#node-input-pollInterval").fill("90");
    assert.deepEqual(await defaults("sessions"), ["90", "300"], "a changed interval stays");
    await page.locator("#node-input-pageSize").fill("100000");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => document.getElementById("code42-query-differs")?.textContent === "Poll every: 90 s · Page size: 100000");
    await close();
    await open("syslog", "syslog-out");
    await enterAll("node-input-host", ["https://siem.example.com", "siem.example.com:514", "siem/path", "[::1]:514", "a b"], ["siem.example.com", "10.0.0.1", "::1", "[::1]", "fe80::1%eth0", "${SIEM}"]);
    await close();
    await open("tenant", "code42-tenant", true);
    await enterAll("node-config-input-baseUrl", ["api.us.code42.com", "https://console.us.code42.com/app/#/x", "https://api.us. code42.com"], ["https://api.us.code42.com", "${TENANT}"]);
    await close(true);
    await page.evaluate(() => RED.editor.editConfig("", "dxl-fabric", "_ADD_"));
    await page.locator("#dxl-fabric-source").waitFor();
    await page.waitForTimeout(600);
    for (const [source, shown, hidden] of [["file", "configFile", "brokers"], ["here", "brokers", "configFile"], ["file", "configFile", "brokers"]] as const) {
      await page.locator("#dxl-fabric-source").selectOption(source);
      assert.deepEqual([await marks(`node-config-input-${shown}`), await marks(`node-config-input-${hidden}`)], [true, false], source);
    }
    await enterAll("node-config-input-configFile", [], ["dxlclient.config"]);
    await close(true);
  });

  it("shows no answer to a form that has changed meanwhile", async () => {
    await open("tenant", "code42-tenant", true);
    let answered = false;
    const slow = /code42-tenant\/test$/;
    await page.route(slow, async (route) => {
      const response = await route.fetch();
      await page.locator("#node-config-input-clientSecret").fill("typed-secret");
      await route.fulfill({ response });
      answered = true;
    });
    await page.locator("#code42-tenant-test").click();
    await page.waitForFunction(() => (document.getElementById("code42-tenant-test") as HTMLButtonElement).disabled);
    await page.waitForFunction(() => !(document.getElementById("code42-tenant-test") as HTMLButtonElement).disabled);
    assert.ok(answered);
    await afterwards("code42-tenant-test", "the secret", true, async () => undefined);
    await page.unroute(slow);
    await close(true);
  });

  it("gets no secret in an answer and causes no error in the page", () => {
    assert.deepEqual(problems, []);
    assert.ok(answers.length >= 10, String(answers.length));
    for (const secret of [SECRET, "typed-secret", "PRIVATE KEY"]) assert.ok(!answers.join().includes(secret));
  });
});
