/** The names of sinks: under which a node confirms, and for which a query waits. */
import { plain } from "../common/border";
import { queryError } from "../code42/errors";

/** The name under which a node confirms: its id, or inside a subflow that of the template, because users choose sinks there. */
export const sinkId = (node: { id: string; _alias?: string }): string => node._alias ?? node.id;

/** Throws SINK_MISSING if one of `sinks` is missing in `nodes` (of all flows) or disabled, because it would never confirm. */
export function checkSinks(sinks: readonly string[], nodes: readonly { id: string; d?: boolean }[]): void {
  const ready = new Set(nodes.filter(({ d }) => d !== true).map(({ id }) => id));
  const missing = sinks.filter((sink) => !ready.has(sink));
  if (missing.length > 0) throw queryError("SINK_MISSING", plain.params({ sinks: missing.join(", ") }), { permanent: true });
}
