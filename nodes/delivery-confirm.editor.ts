import type { EditorNodeProperties, EditorRED } from "node-red";

import { variablesDefault } from "../src/editor/environment";
import { showSinks, tickedSinks, type EditorNodes } from "../src/editor/sink-list";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  mode: "confirm" | "confirm-page" | "reject";
  confirmsFor: string[];
}

RED.nodes.registerType<Properties>("delivery-confirm", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "delivery-confirm"),
    mode: { value: "confirm" },
    confirmsFor: { value: [], type: "*[]", required: false },
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
  oneditprepare() {
    showSinks(RED.nodes as unknown as EditorNodes, $("#node-input-confirmsFor-list"), this.confirmsFor ?? [], this.id, this._("common.sinkMissing"));
    const mode = $("#node-input-mode");
    const show = () => $(".delivery-confirm-for").toggle(mode.val() !== "reject");
    mode.on("change", show);
    show();
  },
  oneditsave() {
    this.confirmsFor = tickedSinks($("#node-input-confirmsFor-list"));
  },
});
