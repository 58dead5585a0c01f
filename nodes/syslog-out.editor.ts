import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { variablesDefault } from "../src/editor/environment";
import { translator } from "../src/editor/texts";
import { code, formValues, prepareTrial } from "../src/editor/try-it";
import { showTips } from "../src/editor/tip-rows";
import { syslogTips, type TlsForm } from "../src/editor/tips";

declare const RED: EditorRED;

type Translating = EditorNodeInstance & { _(key: string, params?: Record<string, unknown>): string };

type Transport = "udp" | "tcp" | "tls" | "relp" | "relp-tls";

/** Default port of each transport, and the rows of the form that only some transports have. */
const TRANSPORTS: Record<Transport, { port: string; rows: readonly string[] }> = {
  tcp: { port: "514", rows: ["framing", "stream"] },
  tls: { port: "6514", rows: ["tls", "framing", "stream"] },
  relp: { port: "2514", rows: ["relp"] },
  "relp-tls": { port: "2514", rows: ["tls", "relp"] },
  udp: { port: "514", rows: ["udp"] },
};
const TRANSPORT_ROWS = ["tls", "framing", "stream", "relp", "udp"];

interface Properties extends EditorNodeProperties {
  transport: Transport;
  host: string;
  port: string | number;
  tls: string;
  header: "rfc3164" | "rfc5424" | "legacy" | "none";
  framing: "auto" | "lf" | "octet";
  facility: string | number;
  severity: string | number;
  hostname: string;
  appName: string;
  maxBytes: string | number;
  queueEvents: string | number;
  queueBytes: string | number;
  overflow: "refuse" | "drop-oldest" | "drop-newest";
  resendWindow: string | number;
  confirmDelay: string | number;
}

/** Node-RED shows the text that a validator returns, but only if it declares exactly two parameters. Its types allow one parameter and a boolean. */
const validate = (key: string, valid: (value: string) => boolean) =>
  function (this: Translating, value: string | number | undefined, _options: unknown) {
    return valid(String(value ?? "").trim()) || this._(`validate.${key}`);
  } as unknown as (value: unknown) => boolean;

const number = (key: string, min: number, max: number, whole = true) =>
  validate(key, (text) => text !== "" && Number(text) >= min && Number(text) <= max && (!whole || Number.isInteger(Number(text))));

const field = (name: string) => $(`#node-input-${name}`);
const rows = (name: string) => $(`.syslog-out-${name}`);

const isTransport = (text: string): text is Transport => Object.keys(TRANSPORTS).includes(text);
const chosenTransport = () => {
  const chosen = String(field("transport").val());
  return TRANSPORTS[isTransport(chosen) ? chosen : "tcp"];
};

RED.nodes.registerType<Properties>("syslog-out", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "syslog-out"),
    transport: { value: "tcp", validate: validate("transport", isTransport) },
    host: { value: "", validate: validate("host", (text) => text !== "") },
    port: { value: "514", validate: number("port", 1, 65_535) },
    tls: { value: "", type: "tls-config", required: false },
    header: { value: "rfc3164" },
    framing: { value: "auto" },
    facility: { value: "16", validate: number("facility", 0, 23) },
    severity: { value: "6", validate: number("severity", 0, 7) },
    hostname: { value: "", validate: validate("hostname", (text) => /^[\x21-\x7e]{0,255}$/.test(text)) },
    appName: { value: "CEF", validate: validate("appName", (text) => /^[\x21-\x7e]{0,48}$/.test(text)) },
    maxBytes: { value: "8192", validate: number("maxBytes", 480, 1_048_576) },
    queueEvents: { value: "100000", validate: number("queueEvents", 1, 10_000_000) },
    queueBytes: { value: "67108864", validate: number("queueBytes", 1024, 4_294_967_296) },
    overflow: { value: "refuse" },
    resendWindow: { value: "5", validate: number("resendWindow", 0, 3600, false) },
    confirmDelay: { value: "100", validate: number("confirmDelay", 0, 60_000) },
  },
  inputs: 1,
  outputs: 2,
  icon: "syslog-out.svg",
  paletteLabel: "syslog out",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels(index) {
    return this._(index === 1 ? "undeliverableLabel" : "outputLabel");
  },
  label() {
    return this.name || (this.host ? `${this.transport} ${this.host}:${this.port}` : "syslog out");
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    let transport = chosenTransport();
    const show = () => {
      const header = String(field("header").val());
      for (const row of TRANSPORT_ROWS) rows(row).toggle(transport.rows.includes(row));
      rows("priority").toggle(header === "rfc3164" || header === "rfc5424");
      rows("hostname").toggle(header !== "none");
      rows("app-name").toggle(header === "rfc5424");
    };
    field("transport").on("change", () => {
      const chosen = chosenTransport();
      if (field("port").val() === transport.port) field("port").val(chosen.port);
      transport = chosen;
      show();
    });
    field("header").on("change", show);
    show();
    const translate = translator(RED, "syslog-out");
    prepareTrial<{ sent: string; id: string; known: string; shortened: boolean; host: string; port: number }>({
      button: "syslog-out-test", url: "syslog-out/test", text: translate,
      body: () => ({
        id: this.id,
        settings: formValues("node-input", ["transport", "host", "port", "tls", "header", "framing", "facility", "severity", "hostname", "appName", "maxBytes", "confirmDelay"]),
      }),
      show({ sent, known, shortened, ...params }, box) {
        box.append($("<div>").text(translate(`tryIt.${known}`, params)), code(sent));
        if (shortened) box.append($("<div>").text(translate("tryIt.shortened")));
      },
    });
    const value = (name: string) => String(field(name).val() ?? "");
    showTips($("#syslog-out-tips"), (key, params) => (this as Translating)._(key, params), () => syslogTips({
      transport: value("transport"),
      host: value("host"),
      maxBytes: Number(value("maxBytes")),
      overflow: value("overflow"),
      tls: RED.nodes.node(value("tls")) as unknown as TlsForm,
    }));
  },
});
