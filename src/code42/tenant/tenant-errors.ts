/** The errors of a tenant. Each says what to do, and none holds a secret. */
import catalog from "../../../nodes/locales/en-US/code42-tenant.json";
import { errorPrefix, errorsOf, messageOf, type SiemError } from "../../common/errors";

export const tenantError = errorsOf(errorPrefix("code42-tenant"), catalog.error);

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

/**
 * The error of a request to `host` that got no complete reply: `thrown` by a socket, TLS, the proxy's agent or zlib. Only
 * its code and text go on, in a new Error.
 */
export function networkError(thrown: unknown, host: string): SiemError {
  const { code = "", hostname, message = code } = thrown as SystemError;
  const cause = Object.assign(new Error(message), { code });
  const params = { host: hostname ?? host, reason: messageOf(cause) };
  const proxyStatus = /^Bad response: (\d{3})$/.exec(message)?.[1];
  if (proxyStatus !== undefined && Number(proxyStatus) < 500) return tenantError("PROXY_REFUSED", { status: proxyStatus }, { cause, ...PERMANENT });
  if (code === "ENOTFOUND") return tenantError("HOST_NOT_FOUND", params, { cause, ...PERMANENT });
  if (UNKNOWN_CA.has(code)) return tenantError("TLS_UNKNOWN_CA", params, { cause, ...PERMANENT });
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return tenantError("TLS_WRONG_NAME", params, { cause, ...PERMANENT });
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") return tenantError("TLS_EXPIRED", params, { cause, ...PERMANENT });
  if (code === "EPROTO" || /^(?:CERT_|INVALID_|PATH_LENGTH_|ERR_SSL_|ERR_TLS_|ERR_OSSL_)/.test(code)) return tenantError("TLS_FAILED", params, { cause, ...PERMANENT });
  return tenantError("CONNECTION_FAILED", params, { cause });
}

/**
 * The error of a reply with this `status`; undefined if that is a success. `detail` is what the server said, in one short
 * line; `redirect` is the host that it named.
 */
export function statusError(status: number, request: { host: string; path: string; permission: string }, detail: string, redirect: string): SiemError | undefined {
  const params = { ...request, status, detail };
  if (status >= 200 && status < 300) return undefined;
  if (status === 429) return tenantError("RATE_LIMITED");
  if (status >= 500 || status === 408) return tenantError("SERVER_ERROR", params);
  if (status >= 300 && status < 400) return tenantError("REDIRECTED", { ...params, target: redirect }, PERMANENT);
  switch (status) {
    case 400: return tenantError("QUERY_REFUSED", params, PERMANENT);
    case 401: return tenantError("UNAUTHORIZED", {}, PERMANENT);
    case 403: return tenantError("FORBIDDEN", params, PERMANENT);
    case 404: return tenantError("NOT_FOUND", params, PERMANENT);
    case 407: return tenantError("PROXY_REFUSED", params, PERMANENT);
    default: return tenantError("REQUEST_REFUSED", params, PERMANENT);
  }
}
