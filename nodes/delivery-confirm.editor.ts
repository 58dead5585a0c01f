import type { EditorNodeProperties, EditorRED } from "node-red";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  mode: "confirm" | "confirm-page" | "reject";
}

RED.nodes.registerType<Properties>("delivery-confirm", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    mode: { value: "confirm" },
  },
  inputs: 1,
  outputs: 1,
  icon: "delivery-confirm.svg",
  paletteLabel: "delivery confirm",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels() {
    return this._("outputLabel");
  },
  label() {
    return this.name || this._(`short.${this.mode}`);
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
});
