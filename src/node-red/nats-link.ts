/** The connection to NATS that a node uses. */
import { natsError } from "../scale-out/errors";
import type { NatsConnectionNode, NatsLink } from "../scale-out/link";

interface Nodes {
  getNode(id: string): unknown;
}

interface User {
  id: string;
  on(event: "close", listener: () => void): unknown;
}

/**
 * The link of the `nats-connection` node `id`. Until `user` closes, errors of the connection also go to the `catch` nodes
 * of `user`. Throws CONNECTION_MISSING if there is no such node or it is disabled, and the errors of its settings.
 */
export function linkOf(nodes: Nodes, id: unknown, user: User): NatsLink {
  const node = typeof id === "string" && id !== "" ? nodes.getNode(id) as (NatsConnectionNode & { type: string }) | null | undefined : undefined;
  if (node?.type !== "nats-connection") throw natsError("CONNECTION_MISSING", {}, { permanent: true });
  node.users[user.id] = user;
  user.on("close", () => delete node.users[user.id]);
  return node.getLink();
}
