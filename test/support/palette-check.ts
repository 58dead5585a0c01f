/** Checks the palette as users see it: its search, order, category and the contrast of its icons. Returns the problems. */
import type { Page } from "playwright-core";
import { colourOf, contrast, over } from "./contrast";

/** What users type to find a node, and the type that must be among the nodes found. */
const SEARCHES: readonly (readonly [text: string, type: string])[] = [
  ["code42", "code42-query"], ["incydr", "code42-query"], ["dxl", "dxl-threat-event"], ["threat", "dxl-threat-event"], ["epo", "dxl-threat-event"],
  ["trellix", "dxl-threat-event"], ["cef", "cef-format"], ["siem", "syslog-out"], ["syslog", "syslog-out"], ["delivery", "delivery-confirm"],
];
const ORDER = ["incydr query", "trellix epo event", "cef format", "siem syslog out", "delivery confirm"];
const CATEGORY = { "en-US": "security events", de: "Sicherheitsereignisse" };
/** WCAG 2.2, 1.4.11: graphics. */
const ICON_CONTRAST = 3;

export async function checkPalette(page: Page, language: keyof typeof CATEGORY, types: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const header = await page.locator("#red-ui-palette-header-security_events span").innerText();
  if (header !== CATEGORY[language]) problems.push(`the palette's category is called "${header}"`);
  const labels = await page.locator("#red-ui-palette-container-security_events .red-ui-palette-node").evaluateAll((nodes) => nodes.map((node) => node.getAttribute("data-palette-label") ?? ""));
  const known = labels.filter((label) => ORDER.includes(label));
  if (known.join() !== ORDER.join()) problems.push(`the palette shows ${labels.join(", ")}`);

  const search = page.locator("#red-ui-palette-search input");
  // The attribute, because Node-RED's categories slide, and a quick search can leave one closed.
  const isHidden = (type: string, wanted: boolean) => page.waitForFunction(([node, hidden]) =>
    document.querySelector(`.red-ui-palette-node[data-palette-type="${node}"]`)?.getAttribute("data-filter") === (hidden ? "true" : null), [type, wanted] as const);
  for (const [text, type] of SEARCHES) {
    // Node-RED reads its search field when a key is released.
    await search.pressSequentially(text);
    await isHidden("debug", true);
    const found = await page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`).getAttribute("data-filter") !== "true";
    if (!found) problems.push(`the palette's search for "${text}" does not find ${type}`);
    await search.press("Escape");
    await isHidden("debug", false);
  }

  for (const { type, ratio } of await iconContrasts(page, types)) {
    if (!(ratio >= ICON_CONTRAST)) problems.push(`the icon of ${type} has a contrast of ${ratio.toFixed(2)}:1`);
  }
  return problems;
}

/** The lowest contrast between a colour of each node's icon and what is behind it. */
async function iconContrasts(page: Page, types: readonly string[]): Promise<{ type: string; ratio: number }[]> {
  const shown = await page.locator(".red-ui-palette-node").evaluateAll((nodes, wanted) => nodes.flatMap((node) => {
    const type = node.getAttribute("data-palette-type") ?? "";
    const container = node.querySelector(".red-ui-palette-icon-container");
    return wanted.includes(type) && container !== null
      ? [{ type, icon: container.getAttribute("data-palette-icon") ?? "", behind: [getComputedStyle(node).backgroundColor, getComputedStyle(container).backgroundColor] }]
      : [];
  }), types);
  return Promise.all(shown.map(async ({ type, icon, behind }) => {
    const svg = await page.evaluate(async (url) => (await fetch(url)).text(), icon);
    const inks = [...svg.matchAll(/(?:fill|stroke)="(#[0-9a-f]{3,6})"/g)].map(([, ink]) => ink as string);
    const ground = behind.map(colourOf).reduce(over);
    return { type, ratio: Math.min(...inks.map((ink) => contrast(colourOf(ink), ground))) };
  }));
}
