/** Where the messages of a node can come to: a walk along the wires of all flows, as the editor exports them. */

/** A node as it stands in flows.json. */
export interface FlowItem {
  id: string;
  type: string;
  name?: string;
  z?: string;
  /** A node that is disabled. */
  d?: boolean;
  /** A tab that is disabled. */
  disabled?: boolean;
  wires?: string[][];
  /** Of a link node the ids of those on the other side. */
  links?: string[];
  linkType?: string;
  scope?: unknown;
  /** Of a subflow what its inputs lead to, and what leads to its outputs. */
  in?: { wires: { id: string }[] }[];
  out?: { wires: { id: string; port?: number }[] }[];
  [property: string]: unknown;
}

export interface Reach {
  nodes: FlowItem[];
  /** False if a link call that chooses its target at run time is among them: then there may be more. */
  complete: boolean;
}

/**
 * Every node that a message from `start` can come to, through link nodes, into and out of subflows, and to the
 * `complete` nodes that wait for one of them. A node inside a subflow reaches what any instance of the subflow does.
 */
export function reachFrom(flow: readonly FlowItem[], start: string): Reach {
  const byId = new Map(flow.map((node) => [node.id, node]));
  const off = (node: FlowItem) => node.d === true || byId.get(node.z ?? "")?.disabled === true;
  const subflowOf = ({ type }: FlowItem) => (type.startsWith("subflow:") ? byId.get(type.slice("subflow:".length)) : undefined);

  /** What the outputs of `instances` lead to whose port is wired to `from` inside the subflow. */
  const behind = (subflow: FlowItem | undefined, from: string, instances: readonly FlowItem[]) =>
    (subflow?.out ?? []).flatMap(({ wires }, port) => (wires.some(({ id }) => id === from) ? instances.flatMap((instance) => instance.wires?.[port] ?? []) : []));

  const next = (node: FlowItem): string[] => {
    const subflow = subflowOf(node);
    const home = byId.get(node.z ?? "");
    // A subflow's own id stands for its input, which may be wired straight to an output.
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
    if (node === undefined || (id !== start && off(node))) continue;
    if (id !== start) nodes.push(node);
    for (const follower of next(node)) seen.add(follower);
  }
  return { nodes, complete: !nodes.some(({ type, linkType }) => type === "link call" && linkType === "dynamic") };
}
