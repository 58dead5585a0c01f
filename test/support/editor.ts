/** Opens the Node-RED editor in a real browser (Debian's chromium), imports flows and opens every node's dialog. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { root } from "../../scripts/built";
import type { FlowNode } from "./node-red-process";

export interface EditorVisit {
  /** The editor's address, without a trailing slash. */
  url: string;
  /** The browser's language, such as `de`. */
  language: string;
  /** Imported one after the other. Every type in `types` must occur in one of them. */
  flows: readonly (readonly FlowNode[])[];
  types: readonly string[];
  /** A folder for screenshots: `first-flow.png`, and `<type>.png` for each dialog. */
  screenshots?: string;
  dark?: boolean;
}

export interface EditorReport {
  /** Errors of the page, of its requests and of its texts; empty if all is well. */
  problems: string[];
  /** The visible text of each dialog, by node type. */
  dialogs: Record<string, string>;
}

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  view: { importNodes(flow: unknown, options: { generateIds: boolean; addFlow: boolean }): void };
  nodes: { node(id: string): { valid?: boolean; validationErrors?: string[] } | null | undefined };
  actions: { invoke(name: string): void };
  workspaces: { show(id: string): void };
  editor: { edit(node: unknown): void; editConfig(name: string, type: string, id: string): void };
};

const VIEWPORT = { width: 1200, height: 640 };

/** The keys of a catalog, which the editor shows if a translation is missing. */
function keysOf(catalog: object, prefix = ""): string[] {
  return Object.entries(catalog).flatMap(([key, value]) =>
    (typeof value === "object" ? keysOf(value as object, `${prefix}${key}.`) : prefix === "" ? [] : [prefix + key]));
}

/** The keys of the catalog of `type` that `text` contains instead of their translations. */
export const untranslated = (type: string, text: string): string[] => keysOf(catalogOf(type)).filter((key) => text.includes(key));

const catalogOf = (type: string) => JSON.parse(readFileSync(join(root, "dist/nodes/locales/en-US", `${type}.json`), "utf8")) as object;

/** Opens the editor, imports the flows and opens the dialog of each type. Throws if the editor does not start. */
export async function visitEditor(visit: EditorVisit): Promise<EditorReport> {
  const problems: string[] = [];
  const dialogs: Record<string, string> = {};
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ locale: visit.language, viewport: VIEWPORT, colorScheme: visit.dark === true ? "dark" : "light" });
    const page = await context.newPage();
    watch(page, visit.url, problems);
    await page.goto(visit.url);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
    for (const flow of visit.flows) {
      await page.evaluate((nodes) => RED.view.importNodes(nodes, { generateIds: false, addFlow: false }), flow);
      const tab = flow.find((node) => node.type === "tab");
      if (tab !== undefined) await page.evaluate((id) => RED.workspaces.show(id), tab.id);
      await page.waitForTimeout(500);
      if (flow === visit.flows[0]) await shootFlow(page, visit);
      for (const node of flow) {
        const reasons = await page.evaluate((id) => {
          const found = RED.nodes.node(id);
          return found?.valid === false ? found.validationErrors ?? ["invalid"] : [];
        }, node.id);
        for (const reason of reasons) problems.push(`${node.type} ${node.id} is not valid: ${reason}`);
      }
    }
    for (const type of visit.types) {
      const node = visit.flows.flat().find((candidate) => candidate.type === type);
      if (node === undefined) problems.push(`no flow has a ${type}`);
      else dialogs[type] = await readDialog(page, visit, node, problems);
    }
  } finally {
    await browser.close();
  }
  return { problems, dialogs };
}

export const launchBrowser = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/** Records errors of the page in `problems`, and blocks all requests that are not for the editor. */
export function watch(page: Page, url: string, problems: string[]): void {
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("ERR_BLOCKED_BY_CLIENT")) problems.push(`console: ${message.text()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  void page.route((address) => !address.href.startsWith(url), (route) => route.abort("blockedbyclient"));
}

async function readDialog(page: Page, visit: EditorVisit, node: FlowNode, problems: string[]): Promise<string> {
  const isConfig = node["x"] === undefined;
  await page.evaluate(({ id, type, config }) => {
    if (config) RED.editor.editConfig("", type, id);
    else RED.editor.edit(RED.nodes.node(id));
  }, { id: node.id, type: node.type, config: isConfig });
  const form = page.locator(".red-ui-tray form").first();
  await form.waitFor({ state: "visible" });
  // The tray slides in, and the form's fields are built when it has stopped.
  await page.waitForTimeout(600);
  await shoot(page, visit, node.type);
  const text = await form.innerText();
  const attributes = await form.locator("[placeholder], [title]").evaluateAll((elements) =>
    elements.map((element) => `${element.getAttribute("placeholder") ?? ""} ${element.getAttribute("title") ?? ""}`).join("\n"));
  for (const key of untranslated(node.type, `${text}\n${attributes}`)) problems.push(`${node.type} shows the untranslated key ${key}`);
  await page.locator(isConfig ? "#node-config-dialog-cancel" : "#node-dialog-cancel").click();
  await page.locator(".red-ui-tray").waitFor({ state: "detached" });
  return text;
}

/** Takes a screenshot of the flow and our part of the palette, without the sidebar. */
async function shootFlow(page: Page, visit: EditorVisit): Promise<void> {
  if (visit.screenshots === undefined) return;
  const toggleSidebar = () => page.evaluate(() => RED.actions.invoke("core:toggle-sidebar"));
  await page.locator(`.red-ui-palette-node[data-palette-type="${visit.types.at(-1)}"]`).scrollIntoViewIfNeeded();
  await toggleSidebar();
  await page.waitForTimeout(500);
  await shoot(page, visit, "first-flow");
  await toggleSidebar();
}

async function shoot(page: Page, visit: EditorVisit, name: string): Promise<void> {
  if (visit.screenshots === undefined) return;
  mkdirSync(visit.screenshots, { recursive: true });
  await page.screenshot({ path: join(visit.screenshots, `${name}.png`) });
}
