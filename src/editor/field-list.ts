/** The list of own fields in the edit form of `cef-format`. */
import { CEF_TYPES, isEmittable, lookUp, type DictionaryEntry } from "../cef/dictionary";
import type { RowProblem } from "../cef/mapping";
import { complete, type Completion } from "./auto-complete";
import { contentsOf } from "./editable-list";
import { fieldProblems, proposeKeys, proposePaths, type OwnField } from "./own-fields";
import type { Translate } from "./texts";

/** The fields of the form that decide which rows are valid. */
export interface FieldContext {
  kind(): string;
  profile(): string;
}

/** Nobody reads a longer menu. */
const MAX_PROPOSALS = 60;

const trimmed = (value: unknown) => (typeof value === "string" ? value.trim() : "");
const part = (row: JQuery, name: keyof OwnField) => row.find(`.cef-format-${name}`);
const readRow = (row: JQuery): OwnField => ({
  key: trimmed(part(row, "key").val()),
  type: trimmed(part(row, "type").val()),
  source: trimmed(part(row, "source").val()),
  label: trimmed(part(row, "label").val()),
});

export class FieldList {
  constructor(private readonly list: JQuery, private readonly context: FieldContext, private readonly text: Translate) {
    list.editableList({
      height: "auto",
      removable: true,
      sortable: true,
      addButton: text("label.addField"),
      addItem: (row: JQuery, _index: number, field: Partial<OwnField>) => this.build(row, field),
      removeItem: () => this.check(),
      sortItems: () => this.check(),
    } as never);
  }

  show(fields: readonly Partial<OwnField>[]): void {
    for (const field of fields) this.list.editableList("addItem", field);
    this.check();
  }

  /** The rows, without blank ones. */
  fields(): OwnField[] {
    return this.all().filter((field) => Object.values(field).some((text) => text !== ""));
  }

  /** Shows at each row what its key means, or what is wrong with it. */
  check(): void {
    const problems = fieldProblems(this.all(), this.context.profile());
    contentsOf(this.list).forEach((row, index) => this.mark(row, problems[index]));
  }

  private all(): OwnField[] {
    return contentsOf(this.list).map(readRow);
  }

  private build(row: JQuery, field: Partial<OwnField>): void {
    const name = (property: string) => this.text(`label.field${property[0]?.toUpperCase()}${property.slice(1)}`);
    const input = (property: keyof OwnField) =>
      $("<input>", { type: "text", class: `cef-format-${property}`, placeholder: name(property), "aria-label": name(property) })
        .css({ flex: "1 1 0", minWidth: 0, width: "auto" })
        .val(field[property] ?? "");
    const type = $("<select>", { class: "cef-format-type", "aria-label": name("type") }).css({ flex: "1 1 0", minWidth: 0, width: "auto" });
    for (const each of ["", ...CEF_TYPES]) $("<option>").val(each).text(this.text(`type.${each || "auto"}`)).appendTo(type);
    type.val(field.type ?? "");
    // Width 0, because the dialog opens as wide as its content.
    const narrow = { width: 0, minWidth: "100%" };
    const inputs = $("<div>").css({ ...narrow, display: "flex", gap: "4px" }).append(input("key"), type, input("source"), input("label"));
    const note = $("<div>", { class: "cef-format-note", role: "status" }).css({ ...narrow, fontSize: "0.9em", marginTop: "2px" });
    row.append(inputs, note);
    this.complete(part(row, "key"), (text) => this.keys(text));
    this.complete(part(row, "source"), (text) => this.paths(text));
    inputs.on("input change focusout", () => this.check());
  }

  private complete(input: JQuery, search: (text: string) => Completion[]): void {
    complete(input, {
      minLength: 1,
      search: (text) => search(text).slice(0, MAX_PROPOSALS),
      asTyped: (text) => line(text, this.text("hint.asTyped")),
    });
  }

  private keys(text: string): Completion[] {
    return proposeKeys(text).map(({ key, entry }) => ({ value: key, label: line(key, this.describe(entry)) }));
  }

  private paths(text: string): Completion[] {
    return proposePaths(this.context.kind(), this.context.profile(), text).map((path) => ({ value: path, label: line(path, "") }));
  }

  /** Full name, type and length from the dictionary. */
  private describe({ fullName, type, maxLength }: DictionaryEntry): string {
    const length = maxLength === undefined ? [] : [this.text("hint.length", { max: maxLength })];
    return [fullName, this.text(`type.${type}`), ...length].join(" · ");
  }

  private mark(row: JQuery, problem: RowProblem | undefined): void {
    const field = readRow(row);
    const entry = lookUp(field.key);
    const isEmpty = field.key === "" && field.source === "";
    const hasLabel = entry?.labelKey !== undefined;
    part(row, "label")
      .attr("placeholder", hasLabel && field.source !== "" ? field.source : this.text("label.fieldLabel"))
      .css("visibility", hasLabel || field.label !== "" ? "visible" : "hidden");
    const wrong = problem === undefined ? undefined : wrongPart(problem);
    for (const each of ["key", "type", "source", "label"] as const) {
      part(row, each).toggleClass("input-error", each === wrong && !isEmpty).attr("aria-invalid", String(each === wrong));
    }
    const known = entry !== undefined && isEmittable(entry) ? this.describe(entry) : this.text(isEmpty ? "hint.newField" : "hint.ownKey");
    const isWrong = problem !== undefined && !isEmpty;
    row.find(".cef-format-note")
      .text(isWrong ? this.text(`error.${problem.code}`, problem.params) : known)
      .css("color", isWrong ? "var(--red-ui-text-color-error)" : "var(--red-ui-secondary-text-color)");
  }
}

function wrongPart({ code }: RowProblem): keyof OwnField {
  if (code === "FIELD_TYPE") return "type";
  if (code === "FIELD_SOURCE") return "source";
  return code === "FIELD_LABEL" || code === "FIELD_LABEL_TWICE" || code === "FIELD_LABEL_UNUSED" ? "label" : "key";
}

function line(value: string, explanation: string): JQuery {
  return $("<div>").css({ lineHeight: "1.4", padding: "2px 0", whiteSpace: "normal" }).append(
    $("<div>").css({ fontFamily: "var(--red-ui-monospace-font)" }).text(value),
    $("<div>").css({ color: "var(--red-ui-secondary-text-color)", fontSize: "0.9em" }).text(explanation),
  );
}
