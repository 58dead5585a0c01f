/** "Test connection" of a tenant: signs in, reads a little of each source, and names the step that failed. */
import { printable, type Printable } from "../../common/border";
import { SiemError } from "../../common/errors";
import { textProperty, type Properties } from "../../common/properties";
import { bypasses } from "../../common/proxy";
import { FailedStep, type Secrets, type Step } from "../../common/dialog-step";
import { previewQuery } from "../query/preview";
import { sources } from "../sources";
import { Tenant, type TenantOptions } from "./tenant";

export interface SourceAccess {
  source: string;
  /** Why it is not readable; undefined if it is. */
  refused: SiemError | undefined;
}

export interface TenantReport {
  /** Scheme, host and port. */
  address: Printable;
  /** Client id or user name. */
  principal: Printable;
  sources: SourceAccess[];
}

const STEPS: Readonly<Record<string, Step>> = {
  BASE_URL_INVALID: "settings", BASE_URL_INSECURE: "settings", BASE_URL_SCHEME: "settings", BASE_URL_BLANK: "settings", BASE_URL_PATH: "settings", CREDENTIALS_MISSING: "settings", USER_CREDENTIALS_MISSING: "settings", TOTP_SECRET_INVALID: "settings",
  HOST_NOT_FOUND: "name",
  CONNECTION_FAILED: "connection", TIMED_OUT: "connection",
  PROXY_URL_INVALID: "proxy", PROXY_REFUSED: "proxy",
  TLS_UNKNOWN_CA: "tls", TLS_WRONG_NAME: "tls", TLS_EXPIRED: "tls", TLS_NOT_SPOKEN: "tls", TLS_FAILED: "tls",
  CLIENT_REJECTED: "signIn", USER_REJECTED: "signIn", USER_SSO: "signIn", USER_TOTP_MISSING: "signIn", TOKEN_MISSING: "signIn", UNAUTHORIZED: "signIn",
  FORBIDDEN: "permission",
};

/** Through a proxy, the first connection goes to the proxy: these steps are about it then. */
const BY_PROXY: readonly Step[] = ["name", "connection"];

/** The step at which a tenant failed with `error`. An error without an entry in the table is about the answer. */
export function tenantStep(error: unknown, proxied: boolean): Step {
  if (!(error instanceof SiemError)) return "answer";
  const step = STEPS[error.code] ?? (error.key.startsWith("common.") ? "settings" : "answer");
  return proxied && BY_PROXY.includes(step) && error.code !== "TIMED_OUT" ? "proxy" : step;
}

/** Errors that are about one source, and not about the connection. */
const OF_ONE_SOURCE: readonly string[] = ["FORBIDDEN", "NOT_FOUND", "BASE_URL_CONSOLE", "SERVICE_UNKNOWN", "QUERY_REFUSED", "REQUEST_REFUSED"];
/** Without v1 file events: the vendor has ended them, so that most tenants have none. */
const TESTED = Object.keys(sources).filter((source) => source !== "file-events-v1");

const TEST_REQUESTS = 12;

/** Which credentials a tenant uses, and where it sends them. */
export const tenantSecrets: Secrets = {
  names: ({ authType }) => (authType === "user" ? ["username", "password", "totpSecret"] : ["clientId", "clientSecret"]),
  addresses: (settings) => [tenantAddress(settings)],
};

/** Without TLS the proxy sees the secret, so it is part of the address. */
function tenantAddress(properties: Properties): string {
  const text = textProperty(properties, "baseUrl", "");
  const { origin, protocol } = URL.canParse(text) ? new URL(text) : { origin: text, protocol: "" };
  const proxy = textProperty(properties, "proxy", "");
  return protocol === "https:" || proxy === "" ? origin : `${origin} (proxy ${proxy})`;
}

/** A tenant for the few requests of a dialog, which must not wait for the next minute and end within `timeoutMs`. The caller closes it. */
export const trialTenant = (options: TenantOptions, timeoutMs: number): Tenant => new Tenant({
  ...options,
  requestsPerMinute: Math.max(options.requestsPerMinute ?? 0, TEST_REQUESTS),
  timeoutMs: Math.min(options.timeoutMs ?? timeoutMs, timeoutMs / 2),
});

/**
 * Signs in, and reads a few records of the last hour from each source: some six requests, `timeoutMs` for all of them.
 * Throws a FailedStep; its step is `permission` if no source is readable.
 */
export async function testTenant(options: TenantOptions, timeoutMs: number): Promise<TenantReport> {
  let tenant: Tenant | undefined;
  try {
    tenant = trialTenant(options, timeoutMs);
    const signal = AbortSignal.timeout(timeoutMs);
    await tenant.serverTime(signal);
    const access: SourceAccess[] = [];
    for (const source of TESTED) access.push({ source, refused: await refusalOf(tenant, source, signal) });
    const [first] = access;
    if (first?.refused !== undefined && access.every(({ refused }) => refused !== undefined)) throw first.refused;
    return { address: printable(tenant.baseUrl), principal: printable(tenant.principal), sources: access };
  } catch (error) {
    throw new FailedStep(tenantStep(error, isProxied(options)), error);
  } finally {
    tenant?.close();
  }
}

function isProxied({ baseUrl, proxy }: TenantOptions): boolean {
  return proxy !== undefined && URL.canParse(baseUrl) && !bypasses(new URL(baseUrl), proxy.noproxy ?? []);
}

async function refusalOf(tenant: Tenant, name: string, signal: AbortSignal): Promise<SiemError | undefined> {
  const source = sources[name]?.({ sessionOutput: "session", alertChanges: false, excludeOwn: false });
  if (source === undefined) return undefined;
  try {
    await previewQuery(tenant, { source, criteria: { clause: "AND", groups: [] }, savedSearch: "", startFrom: "PT1H", until: "", overlapMs: source.overlapS * 1000 }, signal);
    return undefined;
  } catch (error) {
    if (error instanceof SiemError && OF_ONE_SOURCE.includes(error.code)) return error;
    throw error;
  }
}
