/** What our nodes take from Node-RED's own `http proxy` node. */
import { commonError } from "../errors";

export interface Proxy {
  /** `http://` or `https://` address of a proxy that speaks CONNECT. */
  url: string;
  username?: string;
  password?: string;
  /** Hosts that are asked directly: `host`, `host:port`, `.domain`, `*.domain`, `*`; as in Node-RED's own nodes. */
  noproxy?: readonly string[];
}

/** The core `http proxy` config node. */
interface ProxyNode {
  url?: string;
  noproxy?: string[];
  credentials?: { username?: string; password?: string };
}

/** The proxy of the node `id`; undefined if none is chosen. Throws PROXY_NODE_MISSING. */
export function proxyOf(nodes: { getNode(id: string): unknown }, id: unknown): Proxy | undefined {
  if (typeof id !== "string" || id === "") return undefined;
  const node = nodes.getNode(id) as ProxyNode | null | undefined;
  if (node == null) throw commonError("PROXY_NODE_MISSING", {}, { permanent: true });
  return { url: node.url ?? "", noproxy: node.noproxy ?? [], ...node.credentials };
}

/** The address of the proxy with its user and password; undefined if it is no web address. */
export function proxyUrl({ url: address, username, password }: Proxy): URL | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (username !== undefined && username !== "") url.username = encodeURIComponent(username);
  if (password !== undefined && password !== "") url.password = encodeURIComponent(password);
  return url;
}

/** True if `base` is asked directly. The rules are those of Node-RED's `http request` node, so that one proxy node means one thing. */
export function bypasses(base: URL, noproxy: readonly string[]): boolean {
  const port = base.port === "" ? (base.protocol === "https:" ? "443" : "80") : base.port;
  return noproxy.map((entry) => entry.trim().toLowerCase()).filter((entry) => entry !== "").some((entry) => {
    const [, host = entry, entryPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
    if (entryPort !== undefined && entryPort !== port) return false;
    return /^[.*]/.test(host) ? base.hostname.endsWith(host.replace(/^\*/, "")) : base.hostname === host;
  });
}
