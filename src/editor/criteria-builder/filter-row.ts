/** One filter of the criteria: term, operator, value and their problems. */
import { translateParams, type Translate } from "../texts";
import { pickerOf, type Value } from "./pickers";
import type { Problem } from "./problems";
import { knownTerm, operatorsFor, withOperator, withTerm, type FilterRow } from "./rows";
import { suggest, termSuggestions } from "./suggestions";
import { showValueField } from "./value-field";

export interface RowOptions {
  source: string;
  translate: Translate;
  changed: () => void;
}

/** Fills a row of an editableList. `content.data("data")` always holds the filter that the fields show. */
export function showFilterRow(content: JQuery, row: FilterRow, options: RowOptions): void {
  const { source, translate, changed } = options;
  const current = () => content.data("data") as FilterRow;
  const label = translate("builder.term");
  const term = $("<input>", { type: "text", class: "siem-term", "aria-label": label, placeholder: label }).css({ flex: "3 1 150px", minWidth: "0", width: "auto", margin: "0" });
  const operator = $("<select>", { class: "siem-operator", "aria-label": translate("builder.operator") }).css({ flex: "2 1 130px", minWidth: "0", width: "auto", margin: "0" });
  const cell = $("<div>", { class: "siem-value" }).css({ flex: "3 1 170px", display: "flex", gap: "4px", alignItems: "center", minWidth: "0" });
  content.css({ display: "flex", flexWrap: "wrap", gap: "4px", alignItems: "center" }).empty().append(term, operator, cell);

  const show = (next: FilterRow) => {
    content.data("data", next);
    term.val(next.term).attr("title", knownTerm(source, next.term)?.label ?? "");
    operator.empty();
    for (const name of operatorsFor(source, next)) $("<option>").val(name).text(operatorLabel(translate, name)).appendTo(operator);
    operator.val(next.operator);
    showValue();
  };
  const showValue = () => {
    const { term: name, operator: chosen, value } = current();
    const known = knownTerm(source, name);
    const picker = pickerOf(known, chosen, value);
    // Not toggle(): it forces a layout each time, which takes a minute with a thousand rows.
    cell.css({ display: picker === "none" ? "none" : "flex" });
    showValueField(cell, { picker, known, value, translate, changed: setValue });
  };
  const setValue = (value: Value | undefined) => {
    const { term: name, operator: chosen, value: before } = current();
    content.data({ data: { term: name, operator: chosen, ...(value === undefined ? {} : { value }) }, filled: true });
    // When only one of several values is left, another field may fit it.
    const picker = (each: Value | undefined) => pickerOf(knownTerm(source, name), chosen, each);
    if (picker(before) !== picker(value)) showValue();
    changed();
  };
  suggest(term, () => termSuggestions(source), translate, () => {
    const name = String(term.val()).trim();
    if (name === current().term) return;
    show(withTerm(source, current(), name));
    changed();
  });
  operator.on("change", () => {
    show(withOperator(source, current(), String(operator.val())));
    changed();
  });
  show(row);
}

/** An operator without a text in the catalog, because the vendor added it later, is shown by its name. */
function operatorLabel(translate: Translate, operator: string): string {
  const key = `operator.${operator}`;
  const label = translate(key);
  return label.endsWith(key) ? operator : label;
}

/** Shows the problems of a row below it. A new row shows no errors until the user has filled it in. */
export function markRow(content: JQuery, problems: readonly Problem[], translate: Translate): void {
  const row = content.data("data") as FilterRow;
  const isNew = content.data("new") === true && content.data("filled") !== true && (row.value === undefined || row.term === "");
  showProblems(content, isNew ? problems.filter(({ level }) => level === "warning") : problems, translate);
}

/** Replaces the problems at the end of `box`. */
export function showProblems(box: JQuery, problems: readonly Problem[], translate: Translate): void {
  box.children(".siem-problem").remove();
  for (const { level, key, params } of problems) {
    $("<div>", { class: `siem-problem siem-${level}`, role: "status" })
      .css({ flex: "1 0 100%", fontSize: "0.9em", whiteSpace: "normal" })
      .append($("<i>", { class: level === "error" ? "fa fa-times-circle" : "fa fa-warning" }).css({ color: `var(--red-ui-text-color-${level})` }), document.createTextNode(` ${translate(key, translateParams(translate, params))}`))
      .appendTo(box);
  }
}
