/**
 * Node-RED's menu of completions at a text field, so that it changes nothing that nobody chose. The widget alone puts its
 * first completion in the place of the text by Tab and Enter, and opens by the release of any key, Shift too.
 */

export interface Completion {
  value: string;
  label: JQuery;
}

export interface CompletionOptions {
  /** What fits to a text. An empty one is asked for only by the arrow key. */
  search: (text: string) => Completion[];
  /** How the text itself stands in the menu, above what fits to it. */
  asTyped: (text: string) => JQuery;
  /** How much has to be typed before the menu opens; 0: the arrow key opens it in an empty field too. */
  minLength: 0 | 1;
}

/** Node-RED's own widget, which its types do not know. */
interface Widget {
  autoComplete(options: { minLength: number; search(text: string): Completion[] } | "destroy"): JQuery;
}

const DOWN = 40;

export function complete(input: JQuery, { search, asTyped, minLength }: CompletionOptions): void {
  const text = () => String(input.val());
  let seen = text();
  let asked = false;
  const widget = input as unknown as Widget;
  const attach = () => widget.autoComplete({
    minLength,
    search: (whole: string) => {
      const typed = whole.trim();
      if (typed === "") return asked ? search("") : [];
      const found = search(typed);
      const exact = found.findIndex(({ value }) => value === typed);
      if (exact >= 0) return [...found.splice(exact, 1), ...found];
      return found.length === 0 ? [] : [{ value: typed, label: asTyped(typed) }, ...found];
    },
  });
  // These stand in front of the widget's own handlers, which are attached last.
  input.on("focus", () => (seen = text()));
  input.on("keyup", (event) => {
    asked = event.key === "ArrowDown";
    // A key that changes nothing, such as Shift, is no reason to open the menu.
    if (!asked && text() === seen) event.stopImmediatePropagation();
    seen = text();
  });
  input.on("keydown", ({ key }) => {
    if (key !== "Tab" && key !== "Enter") return;
    // The only way to close the menu: the text stays, and Tab goes on to the next field.
    widget.autoComplete("destroy");
    attach();
  });
  attach();
}

/** Opens the menu as the arrow key does. */
export function openMenu(input: JQuery): void {
  input.trigger($.Event("keyup", { keyCode: DOWN, key: "ArrowDown" }));
}
