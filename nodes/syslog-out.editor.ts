import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { showByteSize } from "../src/editor/byte-size";
import { variablesDefault } from "../src/editor/environment";
import { labelled, translator } from "../src/editor/texts";
import { code, formValues, prepareTrial } from "../src/editor/try-it";
import { isEnvironment } from "../src/editor/validators";
import type { TimeZone } from "../src/syslog/header";
import { isAppName, isHostName, type HeaderForm } from "../src/syslog/header-names";
import { isHost } from "../src/syslog/host";
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
  header: HeaderForm;
  timeZone: TimeZone;
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

/** The header that an open dialog shows for a node. */
let shown: { id: string; header: HeaderForm } | undefined;

/** Validates a name that goes into the header. `problem` returns the key of its reason. */
const headerName = (problem: (header: HeaderForm, name: string) => string | undefined) =>
  function (this: Translating & Properties, value: string | undefined, _options: unknown) {
    const name = (value ?? "").trim();
    const key = isEnvironment(name) ? undefined : problem(shown?.id === this.id ? shown.header : this.header, name);
    return key === undefined || this._(`validate.${key}`);
  } as unknown as (value: unknown) => boolean;

const translate = translator(RED, "syslog-out");
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
    host: { value: "", validate: validate("host", (text) => text !== "" && (isEnvironment(text) || isHost(text))) },
    port: { value: "514", validate: number("port", 1, 65_535) },
    tls: { value: "", type: "tls-config", required: false, ...labelled(translate, "tls") },
    header: { value: "rfc3164" },
    timeZone: { value: "local" },
    framing: { value: "auto" },
    facility: { value: "16", validate: number("facility", 0, 23) },
    severity: { value: "6", validate: number("severity", 0, 7) },
    hostname: {
      value: "",
      validate: headerName((header, name) => (header === "none" || name === "" || isHostName(header, name) ? undefined : header === "rfc5424" ? "hostnamePrintable" : "hostname")),
    },
    appName: { value: "CEF", validate: headerName((header, name) => (header !== "rfc5424" || name === "" || isAppName(name) ? undefined : "appName")) },
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
  paletteLabel: "siem syslog out",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels(index) {
    return this._(index === 1 ? "undeliverableLabel" : "outputLabel");
  },
  label() {
    return this.name || (this.host ? `${this.transport} ${this.host}:${this.port}` : "siem syslog out");
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditsave() {
    shown = undefined;
  },
  oneditcancel() {
    shown = undefined;
  },
  oneditprepare() {
    let transport = chosenTransport();
    const show = () => {
      const header = String(field("header").val()) as HeaderForm;
      shown = { id: this.id, header };
      for (const row of TRANSPORT_ROWS) rows(row).toggle(transport.rows.includes(row));
      rows("priority").toggle(header === "rfc3164" || header === "rfc5424");
      rows("time-zone").toggle(header === "rfc3164" || header === "legacy");
      rows("hostname").toggle(header !== "none");
      rows("app-name").toggle(header === "rfc5424");
    };
    field("transport").on("change", () => {
      const chosen = chosenTransport();
      if (field("port").val() === transport.port) field("port").val(chosen.port);
      transport = chosen;
      show();
    });
    field("header").on("change", () => {
      show();
      // Their validity depends on the header.
      field("hostname").trigger("change");
      field("appName").trigger("change");
    });
    // Nodes of older flows have no time zone.
    if (!field("timeZone").val()) field("timeZone").val("local");
    show();
    showByteSize(field("queueBytes"));
    prepareTrial<{ sent: string; id: string; known: string; shortened: boolean; host: string; port: number }>({
      button: "syslog-out-test", url: "syslog-out/test", text: translate,
      body: () => ({
        id: this.id,
        settings: formValues("node-input", ["transport", "host", "port", "tls", "header", "timeZone", "framing", "facility", "severity", "hostname", "appName", "maxBytes", "confirmDelay"]),
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
