import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { CEF_TYPES, rowKeys } from "../src/cef/dictionary";
import { showLine, type LineAnswer } from "../src/editor/line-preview";
import { formValues, prepareTrial, translator } from "../src/editor/try-it";
import { repetition, rowProblem, userRow, type Row } from "../src/cef/mapping";

declare const RED: EditorRED;

type Field = Record<"key" | "type" | "source" | "label", string>;

interface Properties extends EditorNodeProperties {
  property: string;
  kind: string;
  format: string;
  profile: string;
  vendor: string;
  product: string;
  version: string;
  severity: string;
  maxBytes: string | number;
  fields: Field[];
}

/** The only record that the profile `compatible` has a form for. */
const COMPATIBLE_KIND = "code42.file-event.v1";

type Translating = EditorNodeInstance<Properties> & { _(key: string, params?: Record<string, unknown>): string };

/** Node-RED takes a text for the reason, from a validator of exactly two parameters; its types know one and a boolean. */
const because = (reason: (node: Translating, value: unknown) => string | undefined) =>
  function (this: Translating, value: unknown, _options: unknown) {
    return reason(this, value) ?? true;
  } as unknown as (value: unknown) => boolean;

const trimmed = (value: unknown) => (typeof value === "string" ? value.trim() : "");

const header = (max: number) => because((node, value) => (trimmed(value).length <= max ? undefined : node._("validate.header", { max })));

const list = () => $("#node-input-fields");

/** The own fields as they stand in the dialog. */
function editedFields(): Field[] {
  const value = (row: JQuery, name: keyof Field) => trimmed(row.find(`.cef-format-${name}`).val());
  return list()
    .editableList("items")
    .toArray()
    .map((element) => {
      const row = $(element);
      return { key: value(row, "key"), type: value(row, "type"), source: value(row, "source"), label: value(row, "label") };
    });
}

/** A sample of a kind, or a pasted event, as the line that the node would make of it. */
function preparePreview(id: string): void {
  const kind = $("#node-input-kind");
  const sample = $("#cef-format-sample");
  // A node that is set to one kind takes every event for one.
  const show = () => {
    if (kind.val() !== "auto") sample.val(String(kind.val()));
    sample.prop("disabled", kind.val() !== "auto");
  };
  kind.on("change", show);
  show();
  const text = translator(RED, "cef-format");
  prepareTrial<LineAnswer>({
    button: "cef-format-preview", url: "cef-format/preview", text,
    body: () => ({
      id,
      settings: { ...formValues("node-input", ["kind", "format", "profile", "vendor", "product", "version", "severity", "maxBytes"]), fields: editedFields() },
      question: { kind: sample.val(), event: $("#cef-format-pasted").val() },
    }),
    show: (answer, box) => showLine(answer, box, text),
  });
}

RED.nodes.registerType<Properties>("cef-format", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    property: { value: "payload", validate: because((node, value) => (trimmed(value) === "" ? node._("validate.property") : undefined)) },
    kind: { value: "auto" },
    format: { value: "cef" },
    profile: {
      value: "standard",
      validate: because((node, value) => {
        const wrong = value === "compatible" && (node.format ?? "cef") === "cef" && !["auto", COMPATIBLE_KIND].includes(node.kind);
        return wrong ? node._("error.PROFILE_KIND", { kind: node.kind, kinds: COMPATIBLE_KIND }) : undefined;
      }),
    },
    vendor: { value: "", validate: header(63) },
    product: { value: "", validate: header(63) },
    version: { value: "", validate: header(31) },
    severity: { value: "" },
    maxBytes: {
      value: "8000",
      validate: because((node, value) => (Number.isInteger(Number(value)) && Number(value) >= 512 && Number(value) <= 1_048_576 ? undefined : node._("validate.maxBytes"))),
    },
    fields: {
      value: [],
      validate: because((node, value) => {
        const rows = Array.isArray(value) ? value.map(userRow) : [];
        const problem = rows.map(rowProblem).find((each) => each !== undefined) ?? repetition(rows as Row[]);
        return problem === undefined ? undefined : node._(`error.${problem.code}`, problem.params);
      }),
    },
  },
  inputs: 1,
  outputs: 2,
  icon: "cef-format.svg",
  paletteLabel: "cef format",
  inputLabels() {
    return this._("label.input");
  },
  outputLabels(index: number) {
    return this._(index === 0 ? "label.output" : "label.failed");
  },
  label() {
    return this.name || "cef format";
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    $("#node-input-property").typedInput({ default: "msg", types: ["msg"] });
    const format = $("#node-input-format");
    // A node of before the property existed has none.
    if (!format.val()) format.val("cef");
    format.on("change", () => void $("#cef-format-cef").toggle(format.val() === "cef")).trigger("change");
    for (const key of rowKeys()) $("<option>").val(key).appendTo("#cef-format-keys");
    const translate = (key: string) => this._(key);
    list()
      .css({ minHeight: "120px" })
      .editableList({
        removable: true,
        sortable: true,
        addItem(row: JQuery, _index: number, field: Partial<Field>) {
          const input = (name: keyof Field, width: string) =>
            $("<input>", { type: "text", class: `cef-format-${name}`, placeholder: translate(`label.field${name[0]?.toUpperCase()}${name.slice(1)}`) })
              .css({ width, marginRight: "4px" })
              .val(field[name] ?? "");
          const type = $("<select>", { class: "cef-format-type" }).css({ width: "24%", marginRight: "4px" });
          for (const name of ["", ...CEF_TYPES]) $("<option>").val(name).text(translate(`type.${name || "auto"}`)).appendTo(type);
          row.append(input("key", "20%").attr("list", "cef-format-keys"), type.val(field.type ?? ""), input("source", "27%"), input("label", "20%"));
        },
      });
    for (const field of this.fields ?? []) list().editableList("addItem", field);
    preparePreview(this.id);
  },
  oneditsave() {
    this.fields = editedFields();
  },
});
