/** Finds the nodes that receive what a node sends. */
import type { ChooseFormatter } from "../cef/settings";
import type { Formatter } from "../cef/formatter";

/** A node; a `cef-format` has a formatter for nodes that send only to it. */
export interface FormatNode {
  type: string;
  /** Throws if there is none for a kind. Missing if the node reads events from a property other than the payload. */
  formatterOf?: ChooseFormatter;
}

/** A node that takes packed lines (`src/pages/`) from a node that sends only to it. */
export interface PackedLinesNode {
  takesPackedLines?: boolean;
}

interface Nodes {
  getNode(id: string): unknown;
  eachNode(each: (node: object) => void): void;
}

/** True if several nodes receive what `node` sends: Node-RED gives a copy to all but the first. */
export const hasSeveralReceivers = (node: object): boolean => ((node as { wires?: string[][] }).wires?.[0] ?? []).length > 1;

/** The node that alone receives what `node` sends from its first output. */
function onlyReceiver(nodes: Nodes, node: object): (FormatNode & PackedLinesNode) | null {
  const { wires: [next = []] = [] } = node as { wires?: string[][] };
  return next.length === 1 ? (nodes.getNode(next[0] ?? "") as (FormatNode & PackedLinesNode) | null) : null;
}

/** True if `node` sends only to a node that takes packed lines. */
export const takesPackedLines = (nodes: Nodes, node: object): boolean => onlyReceiver(nodes, node)?.takesPackedLines === true;

/** True if a node receives the messages that `node` passes on: by a wire or as a `complete` node. */
export function isFollowed(nodes: Nodes, node: { id: string; _alias?: string }): boolean {
  const ids = [node.id, node._alias];
  let followed = ((node as { wires?: string[][] }).wires?.[0] ?? []).length > 0;
  nodes.eachNode((other) => {
    const { type, scope } = other as { type?: unknown; scope?: unknown };
    if (type === "complete" && Array.isArray(scope) && ids.some((id) => scope.includes(id))) followed = true;
  });
  return followed;
}

/** The formatter for `kind` of the `cef-format` that alone receives what `node` sends now. */
export function nextFormatter(nodes: Nodes, node: object, kind: string): Formatter | undefined {
  const only = onlyReceiver(nodes, node);
  if (only?.type !== "cef-format") return undefined;
  try {
    return only.formatterOf?.(kind);
  } catch {
    // The node reports that itself when it gets the message.
    return undefined;
  }
}
