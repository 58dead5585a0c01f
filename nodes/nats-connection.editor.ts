import type { EditorNodeProperties, EditorRED } from "node-red";
import { showByteSize } from "../src/editor/byte-size";
import { variablesDefault } from "../src/editor/environment";
import { labelled, localise, translator, type Text } from "../src/editor/texts";
import { showTips } from "../src/editor/tip-rows";
import { natsTips, type TlsForm } from "../src/editor/tips";
import { formValues, prepareTrial, resultRow, typedCredentials } from "../src/editor/try-it";
import { isEnvironment, numberBetween } from "../src/editor/validators";
import { isName, serverLines, serverOf, withoutSignIn } from "../src/scale-out/names";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  servers: string | string[];
  authType: "none" | "user" | "token" | "nkey" | "creds";
  tls: string;
  stream: string;
  bucket: string;
  create: boolean;
  replicas: string | number;
  streamBytes: string | number;
  dedupeWindow: string | number;
}

interface Credentials {
  user: string;
  password: string;
  token: string;
  nkeySeed: string;
  creds: string;
}

/** The result of a connection test. */
interface ConnectionReport {
  servers: { server: string; error?: Text }[];
  version: string;
  isOld: boolean;
  hasStream: boolean;
  hasBucket: boolean;
}

const AUTH_TYPES = ["user", "token", "nkey", "creds"];
const MIB = 2 ** 20;

const text = (key: string, params: Record<string, unknown> = {}): string => RED._(`@security-events/node-red-siem/nats-connection:${key}`, params as never);
const field = (name: string) => $(`#node-config-input-${name}`);
const value = (name: string) => String(field(name).val() ?? "").trim();

/** A flow made by hand may have a list. */
const linesOf = (servers: unknown): string[] => serverLines(Array.isArray(servers) ? servers.join("\n") : typeof servers === "string" ? servers : "");

function validServers(servers: unknown, _options: unknown): boolean | string {
  if (isEnvironment(servers)) return true;
  const lines = linesOf(servers);
  if (lines.length === 0) return text("validate.servers");
  const wrong = lines.find((line) => !isEnvironment(line) && serverOf(line) === undefined);
  return wrong === undefined || text("validate.server", { server: withoutSignIn(wrong) });
}

const validName = (property: string) => ((name: unknown, _options: unknown): boolean | string =>
  name === undefined || name === "" || isEnvironment(name) || isName(typeof name === "string" ? name.trim() : "") || text("validate.name", labelled(text, property))) as never;

RED.nodes.registerType<Properties, Credentials>("nats-connection", {
  category: "config",
  color: "#BFD7EA",
  icon: "nats.svg",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "nats-connection"),
    servers: { value: "", validate: validServers as never },
    authType: { value: "none" },
    tls: { value: "", type: "tls-config", required: false, ...labelled(text, "tls") },
    stream: { value: "SECURITY_EVENTS", validate: validName("stream") },
    bucket: { value: "security-events", validate: validName("bucket") },
    create: { value: true },
    replicas: { value: "1" },
    streamBytes: { value: "1073741824", validate: numberBetween(MIB, Number.MAX_SAFE_INTEGER, (params) => text("validate.streamBytes", params), true) as never },
    dedupeWindow: { value: "600", validate: numberBetween(1, 86_400, (params) => text("validate.dedupeWindow", params)) as never },
  },
  credentials: {
    user: { type: "text" },
    password: { type: "password" },
    token: { type: "password" },
    nkeySeed: { type: "password" },
    creds: { type: "password" },
  },
  label() {
    return this.name || linesOf(this.servers)[0] || "nats-connection";
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  oneditprepare() {
    field("servers").val(linesOf(this.servers).join("\n"));
    const authType = field("authType");
    const show = () => {
      for (const type of AUTH_TYPES) $(`.nats-connection-${type}`).toggle(authType.val() === type);
      $(".nats-connection-create").toggle(field("create").is(":checked"));
    };
    const translate = translator(RED, "nats-connection");
    prepareTrial<ConnectionReport>({
      button: "nats-connection-test", url: "nats-connection/test", text: translate,
      body: () => ({
        id: this.id,
        settings: formValues("node-config-input", ["servers", "authType", "tls", "stream", "bucket", "create", "replicas", "streamBytes", "dedupeWindow"]),
        credentials: typedCredentials(["user", "password", "token", "nkeySeed", "creds"]),
      }),
      show({ servers, version, isOld, hasStream, hasBucket }, box) {
        for (const { server, error } of servers) {
          box.append(resultRow(error === undefined ? "good" : "bad", `${server}: ${error === undefined ? translate("tryIt.connected") : `${translate("tryIt.failed")}. ${localise(translate, error)}`}`));
        }
        box.append(resultRow(isOld ? "partly" : "good", isOld ? translate("warning.NATS_OLD", { version }) : translate("tryIt.version", { version })));
        for (const [name, isThere] of [["stream", hasStream], ["bucket", hasBucket]] as const) {
          box.append(resultRow("good", translate(isThere ? `tryIt.${name}` : `tryIt.${name}New`, { name: value(name) })));
        }
        return isOld || servers.some(({ error }) => error !== undefined) ? "partly" : "good";
      },
    });
    showTips($("#nats-connection-tips"), (key, params) => this._(key, params), () => natsTips({
      servers: linesOf(field("servers").val()), tls: RED.nodes.node(value("tls")) as unknown as TlsForm,
    }));
    authType.add(field("create")).on("change", show);
    showByteSize(field("streamBytes"));
    show();
  },
});
