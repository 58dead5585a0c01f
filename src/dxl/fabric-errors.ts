/** The errors of `dxl-fabric`, and which of them an error of TLS, the network or mqtt means. */
import catalog from "../../nodes/locales/en-US/dxl-fabric.json";
import { messageOf, type Border } from "../common/border";
import { errorPrefix, errorsOf, SiemError } from "../common/errors";

export const fabricError = errorsOf(errorPrefix("dxl-fabric"), catalog.error);

export type FabricErrorCode = keyof typeof catalog.error;

/** By the codes that OpenSSL throws in `tls.createSecureContext`. */
const CREDENTIAL_CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/KEY_(VALUES|TYPE)_MISMATCH/, "KEY_MISMATCH"],
  // Without a passphrase Node.js gives OpenSSL an empty one, and some OpenSSL versions only say that it is wrong.
  [/MISSING_PASSPHRASE|BAD_PASSWORD_READ|INTERRUPTED_OR_CANCELLED|BAD_DECRYPT/, "PASSPHRASE_WRONG"],
];

/** What is wrong with a certificate, its key or the passphrase. */
export function credentialError(cause: unknown, hasPassphrase: boolean, border: Border): SiemError {
  const text = `${String((cause as NodeJS.ErrnoException | undefined)?.code ?? "")} ${messageOf(cause)}`.toUpperCase().replaceAll(" ", "_");
  const known = CREDENTIAL_CAUSES.find(([pattern]) => pattern.test(text));
  const code = known?.[1] === "PASSPHRASE_WRONG" && !hasPassphrase ? "PASSPHRASE_MISSING" : known?.[1];
  return fabricError(code ?? "CREDENTIALS_INVALID", border.params({ reason: cause }), { cause: border.cause(cause), permanent: true });
}

/** The certificate of the broker leads to none of the CA bundle. */
const UNKNOWN_ISSUER = /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/;

/** By error code, or by message if mqtt gives no code. */
const CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/^(ENOTFOUND|EAI_)/, "HOST_UNKNOWN"],
  [/^ECONNREFUSED$/, "CONNECTION_REFUSED"],
  [/^(ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN)$/, "NO_ANSWER"],
  [/^connack timeout$/, "NO_ANSWER"],
  [/^Keepalive timeout$/, "BROKER_SILENT"],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, "BROKER_CERTIFICATE_EXPIRED"],
  [UNKNOWN_ISSUER, "BROKER_UNKNOWN_CA"],
  [/^(UNABLE_TO|CERT_|INVALID_(CA|PURPOSE))/, "TLS_FAILED"],
  // The broker's alerts about our certificate (RFC 5246 section 7.2.2). Without a certificate it says handshake_failure in
  // TLS 1.2 and certificate_required in TLS 1.3 (RFC 8446 section 4.4.2.4); about a revoked one the OpenDXL broker says
  // internal_error.
  [/ALERT_CERTIFICATE_EXPIRED/, "CERTIFICATE_EXPIRED"],
  [/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|NO_CERTIFICATE|INTERNAL_ERROR)/, "CERTIFICATE_REFUSED"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, "TLS_NOT_SPOKEN"],
  [/^(ERR_(SSL|OSSL|TLS)|EPROTO)/, "TLS_FAILED"],
  // An answer in HTTP looks to mqtt like a packet with wrong flags.
  [/^Invalid header flag bits/, "PORT_IS_WEB_SOCKETS"],
  // A broker takes the request in HTTP for a broken packet and closes the connection.
  [/^socket hang up$/, "PORT_IS_MQTT"],
  [/^HPE_/, "PORT_IS_MQTT"],
  [/^Connection refused: /, "BROKER_REFUSED"],
  [/^(Unexpected server response|Bad response|Server sent an invalid subprotocol)/, "WEB_SOCKET_REFUSED"],
];

/** Names for the errors about certificates: of the issuer that the CA bundle lacks, and of the one that the broker has to know. */
export interface IssuerNames {
  brokerIssuer: string | undefined;
  clientIssuer: string;
}

/** What a failed attempt or a lost connection means for the user. A SiemError stays as it is. */
export function connectionError(cause: unknown, broker: string, border: Border, { brokerIssuer, clientIssuer }: IssuerNames): SiemError {
  if (cause instanceof SiemError) return cause;
  const reason = messageOf(cause);
  const code = (cause as { code?: unknown }).code;
  // The sockets' own code for a hang-up is the one for a reset, too.
  const text = typeof code === "string" && reason !== "socket hang up" ? code : reason;
  // Some Node.js versions name OpenSSL's alert in the code, others in the text.
  const spoken = `${text} ${reason}`.toUpperCase().replaceAll(" ", "_");
  const known = CAUSES.find(([pattern]) => pattern.test(text) || (/^(ERR_SSL|EPROTO)/.test(text) && pattern.test(spoken)));
  const found = known?.[1] ?? "CONNECTION_FAILED";
  const issuer = found === "CERTIFICATE_REFUSED" ? clientIssuer : brokerIssuer;
  const params = { ...border.params({ broker, reason }), ...(issuer === undefined ? {} : border.params({ issuer })) };
  return fabricError(found === "BROKER_UNKNOWN_CA" && issuer === undefined ? "TLS_FAILED" : found, params, { cause: border.cause(cause) });
}
