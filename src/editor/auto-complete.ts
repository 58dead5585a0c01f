/**
 * Node-RED's completion menu for a text field, without two of its habits: on Tab and Enter it replaces the text with
 * its first completion, and it opens when any key is released, even Shift.
 */

export interface Completion {
  value: string;
  label: JQuery;
}

export interface CompletionOptions {
  /** The completions for a text. The text is empty only when the user opened the menu with the arrow key. */
  search: (text: string) => Completion[];
  /** The menu entry for the text as typed; it stands above the completions. */
  asTyped: (text: string) => JQuery;
  /** Characters to type before the menu opens. With 0, the arrow key opens it in an empty field too. */
  minLength: 0 | 1;
}

/** Node-RED's own widget, which its types lack. */
interface Widget {
  autoComplete(options: { minLength: number; search(text: string): Completion[] } | "destroy"): JQuery;
}

const DOWN = 40;

export function complete(input: JQuery, { search, asTyped, minLength }: CompletionOptions): void {
  const text = () => String(input.val());
  let lastText = text();
  let openedByArrow = false;
  const widget = input as unknown as Widget;
  const attach = () => widget.autoComplete({
    minLength,
    search: (whole: string) => {
      const typed = whole.trim();
      if (typed === "") return openedByArrow ? search("") : [];
      const found = search(typed);
      const exact = found.findIndex(({ value }) => value === typed);
      if (exact >= 0) return [...found.splice(exact, 1), ...found];
      return found.length === 0 ? [] : [{ value: typed, label: asTyped(typed) }, ...found];
    },
  });
  // The widget is attached last, so that these handlers run before its own.
  input.on("focus", () => (lastText = text()));
  input.on("keyup", (event) => {
    openedByArrow = event.key === "ArrowDown";
    // A key that changes nothing, such as Shift, must not open the menu.
    if (!openedByArrow && text() === lastText) event.stopImmediatePropagation();
    lastText = text();
  });
  input.on("keydown", ({ key }) => {
    if (key !== "Tab" && key !== "Enter") return;
    // Destroying the widget is the only way to close the menu and keep the text. Tab then moves to the next field as usual.
    widget.autoComplete("destroy");
    attach();
  });
  attach();
}

/** Opens the menu as the arrow key does. */
export function openMenu(input: JQuery): void {
  input.trigger($.Event("keyup", { keyCode: DOWN, key: "ArrowDown" }));
}
