import type { EditorNodeProperties, EditorRED } from "node-red";
import { brokersOf } from "../src/dxl/ini";
import { variablesDefault } from "../src/editor/environment";
import { localise, translator, type Text } from "../src/editor/texts";
import { formValues, prepareTrial, resultRow, typedCredentials } from "../src/editor/try-it";
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

/** The runtime's answer to a request for a client certificate: the management server's fingerprint to confirm, an error, or the new settings. */
type ProvisioningAnswer =
  | { fingerprint: string }
  | { folder: string }
  | { message: string }
  | { brokers: string; webSocketBrokers: string; brokerCertChain: string; certificate: string; privateKey: string };

const text = (key: string): string => RED._(`@security-events/node-red-siem/dxl-fabric:${key}`);
const field = (name: string) => $(`#node-config-input-${name}`);
const value = (name: string) => String(field(name).val() ?? "").trim();

function showCertificate({ subject, thumbprint, validTo }: CertificateInfo): void {
  const expired = Date.parse(validTo) < Date.now() ? ` (${text("note.expired")})` : "";
  const rows = [["subject", subject], ["thumbprint", thumbprint], ["validTo", new Date(validTo).toLocaleDateString() + expired]] as const;
  const box = $("#dxl-fabric-certificate").empty().show();
  for (const [key, content] of rows) $("<div>").append($("<b>").text(`${text(`label.${key}`)}: `), $("<span>").text(content)).appendTo(box);
  $("<div>").text(text("note.certificate")).appendTo(box);
}

/** The section that gets brokers, certificate and key from a management server and puts them into the form. */
function prepareProvisioning(): void {
  const part = (name: string) => $(`#dxl-fabric-provision-${name}`);
  const names = ["host", "port", "user", "password", "commonName", "truststore", "folder"];
  const byFingerprint = part("byFingerprint");
  const buttons = part("start").add(part("confirm"));
  let shown: string | undefined;
  const say = (message: string) => part("result").text(message).show();
  const forget = () => {
    shown = undefined;
    part("confirm").hide();
  };

  const handleAnswer = (answer: ProvisioningAnswer) => {
    if ("message" in answer) return say(answer.message);
    if ("fingerprint" in answer) {
      shown = answer.fingerprint;
      part("confirm").show();
      // Wrapped, because the user has to compare all of it.
      return say(text("note.fingerprint")).append($("<div>").append($("<code>").css("white-space", "normal").text(shown)));
    }
    part("password").val("");
    // The new key has no passphrase.
    field("passphrase").val("").trigger("change");
    if ("folder" in answer) {
      $("#dxl-fabric-source").val("file").trigger("change");
      field("configFile").val(answer.folder).trigger("change");
      part("folder").val("");
      return say(text("note.provisionedFolder"));
    }
    const webSockets = field("webSockets").is(":checked") && answer.webSocketBrokers !== "";
    $("#dxl-fabric-source").val("here").trigger("change");
    field("webSockets").prop("checked", webSockets).trigger("change");
    field("brokers").val(webSockets ? answer.webSocketBrokers : answer.brokers).trigger("change");
    for (const name of ["brokerCertChain", "certificate", "privateKey"] as const) field(name).val(answer[name]).trigger("change");
    return say(text("note.provisioned"));
  };

  const ask = (fingerprint: string | undefined) => {
    forget();
    buttons.prop("disabled", true);
    say(text("note.provisioning"));
    const form = { ...Object.fromEntries(names.map((name) => [name, part(name).val()])), byFingerprint: byFingerprint.is(":checked"), fingerprint };
    $.ajax({ url: "dxl-fabric/provision", method: "POST", contentType: "application/json", data: JSON.stringify(form) })
      .done(handleAnswer)
      .fail(() => say(text("note.provisionFailed")))
      .always(() => buttons.prop("disabled", false));
  };

  part("start").on("click", () => ask(undefined));
  part("confirm").on("click", () => ask(shown));
  part("host").add(part("port")).on("input", forget);
  byFingerprint.on("change", () => {
    forget();
    part("authority").toggle(!byFingerprint.is(":checked"));
  });
}

function prepareTest(id: string): void {
  const translate = translator(RED, "dxl-fabric");
  prepareTrial<{ brokers: { broker: string; error?: Text }[] }>({
    button: "dxl-fabric-test", url: "dxl-fabric/test", text: translate,
    body() {
      const settings = formValues("node-config-input", ["configFile", "brokers", "keepAlive", "webSockets", "proxy"]);
      if ($("#dxl-fabric-source").val() === "here") settings["configFile"] = "";
      return { id, settings, credentials: typedCredentials(["brokerCertChain", "certificate", "privateKey", "passphrase"]) };
    },
    show({ brokers }, box) {
      for (const { broker, error } of brokers) {
        const words = error === undefined ? translate("tryIt.connected") : `${translate("tryIt.failed")}. ${localise(translate, error)}`;
        box.append(resultRow(error === undefined, `${broker}: ${words}`));
      }
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
    configFile: { value: "" },
    brokers: {
      value: "",
      validate: function (this: Properties, brokers: unknown, _options: unknown) {
        const file = field("configFile").length > 0 ? value("configFile") : this.configFile ?? "";
        return file !== "" || (typeof brokers === "string" && brokers.trim() !== "") || text("validate.brokers");
      } as never,
    },
    keepAlive: { value: "30", validate: numberBetween(1, 3600, () => text("validate.keepAlive"), true) as never },
    reconnectDelay: { value: "1", validate: numberBetween(0.1, 3600, () => text("validate.reconnectDelay")) as never },
    webSockets: { value: false },
    proxy: { value: "", type: "http proxy", required: false },
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
    const source = $("#dxl-fabric-source").val(this.brokers && !this.configFile ? "here" : "file");
    const show = () => {
      $(".dxl-fabric-file").toggle(source.val() === "file");
      $(".dxl-fabric-here").toggle(source.val() === "here");
      // A configuration file can itself choose WebSockets.
      $(".dxl-fabric-proxy").toggle(source.val() === "file" || field("webSockets").is(":checked"));
    };
    source.on("change", show);
    field("webSockets").on("change", show);
    show();

    field("brokers").on("change", () => {
      const pasted = brokersOf(value("brokers"));
      if (pasted === undefined) return;
      field("brokers").val(pasted.brokers);
      field("webSockets").prop("checked", pasted.webSockets).trigger("change");
      $("#dxl-fabric-imported").show();
    });

    const form = () => (source.val() === "file" ? { configFile: value("configFile") } : { certificate: value("certificate") });
    const opened = JSON.stringify(form());
    const ask = (quiet: boolean) => {
      const deployed = (this as { changed?: boolean }).changed !== true && JSON.stringify(form()) === opened;
      const url = deployed ? `dxl-fabric/${encodeURIComponent(this.id)}/certificate` : "dxl-fabric/certificate";
      $.ajax({ url, method: "POST", contentType: "application/json", data: JSON.stringify(form()) })
        .done((answer: CertificateInfo | { message: string }) => {
          if ("subject" in answer) showCertificate(answer);
          else if (!quiet) $("#dxl-fabric-certificate").text(answer.message).show();
        })
        .fail(() => {
          if (!quiet) $("#dxl-fabric-certificate").text(text("note.failed")).show();
        });
    };
    $("#dxl-fabric-show").on("click", () => ask(false));
    prepareProvisioning();
    prepareTest(this.id);
    if (this.configFile || this.brokers) ask(true);
  },
  oneditsave() {
    // The runtime prefers a file over the fields, so drop a file name that the dialog does not show.
    if ($("#dxl-fabric-source").val() === "here") field("configFile").val("");
  },
});
