/** The errors of a tenant. Each says what to do, and none holds a secret. */
import catalog from "../../../nodes/locales/en-US/code42-tenant.json";
import type { Border, Printable } from "../../common/border";
import { errorPrefix, errorsOf, type SiemError } from "../../common/errors";

export const tenantError = errorsOf(errorPrefix("code42-tenant"), catalog.error);

export type TenantErrorCode = keyof typeof catalog.error;

const PERMANENT = { permanent: true };

const UNKNOWN_CA = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN", "DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_UNTRUSTED",
]);

/** What sockets, TLS and zlib throw: the properties that are used here. */
interface SystemError {
  code?: string;
  hostname?: string;
  message?: string;
}

/** The error of a request to `host` that got no complete reply: `thrown` by a socket, TLS, the proxy's agent or zlib. */
export function networkError(thrown: unknown, host: string, border: Border): SiemError {
  const { code = "", hostname, message = code } = thrown as SystemError;
  const cause = border.cause(thrown);
  const params = border.params({ host: hostname ?? host, reason: message });
  const proxyStatus = /^Bad response: (\d{3})$/.exec(message)?.[1];
  if (proxyStatus !== undefined && Number(proxyStatus) < 500) return tenantError("PROXY_REFUSED", { status: Number(proxyStatus) }, { cause, ...PERMANENT });
  if (code === "ENOTFOUND") return tenantError("HOST_NOT_FOUND", params, { cause, ...PERMANENT });
  if (UNKNOWN_CA.has(code)) return tenantError("TLS_UNKNOWN_CA", params, { cause, ...PERMANENT });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return tenantError("TLS_WRONG_NAME", params, { cause, ...PERMANENT });
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") return tenantError("TLS_EXPIRED", params, { cause, ...PERMANENT });
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/i.test(code.concat(message).replaceAll(" ", "_")) || (code === "ECONNRESET" && /before secure TLS connection/.test(message))) {
    return tenantError("TLS_NOT_SPOKEN", params, { cause, ...PERMANENT });
  }
  if (code === "EPROTO" || /^(?:CERT_|INVALID_|PATH_LENGTH_|ERR_SSL_|ERR_TLS_|ERR_OSSL_)/.test(code)) return tenantError("TLS_FAILED", params, { cause, ...PERMANENT });
  return tenantError("CONNECTION_FAILED", params, { cause });
}

/**
 * The error of a reply with this `status`, which is no success. `detail` is what the server said, in one short line; `target`
 * is the host that it redirects to.
 */
export function statusError(status: number, answer: Record<"host" | "path" | "permission" | "detail" | "target", Printable | number>): SiemError {
  const params = { ...answer, status };
  if (status === 429) return tenantError("RATE_LIMITED");
  if (status >= 500 || status === 408) return tenantError("SERVER_ERROR", params);
  if (status >= 300 && status < 400) return tenantError("REDIRECTED", params, PERMANENT);
  switch (status) {
    case 400: return tenantError("QUERY_REFUSED", params, PERMANENT);
    case 401: return tenantError("UNAUTHORIZED", {}, PERMANENT);
    case 403: return tenantError("FORBIDDEN", params, PERMANENT);
    case 404: return tenantError("NOT_FOUND", params, PERMANENT);
    case 407: return tenantError("PROXY_REFUSED", params, PERMANENT);
    default: return tenantError("REQUEST_REFUSED", params, PERMANENT);
  }
}
