/** Under which names a node confirms deliveries, and which names a query may wait for. */
import { queryError } from "../code42/errors";
import { commonError } from "../common/errors";
import { listProperty, type Properties } from "../common/properties";

/** The name under which a node confirms: its id, which inside a subflow is the one in the template, where lists of sinks are made. */
export const sinkId = (node: { id: string; _alias?: string }): string => node._alias ?? node.id;

/** A list of node ids; blank means an empty one. Throws PROPERTY_LIST, PROPERTY_TEXT. */
export function sinkList(properties: Properties, name: string): string[] {
  return listProperty(properties, name).map((id, index) => {
    if (typeof id !== "string") throw commonError("PROPERTY_TEXT", { name: `${name}[${index}]`, type: typeof id, value: "" }, { permanent: true });
    return id;
  });
}

/** `nodes` are the nodes of all flows. Throws SINK_MISSING when one of `sinks` is not there or is disabled, because it would never confirm. */
export function checkSinks(sinks: readonly string[], nodes: readonly { id: string; d?: boolean }[]): void {
  const ready = new Set(nodes.filter(({ d }) => d !== true).map(({ id }) => id));
  const missing = sinks.filter((sink) => !ready.has(sink));
  if (missing.length > 0) throw queryError("SINK_MISSING", { sinks: missing.join(", ") }, { permanent: true });
}
