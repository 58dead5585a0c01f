import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { showByteSize } from "../src/editor/byte-size";
import { variablesDefault } from "../src/editor/environment";
import { labelled } from "../src/editor/texts";
import { showTips } from "../src/editor/tip-rows";
import { isEnvironment, numberBetween } from "../src/editor/validators";
import { isChannel } from "../src/scale-out/names";

declare const RED: EditorRED;

type Translating = EditorNodeInstance & { _(key: string, params?: Record<string, unknown>): string };

interface Properties extends EditorNodeProperties {
  connection: string;
  channel: string;
  eventsPerMessage: string | number;
  bytesPerMessage: string | number;
  window: string | number;
  queueEvents: string | number;
  queueBytes: string | number;
  overflow: "refuse" | "drop-oldest" | "drop-newest";
}

const text = (key: string, params: Record<string, unknown> = {}): string => RED._(`@security-events/node-red-siem/event-stream-out:${key}`, params as never);
const number = (name: string, min: number, max: number) => numberBetween(min, max, (params) => text(`validate.${name}`, params), true) as never;

const validChannel = (channel: unknown, _options: unknown): boolean | string =>
  channel === undefined || channel === "" || isEnvironment(channel) || (typeof channel === "string" && isChannel(channel.trim())) || text("validate.channel");

RED.nodes.registerType<Properties>("event-stream-out", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "event-stream-out"),
    connection: { value: "", type: "nats-connection", required: true, ...labelled(text, "connection") },
    channel: { value: "siem", validate: validChannel as never },
    eventsPerMessage: { value: "250", validate: number("eventsPerMessage", 1, 10_000) },
    bytesPerMessage: { value: "524288", validate: number("bytesPerMessage", 1024, 4_194_304) },
    window: { value: "8", validate: number("window", 1, 256) },
    queueEvents: { value: "100000", validate: number("queueEvents", 1, 10_000_000) },
    queueBytes: { value: "67108864", validate: number("queueBytes", 1024, 4_294_967_296) },
    overflow: { value: "refuse" },
  },
  inputs: 1,
  outputs: 2,
  icon: "event-stream-out.svg",
  paletteLabel: "event stream out",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels(index) {
    return this._(index === 1 ? "asideLabel" : "outputLabel");
  },
  label() {
    return this.name || `event stream ${this.channel || "siem"}`;
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    for (const name of ["bytesPerMessage", "queueBytes"]) showByteSize($(`#node-input-${name}`));
    showTips($("#event-stream-out-tips"), (key, params) => (this as Translating)._(key, params), () =>
      ($("#node-input-overflow").val() === "refuse" ? [] : [{ key: "notice.drops" }]));
  },
});
