import catalog from "../../nodes/locales/en-US/dxl-fabric.json";
import { errorPrefix, errorsOf, messageOf, SiemError } from "../errors";

/** The errors of `dxl-fabric`. */
export const fabricError = errorsOf(errorPrefix("dxl-fabric"), catalog.error);

export type FabricErrorCode = keyof typeof catalog.error;

/** OpenSSL's codes, as `tls.createSecureContext` throws them: no attempt can succeed with these credentials. */
const CREDENTIAL_CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/KEY_(VALUES|TYPE)_MISMATCH/, "KEY_MISMATCH"],
  // Node.js hands OpenSSL an empty passphrase where there is none, and some OpenSSL versions just find it wrong.
  [/MISSING_PASSPHRASE|BAD_PASSWORD_READ|INTERRUPTED_OR_CANCELLED|BAD_DECRYPT/, "PASSPHRASE_WRONG"],
];

/** What is wrong with a certificate, its key or the passphrase. OpenSSL's texts hold nothing secret. */
export function credentialError(cause: unknown, hasPassphrase: boolean): SiemError {
  const text = `${String((cause as NodeJS.ErrnoException | undefined)?.code ?? "")} ${messageOf(cause)}`.toUpperCase().replaceAll(" ", "_");
  const known = CREDENTIAL_CAUSES.find(([pattern]) => pattern.test(text));
  const code = known?.[1] === "PASSPHRASE_WRONG" && !hasPassphrase ? "PASSPHRASE_MISSING" : known?.[1];
  return fabricError(code ?? "CREDENTIALS_INVALID", { reason: messageOf(cause) }, { cause, permanent: true });
}

/** By error code, or by message where the mqtt library gives none. */
const CAUSES: readonly [pattern: RegExp, code: FabricErrorCode][] = [
  [/^(ENOTFOUND|EAI_)/, "HOST_UNKNOWN"],
  [/^ECONNREFUSED$/, "CONNECTION_REFUSED"],
  [/^(ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN)$/, "NO_ANSWER"],
  [/^connack timeout$/, "NO_ANSWER"],
  [/^Keepalive timeout$/, "BROKER_SILENT"],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, "BROKER_CERTIFICATE_EXPIRED"],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|INVALID_(CA|PURPOSE))/, "BROKER_UNKNOWN_CA"],
  // Alerts of the broker about our certificate (RFC 5246 section 7.2.2). One that misses it says handshake_failure in
  // TLS 1.2 and certificate_required in TLS 1.3 (RFC 8446 section 4.4.2.4); the OpenDXL broker answers a revoked one
  // with internal_error.
  [/ALERT_CERTIFICATE_EXPIRED/, "CERTIFICATE_EXPIRED"],
  [/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|NO_CERTIFICATE|INTERNAL_ERROR)/, "CERTIFICATE_REFUSED"],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, "TLS_NOT_SPOKEN"],
  [/^(ERR_(SSL|OSSL|TLS)|EPROTO)/, "TLS_FAILED"],
  [/^Connection refused: /, "BROKER_REFUSED"],
  [/^(Unexpected server response|Bad response|Server sent an invalid subprotocol)/, "WEB_SOCKET_REFUSED"],
];

/** What a failed attempt or a lost connection means to the person who runs the flow. */
export function connectionError(cause: unknown, broker: string): SiemError {
  if (cause instanceof SiemError) return cause;
  const reason = messageOf(cause);
  const text = typeof (cause as { code?: unknown }).code === "string" ? String((cause as { code: string }).code) : reason;
  // OpenSSL names its alerts in the code of some Node.js versions and in the text of others.
  const spoken = `${text} ${reason}`.toUpperCase().replaceAll(" ", "_");
  const known = CAUSES.find(([pattern]) => pattern.test(text) || (/^(ERR_SSL|EPROTO)/.test(text) && pattern.test(spoken)));
  return fabricError(known?.[1] ?? "CONNECTION_FAILED", { broker, reason }, { cause });
}
