/** Suggestions for an input that also takes free text. */
import { TERM_TABLES } from "../../code42/criteria/terms";
import { complete, openMenu, type Completion } from "../auto-complete";
import type { Translate } from "../texts";

export interface Suggestion {
  value: string;
  /** Shown beside the value. */
  detail?: string;
}

/**
 * The suggestions that hold every word of `text` in value or detail: an exact match first, then those that begin with it.
 * If `text` is exactly one of the values, all are offered.
 */
export function matching(all: readonly Suggestion[], text: string): Suggestion[] {
  const wanted = text.trim().toLowerCase();
  const rank = ({ value }: Suggestion) => (value.toLowerCase() === wanted ? 0 : value.toLowerCase().startsWith(wanted) ? 1 : 2);
  const isComplete = all.some((suggestion) => rank(suggestion) === 0);
  const words = isComplete ? [] : wanted.split(/\s+/);
  const found = all.filter(({ value, detail = "" }) => words.every((word) => `${value} ${detail}`.toLowerCase().includes(word)));
  return found.sort((one, other) => rank(one) - rank(other));
}

/** The terms of a source. */
export const termSuggestions = (source: string): Suggestion[] => (TERM_TABLES[source]?.terms ?? []).map(({ term, label }) => ({ value: term, detail: label }));

/**
 * Gives `input` Node-RED's menu of suggestions, which opens by typing, by the arrow key and by a click. `commit` is
 * called when the text is complete; it may be called again with the same text.
 */
export function suggest(input: JQuery, suggestions: () => readonly Suggestion[], translate: Translate, commit: () => void): void {
  complete(input, {
    minLength: 0,
    search: (text) => matching(suggestions(), text).map(option),
    asTyped: (text) => option({ value: text, detail: translate("builder.asTyped") }).label,
  });
  input.attr({ role: "combobox", autocomplete: "off" });
  input.on("change", () => {
    // A click in the menu takes the focus from the input while it still holds half a word.
    if (document.activeElement === input[0] || $(".red-ui-autoComplete-container:visible").length === 0) commit();
  });
  input.on("keydown", ({ key }) => {
    if (key === "Enter" || key === "Tab") commit();
  });
  input.on("click", () => openMenu(input));
}

function option({ value, detail }: Suggestion): Completion {
  const label = $("<div>").css({ display: "flex", gap: "12px", justifyContent: "space-between", whiteSpace: "normal" }).append($("<span>").text(value));
  if (detail !== undefined) $("<span>").css({ color: "var(--red-ui-secondary-text-color)", textAlign: "right" }).text(detail).appendTo(label);
  return { value, label };
}
