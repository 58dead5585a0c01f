/** Rules for the address of a tenant, the same in the editor and at run time (no dependency: it runs in the browser too). */

/** API gateways by region (developer portal, "Get started"; `sg` from the vendor's status page). */
export const REGIONS = ["us", "us2", "us7", "ie", "uk", "gov", "au", "ca", "de", "za", "sg"] as const;

export const regionUrl = (region: string): string => `https://api.${region}.code42.com`;

export type BaseUrlFault = "BASE_URL_INVALID" | "BASE_URL_INSECURE" | "BASE_URL_CONSOLE";

/** What is wrong with `text` as a base URL; undefined if nothing is. Plain http is for this machine only: the client secret is sent there. */
export function baseUrlFault(text: string): BaseUrlFault | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "BASE_URL_INVALID";
  }
  if (!/^https?:\/\//i.test(text) || url.hostname === "" || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return "BASE_URL_INVALID";
  if (/^console\./i.test(url.hostname)) return "BASE_URL_CONSOLE";
  if (url.protocol === "http:" && !isLoopback(url.hostname)) return "BASE_URL_INSECURE";
  return undefined;
}

/** `hostname` as the URL parser writes it: IPv4 in four decimal parts, IPv6 in brackets. */
const isLoopback = (hostname: string): boolean => hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
