import type { EditorNodeProperties, EditorRED } from "node-red";
import { brokersOf } from "../src/dxl/ini";
import { variablesDefault } from "../src/editor/environment";
import { labelled, localise, translator, type Text } from "../src/editor/texts";
import { formValues, prepareTrial, resultRow, typedCredentials, type Verdict } from "../src/editor/try-it";
import { numberBetween } from "../src/editor/validators";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  configFile: string;
  brokers: string;
  keepAlive: string | number;
  reconnectDelay: string | number;
  webSockets: boolean;
  proxy: string;
}

interface Credentials {
  brokerCertChain: string;
  certificate: string;
  privateKey: string;
  passphrase: string;
}

/** The runtime's description of a client certificate. */
interface CertificateInfo {
  subject: string;
  thumbprint: string;
  /** ISO 8601. */
  validTo: string;
}

/** The runtime's answer to a request for a client certificate: the management server's fingerprint to confirm, or the new settings. */
type ProvisioningAnswer =
  | { fingerprint: string }
  | { folder: string }
  | { brokers: string; webSocketBrokers: string; brokerCertChain: string; certificate: string; privateKey: string };

const text = translator(RED, "dxl-fabric");
const field = (name: string) => $(`#node-config-input-${name}`);
const value = (name: string) => String(field(name).val() ?? "").trim();
const isFilledIn = (text: unknown) => typeof text === "string" && text.trim() !== "";

/** The id of the fabric whose dialog is open. */
let openId: string | undefined;

/** Where the settings of a fabric come from: as its open dialog says, else as the runtime decides. */
const sourceOf = ({ id, brokers, configFile }: Pick<Properties, "brokers" | "configFile"> & { id: string }): string =>
  (openId === id ? String($("#dxl-fabric-source").val()) : isFilledIn(brokers) && !isFilledIn(configFile) ? "here" : "file");

const isFromFile = () => $("#dxl-fabric-source").val() === "file";

function showCertificate({ subject, thumbprint, validTo }: CertificateInfo, box: JQuery): Verdict {
  const isExpired = Date.parse(validTo) < Date.now();
  const rows = [["subject", subject], ["thumbprint", thumbprint], ["validTo", new Date(validTo).toLocaleDateString() + (isExpired ? ` (${text("note.expired")})` : "")]] as const;
  for (const [key, content] of rows) $("<div>").append($("<b>").text(`${text(`label.${key}`)}: `), $("<span>").text(content)).appendTo(box);
  $("<div>").text(text("note.certificate")).appendTo(box);
  return isExpired ? "bad" : "good";
}

/** The section that gets brokers, certificate and key from a management server and puts them into the form. */
function prepareProvisioning(): void {
  const part = (name: string) => $(`#dxl-fabric-provision-${name}`);
  const names = ["host", "port", "user", "password", "commonName", "truststore", "folder"];
  const byFingerprint = part("byFingerprint");
  const form = () => ({ ...Object.fromEntries(names.map((name) => [name, part(name).val()])), byFingerprint: byFingerprint.is(":checked") });
  const trial = { result: "dxl-fabric-provision-result", url: "dxl-fabric/provision", text, body: form };

  const show = (answer: ProvisioningAnswer, box: JQuery): Verdict => {
    if ("fingerprint" in answer) {
      const { fingerprint } = answer;
      const button = $("<button>", { type: "button", class: "red-ui-button", id: "dxl-fabric-provision-confirm" }).css({ marginTop: "8px" }).text(text("button.confirm"));
      // Wrapped, because the user has to compare all of it.
      box.append($("<div>").text(text("note.fingerprint")), $("<div>").append($("<code>").css("white-space", "normal").text(fingerprint)), button);
      prepareTrial<ProvisioningAnswer>({ ...trial, button, confirm: async () => ({ ...form(), fingerprint }), show });
      return "check";
    }
    part("password").val("");
    // The new key has no passphrase.
    field("passphrase").val("").trigger("change");
    if ("folder" in answer) {
      $("#dxl-fabric-source").val("file").trigger("change");
      field("configFile").val(answer.folder).trigger("change");
      part("folder").val("");
      box.text(text("note.provisionedFolder"));
      return "good";
    }
    const webSockets = field("webSockets").is(":checked") && answer.webSocketBrokers !== "";
    $("#dxl-fabric-source").val("here").trigger("change");
    field("webSockets").prop("checked", webSockets).trigger("change");
    field("brokers").val(webSockets ? answer.webSocketBrokers : answer.brokers).trigger("change");
    for (const name of ["brokerCertChain", "certificate", "privateKey"] as const) field(name).val(answer[name]).trigger("change");
    box.text(text("note.provisioned"));
    return "good";
  };
  prepareTrial<ProvisioningAnswer>({ ...trial, button: part("start"), show });
  byFingerprint.on("change", () => void part("authority").toggle(!byFingerprint.is(":checked")));
}

/** The button that shows the client certificate. The deployed one is shown at once. */
function prepareCertificate(id: string, isDeployed: boolean, isFilledIn: boolean): void {
  const form = () => (isFromFile() ? { configFile: value("configFile") } : { certificate: value("certificate") });
  const opened = JSON.stringify(form());
  const ask = prepareTrial<CertificateInfo>({
    button: $("#dxl-fabric-show"), result: "dxl-fabric-certificate", text, body: form, show: showCertificate,
    url: () => (isDeployed && JSON.stringify(form()) === opened ? `dxl-fabric/${encodeURIComponent(id)}/certificate` : "dxl-fabric/certificate"),
  });
  if (isFilledIn) void ask(true);
}

function prepareTest(id: string): void {
  prepareTrial<{ brokers: { broker: string; error?: Text }[] }>({
    button: $("#dxl-fabric-test"), text, url: "dxl-fabric/test",
    body() {
      const settings = formValues("node-config-input", ["configFile", "brokers", "keepAlive", "webSockets", "proxy"]);
      settings[isFromFile() ? "brokers" : "configFile"] = "";
      return { id, settings, credentials: typedCredentials(["brokerCertChain", "certificate", "privateKey", "passphrase"]) };
    },
    show({ brokers }, box) {
      for (const { broker, error } of brokers) {
        const words = error === undefined ? text("tryIt.connected") : `${text("tryIt.failed")}. ${localise(text, error)}`;
        box.append(resultRow(error === undefined ? "good" : "bad", `${broker}: ${words}`));
      }
      const failed = brokers.filter(({ error }) => error !== undefined).length;
      return failed === 0 ? "good" : failed < brokers.length ? "partly" : "bad";
    },
  });
}

RED.nodes.registerType<Properties, Credentials>("dxl-fabric", {
  category: "config",
  color: "#BFD7EA",
  icon: "dxl.svg",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "dxl-fabric"),
    configFile: {
      value: "",
      validate: function (this: Properties & { id: string }, file: unknown, _options: unknown) {
        return sourceOf(this) === "here" || isFilledIn(file) || text("validate.configFile");
      } as never,
    },
    brokers: {
      value: "",
      validate: function (this: Properties & { id: string }, brokers: unknown, _options: unknown) {
        return sourceOf(this) === "file" || isFilledIn(brokers) || text("validate.brokers");
      } as never,
    },
    keepAlive: { value: "30", validate: numberBetween(1, 3600, () => text("validate.keepAlive"), true) as never },
    reconnectDelay: { value: "1", validate: numberBetween(0.1, 3600, () => text("validate.reconnectDelay")) as never },
    webSockets: { value: false },
    proxy: { value: "", type: "http proxy", required: false, ...labelled(text, "proxy") },
  },
  credentials: {
    brokerCertChain: { type: "text" },
    certificate: { type: "text" },
    privateKey: { type: "password" },
    passphrase: { type: "password" },
  },
  label() {
    return this.name || this.configFile || (this.brokers ?? "").split("\n")[0] || "dxl-fabric";
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    const source = $("#dxl-fabric-source").val(sourceOf(this));
    openId = this.id;
    const show = () => {
      $(".dxl-fabric-file").toggle(source.val() === "file");
      $(".dxl-fabric-here").toggle(source.val() === "here");
      // A configuration file can itself choose WebSockets.
      $(".dxl-fabric-proxy").toggle(source.val() === "file" || field("webSockets").is(":checked"));
    };
    source.on("change", () => {
      show();
      // Which of them has to be filled in depends on the source.
      field("configFile").trigger("change");
      field("brokers").trigger("change");
    });
    field("webSockets").on("change", show);
    show();

    field("brokers").on("change", () => {
      const pasted = brokersOf(value("brokers"));
      if (pasted === undefined) return;
      field("brokers").val(pasted.brokers);
      field("webSockets").prop("checked", pasted.webSockets).trigger("change");
      $("#dxl-fabric-imported").show();
    });

    prepareProvisioning();
    prepareTest(this.id);
    prepareCertificate(this.id, (this as { changed?: boolean }).changed !== true, Boolean(this.configFile || this.brokers));
  },
  oneditcancel() {
    openId = undefined;
  },
  oneditsave() {
    openId = undefined;
    // The runtime prefers a file over the fields, so drop a file name that the dialog does not show.
    if ($("#dxl-fabric-source").val() === "here") field("configFile").val("");
  },
});
