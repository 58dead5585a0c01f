/**
 * Does what a new user does, in a real browser and a real Node-RED: signs in, drags every node of this package in from the
 * palette, opens every dialog and fills in a list. Returns the problems that it found.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { launchBrowser, untranslated, watch } from "./editor";
import { dialogProblems } from "./dialog-check";
import { checkPalette } from "./palette-check";

export interface EditorCheck {
  /** The editor's address, without a trailing slash. */
  url: string;
  language: "en-US" | "de";
  dark: boolean;
  /** The sign-in, if the editor asks for one. */
  user?: { username: string; password: string };
  /** Node types of this package. */
  types: readonly string[];
  /** A folder for a screenshot of each dialog and of the flow. */
  screenshots?: string;
}

/** The editor's definition of a node type. */
interface Definition {
  category: string;
  color: string;
  defaults: Record<string, { validate?: (...values: unknown[]) => unknown }>;
  inputs?: number;
  outputs?: number;
  inputLabels?: unknown;
  outputLabels?: unknown;
  paletteLabel?: unknown;
  icon?: unknown;
}

interface CanvasNode {
  id: string;
  type: string;
  fields?: unknown;
  valid?: boolean;
}

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: {
  nodes: {
    getType(type: string): Definition | undefined;
    filterNodes(filter: { type: string }): CanvasNode[];
    node(id: string): CanvasNode | null;
  };
  editor: { edit(node: unknown): void; editConfig(name: string, type: string, id: string): void };
};

const CATEGORY = "security events";

/** Returns the problems; an empty list if all is well. Throws if the editor does not start. */
export async function checkEditor(check: EditorCheck): Promise<string[]> {
  const problems: string[] = [];
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ locale: check.language, viewport: { width: 1366, height: 768 }, colorScheme: check.dark ? "dark" : "light" });
    const page = await context.newPage();
    // Node-RED 5 has its own setting; earlier versions have one theme only.
    await page.addInitScript(`localStorage.setItem("view-dark-theme", "${check.dark ? "dark" : "light"}")`);
    await page.goto(`${check.url}/`);
    if (check.user !== undefined) await signIn(page, check.user);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    watch(page, check.url, problems);
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });

    const isConfig = await page.evaluate((types) => types.map((type) => RED.nodes.getType(type)?.category === "config"), check.types);
    let place = 0;
    for (const [index, type] of check.types.entries()) {
      if (isConfig[index] === false) await dragIn(page, type, ++place, problems);
    }
    await shoot(page, check, "palette");
    problems.push(...await checkPalette(page, check.language, check.types), ...await definitionProblems(page, check.types));
    for (const [index, type] of check.types.entries()) await checkDialog(page, check, type, isConfig[index] === true, problems);
    if (check.types.includes("cef-format")) await checkOwnFields(page, check, problems);
  } finally {
    await browser.close();
  }
  return problems;
}

export async function signIn(page: Page, { username, password }: { username: string; password: string }): Promise<void> {
  await page.locator("#node-dialog-login-username").fill(username);
  await page.locator("#node-dialog-login-password").fill(password);
  await page.locator("#node-dialog-login-submit").click();
}

async function dragIn(page: Page, type: string, place: number, problems: string[]): Promise<void> {
  const entry = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
  await entry.scrollIntoViewIfNeeded();
  const from = await entry.boundingBox();
  const chart = await page.locator("#red-ui-workspace-chart").boundingBox();
  assert.ok(from !== null && chart !== null);
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(from.x + from.width / 2 + 30, from.y + 20, { steps: 4 });
  await page.mouse.move(chart.x + 200, chart.y + 70 * place, { steps: 8 });
  await page.mouse.up();
  const count = await page.evaluate((wanted) => RED.nodes.filterNodes({ type: wanted }).length, type);
  if (count !== 1) problems.push(`after ${type} was dragged to the canvas, there are ${count} of it`);
}

/** Checks labels, colours and validators in the editor's definitions. */
async function definitionProblems(page: Page, types: readonly string[]): Promise<string[]> {
  // No named functions in here: for them the compiler would insert a helper that the page does not have.
  const definitions = await page.evaluate((names) => names.map((type) => {
    const definition = RED.nodes.getType(type);
    const node = RED.nodes.filterNodes({ type })[0];
    const [inputs, outputs] = ([["inputs", "inputLabels"], ["outputs", "outputLabels"]] as const).map(([count, property]) =>
      Array.from({ length: definition?.[count] ?? 0 }, (_none, index) => {
        const labels = definition?.[property];
        return typeof labels === "function" ? (labels as (this: unknown, index: number) => unknown).call(node, index) : (labels as unknown[] | undefined)?.[index];
      }));
    return {
      type, inputs: inputs ?? [], outputs: outputs ?? [],
      category: definition?.category, colour: definition?.color, icon: definition?.icon, paletteLabel: definition?.paletteLabel,
      // Node-RED shows the reason only if the validator declares exactly two parameters.
      withoutReason: Object.entries(definition?.defaults ?? {}).filter(([, { validate }]) => validate !== undefined && validate.length !== 2).map(([name]) => name),
    };
  }), types);

  const problems: string[] = [];
  for (const { type, inputs, outputs, category, colour, icon, paletteLabel, withoutReason } of definitions) {
    if (colour !== definitions[0]?.colour) problems.push(`${type} has the colour ${colour}, others have ${definitions[0]?.colour}`);
    if (typeof icon !== "string") problems.push(`${type} has no icon`);
    for (const name of withoutReason) problems.push(`${type}.${name} cannot show why it is not valid`);
    if (category === "config") continue;
    if (category !== CATEGORY) problems.push(`${type} is in the category ${category}`);
    if (typeof paletteLabel !== "string") problems.push(`${type} has no palette label`);
    for (const [side, texts] of [["input", inputs], ["output", outputs]] as const) {
      for (const [index, text] of texts.entries()) {
        if (typeof text !== "string" || text === "" || untranslated(type, text).length > 0 || /^\w+(abel|\.\w+)$/.test(text)) problems.push(`${side} ${index + 1} of ${type} has no label`);
      }
      if (new Set(texts).size !== texts.length) problems.push(`two ${side}s of ${type} have the same label`);
    }
  }
  return problems;
}

async function open(page: Page, type: string, isConfig: boolean) {
  await page.evaluate(({ wanted, config }) => {
    if (config) RED.editor.editConfig("", wanted, "_ADD_");
    else RED.editor.edit(RED.nodes.filterNodes({ type: wanted })[0]);
  }, { wanted: type, config: isConfig });
  const form = page.locator(".red-ui-tray form").first();
  await form.waitFor({ state: "visible" });
  // The tray slides in, and the form's fields are built when it has stopped.
  await page.waitForTimeout(500);
  return form;
}

async function close(page: Page, button: string): Promise<void> {
  await page.locator(button).click();
  await page.locator(".red-ui-tray").waitFor({ state: "detached" });
}

async function checkDialog(page: Page, check: EditorCheck, type: string, isConfig: boolean, problems: string[]): Promise<void> {
  const form = await open(page, type, isConfig);
  const text = await form.innerText();
  const attributes = await form.locator("[placeholder], [title], [aria-label]").evaluateAll((elements) =>
    elements.flatMap((element) => ["placeholder", "title", "aria-label"].map((name) => element.getAttribute(name) ?? "")).join("\n"));
  for (const key of untranslated(type, `${text}\n${attributes}`)) problems.push(`${type} shows the untranslated key ${key}`);
  if (text.trim() === "") problems.push(`the dialog of ${type} is empty`);
  const wide = await form.evaluate((element) => element.scrollWidth - element.clientWidth);
  if (wide > 1) problems.push(`the dialog of ${type} is ${wide} pixels too narrow for its content`);
  problems.push(...await dialogProblems(form, type));
  await shoot(page, check, type);
  await close(page, isConfig ? "#node-config-dialog-cancel" : "#node-dialog-cancel");
}

/** Fills in a row of own fields: a wrong key must be reported at once, and a correct row must be saved in the node. */
async function checkOwnFields(page: Page, check: EditorCheck, problems: string[]): Promise<void> {
  const form = await open(page, "cef-format", false);
  await form.locator(".red-ui-editableList-addButton").click();
  const input = (name: string) => form.locator(`.cef-format-${name}`).last();
  const note = form.locator(".cef-format-note").last();
  await input("source").fill("user.email");
  await input("key").pressSequentially("my_user");
  if (!(await note.innerText()).includes("my_user")) problems.push("an invalid key is not reported");
  await input("key").fill("");
  await input("key").pressSequentially("sourceUserN");
  await page.locator(".red-ui-autoComplete-container").filter({ hasText: "suser" }).waitFor();
  await shoot(page, check, "cef-format-keys");
  // The first proposal is the typed text.
  for (const key of ["ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  if (await input("key").inputValue() !== "suser") problems.push(`the key that was chosen is "${await input("key").inputValue()}"`);
  if (!(await note.innerText()).includes("sourceUserName")) problems.push("the full name of a key is not shown");
  await close(page, "#node-dialog-ok");
  const saved = await page.evaluate(() => RED.nodes.filterNodes({ type: "cef-format" })[0]?.fields);
  const wanted = [{ key: "suser", type: "", source: "user.email", label: "" }];
  if (JSON.stringify(saved) !== JSON.stringify(wanted)) problems.push(`the own fields were saved as ${JSON.stringify(saved)}`);
}

async function shoot(page: Page, check: EditorCheck, name: string): Promise<void> {
  if (check.screenshots === undefined) return;
  mkdirSync(check.screenshots, { recursive: true });
  await page.screenshot({ path: join(check.screenshots, `${name}.png`) });
}
