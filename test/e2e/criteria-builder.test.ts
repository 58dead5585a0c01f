import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { launchBrowser } from "../support/editor";
import { startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  editor: { edit(node: unknown): void };
  nodes: { node(id: string): { valid?: boolean } | null; dirty(): boolean };
};

const flows: FlowNode[] = [
  { id: "tab", type: "tab", label: "a" },
  { id: "tenant", type: "code42-tenant", name: "a tenant", baseUrl: "https://api.us.code42.com", authType: "api-client" },
  {
    id: "query", type: "code42-query", z: "tab", x: 200, y: 100, wires: [[]], name: "", tenant: "tenant", source: "file-events", criteria: [], criteriaClause: "AND",
    criteriaType: "groups", pollInterval: "0", startFrom: "P1D", cursor: "builder", cursorType: "global", overlap: "300", pageSize: "1000", output: "page", advance: "confirmed",
    confirmedBy: [], pagesOut: "4", confirmTimeout: "60",
  },
];

const size = { term: "file.sizeInBytes", operator: "GREATER_THAN", value: 1000 };
const severity = { term: "risk.severity", operator: "IS_ANY", value: ["CRITICAL", "LOW"] };
const recent = { term: "@timestamp", operator: "WITHIN_THE_LAST", value: "PT12H" };
const built = [{ clause: "AND", groups: [{ clause: "OR", filters: [size, severity] }, { clause: "AND", filters: [recent] }] }];

describe("the criteria builder", () => {
  const userDir = mkdtempSync(join(tmpdir(), "siem-builder-"));
  let nodeRed: NodeRedProcess;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  before(async function () {
    this.timeout(120_000);
    nodeRed = await startNodeRed({ userDir, modules: packedPackage().modules, flows });
    browser = await launchBrowser();
    page = await (await browser.newContext({ locale: "en-US", viewport: { width: 1200, height: 2000 } })).newPage();
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(nodeRed.url);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
  });

  after(async () => {
    await browser.close();
    await nodeRed.stop();
    rmSync(userDir, { recursive: true, force: true });
  });

  const box = () => page.locator("#code42-query-criteria");
  const button = (name: string) => box().locator("button", { hasText: new RegExp(`^\\s*${name}$`) });
  const rows = () => box().locator(".siem-filters > li");
  const count = () => box().locator(".siem-count").innerText();

  async function open(): Promise<void> {
    await page.evaluate(() => RED.editor.edit(RED.nodes.node("query")));
    await box().waitFor({ state: "visible" });
    // The tray slides in.
    await page.waitForTimeout(600);
  }

  async function saveAndDeploy(): Promise<unknown> {
    await page.locator("#node-dialog-ok").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
    await page.locator("#red-ui-header-button-deploy").click();
    await page.waitForFunction(() => !RED.nodes.dirty());
    return stored();
  }

  const stored = () => (JSON.parse(readFileSync(join(userDir, "flows.json"), "utf8")) as FlowNode[]).find(({ id }) => id === "query")?.["criteria"];

  async function chooseTerm(row: Locator, search: string, term: string): Promise<void> {
    await row.locator(".siem-term").fill("");
    await row.locator(".siem-term").pressSequentially(search);
    const option = page.locator(".red-ui-autoComplete-container a", { hasText: term }).first();
    await option.waitFor({ state: "visible" });
    // The first option is the typed text.
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await row.locator(".siem-term").inputValue(), term);
  }

  it("builds groups of rows, which a deploy stores and the dialog then shows again", async function () {
    this.timeout(60_000);
    await open();
    assert.equal(await count(), "0 of 1,024 criteria");
    await button("group").click();
    const first = rows().first();
    await chooseTerm(first, "risk sev", "risk.severity");
    await first.locator(".siem-operator").selectOption("IS_ANY");
    const add = first.getByPlaceholder("Add a value");
    await add.click();
    await page.locator(".red-ui-autoComplete-container").waitFor({ state: "visible" });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await add.pressSequentially("LOW");
    await page.keyboard.press("Enter");
    await add.pressSequentially("lowest");
    await page.keyboard.press("Enter");
    assert.match(await first.locator(".siem-problem").innerText(), /"lowest", which is not among the known values/);
    await first.getByRole("button", { name: "Remove lowest" }).click();
    assert.equal(await first.locator(".siem-problem").count(), 0);

    await button("filter").click();
    await chooseTerm(rows().nth(1), "size bytes", "file.sizeInBytes");
    await rows().nth(1).locator("input[type=number]").fill("1000");
    await box().locator(".siem-clause").selectOption("OR");
    await drag(rows().nth(1), first);
    assert.equal(await rows().first().locator(".siem-term").inputValue(), "file.sizeInBytes");

    await button("nested group").first().click();
    const third = rows().nth(2);
    await chooseTerm(third, "@time", "@timestamp");
    await third.locator(".siem-operator").selectOption("WITHIN_THE_LAST");
    await third.locator("input[type=number]").fill("12");
    await third.locator(".siem-value select").selectOption("H");
    assert.equal(await count(), "3 of 1,024 criteria");
    assert.deepEqual(await saveAndDeploy(), built);
    assert.equal(await page.evaluate(() => RED.nodes.node("query")?.valid), true);

    await open();
    assert.equal(await count(), "3 of 1,024 criteria");
    await button("JSON").click();
    assert.deepEqual(JSON.parse(await box().locator(".siem-json").inputValue()), built);
    await page.locator("#node-dialog-ok").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => RED.nodes.dirty()), false, "a dialog without changes changes the node");
  });

  it("shows edited JSON as rows, and keeps JSON that rows cannot show", async function () {
    this.timeout(60_000);
    await open();
    await button("JSON").click();
    const json = box().locator(".siem-json");
    const more = [...built, { clause: "AND", filters: [{ term: "user.email", operator: "IS", value: "${USER}" }, { term: "file.colour", operator: "IS", value: "red" }] }];
    await json.fill(JSON.stringify(more));
    await button("Rows").click();
    assert.equal(await rows().count(), 5);
    assert.equal(await count(), "5 of 1,024 criteria");
    assert.match(await rows().nth(4).locator(".siem-problem").innerText(), /"file\.colour", which is not known/);
    // Drag a filter from one group to another.
    await drag(rows().nth(4), rows().nth(2));
    assert.deepEqual(await rows().locator(".siem-term").evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value).slice(2)), ["file.colour", "@timestamp", "user.email"]);

    // Another source keeps the rows and reports unknown terms and criteria that it cannot express.
    await page.locator("#node-input-source").selectOption("alerts");
    assert.equal(await rows().count(), 5);
    assert.match(await rows().first().locator(".siem-problem").innerText(), /not known for alerts/);
    assert.match(await box().innerText(), /this search cannot nest groups/);
    assert.equal(await button("nested group").count(), 0);
    await page.locator("#node-input-source").selectOption("file-events");

    const unusual = [{ clause: "AND", filters: [{ ...size, display: "large files" }] }];
    await button("JSON").click();
    await json.fill(JSON.stringify(unusual));
    await button("Rows").click();
    assert.equal(await json.isVisible(), true);
    assert.match(await box().innerText(), /At criteria\[0\]\.filters\[0\]: the rows have no field for "display"/);
    assert.deepEqual(await saveAndDeploy(), unusual);
    assert.deepEqual(problems, []);
  });

  it("saves every digit of an integer beyond 2^53, in JSON and in rows", async function () {
    this.timeout(60_000);
    await open();
    await button("JSON").click();
    await box().locator(".siem-json").fill('[{"clause":"AND","filters":[{"term":"user.id","operator":"IS","value":1004622955308648174},{"term":"file.sizeInBytes","operator":"GREATER_THAN","value":1000}]}]');
    await button("Rows").click();
    assert.equal(await rows().nth(1).locator("input[type=number]").inputValue(), "1000");
    await rows().nth(1).locator("input[type=number]").fill("9007199254740993");
    assert.deepEqual(await saveAndDeploy(), [{ clause: "AND", filters: [{ term: "user.id", operator: "IS", value: "1004622955308648174" }, { term: "file.sizeInBytes", operator: "GREATER_THAN", value: "9007199254740993" }] }]);
    assert.deepEqual(problems, []);
  });

  it("saves typed text, and no proposal that the user did not choose", async function () {
    this.timeout(60_000);
    await page.evaluate(() => {
      const query = RED.nodes.node("query") as { criteria?: unknown };
      query.criteria = [{ clause: "AND", filters: [{ term: "risk.severity", operator: "IS_ANY", value: ["LOW"] }, { term: "destination.name", operator: "IS", value: "Dropbox" }] }];
    });
    await open();
    const menu = page.locator(".red-ui-autoComplete-container");
    const values = (row: Locator) => row.locator(".siem-value button").evaluateAll((buttons) => buttons.map((each) => each.getAttribute("aria-label")));
    const first = rows().first();
    const add = first.getByPlaceholder("Add a value");

    // A click and Tab: the menu opens and closes without a choice.
    await add.click();
    await menu.waitFor({ state: "visible" });
    await page.keyboard.press("Tab");
    await menu.waitFor({ state: "detached" });
    assert.deepEqual(await values(first), ["Remove LOW"]);
    assert.equal(await add.evaluate((input) => input === document.activeElement), false, "Tab stays in the field");

    // Back with Shift+Tab: releasing Shift must not open the menu.
    await page.keyboard.press("Shift+Tab");
    assert.equal(await add.evaluate((input) => input === document.activeElement), true);
    await page.waitForTimeout(200);
    assert.equal(await menu.count(), 0, "Shift opens the menu");
    await page.keyboard.press("Shift+Tab");
    assert.deepEqual(await values(first), ["Remove LOW"]);

    // Enter takes the typed text, not a similar proposal.
    await add.click();
    await add.pressSequentially("CRIT");
    await menu.waitFor({ state: "visible" });
    assert.match(await menu.locator("a").first().innerText(), /CRIT\s+as typed/);
    await page.keyboard.press("Enter");
    assert.deepEqual(await values(first), ["Remove LOW", "Remove CRIT"]);

    const term = rows().nth(1).locator(".siem-term");
    await term.fill("");
    await term.pressSequentially("destination.user");
    await menu.waitFor({ state: "visible" });
    await page.keyboard.press("Tab");
    assert.equal(await term.inputValue(), "destination.user");
    assert.match(await rows().nth(1).locator(".siem-problem").innerText(), /"destination\.user", which is not known/);
    await page.locator("#node-dialog-cancel").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
    assert.deepEqual(problems, []);
  });

  it("proposes a cursor key only in the field, so Cancel leaves the node unchanged", async () => {
    const setCursor = (cursor: string) => page.evaluate((key) => {
      (RED.nodes.node("query") as { cursor?: string }).cursor = key;
    }, cursor);
    await setCursor("");
    await open();
    assert.equal(await page.locator("#node-input-cursor").inputValue(), "code42_file_events_query");
    await page.locator("#node-dialog-cancel").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => (RED.nodes.node("query") as { cursor?: string }).cursor), "");
    await setCursor("builder");
  });

  async function drag(row: Locator, onto: Locator): Promise<void> {
    const handle = await row.locator(".red-ui-editableList-item-handle").boundingBox() ?? assert.fail();
    const target = await onto.boundingBox() ?? assert.fail();
    await page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2);
    await page.mouse.down();
    await page.mouse.move(handle.x, target.y + target.height / 2, { steps: 8 });
    await page.mouse.move(handle.x, target.y + 3, { steps: 4 });
    await page.mouse.up();
    await page.waitForTimeout(200);
  }
});
