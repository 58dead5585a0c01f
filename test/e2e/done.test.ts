/**
 * Opens every node of every example in a real browser and presses Done, first as it is, then after a change in every list
 * that is taken back. Neither may change the flow. DONE_SCREENSHOTS is a folder for screenshots of the changed lists.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import manifest from "../../package.json";
import { modulesWithDashboard } from "../support/dashboard";
import { launchBrowser, watch } from "../support/editor";
import { examples, isNotInstalled } from "../support/examples";
import { startNodeRed, type FlowNode, type NodeRedProcess } from "../support/node-red-process";
import { packedPackage } from "../support/packed-package";

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  view: { importNodes(flow: unknown, options: { generateIds: boolean; addFlow: boolean }): void };
  nodes: { node(id: string): unknown; createCompleteNodeSet(options: { credentials: boolean }): FlowNode[] };
  workspaces: { show(id: string): void };
  editor: { edit(node: unknown): void; editConfig(name: string, type: string, id: string): void };
};

/** A dialog to open. */
interface Entry {
  id: string;
  type: string;
  /** Undefined for a config node. */
  tab: string | undefined;
  title: string;
}

const OURS = Object.keys(manifest["node-red"].nodes);
/** Most of the time the dialogs slide in and out, so several pages work side by side. */
const PAGES = 4;
/** What Node-RED's code editor throws when the dialog of a `function` or `ui-template` node is closed while it still works. */
const CODE_EDITOR = /^page error: (TextModelPart|Model) is disposed/;
/** The values of selects with which a dialog shows all of its lists. */
const SHOW_ALL_LISTS: Record<string, Record<string, string>> = {
  "code42-query": { criteriaType: "groups", advance: "confirmed", confirmedByAll: "all" },
  "delivery-confirm": { mode: "confirm" },
  "cef-format": { format: "cef" },
};

describe("the dialogs of every node in the examples", function () {
  this.timeout(240_000);
  const userDir = mkdtempSync(join(tmpdir(), "siem-done-"));
  let nodeRed: NodeRedProcess;
  let browser: Browser;
  const entries: Entry[] = examples().flatMap(({ name, flow }) =>
    flow.filter(({ type }) => type !== "tab" && !isNotInstalled(type)).map(({ id, type, x, z }) => ({ id, type, tab: x === undefined ? undefined : String(z), title: `${name}: ${type} ${id}` })));
  const ours = entries.filter(({ type }) => OURS.includes(type));

  before(async () => {
    nodeRed = await startNodeRed({ userDir, modules: modulesWithDashboard(userDir, join(packedPackage().modules, manifest.name)), dashboard: true });
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    rmSync(userDir, { recursive: true, force: true });
  });

  /** An editor with all examples. */
  async function openEditor(problems: string[]): Promise<Page> {
    const page = await (await browser.newContext({ locale: "en-US", viewport: { width: 1200, height: 900 } })).newPage();
    watch(page, nodeRed.url, problems);
    await page.goto(nodeRed.url);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    await page.addStyleTag({ content: "#red-ui-notifications { display: none } .red-ui-tray { transition: none !important }" });
    for (const { flow } of examples()) await page.evaluate((items) => RED.view.importNodes(items, { generateIds: false, addFlow: false }), flow);
    // The dashboard keeps only one of its base nodes, a moment after the import.
    await page.waitForFunction(() => RED.nodes.createCompleteNodeSet({ credentials: false }).filter(({ type }) => type === "ui-base").length === 1);
    return page;
  }

  async function open(page: Page, { id, type, tab }: Entry): Promise<void> {
    await page.evaluate(({ id: node, type: kind, tab: on }) => {
      if (on === undefined) return RED.editor.editConfig("", kind, node);
      RED.workspaces.show(on);
      RED.editor.edit(RED.nodes.node(node));
    }, { id, type, tab });
    // The form is complete when the tray has slid in.
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLElement>(".red-ui-tray")].some((tray) => getComputedStyle(tray).right === "0px" && tray.querySelector("form") !== null));
  }

  async function pressDone(page: Page, { tab }: Entry): Promise<void> {
    await page.locator(tab === undefined ? "#node-config-dialog-ok" : "#node-dialog-ok").click();
    await page.locator(".red-ui-tray").waitFor({ state: "detached" });
  }

  /** Opens the dialogs, calls `edit` and presses Done. Returns what that changed in the flow, and what the pages reported. */
  async function pressDoneInEach(dialogs: readonly Entry[], edit: (page: Page, entry: Entry) => Promise<void>): Promise<string[]> {
    const found: string[] = [];
    await Promise.all(Array.from({ length: PAGES }, async (_none, part) => {
      const problems: string[] = [];
      const page = await openEditor(problems);
      await flowChanges(page);
      for (const entry of dialogs.filter((_entry, index) => index % PAGES === part)) {
        await open(page, entry);
        await edit(page, entry);
        // A script that fails leaves the dialog open.
        const isClosed = await pressDone(page, entry).then(() => true, () => false);
        const changes = await flowChanges(page);
        found.push(...[...problems.splice(0).filter((problem) => !CODE_EDITOR.test(problem)), ...changes, ...(isClosed ? [] : ["the dialog stays open"])].map((problem) => `${entry.title}: ${problem}`));
        if (!isClosed) break;
      }
      await page.context().close();
    }));
    return found;
  }

  it("change nothing and raise nothing when Done is pressed", async () => {
    assert.deepEqual(await pressDoneInEach(entries, async () => undefined), []);
  });

  it("change nothing and raise nothing after a change in every list that was taken back", async () => {
    const lists = new Map<string, number>();
    const found = await pressDoneInEach(ours, async (page, { id, type }) => {
      const selects = Object.entries(SHOW_ALL_LISTS[type] ?? {}).map(([name, value]) => ({ select: page.locator(`#node-input-${name}`), value }));
      await unfold(page);
      const before = await Promise.all(selects.map(({ select }) => select.inputValue()));
      for (const { select, value } of selects) await select.selectOption(value);
      lists.set(type, Math.max(lists.get(type) ?? 0, await changeListsAndTakeItBack(page)));
      const folder = process.env["DONE_SCREENSHOTS"];
      if (folder !== undefined) {
        mkdirSync(folder, { recursive: true });
        await page.screenshot({ path: join(folder, `${id}.png`) });
      }
      for (const [index, { select }] of selects.entries()) await select.selectOption(before[index] ?? "");
    });
    assert.deepEqual(found, []);
    for (const type of ["code42-query", "delivery-confirm", "cef-format", "dxl-threat-event"]) assert.ok((lists.get(type) ?? 0) > 0, `no list was found in ${type}`);
  });

  for (const [id, property] of [["siem05query00001", "confirmedBy"], ["siem06confirm002", "confirmsFor"]] as const) {
    it(`save the ticks of ${property} and keep a deleted node until the user takes it out`, async () => {
      const problems: string[] = [];
      const page = await openEditor(problems);
      const entry = entries.find((each) => each.id === id) ?? assert.fail();
      const stored = () => page.evaluate(([node, name]) => (RED.nodes.node(node) as Record<string, unknown>)[name], [id, property] as const);
      const rows = page.locator(`#node-input-${property}-list .red-ui-treeList-label`);
      await page.evaluate(([node, name]) => {
        (RED.nodes.node(node) as Record<string, unknown>)[name] = ["gone", "siem05syslog0002"];
      }, [id, property] as const);
      await open(page, entry);
      await pressDone(page, entry);
      assert.deepEqual(await stored(), ["gone", "siem05syslog0002"]);

      await open(page, entry);
      await unfold(page);
      assert.match(await rows.first().innerText(), /gone\s*deleted/);
      const folder = process.env["DONE_SCREENSHOTS"];
      if (folder !== undefined) await page.locator(`#node-input-${property}-list`).screenshot({ path: join(folder, `${property}.png`) });
      for (const row of [0, 2]) await rows.nth(row).locator("input").click();
      await pressDone(page, entry);
      const [second, ...others] = await stored() as string[];
      assert.equal(second, "siem05syslog0002");
      assert.equal(others.length, 1);
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }
});

/** Opens what is folded in the dialog. */
const unfold = (page: Page) => page.locator("form details:not([open]) > summary").evaluateAll((summaries) => {
  for (const summary of summaries) (summary as HTMLElement).click();
});

/** What has changed since the last call in the flow that a deploy would send. */
async function flowChanges(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const values: Record<string, string> = {};
    for (const { id, credentials = {}, ...node } of RED.nodes.createCompleteNodeSet({ credentials: true })) {
      // Node-RED adds a blank credential for every field of a dialog.
      const filled = Object.fromEntries(Object.entries(credentials).filter(([, value]) => value !== ""));
      for (const [name, value] of Object.entries({ ...node, ...filled })) values[`${id}.${name}`] = JSON.stringify(value);
    }
    const seen = window as unknown as { flowBefore?: Record<string, string> };
    const before = seen.flowBefore ?? values;
    seen.flowBefore = values;
    return [...new Set([...Object.keys(before), ...Object.keys(values)])]
      .filter((name) => before[name] !== values[name])
      .map((name) => `${name} was ${before[name]} and is ${values[name]}`);
  });
}

/** Ticks and unticks every item, adds and removes a row in every list of the open dialog. Returns how many lists there were. */
async function changeListsAndTakeItBack(page: Page): Promise<number> {
  return page.evaluate(() => {
    const form = $(".red-ui-tray form");
    const boxes = form.find(".red-ui-treeList-checkbox:visible").toArray();
    for (const box of boxes) $(box).trigger("click").trigger("click");
    // A list may have more buttons beside the one that adds a row.
    const buttons = form.find(".red-ui-editableList-addButton:visible").not(".red-ui-editableList-addButton + .red-ui-editableList-addButton").toArray();
    for (const button of buttons) {
      const rows = $(button).closest(".red-ui-editableList").find("ol.red-ui-editableList-list").first();
      const old = rows.children().toArray();
      $(button).trigger("click");
      const added = rows.children().not(old);
      if (added.length !== 1) throw new Error(`${added.length} rows were added`);
      added.children(".red-ui-editableList-item-remove").trigger("click");
    }
    return buttons.length + Math.min(boxes.length, 1);
  });
}
