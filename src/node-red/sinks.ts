/** The names of sinks: under which a node confirms, and for which a query or a stream waits. */
import { plain } from "../common/border";
import { commonError } from "../common/errors";

interface AnyNode {
  id: string;
  name?: string;
  /** True if it is disabled. */
  d?: boolean;
}
/** The nodes of all flows. */
interface Nodes {
  eachNode(each: (node: AnyNode) => void): void;
}

/** The name under which a node confirms: its id, or inside a subflow that of the template, because users choose sinks there. */
export const sinkId = (node: { id: string; _alias?: string }): string => node._alias ?? node.id;

/** Throws SINK_MISSING if one of `sinks` is missing in `nodes` or disabled, because it would never confirm. */
export function checkSinks(sinks: readonly string[], nodes: Nodes): void {
  const missing = new Set(sinks);
  nodes.eachNode(({ id, d }) => {
    if (d !== true) missing.delete(id);
  });
  if (missing.size > 0) throw commonError("SINK_MISSING", plain.params({ sinks: [...missing].join(", ") }), { permanent: true });
}

/** What people call the node `id`; its id if it has no name. */
export function nodeName(nodes: Nodes, id: string): string {
  let found: string | undefined;
  nodes.eachNode((node) => {
    if (node.id === id) found = node.name;
  });
  return found || id;
}
