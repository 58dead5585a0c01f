/** The credentials of a fabric: checks them before anybody connects, and makes the TLS context of them. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { Border, plain } from "../common/border";
import { proxySecrets, withoutSecrets } from "../common/secrets";
import type { Proxy } from "../common/proxy";
import { missingIssuer, nameInOneLine } from "./chain";
import { credentialError, fabricError } from "./fabric-errors";

/** PEM texts. */
export interface FabricCredentials {
  brokerCertChain: string;
  certificate: string;
  privateKey: string;
  passphrase: string | undefined;
}

/** For every text of a fabric's brokers and proxy. */
export const fabricBorder = ({ credentials: { privateKey, passphrase }, proxy }: { credentials: Pick<FabricCredentials, "privateKey" | "passphrase">; proxy: Proxy | undefined }): Border =>
  new Border(withoutSecrets(() => [privateKey, passphrase, ...proxySecrets(proxy)]));

/** For TLS 1.2 or newer; the OpenDXL broker speaks 1.2 only. Throws CA_INVALID and the errors of `credentialError`. */
export function secureContext({ brokerCertChain, certificate, privateKey, passphrase }: FabricCredentials): SecureContext {
  // OpenSSL accepts a bundle without any certificate, and then knows no broker.
  certificatesOf(brokerCertChain);
  refuseSlowKey(privateKey);
  const border = fabricBorder({ credentials: { privateKey, passphrase }, proxy: undefined });
  const secret = { key: privateKey, ...(passphrase === undefined ? {} : { passphrase }) };
  try {
    const context = createSecureContext({ ca: brokerCertChain, cert: certificate, minVersion: "TLSv1.2", ...secret });
    // OpenSSL finds a mismatch only if key and certificate are of the same type.
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(secret))) throw new Error("key type mismatch");
    return context;
  } catch (error) {
    // One wrong passphrase of 256 leaves valid padding (PKCS #7), and OpenSSL complains of what it decrypted instead.
    if (passphrase !== undefined && ENCRYPTED.test(privateKey) && !isReadable(secret)) throw fabricError("PASSPHRASE_WRONG", {}, { cause: border.cause(error), permanent: true });
    throw credentialError(error, passphrase !== undefined, border);
  }
}

/** The name of the issuer that a broker has to know: of the certificate, or of the last one that follows it. */
export function clientIssuer({ certificate }: FabricCredentials): string {
  const leaf = new X509Certificate(certificate);
  return missingIssuer(leaf, blocksOf(certificate).map((block) => new X509Certificate(block))) ?? nameInOneLine(leaf.issuer);
}

/** Rounds that turn a passphrase into a key: OpenSSL makes a million in a second, and this thread waits for it. */
const MOST_ROUNDS = 1_000_000;
const SEQUENCE = 0x30, INTEGER = 0x02;
const ENCRYPTED_KEY = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/** Throws CREDENTIALS_INVALID for an encrypted key (PKCS #8, RFC 5958 section 3) whose passphrase would take more than MOST_ROUNDS. */
function refuseSlowKey(privateKey: string): void {
  for (const block of privateKey.split(ENCRYPTED_KEY).slice(1)) {
    const lines = block.split("-----", 1)[0]!.split("\n");
    // Header lines may come first (RFC 1421 section 4.6).
    const der = Buffer.from(lines.slice(lines.findLastIndex((line) => line.includes(":")) + 1).join(""), "base64");
    const rounds = largestInteger(der.subarray(contentStart(der)), 0);
    if (rounds > MOST_ROUNDS) throw fabricError("CREDENTIALS_INVALID", plain.params({ reason: `the private key is encrypted with ${rounds} rounds, more than ${MOST_ROUNDS}` }), { permanent: true });
  }
}

/** The largest integer in the parameters of the algorithm, which is the first element of `der`. */
function largestInteger(der: Buffer, depth: number): number {
  const start = contentStart(der);
  const content = der.subarray(start, start + contentLength(der));
  if (der[0] === INTEGER) return content.length > 6 ? Infinity : Number(`0x0${content.toString("hex")}`);
  if (der[0] !== SEQUENCE || depth > 8) return 0;
  let largest = 0;
  for (let rest = content; rest.length > 1; rest = rest.subarray(contentStart(rest) + contentLength(rest))) largest = Math.max(largest, largestInteger(rest, depth + 1));
  return largest;
}

/** Bytes of tag and length (X.690 section 8.1.3). */
const contentStart = (der: Buffer): number => 2 + ((der[1] ?? 0) > 0x80 ? der[1]! - 0x80 : 0);
const contentLength = (der: Buffer): number => ((der[1] ?? 0) > 0x80 ? Number(`0x0${der.toString("hex", 2, contentStart(der))}`) : der[1] ?? 0);

/** PKCS #8 (RFC 7468 section 11), and OpenSSL's older form. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

function isReadable(secret: { key: string; passphrase?: string }): boolean {
  try {
    createPrivateKey(secret);
    return true;
  } catch {
    return false;
  }
}

const blocksOf = (text: string): string[] => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

/** The certificates of a PEM text, at least one. Throws CA_INVALID. */
export function certificatesOf(bundle: string): X509Certificate[] {
  const blocks = blocksOf(bundle);
  if (blocks.length === 0) throw fabricError("CA_INVALID", plain.params({ reason: "no certificate" }), { permanent: true });
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw fabricError("CA_INVALID", plain.params({ reason: cause }), { cause: plain.cause(cause), permanent: true });
  }
}
