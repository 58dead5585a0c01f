/**
 * Loads the NATS packages at their first use: they are optional, and a Node-RED without a NATS connection pays nothing for
 * them (about 35 ms and 2 MB).
 */
import type * as Jetstream from "@nats-io/jetstream";
import type * as Kv from "@nats-io/kv";
import type * as Transport from "@nats-io/transport-node";
import type * as NodeTransport from "@nats-io/transport-node/lib/node_transport.js";
import { plain } from "../common/border";
import { natsError } from "./errors";

/** The version that package.json pins: the last one for Node.js 20. */
const VERSION = "3.3.1";
const NAMES = ["@nats-io/transport-node", "@nats-io/jetstream", "@nats-io/kv"] as const;

export interface NatsPackages {
  transport: typeof Transport;
  node: typeof NodeTransport;
  jetstream: typeof Jetstream;
  kv: typeof Kv;
}

const importAll = async (): Promise<NatsPackages> => {
  const [transport, node, jetstream, kv] = await Promise.all([
    import("@nats-io/transport-node"), import("@nats-io/transport-node/lib/node_transport.js"), import("@nats-io/jetstream"), import("@nats-io/kv"),
  ]);
  return { transport, node, jetstream, kv };
};

/** Rejects with NATS_MISSING, which has the line that installs them. */
export async function loadNats(load: () => Promise<NatsPackages> = importAll): Promise<NatsPackages> {
  try {
    return await load();
  } catch (error) {
    const packages = NAMES.map((name) => `${name}@${VERSION}`).join(" ");
    throw natsError("NATS_MISSING", plain.params({ packages, reason: error }), { permanent: true, cause: plain.cause(error) });
  }
}
