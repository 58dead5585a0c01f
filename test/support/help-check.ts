/** Opens the help of every node in the sidebar of a real browser, and measures it. Returns the problems that it found. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { launchBrowser, watch } from "./editor";
import { signIn, type EditorCheck } from "./editor-check";

/** The part of the editor's API that is used here; it exists only inside the page. */
declare const RED: { sidebar: { help: { show(type?: string): void } } };

/** The help of a node may be this many times as high as the sidebar shows, with its details folded. */
const SCREENS = 2;

/** Returns the problems; an empty list if all is well. Throws if the editor does not start. */
export async function checkHelp({ url, language, dark, user, types, screenshots }: EditorCheck): Promise<string[]> {
  const problems: string[] = [];
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ locale: language, viewport: { width: 1366, height: 768 }, colorScheme: dark ? "dark" : "light" });
    const page = await context.newPage();
    await page.addInitScript(`localStorage.setItem("view-dark-theme", "${dark ? "dark" : "light"}")`);
    await page.goto(`${url}/`);
    if (user !== undefined) await signIn(page, user);
    await page.waitForSelector("#red-ui-palette .red-ui-palette-node");
    watch(page, url, problems);
    await page.addStyleTag({ content: "#red-ui-notifications { display: none }" });
    // The list of topics above the help is Node-RED's own.
    await page.evaluate(() => RED.sidebar.help.show());
    await page.locator("#red-ui-sidebar-help-show-toc").click();
    await page.waitForTimeout(500);
    for (const type of types) {
      await page.evaluate((shown) => RED.sidebar.help.show(shown), type);
      const help = page.locator(".red-ui-help:has(details)").first();
      await help.waitFor({ state: "visible" });
      const { height, visible } = await measure(help);
      if (height > SCREENS * visible) problems.push(`the help of ${type} fills ${(height / visible).toFixed(2)} screens`);
      await shoot(page, screenshots, type);
      for (const summary of await help.locator("summary").all()) {
        if (await summary.locator("xpath=..").getAttribute("open") !== null) problems.push(`"${await summary.innerText()}" in the help of ${type} is not folded`);
        await summary.click();
        if (await summary.locator("xpath=..").getAttribute("open") === null) problems.push(`"${await summary.innerText()}" in the help of ${type} does not unfold`);
      }
      const { wide } = await measure(help);
      if (wide > 0) problems.push(`the help of ${type} is ${wide} pixels wider than the sidebar`);
      await shoot(page, screenshots, `${type}-unfolded`);
    }
  } finally {
    await browser.close();
  }
  return problems;
}

/** Pixels: the height of the help, the height that the sidebar has for it, and how much of the width is cut off. */
const measure = (help: Locator) => help.evaluate((element) => {
  let box = element;
  while (!["auto", "scroll"].includes(getComputedStyle(box).overflowY)) box = box.parentElement ?? document.body;
  // Node-RED 5 divides the sidebar at first; the user can give the help all of it.
  const sidebar = element.closest("#red-ui-sidebar, .red-ui-sidebar") ?? document.body;
  const footer = sidebar.querySelector("#red-ui-sidebar-footer, .red-ui-sidebar-footer")?.clientHeight ?? 0;
  const visible = sidebar.getBoundingClientRect().bottom - footer - box.getBoundingClientRect().top;
  return { height: element.scrollHeight, visible, wide: box.scrollWidth - box.clientWidth };
});

async function shoot(page: Page, folder: string | undefined, name: string): Promise<void> {
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `help-${name}.png`) });
}
