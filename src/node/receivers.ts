/** What stands behind a node's output. */
import type { ChooseFormatter } from "../cef/settings";
import type { Formatter } from "../cef/formatter";

/** What a formatter's node offers to a node that sends to it alone. */
export interface FormatNode {
  type: string;
  /** Throws if there is none for a kind. Missing if the events do not stand in the payload. */
  formatterOf?: ChooseFormatter;
}

interface Nodes {
  getNode(id: string): unknown;
}

/** True if several nodes get what `node` sends: all but the first get a copy. */
export const hasSeveralReceivers = (node: object): boolean => ((node as { wires?: string[][] }).wires?.[0] ?? []).length > 1;

/** The formatter for `kind` of the `cef-format` that is the only node behind `node`, as it is wired now. */
export function nextFormatter(nodes: Nodes, node: object, kind: string): Formatter | undefined {
  const { wires: [next = []] = [] } = node as { wires?: string[][] };
  const only = next.length === 1 ? (nodes.getNode(next[0] ?? "") as FormatNode | null) : null;
  if (only?.type !== "cef-format") return undefined;
  try {
    return only.formatterOf?.(kind);
  } catch {
    // The node says so itself when the message comes.
    return undefined;
  }
}
