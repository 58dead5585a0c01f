import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { variablesDefault } from "../src/editor/environment";
import { exportedFlow } from "../src/editor/red";
import { showSinks, tickedSinks, type EditorNodes } from "../src/editor/sink-list";
import { labelled } from "../src/editor/texts";
import { showTips } from "../src/editor/tip-rows";
import { confirmationTips } from "../src/editor/tips";
import { isEnvironment, numberBetween } from "../src/editor/validators";
import { isChannel } from "../src/scale-out/names";

declare const RED: EditorRED;

type Translating = EditorNodeInstance & { _(key: string, params?: Record<string, unknown>): string };

interface Properties extends EditorNodeProperties {
  connection: string;
  channel: string;
  eventsOut: string | number;
  confirmTimeout: string | number;
  confirmedBy: string[];
}

const text = (key: string, params: Record<string, unknown> = {}): string => RED._(`@security-events/node-red-siem/event-stream-in:${key}`, params as never);

const validChannel = (channel: unknown, _options: unknown): boolean | string =>
  channel === undefined || channel === "" || isEnvironment(channel) || (typeof channel === "string" && isChannel(channel.trim())) || text("validate.channel");

const list = () => $("#node-input-confirmedBy-list");

RED.nodes.registerType<Properties>("event-stream-in", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "event-stream-in"),
    connection: { value: "", type: "nats-connection", required: true, ...labelled(text, "connection") },
    channel: { value: "siem", validate: validChannel as never },
    eventsOut: { value: "4000", validate: numberBetween(1, 1_000_000, (params) => text("validate.eventsOut", params), true) as never },
    confirmTimeout: { value: "60", validate: numberBetween(0.05, 86_400, (params) => text("validate.confirmTimeout", params)) as never },
    confirmedBy: { value: [], type: "*[]", required: false },
  },
  inputs: 1,
  outputs: 1,
  icon: "event-stream-in.svg",
  paletteLabel: "event stream in",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels() {
    return this._("outputLabel");
  },
  label() {
    return this.name || `event stream ${this.channel || "siem"}`;
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    showSinks(RED.nodes as unknown as EditorNodes, list(), this.confirmedBy ?? [], this.id, this._("common.sinkMissing"));
    const flow = exportedFlow(RED);
    showTips($("#event-stream-in-tips"), (key, params) => (this as Translating)._(key, params), () =>
      confirmationTips(this.id, { advance: "confirmed", confirmedBy: tickedSinks(list()) }, flow));
  },
  oneditsave() {
    this.confirmedBy = tickedSinks(list());
  },
});
