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

/** By error code, or by message if mqtt gives no code. */
const CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/^(ENOTFOUND|EAI_)/, "HOST_UNKNOWN"],
  [/^ECONNREFUSED$/, "CONNECTION_REFUSED"],
  [/^(ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN)$/, "NO_ANSWER"],
  [/^connack timeout$/, "NO_ANSWER"],
  [/^Keepalive timeout$/, "BROKER_SILENT"],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, "BROKER_CERTIFICATE_EXPIRED"],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|INVALID_(CA|PURPOSE))/, "BROKER_UNKNOWN_CA"],
  // The broker's alerts about our certificate (RFC 5246 section 7.2.2). Without a certificate it says handshake_failure in
  // TLS 1.2 and certificate_required in TLS 1.3 (RFC 8446 section 4.4.2.4); about a revoked one the OpenDXL broker says
  // internal_error.
  [/ALERT_CERTIFICATE_EXPIRED/, "CERTIFICATE_EXPIRED"],
  [/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|NO_CERTIFICATE|INTERNAL_ERROR)/, "CERTIFICATE_REFUSED"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, "TLS_NOT_SPOKEN"],
  [/^(ERR_(SSL|OSSL|TLS)|EPROTO)/, "TLS_FAILED"],
  [/^Connection refused: /, "BROKER_REFUSED"],
  [/^(Unexpected server response|Bad response|Server sent an invalid subprotocol)/, "WEB_SOCKET_REFUSED"],
];

/** What a failed attempt or a lost connection means for the user. A SiemError stays as it is. */
export function connectionError(cause: unknown, broker: string, border: Border): SiemError {
  if (cause instanceof SiemError) return cause;
  const reason = messageOf(cause);
  const text = typeof (cause as { code?: unknown }).code === "string" ? String((cause as { code: string }).code) : reason;
  // Some Node.js versions name OpenSSL's alert in the code, others in the text.
  const spoken = `${text} ${reason}`.toUpperCase().replaceAll(" ", "_");
  const known = CAUSES.find(([pattern]) => pattern.test(text) || (/^(ERR_SSL|EPROTO)/.test(text) && pattern.test(spoken)));
  return fabricError(known?.[1] ?? "CONNECTION_FAILED", border.params({ broker, reason }), { cause: border.cause(cause) });
}
