/** What the status of a query says about an error, in few words. */
import { SiemError } from "../../common/errors";
import type { TenantErrorCode } from "../tenant/tenant-errors";

/** The words are in the catalog under `status.cause`. */
type Cause =
  | "signIn" | "credentials" | "permission" | "noTenant" | "sink" | "host" | "unreachable" | "proxy" | "tls" | "address" | "busy" | "server" | "query" | "cursor" | "tooLarge";

const OF_TENANT: Partial<Record<TenantErrorCode, Cause>> = {
  CLIENT_REJECTED: "signIn", USER_REJECTED: "signIn", USER_SSO: "signIn", USER_TOTP_MISSING: "signIn", UNAUTHORIZED: "signIn",
  CREDENTIALS_MISSING: "credentials", USER_CREDENTIALS_MISSING: "credentials", TOTP_SECRET_INVALID: "credentials",
  FORBIDDEN: "permission",
  HOST_NOT_FOUND: "host",
  CONNECTION_FAILED: "unreachable", TIMED_OUT: "unreachable",
  PROXY_REFUSED: "proxy", PROXY_URL_INVALID: "proxy",
  TLS_UNKNOWN_CA: "tls", TLS_WRONG_NAME: "tls", TLS_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  BASE_URL_INVALID: "address", BASE_URL_INSECURE: "address", BASE_URL_SCHEME: "address", BASE_URL_BLANK: "address", BASE_URL_PATH: "address", BASE_URL_CONSOLE: "address",
  NOT_FOUND: "address", REDIRECTED: "address", NOT_JSON: "address", TOKEN_MISSING: "address", SERVICE_UNKNOWN: "address",
  RATE_LIMITED: "busy",
  SERVER_ERROR: "server",
  QUERY_REFUSED: "query", REQUEST_REFUSED: "query",
  BODY_TOO_LARGE: "tooLarge", ANSWER_TOO_LARGE: "tooLarge",
};
const OF_OTHERS: Readonly<Record<string, Cause>> = {
  TENANT_MISSING: "noTenant", SINK_MISSING: "sink", PROXY_NODE_MISSING: "proxy", TLS_NODE_MISSING: "tls", TLS_NODE_INVALID: "tls", TLS_UNVERIFIED: "tls",
  INCOMPATIBLE_FILTER: "query", CRITERIA_INVALID: "query", CRITERIA_TOO_MANY: "query", CRITERIA_UNSUPPORTED: "query", OPERATOR_UNKNOWN: "query", VALUE_UNSUITABLE: "query",
  SAVED_SEARCH_MISSING: "query", SAVED_SEARCH_AMBIGUOUS: "query", SAVED_SEARCH_UNTRANSLATABLE: "query",
  SEARCH_PROBLEMS: "server", PAGE_INVALID: "server", SAVED_SEARCHES_INVALID: "server", PAGE_TOKEN_LOOP: "server",
  CURSOR_UNREADABLE: "cursor", CURSOR_OTHER_STREAM: "cursor", PAGE_TOO_LARGE: "tooLarge",
};

/** The catalog key of the words for `error`; `other` for an error without a word of its own. */
export function causeKey(error: unknown, other = "status.cause.other"): string {
  const code = error instanceof SiemError ? error.code : "";
  const cause = (OF_TENANT as Readonly<Record<string, Cause>>)[code] ?? OF_OTHERS[code];
  return cause === undefined ? other : `status.cause.${cause}`;
}
