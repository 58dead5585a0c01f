/** A list of the sinks of all flows with a checkbox for each, as in Node-RED's Complete node. */

interface EditorNode {
  id: string;
  type: string;
  /** The id of its tab or subflow. */
  z?: string;
}

/** The part of the editor's `RED.nodes` that is used here. */
export interface EditorNodes {
  eachNode(visit: (node: never) => boolean): void;
  getType(type: string): unknown;
  workspace(id: string): { label?: string } | null | undefined;
  subflow(id: string): { name?: string } | null | undefined;
}

interface SinkItem {
  id: string;
  label: string;
  sublabel: string;
  checkbox: true;
  selected: boolean;
}

/** A jQuery element as Node-RED extends it. */
interface TreeList {
  treeList(options: { data: SinkItem[] }): void;
  treeList(method: "data"): SinkItem[];
}

const SINK_TYPES = ["syslog-out", "event-stream-out", "delivery-confirm"];

/**
 * Fills `container` with every node that can confirm a delivery, except the node `own`. Those in `selected` are ticked and
 * stand first, in their order. One that was deleted stays in the list, named `missing`: only the user takes it out.
 */
export function showSinks(nodes: EditorNodes, container: unknown, selected: readonly string[], own: string, missing: string): void {
  const found = new Map<string, SinkItem>();
  nodes.eachNode((node: EditorNode) => {
    if (!SINK_TYPES.includes(node.type) || node.id === own) return true;
    const { label } = nodes.getType(node.type) as { label?: string | ((this: EditorNode) => string) };
    const z = node.z ?? "";
    found.set(node.id, {
      id: node.id,
      label: (typeof label === "function" ? label.call(node) : label) ?? node.type,
      sublabel: nodes.workspace(z)?.label ?? nodes.subflow(z)?.name ?? "",
      checkbox: true,
      selected: selected.includes(node.id),
    });
    return true;
  });
  const ticked = selected.map((id) => found.get(id) ?? { id, label: id, sublabel: missing, checkbox: true as const, selected: true });
  const others = [...found.values()].filter((item) => !item.selected);
  (container as TreeList).treeList({ data: [...ticked, ...others] });
}

/** The ids of the ticked sinks, in the order of the list. */
export const tickedSinks = (container: unknown): string[] => (container as TreeList).treeList("data").filter((item) => item.selected).map(({ id }) => id);
