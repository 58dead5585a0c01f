/** The input field for a filter's value: a picker that fits the term and the operator, or free text. */
import type { Term } from "../../code42/criteria/terms";
import type { Translate } from "../texts";
import { choicesOf, durationOf, durationParts, fits, instantOf, isBoolean, localTime, UNITS, type Picker, type Scalar, type Unit, type Value } from "./pickers";
import { suggest } from "./suggestions";

export interface ValueFieldOptions {
  picker: Picker;
  known: Term | undefined;
  value: Value | undefined;
  translate: Translate;
  /** Called with each new value; undefined if the field is empty. */
  changed: (value: Value | undefined) => void;
}

/** Pickers that cannot take every value. The user can switch them to a text field. */
const CLOSED: readonly Picker[] = ["choice", "number", "day", "instant", "duration"];

const GROW = { flex: "1 1 80px", minWidth: "0", width: "auto", margin: "0" };

/** Replaces the content of `cell`. */
export function showValueField(cell: JQuery, options: ValueFieldOptions, asText = false): void {
  const { picker, value, known, translate } = options;
  cell.empty();
  if (picker === "none") return;
  if (picker === "list") return showList(cell, options);
  if (!CLOSED.includes(picker)) return void cell.append(textField(options));
  const isText = asText || !fits(picker, value, known);
  const current = { value };
  const switchable = {
    ...options,
    changed: (next: Value | undefined) => {
      current.value = next;
      toggle.css({ visibility: fits(picker, next, known) ? "visible" : "hidden" });
      options.changed(next);
    },
  };
  const title = translate(isText ? "builder.asPicker" : "builder.asText");
  const toggle = $("<button>", { type: "button", class: "red-ui-button red-ui-button-small", title, "aria-label": title })
    .css({ flex: "none", visibility: fits(picker, value, known) ? "visible" : "hidden" })
    .append($("<i>", { class: isText ? "fa fa-list" : "fa fa-pencil" }))
    .on("click", () => {
      showValueField(cell, { ...options, value: current.value }, !isText);
      cell.find("input, select").first().trigger("focus");
    });
  cell.append(isText ? textField(switchable) : PICKERS[picker as keyof typeof PICKERS](switchable), toggle);
}

const PICKERS = { choice: choiceField, number: numberField, day: dayField, instant: instantField, duration: durationField };

const scalar = (value: Value | undefined): Scalar => (Array.isArray(value) ? "" : value ?? "");
const input = ({ translate }: ValueFieldOptions, type: string) => $("<input>", { type, "aria-label": translate("builder.value") }).css(GROW);

function textField(options: ValueFieldOptions): JQuery {
  const { value, known, translate, changed } = options;
  const field = input(options, "text").attr("placeholder", translate("builder.value")).val(scalar(value));
  let last = String(scalar(value));
  const commit = () => {
    const text = String(field.val());
    if (text === last) return;
    last = text;
    changed(text === "" ? undefined : text);
  };
  if (choicesOf(known).length > 0) suggest(field, () => choicesOf(known).map((choice) => ({ value: choice })), translate, commit);
  else field.on("change", commit);
  return field;
}

function choiceField({ value, known, translate, changed }: ValueFieldOptions): JQuery {
  const field = $("<select>", { "aria-label": translate("builder.value") }).css(GROW).append($("<option>", { value: "" }));
  const label = (choice: string) => (isBoolean(known) ? translate(`builder.${choice.toLowerCase()}`) : choice);
  for (const choice of choicesOf(known)) $("<option>").val(choice).text(label(choice)).appendTo(field);
  return field.val(scalar(value)).on("change", () => changed(String(field.val()) || undefined));
}

function numberField(options: ValueFieldOptions): JQuery {
  const field = input(options, "number").attr("step", "any").val(scalar(options.value));
  return field.on("change", () => {
    const text = String(field.val());
    const number = Number(text);
    // Others would be rounded.
    const isExact = Number.isSafeInteger(number) || !Number.isInteger(number);
    options.changed(text === "" ? undefined : isExact ? number : text);
  });
}

function dayField(options: ValueFieldOptions): JQuery {
  const field = input(options, "date").val(scalar(options.value));
  return field.on("change", () => options.changed(String(field.val()) || undefined));
}

function instantField(options: ValueFieldOptions): JQuery {
  const field = input(options, "datetime-local").attr("step", "1").val(localTime(scalar(options.value)) ?? "");
  field.on("change", () => options.changed(instantOf(String(field.val()))));
  return field.add($("<span>").css({ flex: "none" }).text("UTC"));
}

function durationField(options: ValueFieldOptions): JQuery {
  const { count, unit } = durationParts(scalar(options.value)) ?? { count: "", unit: "D" };
  const field = input(options, "number").attr({ min: 1, step: 1 }).val(count);
  const units = $("<select>", { "aria-label": options.translate("builder.unit") }).css(GROW);
  for (const each of UNITS) $("<option>").val(each).text(options.translate(`unit.${each}`)).appendTo(units);
  units.val(unit);
  return field.add(units).on("change", () => options.changed(durationOf(String(field.val()), units.val() as Unit)));
}

/** Several values, each with a button that removes it. */
function showList(cell: JQuery, { value, known, translate, changed }: ValueFieldOptions): void {
  let items: Scalar[] = value === undefined || value === "" ? [] : [value].flat();
  const box = $("<div>").css({ display: "flex", flexWrap: "wrap", gap: "4px", flex: "1 1 auto", alignItems: "center", minWidth: "0" }).appendTo(cell);
  const field = $("<input>", { type: "text", "aria-label": translate("builder.addValue"), placeholder: translate("builder.addValue") }).css({ ...GROW, flex: "1 1 100px" });
  const set = (next: Scalar[]) => {
    items = next;
    changed(items.length === 0 ? undefined : items);
    showItems();
  };
  const showItems = () => {
    box.children("span").remove();
    const tags = items.map((item, index) => {
      const title = `${translate("builder.removeValue")} ${item}`;
      const remove = $("<button>", { type: "button", class: "red-ui-button red-ui-button-small", title, "aria-label": title })
        .css({ border: "none", marginLeft: "4px" })
        .append($("<i>", { class: "fa fa-times" }))
        .on("click", () => {
          set(items.filter((_, at) => at !== index));
          field.trigger("focus");
        });
      return $("<span>").css(TAG).append($("<span>").css({ overflowWrap: "anywhere" }).text(item), remove);
    });
    field.before(...tags);
  };
  const add = (texts: readonly string[]) => {
    const fresh = texts.map((text) => text.trim()).filter((text, index, all) => text !== "" && all.indexOf(text) === index && !items.map(String).includes(text));
    field.val("");
    if (fresh.length > 0) set([...items, ...fresh]);
  };
  box.append(field);
  showItems();
  const left = () => choicesOf(known).filter((choice) => !items.map(String).includes(choice)).map((choice) => ({ value: choice }));
  suggest(field, left, translate, () => add([String(field.val())]));
  field.on("keydown", ({ key }) => {
    if (key === "Backspace" && field.val() === "" && items.length > 0) set(items.slice(0, -1));
  });
  field.on("paste", (event) => {
    // A pasted list has one value in each line; the browser would join them.
    const text = (event.originalEvent as ClipboardEvent | undefined)?.clipboardData?.getData("text") ?? "";
    if (!/\r?\n/.test(text.trim())) return;
    event.preventDefault();
    add(text.split(/\r?\n/));
  });
}

const TAG = {
  display: "inline-flex", alignItems: "center", maxWidth: "100%", padding: "0 0 0 6px", borderRadius: "4px",
  border: "1px solid var(--red-ui-secondary-border-color)", background: "var(--red-ui-secondary-background)",
};
