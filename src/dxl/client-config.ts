/**
 * Reads what a connection to a DXL fabric needs: from a `dxlclient.config`, as the OpenDXL clients do ("Client
 * Configuration File" of the OpenDXL Python client documentation), or from the properties of the node.
 */
import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { dirname, join, resolve } from "node:path";
import { plain, printable, type Printable } from "../common/border";
import { SiemError } from "../common/errors";
import { socketHost, urlHost } from "../common/host";
import { BROKERS } from "../common/limits";
import { addressProperty, booleanProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import type { Proxy } from "../common/proxy";
import { nameInOneLine } from "./chain";
import type { FabricCredentials } from "./credentials";
import { fabricError } from "./fabric-errors";
import { readableText } from "./file-text";
import { findEntry, parseIni, same, truth, usesWebSockets, type Entry } from "./ini";

export interface BrokerAddress {
  /** A name or an address; IPv6 without brackets. */
  host: string;
  port: number;
}

/** `host:port` */
export const brokerName = ({ host, port }: BrokerAddress): string => `${urlHost(host)}:${port}`;

export interface FabricOptions {
  /** In the order in which they are tried; at least one. */
  brokers: readonly BrokerAddress[];
  webSockets: boolean;
  credentials: FabricCredentials;
  /** Undefined: a new one for each connection. */
  clientId: string | undefined;
  /** Seconds. */
  keepAlive: number;
  /** Seconds of the first pause after all brokers failed; it doubles up to a minute, and a random part of it is waited. */
  reconnectDelay: number;
  /** For WebSockets only. */
  proxy: Proxy | undefined;
}

export interface ConfigFiles {
  /** The text of a file; throws the errors of `readTextFile`. */
  readFile: (path: string) => string;
}

const KEEP_ALIVE = 30;
const RECONNECT_DELAY = 1;
export const FILE_NAME = "dxlclient.config";
const PEM_KEYS = ["BrokerCertChain", "CertFile", "PrivateKey"] as const;

/**
 * Reads the text of a `dxlclient.config` in `folder`, and the PEM files that it names. Throws CONFIG_LINE, CONFIG_VALUE,
 * CONFIG_SECTION_MISSING, CONFIG_KEY_MISSING, PEM_FILE, BROKER_LINE, BROKER_PORT, BROKER_COUNT, each with section, key and
 * line if it can, and the errors of `readableText`.
 */
export function parseClientConfig(text: string, { folder, readFile }: ConfigFiles & { folder: string }): FabricOptions {
  const entries = parseIni(text);
  const find = (section: string, key: string) => findEntry(entries, section, key);
  const odd = entries.find(({ key, value }) => key === "" && value !== "");
  if (odd !== undefined) throw fabricError("CONFIG_LINE", where(odd), { permanent: true });
  const useWebSockets = find("General", "UseWebSockets");
  if (useWebSockets !== undefined && truth(useWebSockets.value) === undefined) throw fabricError("CONFIG_VALUE", where(useWebSockets), { permanent: true });
  if (!entries.some((entry) => same(entry.section, "Certs"))) throw fabricError("CONFIG_SECTION_MISSING", plain.params({ section: "Certs" }), { permanent: true });
  const pem = (key: (typeof PEM_KEYS)[number]) => {
    const entry = find("Certs", key);
    if (entry === undefined) throw fabricError("CONFIG_KEY_MISSING", plain.params({ section: "Certs", key }), { permanent: true });
    const path = pathOf(entry, folder);
    let content: string;
    try {
      content = readFile(path);
    } catch (cause) {
      throw fabricError("PEM_FILE", plain.params({ ...where(entry), path, reason: cause }), { cause: plain.cause(cause), permanent: true });
    }
    return readableText(content, path);
  };

  const webSockets = usesWebSockets(entries);
  const section = webSockets ? "BrokersWebSockets" : "Brokers";
  const brokers = parseBrokers(entries.filter((entry) => same(entry.section, section) && entry.key !== ""));
  if (brokers.length === 0) throw fabricError("CONFIG_SECTION_MISSING", plain.params({ section }), { permanent: true });
  return {
    brokers,
    webSockets,
    credentials: { brokerCertChain: pem("BrokerCertChain"), certificate: pem("CertFile"), privateKey: pem("PrivateKey"), passphrase: undefined },
    clientId: find("General", "ClientId")?.value,
    keepAlive: KEEP_ALIVE,
    reconnectDelay: RECONNECT_DELAY,
    proxy: webSockets ? proxyOf(find) : undefined,
  };
}

/** The paths of the PEM files that the text of a configuration in `folder` names. */
export function namedFiles(text: string, folder: string): string[] {
  const entries = parseIni(text);
  return PEM_KEYS.map((key) => findEntry(entries, "Certs", key)).filter((entry) => entry !== undefined).map((entry) => pathOf(entry, folder));
}

/** The documentation writes Windows paths with doubled backslashes, and one of the clients accepts them. */
const pathOf = ({ value }: Entry, folder: string) => resolve(folder, /^[a-z]:\\\\/i.test(value) ? value.replaceAll("\\\\", "\\") : value);

/**
 * The options of a node: from `configFile` (a file, or the folder of a `dxlclient.config`; relative to `userFolder`) if
 * there is one, else from `brokers` and the PEM texts in `credentials`. `proxy` comes from the node's proxy configuration.
 * Throws the errors of `parseClientConfig` and of properties, NO_BROKERS, CONFIG_FILE, CREDENTIAL_MISSING and
 * PROXY_NEEDS_WEB_SOCKETS.
 */
export function fabricOptions(properties: Properties, credentials: Properties, parts: ConfigFiles & { userFolder: string; proxy?: Proxy | undefined }): FabricOptions {
  const keepAlive = numberProperty(properties, "keepAlive", { fallback: KEEP_ALIVE, min: 1, max: 3600, integer: true });
  const reconnectDelay = numberProperty(properties, "reconnectDelay", { fallback: RECONNECT_DELAY, min: 0.1, max: 3600 });
  const forced = booleanProperty(properties, "webSockets", false);
  const passphrase = textProperty(credentials, "passphrase", "") || undefined;
  const configFile = addressProperty(properties, "configFile", "");
  const read = configFile === ""
    ? ownOptions(properties, credentials, forced)
    : readConfig(resolve(parts.userFolder, configFile), forced, parts);
  if (parts.proxy !== undefined && !read.webSockets) throw fabricError("PROXY_NEEDS_WEB_SOCKETS", {}, { permanent: true });
  return { ...read, keepAlive, reconnectDelay, proxy: parts.proxy ?? read.proxy, credentials: { ...read.credentials, passphrase } };
}

/** What an administrator of the fabric needs to know of the client certificate to authorize this client. */
export interface CertificateInfo {
  /** `CN=node-red, O=Example`. */
  subject: Printable;
  issuer: Printable;
  /** SHA-1 of the DER form, lower case hex: topic authorization names clients by it. */
  thumbprint: string;
  /** ISO 8601. */
  validFrom: string;
  validTo: string;
}

/** Reads the first certificate of a PEM text. Throws CERTIFICATE_INVALID. */
export function certificateInfo(pem: string): CertificateInfo {
  try {
    const certificate = new X509Certificate(pem);
    return {
      subject: printable(nameInOneLine(certificate.subject)),
      issuer: printable(nameInOneLine(certificate.issuer)),
      thumbprint: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
      validFrom: new Date(certificate.validFrom).toISOString(),
      validTo: new Date(certificate.validTo).toISOString(),
    };
  } catch (cause) {
    throw fabricError("CERTIFICATE_INVALID", plain.params({ reason: cause }), { cause: plain.cause(cause), permanent: true });
  }
}

function readConfig(path: string, forced: boolean, { readFile }: ConfigFiles): FabricOptions {
  const read = (file: string) => {
    const text = readableText(readFile(file), file);
    return parseClientConfig(forced ? `${text}\n[General]\nUseWebSockets=true\n` : text, { folder: dirname(file), readFile });
  };
  try {
    try {
      return read(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
      return read(join(path, FILE_NAME));
    }
  } catch (cause) {
    if (cause instanceof SiemError) throw cause;
    throw fabricError("CONFIG_FILE", plain.params({ path, reason: cause }), { cause: plain.cause(cause), permanent: true });
  }
}

function ownOptions(properties: Properties, credentials: Properties, webSockets: boolean): FabricOptions {
  const lines = addressProperty(properties, "brokers", "").split(/\r?\n/);
  const brokers = parseBrokers(lines.map((line) => line.trim()).flatMap((line, index) => {
    if (line === "" || /^[#;[]/.test(line)) return [];
    const equals = line.indexOf("=");
    return [{ section: "Brokers", key: equals < 0 ? "" : line.slice(0, equals).trim(), value: line.slice(equals + 1).trim(), line: index + 1 }];
  }));
  if (brokers.length === 0) throw fabricError("NO_BROKERS", {}, { permanent: true });
  const pem = (name: "brokerCertChain" | "certificate" | "privateKey") => {
    const text = readableText(textProperty(credentials, name, ""), name);
    if (text === "") throw fabricError("CREDENTIAL_MISSING", plain.params({ name }), { permanent: true });
    // Environment variables often hold line breaks as \n.
    return text.includes("\n") ? text : text.replaceAll("\\n", "\n");
  };
  const all: FabricCredentials = { brokerCertChain: pem("brokerCertChain"), certificate: pem("certificate"), privateKey: pem("privateKey"), passphrase: undefined };
  return { brokers, webSockets, credentials: all, clientId: undefined, keepAlive: KEEP_ALIVE, reconnectDelay: RECONNECT_DELAY, proxy: undefined };
}

const where = ({ section, key, line }: Entry) => plain.params({ section, key, line });

const isPort = (text: string | undefined) => text !== undefined && /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

/** Throws BROKER_COUNT and the errors of `parseBroker`. */
function parseBrokers(entries: readonly Entry[]): BrokerAddress[] {
  const brokers: BrokerAddress[] = [];
  for (const entry of entries) {
    brokers.push(...parseBroker(entry));
    if (brokers.length > BROKERS) throw fabricError("BROKER_COUNT", plain.params({ max: BROKERS }), { permanent: true });
  }
  return brokers;
}

/** Parses `[id;]port;host[;host...]`: one address for each host, in this order. */
function parseBroker(entry: Entry): BrokerAddress[] {
  const elements = entry.value.split(";").map((element) => element.trim());
  const [port, ...rest] = isPort(elements[0]) ? elements : elements.slice(1);
  const hosts = rest.filter((host) => host !== "").map(socketHost);
  if (elements.length > 1 && !isPort(port)) throw fabricError("BROKER_PORT", where(entry), { permanent: true });
  if (hosts.length === 0 || !hosts.every((host) => isIPv6(host) || /^[^\s/?#@:[\]\\{}]+$/.test(host))) throw fabricError("BROKER_LINE", where(entry), { permanent: true });
  return [...new Set(hosts)].slice(0, BROKERS + 1).map((host) => ({ host, port: Number(port) }));
}

function proxyOf(find: (section: string, key: string) => Entry | undefined): Proxy | undefined {
  const address = find("Proxy", "Address");
  if (address === undefined) return undefined;
  const needed = (key: string) => {
    const entry = find("Proxy", key);
    if (entry === undefined) throw fabricError("CONFIG_KEY_MISSING", plain.params({ section: "Proxy", key }), { permanent: true });
    return entry;
  };
  const port = needed("Port");
  if (!isPort(port.value)) throw fabricError("CONFIG_VALUE", where(port), { permanent: true });
  const host = urlHost(address.value);
  const url = /^https?:\/\//i.test(host) ? `${host}:${port.value}` : `http://${host}:${port.value}`;
  if (!URL.canParse(url)) throw fabricError("CONFIG_VALUE", where(address), { permanent: true });
  const user = find("Proxy", "User")?.value;
  return { url, ...(user === undefined ? {} : { username: user, password: needed("Password").value }) };
}
