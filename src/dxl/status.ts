import type { Params } from "../errors";
import type { Colour } from "../common/status-colour";
import type { Subscriber } from "./subscriber";

const BROKER_LENGTH = 16;

const two = (value: number) => String(value).padStart(2, "0");

/** The time of day where Node-RED runs, `hh:mm:ss`. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A broker's name as far as a status has room for it. */
function short(broker: string): string {
  const host = broker.replace(/:\d+$/, "");
  return host.length <= BROKER_LENGTH ? host : `${host.slice(0, BROKER_LENGTH - 1)}…`;
}

/** What a subscriber's status says, as a key of the catalog: a connection that is not there comes first, then drops. */
export function subscriberStatus({ state, topics, received, lastAt, dropped }: Subscriber): [fill: Colour, key: string, params: Params] {
  const { phase, error } = state;
  if (phase === "closed") return ["grey", "status.closed", {}];
  // The connection is shared: a topic that the broker refuses may be another node's.
  const concerned = error !== undefined && (phase !== "connected" || topics.includes(String(error.params["filter"])));
  if (concerned) return ["red", `status.${error.code}`, {}];
  if (phase !== "connected") return ["blue", "status.connecting", {}];
  if (dropped > 0) return ["yellow", "status.dropped", { count: dropped }];
  return received === 0 ? ["green", "status.connected", { broker: short(state.broker ?? "") }] : ["green", "status.received", { count: received, time: timeOf(lastAt) }];
}
