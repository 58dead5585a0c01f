/** The statuses of the nodes at both ends of the stream: colour, key of the catalog and its parameters. */
import type { Params, SiemError } from "../common/errors";
import type { Colour } from "../common/status-colour";
import type { NatsLink } from "./link";
import type { StreamIn } from "./stream-in";
import type { StreamOut } from "./stream-out";

export type Status = [fill: Colour, key: string, params: Params];

const SHARED = "@security-events/node-red-siem/nats-connection:status";

/** The status of a connection that is not up, or of a failure; undefined if all is well. */
function failing({ state }: NatsLink, error: SiemError | undefined): Status | undefined {
  const cause = state.phase === "waiting" ? state.error : error;
  if (cause?.permanent === true) return ["red", `${SHARED}.${cause.code}`, {}];
  if (state.phase === "waiting") return ["yellow", `${SHARED}.away`, {}];
  if (cause?.code === "STREAM_FULL") return ["yellow", `${SHARED}.full`, {}];
  if (cause !== undefined) return ["yellow", `${SHARED}.${cause.code === "STREAM_MISSING" ? "STREAM_MISSING" : "away"}`, {}];
  return state.phase === "connected" ? undefined : ["blue", `${SHARED}.connecting`, {}];
}

export function outStatus(out: StreamOut, link: NatsLink): Status {
  if (out.access.phase === "closed") return ["grey", "status.closed", {}];
  const failure = failing(link, out.access.trouble.error);
  if (failure !== undefined && failure[0] !== "yellow") return failure;
  if (out.overflowing > 0) return ["yellow", "status.dropped", { count: out.overflowing }];
  return failure ?? ["green", "status.stored", { count: out.counters.sent }];
}

export function inStatus(input: StreamIn, link: NatsLink): Status {
  if (input.access.phase === "closed") return ["grey", "status.closed", {}];
  const failure = failing(link, input.access.trouble.error);
  if (failure !== undefined) return failure;
  if (input.hasUnreadable) return ["yellow", "status.unreadable", {}];
  return input.isFull ? ["yellow", "status.waiting", { count: input.eventsOut }] : ["green", "status.confirmed", { count: input.counters.confirmed }];
}
