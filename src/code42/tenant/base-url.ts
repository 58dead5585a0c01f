/** Rules for the address of a tenant, the same in the editor and at run time (no dependency: it runs in the browser too). */

/** API gateways by region (developer portal, "Get started"; `sg` from the vendor's status page). */
export const REGIONS = ["us", "us2", "us7", "ie", "uk", "gov", "au", "ca", "de", "za", "sg"] as const;

export const regionUrl = (region: string): string => `https://api.${region}.code42.com`;

export type BaseUrlFault = "BASE_URL_INVALID" | "BASE_URL_INSECURE";

/** What is wrong with `text` as a base URL; undefined if nothing is. Plain http is allowed only for this machine, because the secret is sent there. */
export function baseUrlFault(text: string): BaseUrlFault | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "BASE_URL_INVALID";
  }
  if (!/^https?:\/\//i.test(text) || url.hostname === "" || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return "BASE_URL_INVALID";
  if (url.protocol === "http:" && !isLoopback(url.hostname)) return "BASE_URL_INSECURE";
  return undefined;
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
