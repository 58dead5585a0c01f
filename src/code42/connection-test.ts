/** "Test connection" of a tenant: signs in and asks what may be read, and says at which step it failed. */
import { SiemError } from "../errors";
import { textProperty, type Properties } from "../common/properties";
import { bypasses } from "../common/proxy";
import { FailedStep, type Secrets, type Step } from "../common/trial";
import { previewQuery } from "./preview";
import { sources } from "./source";
import { Tenant, type TenantOptions } from "./tenant";
import type { Api } from "./walk";

export interface SourceAccess {
  source: string;
  /** Why it may not be read; undefined if it may. */
  refused: SiemError | undefined;
}

export interface TenantReport {
  /** Scheme, host and port. */
  address: string;
  /** Client id or user name. */
  principal: string;
  sources: SourceAccess[];
}

const STEPS: Readonly<Record<string, Step>> = {
  BASE_URL_INVALID: "settings", BASE_URL_INSECURE: "settings", CREDENTIALS_MISSING: "settings", USER_CREDENTIALS_MISSING: "settings", TOTP_SECRET_INVALID: "settings",
  HOST_NOT_FOUND: "name",
  CONNECTION_FAILED: "connection", TIMED_OUT: "connection",
  PROXY_URL_INVALID: "proxy", PROXY_REFUSED: "proxy",
  TLS_UNKNOWN_CA: "tls", TLS_WRONG_NAME: "tls", TLS_EXPIRED: "tls", TLS_FAILED: "tls",
  CLIENT_REJECTED: "signIn", USER_REJECTED: "signIn", USER_SSO: "signIn", USER_TOTP_MISSING: "signIn", TOKEN_MISSING: "signIn", UNAUTHORIZED: "signIn",
  FORBIDDEN: "permission",
};

/** Where through a proxy the first connection is made: name and port are the proxy's then. */
const BY_PROXY: readonly Step[] = ["name", "connection"];

/** The step at which a tenant failed with `error`. Everything that has no step of its own is about the answer. */
export function tenantStep(error: unknown, proxied: boolean): Step {
  if (!(error instanceof SiemError)) return "answer";
  const step = STEPS[error.code] ?? (error.key.startsWith("common.") ? "settings" : "answer");
  return proxied && BY_PROXY.includes(step) && error.code !== "TIMED_OUT" ? "proxy" : step;
}

/** Errors that tell about one source and not about the connection. */
const OF_ONE_SOURCE: readonly string[] = ["FORBIDDEN", "NOT_FOUND", "BASE_URL_CONSOLE", "SERVICE_UNKNOWN", "QUERY_REFUSED", "REQUEST_REFUSED"];
/** v1 file events were ended by the vendor: that a tenant has none is no news. */
const TESTED = Object.keys(sources).filter((source) => source !== "file-events-v1");

const TEST_REQUESTS = 12;

/** Which credentials a tenant uses, and where it sends them. */
export const tenantSecrets: Secrets = {
  names: ({ authType }) => (authType === "user" ? ["username", "password", "totpSecret"] : ["clientId", "clientSecret"]),
  addresses: (settings) => [tenantAddress(settings)],
};

/** Without TLS the proxy sees the secret too. */
function tenantAddress(properties: Properties): string {
  const text = textProperty(properties, "baseUrl", "");
  const { origin, protocol } = URL.canParse(text) ? new URL(text) : { origin: text, protocol: "" };
  const proxy = textProperty(properties, "proxy", "");
  return protocol === "https:" || proxy === "" ? origin : `${origin} (proxy ${proxy})`;
}

/**
 * Signs in, and reads at most a few records of each source of the last hour: some six requests. `timeoutMs` is for all
 * of it. Throws a FailedStep; its step is `permission` when nothing at all may be read.
 */
export async function testTenant(options: TenantOptions, timeoutMs: number): Promise<TenantReport> {
  let tenant: Tenant | undefined;
  try {
    tenant = new Tenant({
      ...options,
      // Its few requests must not wait for the next minute.
      requestsPerMinute: Math.max(options.requestsPerMinute ?? 0, TEST_REQUESTS),
      timeoutMs: Math.min(options.timeoutMs ?? timeoutMs, timeoutMs / 2),
    });
    const signal = AbortSignal.timeout(timeoutMs);
    await tenant.serverTime(signal);
    const access: SourceAccess[] = [];
    for (const source of TESTED) access.push({ source, refused: await refusalOf(tenant, source, signal) });
    const [first] = access;
    if (first?.refused !== undefined && access.every(({ refused }) => refused !== undefined)) throw first.refused;
    return { address: tenant.baseUrl, principal: tenant.principal, sources: access };
  } catch (error) {
    throw new FailedStep(tenantStep(error, isProxied(options)), error);
  } finally {
    tenant?.close();
  }
}

function isProxied({ baseUrl, proxy }: TenantOptions): boolean {
  return proxy !== undefined && URL.canParse(baseUrl) && !bypasses(new URL(baseUrl), proxy.noproxy ?? []);
}

async function refusalOf(api: Api, name: string, signal: AbortSignal): Promise<SiemError | undefined> {
  const source = sources[name]?.({ sessionOutput: "session", alertChanges: false, excludeOwn: false });
  if (source === undefined) return undefined;
  try {
    await previewQuery(api, { source, criteria: { clause: "AND", groups: [] }, savedSearch: "", startFrom: "PT1H", until: "", overlapMs: source.overlapS * 1000 }, signal);
    return undefined;
  } catch (error) {
    if (error instanceof SiemError && OF_ONE_SOURCE.includes(error.code)) return error;
    throw error;
  }
}
