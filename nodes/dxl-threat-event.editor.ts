import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { EPO_THREAT_EVENT_TOPIC, KNOWN_TOPICS } from "../src/dxl/topics";
import { showByteSize } from "../src/editor/byte-size";
import { variablesDefault } from "../src/editor/environment";
import { labelled, translator } from "../src/editor/texts";
import { isEnvironment, numberBetween } from "../src/editor/validators";

declare const RED: EditorRED;

type Translating = EditorNodeInstance & { _(key: string): string };

interface Properties extends EditorNodeProperties {
  fabric: string;
  topics: string[];
  payloadType: "json" | "string" | "buffer";
  expandAggregates: boolean;
  rawPayload: boolean;
  queueEvents: string | number;
  queueBytes: string | number;
}

/** A topic, or a filter that ends in `#`. `+` is refused, because it misses what other brokers of the fabric publish. */
const isTopic = (topic: unknown): boolean =>
  isEnvironment(topic) || (typeof topic === "string" && topic.trim() === topic && /^(#|[^#+]*[^#+/]|[^#+]*\/#?)$/.test(topic));

const text = translator(RED, "dxl-threat-event");
const whole = (name: string, min: number, max: number) => numberBetween(min, max, () => text(`validate.${name}`), true) as never;

const list = () => $("#node-input-topics-list");

RED.nodes.registerType<Properties>("dxl-threat-event", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "dxl-threat-event"),
    fabric: { value: "", type: "dxl-fabric", required: true, ...labelled(text, "fabric") },
    topics: {
      value: [EPO_THREAT_EVENT_TOPIC],
      validate: function (this: Translating, value: unknown, _options: unknown) {
        return (Array.isArray(value) && value.length > 0 && value.every(isTopic)) || this._("validate.topics");
      } as never,
    },
    payloadType: { value: "json" },
    expandAggregates: { value: false },
    rawPayload: { value: false },
    queueEvents: { value: "100000", validate: whole("queueEvents", 1, 1_000_000) },
    queueBytes: { value: "67108864", validate: whole("queueBytes", 1_048_576, 4_294_967_296) },
  },
  inputs: 1,
  outputs: 1,
  icon: "dxl.svg",
  paletteLabel: "trellix epo event",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels() {
    return this._("outputLabel");
  },
  label() {
    const [topic, ...others] = this.topics ?? [];
    const known = KNOWN_TOPICS.find((entry) => entry.topic === topic);
    return this.name || (others.length > 0 || topic === undefined ? "trellix epo event" : known === undefined ? topic : this._(`topic.${known.label}`));
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    $("#dxl-threat-event-topics").append(KNOWN_TOPICS.map(({ topic, label }) => $("<option>", { value: topic, label: this._(`topic.${label}`) })));
    list().editableList({
      height: 130,
      removable: true,
      sortable: true,
      addButton: this._("label.addTopic"),
      addItem(row: JQuery, _index: number, item: { topic?: string }) {
        $("<input>", { type: "text", list: "dxl-threat-event-topics", placeholder: EPO_THREAT_EVENT_TOPIC, style: "width: 100%" })
          .val(item.topic ?? "")
          .on("change", function () {
            $(this).toggleClass("input-error", !isTopic(String($(this).val()).trim()));
          })
          .appendTo(row)
          .trigger("change");
      },
    } as never);
    list().editableList("addItems", (this.topics ?? []).map((topic) => ({ topic })) as never);
    showByteSize($("#node-input-queueBytes"));
    $("#node-input-payloadType").on("change", function () {
      $(".dxl-threat-event-json").toggle($(this).val() === "json");
    }).trigger("change");
  },
  oneditsave() {
    const topics = list().find("input").toArray().map((input) => String($(input).val()).trim());
    this.topics = [...new Set(topics.filter((topic) => topic !== ""))];
  },
  oneditresize(size) {
    const others = $("#dialog-form > div:not(:has(#node-input-topics-list)):visible").toArray();
    const used = others.reduce((sum, row) => sum + ($(row).outerHeight(true) ?? 0), 0);
    list().editableList("height", Math.max(100, size.height - used - 20));
  },
});
