/** A list of the sinks of all flows to tick, as the Complete node has one for nodes. */

interface EditorNode {
  id: string;
  type: string;
  /** The tab or subflow that it stands on. */
  z?: string;
}

/** `RED.nodes` of the editor, as far as it is used. */
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
  treeList(method: "selected"): SinkItem[];
}

const SINK_TYPES = ["syslog-out", "delivery-confirm"];

/** Fills `container` with every node that can confirm a delivery, those in `selected` ticked; the node `own` is left out. */
export function showSinks(nodes: EditorNodes, container: unknown, selected: readonly string[], own: string): void {
  const data: SinkItem[] = [];
  nodes.eachNode((node: EditorNode) => {
    if (!SINK_TYPES.includes(node.type) || node.id === own) return true;
    const { label } = nodes.getType(node.type) as { label?: string | ((this: EditorNode) => string) };
    const z = node.z ?? "";
    data.push({
      id: node.id,
      label: (typeof label === "function" ? label.call(node) : label) ?? node.type,
      sublabel: nodes.workspace(z)?.label ?? nodes.subflow(z)?.name ?? "",
      checkbox: true,
      selected: selected.includes(node.id),
    });
    return true;
  });
  (container as TreeList).treeList({ data });
}

/** The ids of the ticked sinks. */
export const tickedSinks = (container: unknown): string[] => (container as TreeList).treeList("selected").map(({ id }) => id);
