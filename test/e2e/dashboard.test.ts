/**
 * The page of the example with the dashboard in a real browser, while simulated systems are well, down, or hostile.
 * DASHBOARD=all (`npm run test:browser`) starts with a backlog of 100,000 events and takes several minutes.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import manifest from "../../package.json";
import { makeAuthority } from "../../src/simulator/certificates";
import { startDxlBroker, type DxlBroker } from "../../src/simulator/dxl-broker";
import { makeFileEvent } from "../../src/simulator/events";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { makeThreatEvent } from "../../src/simulator/threat-events";
import { colourOf, contrast, over } from "../support/contrast";
import { modulesWithDashboard } from "../support/dashboard";
import { launchBrowser } from "../support/editor";
import { examples } from "../support/examples";
import { freePort } from "../support/free-port";
import { durableStore, startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { takePicture, takesPictures } from "../support/pictures";

const IS_LONG = process.env["DASHBOARD"] === "all";
/** The long backlog is read at the default speed; in the middle of the short one the tenant asks to wait, so that the page looks at it. */
const BACKLOG = IS_LONG ? { events: 100_000, pageSize: "1000", requestsPerMinute: "60", pollInterval: "3" } : { events: 6000, pageSize: "100", requestsPerMinute: "600", pollInterval: "3" };
const HALF_A_DAY = 12 * 3_600_000;
const LAPTOP = { width: 1366, height: 768 };
const PHONE = { width: 390, height: 844 };
const THREAT_TOPIC = "/mcafee/event/epo/threat/response";
const THEMES = ["siem13theme00001", "siem13theme00002"] as const;

/** The example. Only speed and theme differ. */
const flowWith = (theme: string): FlowNode[] => {
  const changed: Record<string, object> = {
    "code42-query": { pollInterval: BACKLOG.pollInterval, pageSize: BACKLOG.pageSize }, "code42-tenant": { requestsPerMinute: BACKLOG.requestsPerMinute }, "ui-page": { theme },
  };
  return (examples().find(({ name }) => name.startsWith("13"))?.flow ?? []).map((node) => ({ ...node, ...changed[node.type] }));
};

describe("the dashboard", function () {
  this.timeout(IS_LONG ? 400_000 : 60_000);
  const folder = mkdtempSync(join(tmpdir(), "siem-dashboard-"));
  let tenant: TenantSimulator;
  let siem: Siem;
  let broker: DxlBroker;
  let threats: NodeJS.Timeout;
  let nodeRed: NodeRedProcess;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  /** What the page received. */
  const received = { messages: 0, bytes: 0, largest: 0 };

  before(async () => {
    tenant = await startTenantSimulator({ requestsPerMinute: 100_000 });
    tenant.preload({ count: BACKLOG.events, startMs: Date.now() - HALF_A_DAY, stepUs: Math.floor((HALF_A_DAY * 1000) / BACKLOG.events) });
    if (!IS_LONG) tenant.faults.add({ kind: "status", status: 429, retryAfter: 8 }, { after: 30 });
    tenant.live({ perSecond: 2, sinceMs: Date.now() });
    // At first it is down.
    siem = await startSiem({ port: await freePort() });
    await siem.close();
    const authority = makeAuthority("Example fabric");
    const client = authority.issue("node-red");
    broker = await startDxlBroker({ tls: { ...authority.issue("broker"), ca: authority.cert } });
    const certificates = { "ca.crt": authority.cert, "client.crt": client.cert, "client.key": client.key };
    for (const [name, pem] of Object.entries(certificates)) writeFileSync(join(folder, name), pem, { mode: 0o600 });
    const configFile = join(folder, "dxlclient.config");
    writeFileSync(configFile, `[Certs]\nBrokerCertChain=ca.crt\nCertFile=client.crt\nPrivateKey=client.key\n\n[Brokers]\none=one;${broker.port};127.0.0.1\n`);
    let threat = 0;
    threats = setInterval(() => {
      if (broker.filters.length > 0) void broker.publish(THREAT_TOPIC, JSON.stringify(makeThreatEvent(threat++, 1, Date.now())));
    }, 1000);
    browser = await launchBrowser();
    const userDir = join(folder, "user");
    nodeRed = await startNodeRed({
      userDir, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true, contextStorage: durableStore, flows: flowWith(THEMES[0]),
      env: {
        CODE42_BASE_URL: tenant.url, CODE42_CLIENT_ID: tenant.clientId, CODE42_CLIENT_SECRET: tenant.clientSecret,
        SIEM_HOST: "127.0.0.1", SIEM_PORT: String(siem.port), DXL_CONFIG_FILE: configFile,
      },
    });
    page = await open(LAPTOP, "en-US");
  });

  afterEach(() => assert.deepEqual(problems.splice(0), []));

  after(async () => {
    clearInterval(threats);
    await browser?.close();
    await nodeRed?.stop();
    for (const part of [broker, siem, tenant]) await part?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(viewport: { width: number; height: number }, locale: string): Promise<Page> {
    const opened = await (await browser.newContext({ viewport, locale })).newPage();
    opened.on("pageerror", (error) => problems.push(error.message));
    opened.on("console", (message) => void (message.type() === "error" && problems.push(message.text())));
    opened.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => {
      received.messages += 1;
      received.bytes += payload.length;
      received.largest = Math.max(received.largest, payload.length);
    }));
    await opened.goto(`${nodeRed.url}/dashboard`);
    await opened.locator(".facts").waitFor();
    return opened;
  }

  const banner = (level: string, words: RegExp, timeout = IS_LONG ? 120_000 : 30_000) => page.locator(`.banner.${level}`, { hasText: words }).waitFor({ timeout });
  const rowOf = (name: string) => page.locator(".nodes tbody tr").filter({ has: page.getByRole("cell", { name, exact: true }) });
  /** Waits until the table of nodes has this colour for a node. */
  const dot = (name: string, colour: string) => rowOf(name).locator(`.dot.${colour}`).waitFor();
  const figure = async (index: number) => Number((await page.locator(".facts dd").nth(index).innerText()).replace(/[^\d]/g, ""));
  const toBottom = (selector: string) => page.locator(selector).first().evaluate((element) => element.getBoundingClientRect().bottom);

  it("names the SIEM that is down", async () => {
    await banner("bad", /^SIEM is down: .*127\.0\.0\.1/s);
    await dot("SIEM", "red");
    await dot("ePO threat events", "green");
    siem = await startSiem({ port: siem.port });
  });

  it("shows a backlog as such, in a chart of its own, and gets one message every 2 seconds however many events pass", async () => {
    const before = { ...received };
    const startMs = Date.now();
    await banner("busy", /^Catching up: \d+ (h|min) behind$/);
    await banner("ok", /^All events delivered, \d+ s behind$/, 300_000);
    const seconds = (Date.now() - startMs) / 1000;
    assert.ok(received.messages - before.messages <= seconds + 5, `${received.messages - before.messages} messages in ${seconds} s`);
    assert.ok(received.largest < 64 * 1024, `a message of ${received.largest} bytes`);
    assert.ok(siem.received >= BACKLOG.events, String(siem.received));
    const top = async (chart: number) => Number((await page.locator(".legend", { hasText: "up to" }).nth(chart).innerText()).replace(/[^\d]/g, ""));
    await page.getByRole("heading", { name: "Backlog: events a minute" }).waitFor();
    await page.waitForFunction(() => document.querySelector(".rates svg polyline.out:not([points=''])") !== null);
    assert.ok(await top(0) < 1000 && await top(1) > 1000, `live up to ${await top(0)}, backlog up to ${await top(1)}`);
  });

  it("tells at one look, without scrolling, that all is well, and when the SIEM recovered", async () => {
    await banner("ok", /^All events delivered, \d+ s behind$/);
    for (const part of [".banner", ".facts", ".rates svg", ".risky table"]) assert.ok(await toBottom(part) <= LAPTOP.height, `${part} is below the fold`);
    assert.match(await page.locator(".facts dd").first().innerText(), /^\d\d:\d\d:\d\d$/);
    assert.ok(await figure(1) > 0 && await figure(2) > 0);
    const counts = (await page.locator(".severities .number").allInnerTexts()).map((text) => Number(text.replace(/,/g, "")));
    assert.equal(counts.length, 4);
    assert.ok(Math.abs(counts.reduce((sum, count) => sum + count, 0) - siem.received) < 20, `${counts.join(" + ")} of ${siem.received}`);
    assert.ok((await page.locator(".severities").innerText()).includes(","), "no thousands separator");
    assert.deepEqual(await page.locator("td.number, .level").evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth && cell.clientWidth > 0).map(({ textContent }) => textContent)), []);
    const risks = (await page.locator(".risky .level").allInnerTexts()).map((text) => Number.parseInt(text, 10));
    assert.deepEqual([risks.length, Math.min(...risks)], [10, 10]);
    assert.ok((await page.locator(".destinations").innerText()).includes("OneDrive"));
    assert.ok(!(await page.locator(".destinations").innerText()).includes("WS-"));
    assert.match(await page.locator(".hosts").innerText(), /WS-\d/);
    for (const name of ["Code42 file events", "ePO threat events", "CEF", "SIEM"]) await dot(name, "green");
    assert.equal(await page.locator(".nodes tbody tr").count(), 4);
    await rowOf("SIEM").filter({ hasText: /\(recovered \d\d:\d\d\)/ }).waitFor();
  });

  if (takesPictures) it("is the picture of the README", async function () {
    this.timeout(600_000);
    await page.waitForFunction(() => document.querySelector(".rates svg polyline.out")?.getAttribute("points")?.split(" ").length === 20, undefined, { timeout: 400_000 });
    // The fonts of the test machine lack some of the signs in file names.
    await page.waitForFunction(() => !/[\u0500-\u1fff\u2070-\uffff]/.test(document.querySelector(".risky")?.textContent ?? ""), undefined, { timeout: 150_000 });
    await takePicture(page, "dashboard.png", { fullPage: true });
  });

  if (IS_LONG) it("says in German what is said in English", async () => {
    const german = await open(LAPTOP, "de-DE");
    await german.locator(".banner.ok", { hasText: /^Alle Ereignisse zugestellt, mit einem Rückstand von \d+ s$/ }).waitFor();
    await german.context().close();
  });

  it("names the source whose tenant refuses the sign-in", async () => {
    tenant.faults.add({ kind: "status", status: 401 }, { times: Infinity });
    try {
      await banner("bad", /^No events from Code42 file events: /);
      await dot("Code42 file events", "red");
    } finally {
      tenant.faults.clear();
    }
    await banner("ok", /^All events delivered/);
  });

  if (IS_LONG) it("does not say that all is well when the tenant or Node-RED stops answering", async () => {
    tenant.faults.add({ kind: "status", status: 503 }, { times: Infinity });
    try {
      await page.locator(".banner.warn, .banner.bad", { hasText: "Code42 file events" }).waitFor();
      for (const end = Date.now() + 30_000; Date.now() < end; await page.waitForTimeout(200)) {
        assert.equal(await page.locator(".banner.ok").count(), 0, await page.locator(".banner").innerText());
      }
    } finally {
      tenant.faults.clear();
    }
    await banner("ok", /^All events delivered/);
    nodeRed.kill("SIGSTOP");
    try {
      await banner("bad", /^No news from Node-RED for \d+ s$/);
    } finally {
      nodeRed.kill("SIGCONT");
    }
    await banner("ok", /^All events delivered/);
  });

  it("shows what an event holds as text, never as HTML or as a template", async () => {
    const names = ["<img src=x onerror=window.hit=1>", "{{ constructor.constructor('window.hit=1')() }}", "a b=c | suser\\=boss \u200b\u202egpj.exe"];
    tenant.add(names.map((name, index) => {
      const event = makeFileEvent(index, { insertedUs: Date.now() * 1000 }) as unknown as { event: { id: string }; risk: object; file: { name: string }; user: { email: string }; destination: object };
      return {
        ...event, event: { ...event.event, id: `hostile-${index}`, action: "file-created" }, "@timestamp": new Date().toISOString(), risk: { ...event.risk, score: 10, severity: "CRITICAL" },
        file: { ...event.file, name }, user: { ...event.user, email: name }, destination: { ...event.destination, name },
      };
    }) as never);
    const cell = (name: string) => page.locator(".risky bdi").getByText(name, { exact: true });
    for (const name of [names[0] ?? "", names[1] ?? "", "a b=c | suser\\=boss gpj.exe"]) {
      await cell(name).nth(1).waitFor();
    }
    await page.locator(".destinations bdi").getByText(names[0] ?? "", { exact: true }).waitFor();
    await cell(names[0] ?? "").first().click();
    const line = await page.locator("dialog pre").innerText();
    assert.match(line, /^CEF:0\|Code42\|Incydr\|.*fname=<img src\\=x onerror\\=window.hit\\=1> /);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".events img, .events script").count(), 0);
    assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined);
  });

  for (const theme of THEMES) {
    it(`can be read on a laptop and on a phone, with the theme ${theme === THEMES[0] ? "light" : "dark"}`, async () => {
      await nodeRed.deploy(flowWith(theme));
      for (const viewport of [LAPTOP, PHONE]) {
        const opened = await open(viewport, "en-US");
        await opened.locator(".risky .level").nth(1).waitFor();
        const wider = await opened.locator(".events *").evaluateAll((elements, width) => elements
          .filter((element) => element.getBoundingClientRect().right > width).map((element) => element.outerHTML.slice(0, 100)), viewport.width);
        assert.deepEqual(wider, []);
        assert.equal(await opened.evaluate(() => document.documentElement.scrollWidth), viewport.width);
        const texts = await opened.locator("body *").evaluateAll((elements) => elements
          .filter((element) => [...element.childNodes].some(({ nodeType, textContent }) => nodeType === Node.TEXT_NODE && (textContent ?? "").trim() !== "") && element.getClientRects().length > 0)
          .map((element) => {
            const grounds: string[] = [];
            for (let ground: Element | null = element; ground !== null; ground = ground.parentElement) grounds.unshift(getComputedStyle(ground).backgroundColor);
            return { text: element.textContent?.trim().slice(0, 40), colour: getComputedStyle(element).color, grounds };
          }));
        assert.ok(texts.length > 50, `only ${texts.length} texts`);
        for (const { text, colour, grounds } of texts) {
          const ground = grounds.map(colourOf).reduce(over, [255, 255, 255, 1]);
          const ratio = contrast(over(ground, colourOf(colour)), ground);
          assert.ok(ratio >= 4.5, `"${text}" has a contrast of ${ratio.toFixed(2)}`);
        }
        await opened.context().close();
      }
    });
  }
});
