/** The credentials of a fabric: checks them before anybody connects, and makes the TLS context of them. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { Border, plain } from "../common/border";
import { proxySecrets, withoutSecrets } from "../common/secrets";
import type { Proxy } from "../common/proxy";
import { missingIssuer, nameOf } from "./chain";
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
  return missingIssuer(leaf, blocksOf(certificate).map((block) => new X509Certificate(block))) ?? nameOf(leaf.issuer);
}

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
