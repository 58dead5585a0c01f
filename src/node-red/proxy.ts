/** Reads a node's proxy from Node-RED's own `http proxy` config node. */
import type { Proxy } from "../common/proxy";
import { checkAddress, checkVariables } from "../common/environment";
import { commonError } from "../common/errors";

/** The core `http proxy` config node. */
interface ProxyNode {
  name?: string;
  url?: string;
  noproxy?: string[];
  credentials?: { username?: string; password?: string };
}

/** The proxy of the node `id`; undefined if none is chosen. Throws PROXY_NODE_MISSING, ENVIRONMENT_UNSET, ENVIRONMENT_PART. */
export function proxyOf(nodes: { getNode(id: string): unknown }, id: unknown): Proxy | undefined {
  if (typeof id !== "string" || id === "") return undefined;
  const node = nodes.getNode(id) as ProxyNode | null | undefined;
  if (node == null) throw commonError("PROXY_NODE_MISSING", {}, { permanent: true });
  checkVariables({ url: node.url, noproxy: node.noproxy, ...node.credentials }, `${node.name || id}: `);
  checkAddress(`${node.name || id}: url`, node.url ?? "");
  return { url: node.url ?? "", noproxy: node.noproxy ?? [], ...node.credentials };
}
