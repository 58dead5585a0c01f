/** Finds the nodes that messages of a node can reach, along the wires of all exported flows. */

/** A node in flows.json. */
export interface FlowItem {
  id: string;
  type: string;
  name?: string;
  z?: string;
  /** True for a disabled node. */
  d?: boolean;
  /** True for a disabled tab. */
  disabled?: boolean;
  wires?: string[][];
  /** For a link node: the ids of the link nodes on the other side. */
  links?: string[];
  linkType?: string;
  scope?: unknown;
  /** For a subflow: the nodes behind its inputs, and the nodes wired to its outputs. */
  in?: { wires: { id: string }[] }[];
  out?: { wires: { id: string; port?: number }[] }[];
  [property: string]: unknown;
}

export interface Reach {
  nodes: FlowItem[];
  /** False if one of them is a link call that chooses its target at run time: then there may be more nodes. */
  complete: boolean;
}

/**
 * All nodes that a message from `start` can reach: through wires and link nodes, into and out of subflows, and the
 * `complete` nodes that watch one of them. A node inside a subflow reaches whatever any instance of the subflow reaches.
 */
export function reachFrom(flow: readonly FlowItem[], start: string): Reach {
  const byId = new Map(flow.map((node) => [node.id, node]));
  const isDisabled = (node: FlowItem) => node.d === true || byId.get(node.z ?? "")?.disabled === true;
  const subflowOf = ({ type }: FlowItem) => (type.startsWith("subflow:") ? byId.get(type.slice("subflow:".length)) : undefined);

  /** The nodes behind those outputs of `instances` that the subflow wires to its inner node `from`. */
  const behind = (subflow: FlowItem | undefined, from: string, instances: readonly FlowItem[]) =>
    (subflow?.out ?? []).flatMap(({ wires }, port) => (wires.some(({ id }) => id === from) ? instances.flatMap((instance) => instance.wires?.[port] ?? []) : []));

  const successors = (node: FlowItem): string[] => {
    const subflow = subflowOf(node);
    const home = byId.get(node.z ?? "");
    // In `out`, a subflow's own id means its input, which may be wired straight to an output.
    const wired = subflow === undefined ? (node.wires ?? []).flat() : behind(subflow, subflow.id, [node]);
    const into = subflow?.in?.flatMap(({ wires }) => wires.map(({ id }) => id)) ?? [];
    const out = home?.out === undefined ? [] : behind(home, node.id, flow.filter((instance) => subflowOf(instance) === home));
    const links = node.type === "link out" || node.type === "link call" ? node.links ?? [] : [];
    const waiting = flow.filter(({ type, scope }) => type === "complete" && Array.isArray(scope) && scope.includes(node.id)).map(({ id }) => id);
    return [...wired, ...into, ...out, ...links, ...waiting];
  };

  const seen = new Set<string>([start]);
  const nodes: FlowItem[] = [];
  for (const id of seen) {
    const node = byId.get(id);
    if (node === undefined || (id !== start && isDisabled(node))) continue;
    if (id !== start) nodes.push(node);
    for (const successor of successors(node)) seen.add(successor);
  }
  return { nodes, complete: !nodes.some(({ type, linkType }) => type === "link call" && linkType === "dynamic") };
}
