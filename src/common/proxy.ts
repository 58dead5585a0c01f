/** A proxy as it is configured: its address, and which hosts go around it. */
import { socketHost, urlHost, withoutDot } from "./host";

export interface Proxy {
  /** `http://` or `https://` address of a proxy that speaks CONNECT. */
  url: string;
  username?: string;
  password?: string;
  /** Hosts that are reached without the proxy: `host`, `host:port`, `.domain`, `*.domain`, `*`; as in Node-RED's own nodes. */
  noproxy?: readonly string[];
}

/** The address of the proxy with its user and password; undefined if it does not begin with `http://` or `https://`. */
export function proxyUrl({ url: address, username, password }: Proxy): URL | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (username !== undefined && username !== "") url.username = encodeURIComponent(username);
  if (password !== undefined && password !== "") url.password = encodeURIComponent(password);
  // hpagent connects to `hostname` as it stands there, and names it to a proxy with TLS.
  return Object.defineProperty(url, "hostname", { value: withoutDot(socketHost(url.hostname)) });
}

/** True if `base` is reached without the proxy. The rules are those of Node-RED's `http request` node, so that one proxy node means one thing. */
export function bypasses(base: URL, noproxy: readonly string[]): boolean {
  const port = base.port === "" ? (base.protocol === "https:" ? "443" : "80") : base.port;
  return noproxy.map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== "").map(urlHost).some((entry) => {
    const [, host = entry, entryPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
    if (entryPort !== undefined && entryPort !== port) return false;
    return /^[.*]/.test(host) ? base.hostname.endsWith(host.replace(/^\*/, "")) : base.hostname === host;
  });
}
