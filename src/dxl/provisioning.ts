/**
 * Gets a client certificate for a DXL fabric from its management server (ePO, or the console of an OpenDXL broker), as
 * `dxlclient provisionconfig` of the OpenDXL clients does: a key is made here and never leaves, a request for its
 * certificate goes out, and the CA bundle, the certificate and the brokers come back.
 */
import { generateKeyPair, sign, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { Agent } from "node:https";
import { isIPv6 } from "node:net";
import { addAbortSignal } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { serverName, socketHost, urlHost } from "../common/host";
import { Border, plain } from "../common/border";
import { sendRequest } from "../common/http";
import { commonError, SiemError } from "../common/errors";
import { basicOf, withoutSecrets } from "../common/secrets";
import { booleanProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import { fabricOptions } from "./client-config";
import { certificatesOf, secureContext } from "./credentials";
import { bits, IS_NO_AUTHORITY, nameOf, octets, oid, pem, sequence, setOf, tlv } from "./der";
import { fabricError, type FabricErrorCode } from "./fabric-errors";

/** Lines of brokers as the property `brokers` has them, and PEM texts. */
export interface Provisioned {
  brokers: string;
  /** Empty if the fabric has none. */
  webSocketBrokers: string;
  brokerCertChain: string;
  certificate: string;
  privateKey: string;
}

/** The certificate that the server showed; nothing was sent to it yet. */
export interface Unconfirmed {
  /** SHA-256, upper case hex with colons. */
  fingerprint: string;
}

interface Server {
  host: string;
  port: number;
  /** How the server is verified: by a fingerprint (undefined: the user has not confirmed one yet), or by PEM certificates (undefined: those of the system). */
  trust: { fingerprint: string | undefined } | { ca: string | undefined };
}

interface Exchange {
  /** The value of the header `Authorization`. */
  authorization: string;
  /** By name: those that the server set, each as `name=value`. */
  cookies: Map<string, string>;
  /** For every text of the server. */
  border: Border;
  signal: AbortSignal;
}

const COMMAND = "/remote/DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd";
const PATIENCE = 30_000;
const MAX_REPLY = 2 ** 20;
const REDIRECTS = 5;
/** RFC 5280 appendix A.1, ub-common-name. */
const MAX_COMMON_NAME = 64;

/**
 * Provisions a client with the values of a form: `host`, `port` (8443), `user`, `password`, `commonName`, and either
 * `truststore` (PEM, with the host name checked; empty: the CAs of the system) or `byFingerprint`. `byFingerprint`
 * without a `fingerprint` resolves with the one of the server and sends nothing; with one, the password is sent only to
 * the server with exactly that certificate. `patience`: milliseconds for the whole exchange, 30 s by default.
 * Throws the errors of properties, COMMON_NAME_INVALID, TRUSTSTORE_INVALID, and those that begin with PROVISION_.
 */
export async function provision(form: Properties, { patience = PATIENCE }: { patience?: number } = {}): Promise<Provisioned | Unconfirmed> {
  const server = serverOf(form);
  const commonName = commonNameOf(form);
  const exchange = exchangeOf(form, AbortSignal.timeout(patience));
  if ("fingerprint" in server.trust && server.trust.fingerprint === undefined) {
    const socket = await open(server, exchange);
    const fingerprint = fingerprintOf(socket);
    socket.destroy();
    return { fingerprint };
  }
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const request = await certificateRequest(commonName, publicKey, privateKey);
  const reply = await ask(server, `${COMMAND}?csrString=${encodeURIComponent(request)}&:output=json`, exchange);
  return packageOf(reply, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), exchange);
}

/** sha256WithRSAEncryption, with NULL parameters (RFC 4055 section 5). */
const RSA_WITH_SHA256 = sequence(oid("2a864886f70d01010b"), tlv(0x05));
const EXTENSION_REQUEST = oid("2a864886f70d01090e");
/** keyUsage: digitalSignature, keyEncipherment; extKeyUsage: clientAuth (RFC 5280 sections 4.2.1.3 and 4.2.1.12). */
const KEY_USAGE = sequence(oid("551d0f"), octets(tlv(0x03, Buffer.from([5, 0xa0]))));
const CLIENT_AUTHENTICATION = sequence(oid("551d25"), octets(sequence(oid("2b06010505070302"))));

/** The PEM text of a PKCS#10 request (RFC 2986 section 4) for an RSA key, signed off the main thread. */
export async function certificateRequest(commonName: string, publicKey: KeyObject, privateKey: KeyObject): Promise<string> {
  const extensions = sequence(EXTENSION_REQUEST, setOf(sequence(IS_NO_AUTHORITY, KEY_USAGE, CLIENT_AUTHENTICATION)));
  const body = sequence(tlv(0x02, Buffer.from([0])), nameOf(commonName), publicKey.export({ type: "spki", format: "der" }), tlv(0xa0, extensions));
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign("sha256", body, privateKey, (error, made) => (error === null ? resolve(made) : reject(error)));
  });
  return pem("CERTIFICATE REQUEST", sequence(body, RSA_WITH_SHA256, bits(signature)));
}

function serverOf(form: Properties): Server {
  const host = socketHost(textProperty(form, "host"));
  if (!isIPv6(host) && !/^[a-z0-9._-]+$/i.test(host)) throw fabricError("PROVISION_HOST");
  const port = numberProperty(form, "port", { fallback: 8443, min: 1, max: 65_535, integer: true });
  if (booleanProperty(form, "byFingerprint", false)) {
    return { host, port, trust: { fingerprint: textProperty(form, "fingerprint", "") || undefined } };
  }
  const ca = textProperty(form, "truststore", "") || undefined;
  try {
    if (ca !== undefined) certificatesOf(ca);
  } catch (cause) {
    throw fabricError("TRUSTSTORE_INVALID", plain.params({ reason: (cause as SiemError).params["reason"] ?? "" }), { cause: plain.cause(cause) });
  }
  return { host, port, trust: { ca } };
}

function commonNameOf(form: Properties): string {
  const commonName = textProperty(form, "commonName");
  if ([...commonName].length > MAX_COMMON_NAME || /\p{C}/u.test(commonName)) throw fabricError("COMMON_NAME_INVALID", { max: MAX_COMMON_NAME });
  return commonName;
}

function exchangeOf(form: Properties, signal: AbortSignal): Exchange {
  const user = textProperty(form, "user");
  const { password } = form;
  // Not by `textProperty`: it trims, and its errors show values.
  if (typeof password !== "string" || password === "") throw commonError("PROPERTY_EMPTY", plain.params({ name: "password" }));
  const basic = basicOf(user, password);
  const cookies = new Map<string, string>();
  return { authorization: `Basic ${basic}`, cookies, border: new Border(withoutSecrets(() => [password, basic, ...cookies.values()])), signal };
}

/** An error of the socket rejects what awaits it; while nothing does, it must not be an uncaught exception. */
const ignore = () => undefined;

const fingerprintOf = (socket: TLSSocket) => socket.getPeerCertificate().fingerprint256;

/** A connection to the server, which is verified as `trust` says. */
async function open(server: Server, { signal, border }: Exchange): Promise<TLSSocket> {
  const { host, port, trust } = server;
  const known = "ca" in trust;
  const socket = addAbortSignal(signal, connect({
    host, port, minVersion: "TLSv1.2",
    ...serverName(host),
    ...(known && trust.ca !== undefined ? { ca: trust.ca } : {}),
    // With a fingerprint, the certificate is compared below, before anything is sent.
    rejectUnauthorized: known,
  }));
  socket.on("error", ignore);
  try {
    await once(socket, "secureConnect");
  } catch (error) {
    throw networkError(error, server, signal, border);
  }
  const fingerprint = fingerprintOf(socket);
  if (known || trust.fingerprint === undefined || trust.fingerprint === fingerprint) return socket;
  socket.destroy();
  throw fabricError("PROVISION_FINGERPRINT", plain.params({ host, port, fingerprint }));
}

/** The text of the reply. Follows redirects within the server and keeps its cookies, because a log-in of ePO may need both. */
async function ask(server: Server, firstPath: string, exchange: Exchange): Promise<string> {
  const { host, port } = server;
  const origin = `https://${urlHost(host)}:${port}`;
  const { authorization, cookies, border } = exchange;
  let path = firstPath;
  for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
    // As it was entered, and always with the port; from the URL it would be written differently.
    const headers = { Host: `${urlHost(host)}:${port}`, Authorization: authorization, ...(cookies.size === 0 ? {} : { Cookie: [...cookies.values()].join("; ") }) };
    const { status, header, text } = await get(server, origin + path, headers, exchange);
    if (status === 200) return text;
    if (status === 401 || status === 403) throw fabricError("PROVISION_UNAUTHORIZED", plain.params({ host, port }));
    const location = header.location ?? "";
    if (status < 300 || status >= 400 || !URL.canParse(location, origin + path)) throw fabricError("PROVISION_STATUS", plain.params({ host, port, status }));
    const target = new URL(location, origin + path);
    if (target.origin !== new URL(origin).origin) throw fabricError("PROVISION_REDIRECTED", border.params({ host, port, target: target.origin }));
    for (const cookie of header["set-cookie"] ?? []) {
      const pair = cookie.split(";", 1)[0] ?? "";
      cookies.set(pair.split("=", 1)[0] ?? "", pair);
    }
    path = target.pathname + target.search;
  }
  throw fabricError("PROVISION_REDIRECTED", plain.params({ host, port, target: origin }));
}

async function get(server: Server, url: string, headers: Record<string, string>, exchange: Exchange) {
  const { host, port } = server;
  const { signal, border } = exchange;
  const socket = await open(server, exchange);
  try {
    const agent = Object.assign(new Agent(), { createConnection: () => socket });
    const response = await sendRequest({ method: "GET", url, headers, agent, signal });
    const body = await response.body(MAX_REPLY);
    if (body === undefined) throw fabricError("PROVISION_REPLY", plain.params({ host, port, reason: "more than 1 MiB" }));
    return { status: response.status, header: response.headers, text: body.toString() };
  } catch (error) {
    throw error instanceof SiemError ? error : networkError(error, server, signal, border);
  } finally {
    socket.destroy();
  }
}

/** By error code of Node.js and OpenSSL. */
const CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/^(ENOTFOUND|EAI_)/, "PROVISION_HOST_UNKNOWN"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "PROVISION_WRONG_NAME"],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, "PROVISION_EXPIRED"],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|INVALID_(CA|PURPOSE))/, "PROVISION_UNTRUSTED"],
  [/^(ERR_(SSL|OSSL|TLS)|EPROTO)/, "PROVISION_TLS"],
  [/^HPE_/, "PROVISION_REPLY"],
];

/** The error for what a socket, TLS or `sendRequest` threw. */
function networkError(thrown: unknown, { host, port }: Server, signal: AbortSignal, border: Border): SiemError {
  const { code = "" } = thrown as NodeJS.ErrnoException;
  const known = CAUSES.find(([pattern]) => pattern.test(code))?.[1];
  return fabricError(known ?? "PROVISION_NO_ANSWER", border.params({ host, port, reason: signal.aborted ? "timeout" : border.text(thrown) || code }));
}

/**
 * Reads a reply: `OK:` and a JSON text of CA bundle, certificate, brokers and perhaps WebSocket brokers, separated by
 * commas, or `Error <number> :` and a text. Everything is checked as the fabric would use it.
 */
function packageOf(reply: string, privateKey: string, { border }: Exchange): Provisioned {
  const refusal = /^\s*Error\b[^:]*:?\s*([^]*)/i.exec(reply);
  if (refusal !== null) throw fabricError("PROVISION_REFUSED", border.params({ text: refusal[1] ?? "" }));
  try {
    const content: unknown = JSON.parse(/^\s*OK:([^]*)/.exec(reply)?.[1] ?? "");
    const parts = typeof content === "string" ? content.split(",").map((part) => part.replaceAll("\r", "").trim()) : [];
    const [brokerCertChain, certificate, brokers, webSocketBrokers = ""] = parts;
    if (brokerCertChain === undefined || certificate === undefined || brokers === undefined) throw new Error("fewer than three parts");
    const provisioned = { brokers, webSocketBrokers, brokerCertChain, certificate, privateKey };
    const optionsOf = (lines: string) => fabricOptions({ brokers: lines }, { ...provisioned }, { userFolder: "", readFile: String });
    secureContext(optionsOf(brokers).credentials);
    if (webSocketBrokers !== "") optionsOf(webSocketBrokers);
    return provisioned;
  } catch (error) {
    throw fabricError("PROVISION_REPLY", border.params({ reason: error instanceof SiemError ? border.text(error, 600) : "no provisioning package" }));
  }
}
