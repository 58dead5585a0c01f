/**
 * Measures a dialog as it is on the screen: the contrast of its texts, what is wider than its place, labels that
 * are cut off or not level with their field, choices that are cut off.
 * Node-RED's own elements, such as its buttons and lists, are not measured.
 */
import type { Locator } from "playwright-core";
import { colourOf, contrast, over } from "./contrast";

/** WCAG 2.2, 1.4.3: texts. */
const TEXT_CONTRAST = 4.5;
/** The query's dialog at 1366 by 768: its height in heights of what is visible of it. */
export const QUERY_SCREENS = 1.5;
/** Width of the arrow in a list, with its distance from the text. */
const LIST_ARROW = 18;

export async function dialogProblems(form: Locator, type: string): Promise<string[]> {
  // No named functions in here: for them the compiler would insert a helper that the page does not have.
  const { texts, cut, wide, screens } = await form.evaluate((element) => {
    const foreign = ".red-ui-button, .red-ui-typedInput-container, .red-ui-editableList, .red-ui-treeList, select, input, textarea, pre";
    const own = [...element.querySelectorAll<HTMLElement>("*")].filter((each) => each.checkVisibility() && each.closest(foreign) === null);
    const withText = own.filter((each) => [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? "").trim() !== ""));
    const tray = element.closest<HTMLElement>(".red-ui-tray-body")?.getBoundingClientRect();
    return {
      texts: withText.map((each) => {
        const grounds: string[] = [];
        for (let at: Element | null = each; at !== null; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
        return { text: each.textContent.trim(), ink: getComputedStyle(each).color, grounds };
      }),
      cut: [...element.querySelectorAll<HTMLElement>("label, .red-ui-button, summary, h4")].filter((each) => {
        if (!each.checkVisibility() || each.textContent.trim() === "") return false;
        const range = document.createRange();
        range.selectNodeContents(each);
        const [inner, outer] = [range.getBoundingClientRect(), each.getBoundingClientRect()];
        return inner.right > outer.right + 1 || inner.bottom > outer.bottom + 4;
      }).map((each) => each.textContent.trim()),
      wide: own.filter((each) => tray !== undefined && each.getBoundingClientRect().right > tray.right + 1).map((each) => each.textContent.trim().slice(0, 40) || each.tagName),
      screens: tray === undefined ? 0 : element.scrollHeight / tray.height,
    };
  });
  const pale = texts.flatMap(({ text, ink, grounds }) => {
    const ground = grounds.map(colourOf).reduce(over, [255, 255, 255, 1]);
    const ratio = contrast(over(ground, colourOf(ink)), ground);
    return ratio < TEXT_CONTRAST ? [`"${text}" has a contrast of ${ratio.toFixed(2)}:1`] : [];
  });
  return [
    ...pale,
    ...cut.map((text) => `"${text}" is cut off`),
    ...await misplaced(form),
    ...wide.map((text) => `"${text}" is wider than its place`),
    ...(type === "code42-query" && screens > QUERY_SCREENS ? [`the dialog is ${screens.toFixed(2)} screens high`] : []),
  ].map((problem) => `${type}: ${problem}`);
}

/** The labels that take two lines or push their field below them, and choices that their list cuts off; also in rows that are hidden or folded now. */
function misplaced(form: Locator): Promise<string[]> {
  return form.evaluate((element, arrow) => {
    const labels = [...element.querySelectorAll<HTMLElement>(".siem-form .form-row > label")].filter((each) => getComputedStyle(each).width === "130px");
    const shown: [HTMLElement, string][] = [];
    const folded = [...element.querySelectorAll("details")].filter((each) => !each.open);
    for (const each of folded) each.open = true;
    for (const label of labels) {
      for (let at = label.parentElement; at !== null && at !== element; at = at.parentElement) {
        if (getComputedStyle(at).display !== "none") continue;
        shown.push([at, at.style.display]);
        at.style.display = "block";
      }
    }
    const apart = labels.filter((label) => {
      const field = [...label.parentElement?.children ?? []].slice(1).find((each) => each.checkVisibility())?.getBoundingClientRect();
      const { top, height, right } = label.getBoundingClientRect();
      return field !== undefined && field.height < 2 * height && (field.left < right || Math.abs(field.top + field.height / 2 - top - height / 2) > 4);
    }).map((each) => `"${each.textContent.trim()}" is not level with its field`);
    const pen = document.createElement("canvas").getContext("2d");
    const long = [...element.querySelectorAll<HTMLSelectElement>(".siem-form select")].filter((each) => each.checkVisibility() && each.querySelector("[value=_ADD_]") === null).flatMap((select) => {
      const { font, paddingLeft, paddingRight } = getComputedStyle(select);
      if (pen !== null) pen.font = font;
      const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - arrow;
      return [...select.options].filter(({ text }) => (pen?.measureText(text).width ?? Infinity) > room).map(({ text }) => `"${text}" is cut off in its list`);
    });
    for (const [at, display] of shown) at.style.display = display;
    for (const each of folded) each.open = false;
    return [...apart, ...long];
  }, LIST_ARROW);
}
