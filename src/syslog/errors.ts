import catalog from "../../nodes/locales/en-US/syslog-out.json";
import { plain, type Border } from "../common/border";
import { errorPrefix, errorsOf, SiemError } from "../common/errors";

/** The errors of `syslog-out`. */
export const syslogError = errorsOf(errorPrefix("syslog-out"), catalog.error);

export type SyslogErrorCode = keyof typeof catalog.error;

/** For a link that the server closed in an orderly way: such an end comes without an error. */
export const serverClosed = (host: string, port: number) => syslogError("SERVER_CLOSED", plain.params({ host, port }));

const CAUSES: readonly [pattern: RegExp, code: SyslogErrorCode, permanent?: true][] = [
  [/^(ENOTFOUND|EAI_)/, "HOST_UNKNOWN"],
  [/^ECONNREFUSED$/, "CONNECTION_REFUSED"],
  [/^(ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN)$/, "NO_ANSWER"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, "CONNECTION_LOST"],
  [/^ERR_TLS_CERT_ALTNAME/, "TLS_WRONG_NAME", true],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, "TLS_EXPIRED", true],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|INVALID_CA)/, "TLS_UNKNOWN_CA", true],
  [/^INVALID_PURPOSE$/, "TLS_FAILED", true],
  // TLS alerts from the server. If it misses our certificate, it sends handshake_failure in TLS 1.2
  // (RFC 5246 section 7.4.6) and certificate_required in TLS 1.3 (RFC 8446 section 4.4.2.4).
  [/^ERR_SSL_.*ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|NO_CERTIFICATE)/, "TLS_CLIENT_CERTIFICATE", true],
  [/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)/, "TLS_NOT_SPOKEN", true],
  [/^ERR_(SSL|OSSL|TLS)/, "TLS_FAILED", true],
];

/** The error for the person who runs the flow, made of a socket error; errors about certificates are permanent. */
export function linkError(cause: unknown, host: string, port: number, border: Border = plain): SiemError {
  if (cause instanceof SiemError) return cause;
  const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? "");
  const known = CAUSES.find(([pattern]) => pattern.test(code));
  return syslogError(known?.[1] ?? "LINK_FAILED", border.params({ host, port, reason: cause }), { cause: border.cause(cause), permanent: known?.[2] ?? false });
}
