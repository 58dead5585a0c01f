import type { EditorNodeProperties, EditorRED } from "node-red";
import { baseUrlFault, isConsole, meantBaseUrl, REGIONS, regionUrl } from "../src/code42/tenant/base-url";
import { variablesDefault } from "../src/editor/environment";
import { labelled, localise, translator, type Text } from "../src/editor/texts";
import { formValues, prepareTrial, resultRow, typedCredentials } from "../src/editor/try-it";
import { showTips } from "../src/editor/tip-rows";
import { tlsTips, type TlsForm } from "../src/editor/tips";
import { isEnvironment, numberBetween } from "../src/editor/validators";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  baseUrl: string;
  authType: "api-client" | "user";
  tls: string;
  proxy: string;
  timeout: string | number;
  requestsPerMinute: string | number;
}

interface Credentials {
  clientId: string;
  clientSecret: string;
  username: string;
  password: string;
  totpSecret: string;
}

/** The result of a connection test. */
interface ConnectionReport {
  address: string;
  principal: string;
  sources: { source: string; refused?: Text }[];
}

const text = translator(RED, "code42-tenant");

RED.nodes.registerType<Properties, Credentials>("code42-tenant", {
  category: "config",
  color: "#BFD7EA",
  icon: "code42.svg",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "code42-tenant"),
    baseUrl: {
      value: "https://api.us.code42.com",
      required: true,
      ...labelled(text, "baseUrl"),
      validate: function (value: unknown, _options: unknown) {
        if (isEnvironment(value)) return true;
        const address = typeof value === "string" ? value.trim() : "";
        const fault = baseUrlFault(address);
        return fault === undefined || text(`validate.${fault}`, { address: meantBaseUrl(address) });
      } as never,
    },
    authType: { value: "api-client" },
    tls: { value: "", type: "tls-config", required: false, ...labelled(text, "tls") },
    proxy: { value: "", type: "http proxy", required: false, ...labelled(text, "proxy") },
    timeout: { value: "60", validate: numberBetween(1, 600, () => text("validate.timeout")) as never },
    requestsPerMinute: { value: "60", validate: numberBetween(1, 6000, () => text("validate.requestsPerMinute"), true) as never },
  },
  credentials: {
    clientId: { type: "text" },
    clientSecret: { type: "password" },
    username: { type: "text" },
    password: { type: "password" },
    totpSecret: { type: "password" },
  },
  label() {
    return this.name || (this.baseUrl ?? "").replace(/^https?:\/\//, "") || "code42-tenant";
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    const region = $("#code42-tenant-region");
    const address = $("#node-config-input-baseUrl");
    for (const name of REGIONS) $("<option>").val(regionUrl(name)).text(`${name} (${regionUrl(name).slice(8)})`).appendTo(region);
    $("<option>").val("").text(this._("label.otherRegion")).appendTo(region);
    region.val(REGIONS.map(regionUrl).find((url) => url === String(address.val()).trim()) ?? "");
    const authType = $("#node-config-input-authType");
    const show = () => {
      $(".code42-tenant-base-url").toggle(region.val() === "");
      $(".code42-tenant-console").toggle(isConsole(String(address.val()).trim()));
      $(".code42-tenant-client").toggle(authType.val() !== "user");
      $(".code42-tenant-user").toggle(authType.val() === "user");
    };
    region.on("change", () => {
      if (region.val() !== "") address.val(String(region.val())).trigger("change");
      show();
    });
    address.on("input", show);
    authType.on("change", show);
    show();
    prepareTrial<ConnectionReport>({
      button: "code42-tenant-test", url: "code42-tenant/test", text,
      body: () => ({
        id: this.id,
        settings: formValues("node-config-input", ["baseUrl", "authType", "tls", "proxy", "timeout", "requestsPerMinute"]),
        credentials: typedCredentials(["clientId", "clientSecret", "username", "password", "totpSecret"]),
      }),
      show({ address, principal, sources }, box) {
        box.append($("<div>").text(text("tryIt.signedIn", { address, principal })));
        for (const { source, refused } of sources) {
          const words = text(refused === undefined ? "tryIt.mayRead" : "tryIt.mayNotRead");
          const why = refused === undefined ? "" : `. ${localise(text, refused)}`;
          box.append(resultRow(refused === undefined ? "good" : "partly", `${text(`tryIt.source.${source}`)}: ${words}${why}`));
        }
        return sources.every(({ refused }) => refused === undefined) ? "good" : "partly";
      },
    });
    showTips($("#code42-tenant-tips"), (key, params) => this._(key, params), () =>
      tlsTips(RED.nodes.node(String($("#node-config-input-tls").val())) as unknown as TlsForm));
  },
});
