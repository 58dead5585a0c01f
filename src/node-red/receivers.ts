/** What stands behind a node's output. */
import type { ChooseFormatter } from "../cef/settings";
import type { Formatter } from "../cef/formatter";

/** A node; if it is a formatter's, with what that offers to a node which sends to it alone. */
export interface FormatNode {
  type: string;
  /** Throws if there is none for a kind. Missing if the events do not stand in the payload. */
  formatterOf?: ChooseFormatter;
}

interface Nodes {
  getNode(id: string): unknown;
  eachNode(each: (node: object) => void): void;
}

/** True if several nodes get what `node` sends: all but the first get a copy. */
export const hasSeveralReceivers = (node: object): boolean => ((node as { wires?: string[][] }).wires?.[0] ?? []).length > 1;

/** The node that alone gets what `node` sends at its first output. */
function onlyReceiver(nodes: Nodes, node: object): FormatNode | null {
  const { wires: [next = []] = [] } = node as { wires?: string[][] };
  return next.length === 1 ? (nodes.getNode(next[0] ?? "") as FormatNode | null) : null;
}

/** True if what `node` sends goes to a `syslog-out` and nowhere else. */
export const takesPackedLines = (nodes: Nodes, node: object): boolean => onlyReceiver(nodes, node)?.type === "syslog-out";

/** True if a node gets what `node` passes on when it is done: one that is wired to it, or a `complete`. */
export function isFollowed(nodes: Nodes, node: { id: string; _alias?: string }): boolean {
  const ids = [node.id, node._alias];
  let followed = ((node as { wires?: string[][] }).wires?.[0] ?? []).length > 0;
  nodes.eachNode((other) => {
    const { type, scope } = other as { type?: unknown; scope?: unknown };
    if (type === "complete" && Array.isArray(scope) && ids.some((id) => scope.includes(id))) followed = true;
  });
  return followed;
}

/** The formatter for `kind` of the `cef-format` that is the only node behind `node`, as it is wired now. */
export function nextFormatter(nodes: Nodes, node: object, kind: string): Formatter | undefined {
  const only = onlyReceiver(nodes, node);
  if (only?.type !== "cef-format") return undefined;
  try {
    return only.formatterOf?.(kind);
  } catch {
    // The node says so itself when the message comes.
    return undefined;
  }
}
