/**
 * Follows docs/newcomer.md with mouse and keyboard, from an empty Node-RED to the first event at the SIEM. It finds fields,
 * buttons and nodes by their visible text.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { root } from "../../scripts/built";
import { startSiem, type Siem } from "../../src/simulator/siem";
import { startTenantSimulator, type TenantSimulator } from "../../src/simulator/tenant";
import { launchBrowser, watch } from "../support/editor";
import { startNodeRed, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";
import { takePicture, takesPictures } from "../support/pictures";
import { until } from "../support/until";

/** How long a person may take from an empty Node-RED to the first event, and how long they take for what the test does at once. */
const TWO_MINUTES_MS = 120_000;
const KEY_MS = 200;
const CLICK_MS = 1000;
const EVENTS = 3;

/** The texts on the screen. A status is in Node-RED's language, everything else in the browser's. */
const english = {
  query: "incydr query", format: "cef format", syslog: "siem syslog out",
  events: "File events (v2)", tenant: "Tenant", region: "Region", otherRegion: "another address", baseUrl: "Base URL", clientId: "Client ID", clientSecret: "Client secret",
  add: "Add", done: "Done", host: "Host", port: "Port", deploy: "Deploy", delivered: `${EVENTS} delivered`,
  helpOfQuery: "beside Tenant", helpOfTenant: "Administration > Integrations > API Clients",
};
const german: typeof english = {
  ...english,
  events: "Dateiereignisse (v2)", tenant: "Mandant", otherRegion: "andere Adresse", baseUrl: "Basis-URL", clientId: "Client-ID", clientSecret: "Client-Secret",
  add: "Hinzufügen", done: "Fertig", deploy: "Übernahme (deploy)",
  helpOfQuery: "neben Mandant",
};

/** A user of the editor. `used` holds the labels that were used, in order; `handsMs` is what a person's hands would need. */
class Newcomer {
  readonly used: string[] = [];
  handsMs = 0;

  constructor(private readonly page: Page) {}

  /** Drags a node from the palette to a position in the workspace, in px from its upper left corner. */
  async drag(label: string, x: number, y: number): Promise<void> {
    this.used.push(label);
    // The palette may break a label anywhere.
    const node = this.page.locator(".red-ui-palette-node", { hasText: new RegExp(`^\\s*${label.replaceAll(" ", "\\s*")}\\s*$`) });
    await node.scrollIntoViewIfNeeded();
    const nodes = this.page.locator(".red-ui-flow-node-group");
    const before = await nodes.count();
    const workspace = await boxOf(this.page.locator("#red-ui-workspace-chart"));
    await this.move(await middleOf(node), { x: workspace.x + x, y: workspace.y + y });
    await nodes.nth(before).waitFor();
  }

  /** Draws a wire from the first output of one node to the input of another. */
  async wire(from: string, to: string): Promise<void> {
    const wires = this.page.locator(".red-ui-flow-link-line");
    const before = await wires.count();
    await this.move(await middleOf(this.node(from).locator(".red-ui-flow-port-output").first()), await middleOf(this.node(to).locator(".red-ui-flow-port-input")));
    await wires.nth(before).waitFor({ state: "attached" });
  }

  async open(label: string): Promise<void> {
    this.used.push(label);
    const { x, y } = await middleOf(this.node(label));
    this.handsMs += CLICK_MS;
    await this.page.mouse.dblclick(x, y);
    await this.waitForTray();
  }

  /** Fills the field with this label in the open dialog. */
  async fill(label: string, text: string): Promise<void> {
    const field = this.field(label);
    this.handsMs += CLICK_MS + KEY_MS * text.length;
    await field.fill(text);
  }

  async choose(label: string, option: string): Promise<void> {
    const field = this.field(label);
    this.used.push(option);
    this.handsMs += 2 * CLICK_MS;
    await field.selectOption({ label: option });
  }

  /** Presses the button "+" beside the field. */
  async addBeside(label: string): Promise<void> {
    this.used.push(label);
    const row = this.dialog().locator(".form-row").filter({ has: this.page.locator("label", { hasText: label }) });
    this.handsMs += CLICK_MS;
    await row.locator("a:has(.fa-plus)").click();
    await this.waitForTray();
  }

  async press(button: string): Promise<void> {
    this.used.push(button);
    this.handsMs += CLICK_MS;
    await this.page.locator(".red-ui-tray").last().getByRole("button", { name: button, exact: true }).click();
    await this.waitForTray();
  }

  /** Opens the help of the dialog, unfolds the part with a text and waits for it. */
  async mustFindInHelp(text: string): Promise<void> {
    await this.page.locator(".red-ui-tray-footer").last().locator("button:has(.fa-book)").click();
    const part = this.page.locator(".red-ui-help details", { hasText: text }).first();
    await part.locator("summary").click();
    await part.getByText(text).first().waitFor();
  }

  async deploy(label: string): Promise<void> {
    this.used.push(label);
    this.handsMs += CLICK_MS;
    await this.page.locator("#red-ui-header").getByText(label, { exact: true }).click();
  }

  async mustSee(status: string): Promise<void> {
    await this.page.locator(".red-ui-flow-node-status-label", { hasText: status }).waitFor();
  }

  /** Takes a screenshot when the notification of the deploy is gone. */
  async photograph(name: string): Promise<void> {
    await this.page.locator(".red-ui-notification").first().waitFor({ state: "detached" });
    await takePicture(this.page, name);
  }

  private field(label: string): Locator {
    this.used.push(label);
    return this.dialog().getByLabel(label, { exact: true });
  }

  private node(label: string): Locator {
    return this.page.locator(".red-ui-flow-node-group", { hasText: label });
  }

  private dialog(): Locator {
    return this.page.locator(".red-ui-tray").last();
  }

  /** Waits until the tray has stopped sliding; a click on a moving tray misses. */
  private waitForTray(): Promise<void> {
    return this.page.waitForTimeout(600);
  }

  private async move(from: Point, to: Point): Promise<void> {
    const { mouse } = this.page;
    this.handsMs += 2 * CLICK_MS;
    await mouse.move(from.x, from.y);
    await mouse.down();
    await mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2, { steps: 5 });
    await mouse.move(to.x, to.y, { steps: 5 });
    await mouse.up();
  }
}

type Point = { x: number; y: number };

const boxOf = async (thing: Locator) => await thing.boundingBox() ?? assert.fail("it cannot be seen");

async function middleOf(thing: Locator): Promise<Point> {
  const { x, y, width, height } = await boxOf(thing);
  return { x: x + width / 2, y: y + height / 2 };
}

describe("a newcomer", function () {
  this.timeout(300_000);
  let browser: Browser;
  let tenant: TenantSimulator;
  let siem: Siem;
  let nodeRed: NodeRedProcess;
  let userDir: string;
  const modules = () => packedPackage().modules;
  const illegal: string[] = [];

  before(async () => {
    modules();
    browser = await launchBrowser();
  });
  after(() => browser.close());

  beforeEach(async () => {
    userDir = mkdtempSync(join(tmpdir(), "siem-newcomer-"));
    tenant = await startTenantSimulator();
    tenant.preload({ count: EVENTS, startMs: Date.now() - 60_000 });
    siem = await startSiem({ onIllegal: (reason, message) => illegal.push(`${reason}: ${message}`) });
  });
  afterEach(async () => {
    await nodeRed.stop();
    await siem.close();
    await tenant.close();
    rmSync(userDir, { recursive: true, force: true });
  });

  /** Follows the steps from an empty Node-RED until the SIEM has the events. Returns the labels that were used, in order. */
  async function followSteps(language: string, words: typeof english): Promise<string[]> {
    const startedMs = Date.now();
    const problems: string[] = [];
    nodeRed = await startNodeRed({ userDir, modules: modules() });
    const page = await (await browser.newContext({ locale: language, viewport: { width: 1200, height: 800 } })).newPage();
    watch(page, nodeRed.url, problems);
    await page.goto(nodeRed.url);
    await page.waitForSelector(".red-ui-palette-node");
    const newcomer = new Newcomer(page);

    await newcomer.drag(words.query, 150, 200);
    await newcomer.drag(words.format, 350, 200);
    await newcomer.drag(words.syslog, 550, 200);
    await newcomer.wire(words.events, words.format);
    await newcomer.wire(words.format, words.syslog);

    await newcomer.open(words.events);
    await newcomer.mustFindInHelp(words.helpOfQuery);
    await newcomer.addBeside(words.tenant);
    await newcomer.mustFindInHelp(words.helpOfTenant);
    await newcomer.choose(words.region, words.otherRegion);
    await newcomer.fill(words.baseUrl, tenant.url);
    await newcomer.fill(words.clientId, tenant.clientId);
    await newcomer.fill(words.clientSecret, tenant.clientSecret);
    await newcomer.press(words.add);
    await newcomer.press(words.done);

    await newcomer.open(words.syslog);
    await newcomer.fill(words.host, "127.0.0.1");
    await newcomer.fill(words.port, String(siem.port));
    await newcomer.press(words.done);
    await newcomer.deploy(words.deploy);

    await until(() => siem.received > 0, `the SIEM gets an event; Node-RED says:\n${nodeRed.log()}`, TWO_MINUTES_MS);
    const neededMs = Date.now() - startedMs + newcomer.handsMs;
    assert.ok(neededMs < TWO_MINUTES_MS, `${Math.round(neededMs / 1000)} s, ${newcomer.handsMs / 1000} of them for keys and clicks`);
    await newcomer.mustSee(words.delivered);
    if (takesPictures && words === english) await newcomer.photograph("newcomer.png");
    assert.deepEqual(illegal, []);
    assert.equal(siem.ids.size, EVENTS);
    assert.deepEqual(problems, []);
    await page.context().close();
    return newcomer.used;
  }

  it("gets from an empty Node-RED to the first event at the SIEM in 2 minutes, with the labels in docs/newcomer.md", async () => {
    const used = await followSteps("en-US", english);
    const steps = readFileSync(join(root, "docs/newcomer.md"), "utf8").split("\n").filter((line) => /^(\d\.| {3})/.test(line)).join("\n");
    assert.deepEqual([...steps.matchAll(/\*\*(.+?)\*\*/g)].map(([, label]) => label), used);
  });

  // `npm run test:browser` runs this one too.
  if (process.env["NEWCOMERS"] === "all") it("gets there with German labels", () => followSteps("de", german));
});
