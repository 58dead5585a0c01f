/** Rules for the address of a tenant, the same in the editor and at run time (no dependency: it runs in the browser too). */

/** API gateways by region (developer portal, "Get started"; `sg` from the vendor's status page). */
export const REGIONS = ["us", "us2", "us7", "ie", "uk", "gov", "au", "ca", "de", "za", "sg"] as const;

export const regionUrl = (region: string): string => `https://api.${region}.code42.com`;

export type BaseUrlFault = "BASE_URL_INVALID" | "BASE_URL_INSECURE" | "BASE_URL_SCHEME" | "BASE_URL_BLANK" | "BASE_URL_PATH";

/** What is wrong with `text` as the base URL of a tenant; undefined if nothing is. */
export function baseUrlFault(text: string): BaseUrlFault | undefined {
  if (text !== "" && !/^https?:\/\//i.test(text)) return "BASE_URL_SCHEME";
  if (/\s/.test(text)) return "BASE_URL_BLANK";
  const fault = addressFault(text);
  if (fault !== undefined) return fault;
  const { hostname, pathname, search, hash } = new URL(text);
  // Another host may be a gateway of the user's own, which has the API below a path.
  const isVendors = /(?:^console\.|\.code42\.com$)/.test(hostname);
  return search !== "" || hash !== "" || (isVendors && pathname !== "/") ? "BASE_URL_PATH" : undefined;
}

/** What is wrong with `text` as an address that gets secrets. Plain http is allowed only for this machine. */
export function addressFault(text: string): "BASE_URL_INVALID" | "BASE_URL_INSECURE" | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "BASE_URL_INVALID";
  }
  if (!/^https?:\/\//i.test(text) || url.hostname === "" || url.username !== "" || url.password !== "") return "BASE_URL_INVALID";
  return url.protocol === "http:" && !isLoopback(url.hostname) ? "BASE_URL_INSECURE" : undefined;
}

/** The base URL that was probably meant with `text`; never with a user name or a password that is in it. */
export function meantBaseUrl(text: string): string {
  const [host = ""] = text.replace(/\s/g, "").replace(/^(?:[a-z]*:?\/\/+|https?:\/?)+/i, "").split(/[/\\?#]/, 1);
  return /^[\w.-]+(?::\d+)?$/.test(host) ? `https://${host}` : regionUrl("us");
}

/** True for the address of a console, whose services existed before the API gateways. */
export const isConsole = (text: string): boolean => /^https?:\/\/console\./i.test(text);

/** The console of the region whose API gateway is `base`; any other address unchanged. */
export function consoleOf(base: URL): URL {
  const url = new URL(base);
  url.hostname = url.hostname.replace(/^api\./, "console.");
  return url;
}

/** `hostname` as the URL parser writes it: IPv4 in four decimal parts, IPv6 in brackets. */
export const isLoopback = (hostname: string): boolean => hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
