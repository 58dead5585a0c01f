import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { variablesDefault } from "../src/editor/environment";
import { FieldList } from "../src/editor/field-list";
import { fieldProblems, type OwnField } from "../src/editor/own-fields";
import { exportedFlow } from "../src/editor/red";
import { showTips } from "../src/editor/tip-rows";
import { formatTips } from "../src/editor/tips";
import { showLine, type LineAnswer } from "../src/editor/line-preview";
import { translator } from "../src/editor/texts";
import { formValues, prepareTrial } from "../src/editor/try-it";

declare const RED: EditorRED;

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
  fields: OwnField[];
}

/** The only kind that the profile `compatible` has a mapping for. */
const COMPATIBLE_KIND = "code42.file-event.v1";

type Translating = EditorNodeInstance<Properties> & { _(key: string, params?: Record<string, unknown>): string };

/** Node-RED shows the text that a validator returns, but only if it declares exactly two parameters. Its types allow one parameter and a boolean. */
const validateWith = (reason: (node: Translating, value: unknown) => string | undefined) =>
  function (this: Translating, value: unknown, _options: unknown) {
    return reason(this, value) ?? true;
  } as unknown as (value: unknown) => boolean;

const trimmed = (value: unknown) => (typeof value === "string" ? value.trim() : "");

const header = (name: string, max: number) =>
  validateWith((node, value) => (trimmed(value).length <= max ? undefined : node._("validate.header", { max, label: node._(`label.${name}`) })));

/** The list of own fields while the dialog is open. */
let list: FieldList | undefined;

/** The section that shows the line which the node would make of a sample or of a pasted event. */
function preparePreview(id: string): void {
  const kind = $("#node-input-kind");
  const sample = $("#cef-format-sample").append($("#node-input-kind option:not([value=auto])").clone());
  // A node that is set to one kind treats every event as that kind.
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
      settings: { ...formValues("node-input", ["kind", "format", "profile", "vendor", "product", "version", "severity", "maxBytes"]), fields: list?.fields() ?? [] },
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
    ...variablesDefault(RED, "cef-format"),
    property: { value: "payload", validate: validateWith((node, value) => (trimmed(value) === "" ? node._("validate.property") : undefined)) },
    kind: { value: "auto" },
    format: { value: "cef" },
    profile: {
      value: "standard",
      validate: validateWith((node, value) => {
        const wrong = value === "compatible" && (node.format ?? "cef") === "cef" && !["auto", COMPATIBLE_KIND].includes(node.kind);
        return wrong ? node._("error.PROFILE_KIND", { kind: node.kind, kinds: COMPATIBLE_KIND }) : undefined;
      }),
    },
    vendor: { value: "", validate: header("vendor", 63) },
    product: { value: "", validate: header("product", 63) },
    version: { value: "", validate: header("version", 31) },
    severity: { value: "" },
    maxBytes: {
      value: "8000",
      validate: validateWith((node, value) => (Number.isInteger(Number(value)) && Number(value) >= 512 && Number(value) <= 1_048_576 ? undefined : node._("validate.maxBytes"))),
    },
    fields: {
      value: [],
      validate: validateWith((node, value) => {
        // Only CEF uses own fields. Other formats keep them, unchecked, in case the user chooses CEF again.
        if (!Array.isArray(value) || (node.format ?? "cef") !== "cef") return undefined;
        const problem = fieldProblems(value, node.profile).find((each) => each !== undefined);
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
    // Nodes from before this property existed do not have it.
    if (!format.val()) format.val("cef");
    format.on("change", () => void $("#cef-format-cef").toggle(format.val() === "cef")).trigger("change");
    const context = { kind: () => String($("#node-input-kind").val() || "auto"), profile: () => String($("#node-input-profile").val() || "standard") };
    const fields = new FieldList($("#cef-format-fields"), context, (key, params) => (this as Translating)._(key, params));
    fields.show(this.fields ?? []);
    $("#node-input-profile").on("change", () => fields.check());
    list = fields;
    preparePreview(this.id);
    const flow = exportedFlow(RED);
    showTips($("#cef-format-tips"), (key, params) => (this as Translating)._(key, params), () => formatTips(this.id, Number($("#node-input-maxBytes").val()), flow, String($("#node-input-format").val())));
  },
  oneditsave() {
    this.fields = list?.fields() ?? this.fields;
  },
});
