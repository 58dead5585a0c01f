/** The status of `dxl-threat-event`. */
import { plain, printable } from "../common/border";
import type { Params } from "../common/errors";
import type { Colour } from "../common/status-colour";
import type { Subscriber } from "./subscriber";

const BROKER_LENGTH = 16;

const two = (value: number) => String(value).padStart(2, "0");

/** `hh:mm:ss` in the time zone of Node-RED. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A broker's host, cut to fit into a status. */
function short(broker: string): string {
  const host = broker.replace(/:\d+$/, "");
  return host.length <= BROKER_LENGTH ? host : `${host.slice(0, BROKER_LENGTH - 1)}…`;
}

/** The status of a subscriber, its text as a key of the catalog: first a missing connection, then drops. */
export function subscriberStatus({ state, topics, received, lastAt, dropped }: Subscriber): [fill: Colour, key: string, params: Params] {
  const { phase, error } = state;
  if (phase === "closed") return ["grey", "status.closed", {}];
  // The connection is shared: a refused topic may belong to another node.
  const concerned = error !== undefined && (phase !== "connected" || topics.some((topic) => printable(topic) === error.params["filter"]));
  if (concerned) return ["red", `status.${error.code}`, {}];
  if (phase !== "connected") return ["blue", "status.connecting", {}];
  if (dropped > 0) return ["yellow", "status.dropped", { count: dropped }];
  return received === 0 ? ["green", "status.connected", plain.params({ broker: short(state.broker ?? "") })] : ["green", "status.received", plain.params({ count: received, time: timeOf(lastAt) })];
}
