import type { Params } from "../common/errors";
import type { Colour } from "../common/status-colour";
import type { Sender } from "./sender";

/** So many attempts that came to nothing are a failure, not a hiccup. */
const HICCUPS = 3;

/** What a sender's status says, as a key of the catalog: the truth in one glance. */
export function senderStatus(sender: Sender): [fill: Colour, key: string, params: Params] {
  const { state, queued, lastError, failures, overflowing, counters } = sender;
  if (state === "closed" || state === "ending") return ["grey", "status.closed", {}];
  // A server may refuse a certificate only after the link is up: red stays until the link has proved itself.
  if (lastError !== undefined && failures > 0 && (lastError.permanent || (failures >= HICCUPS && state !== "up"))) return ["red", `status.${lastError.code}`, {}];
  if (overflowing > 0) return ["yellow", "status.dropped", { count: overflowing }];
  if (state === "waiting" || (failures > 0 && queued > 0)) return ["yellow", "status.queued", { count: queued }];
  if (state === "connecting") return ["blue", "status.connecting", {}];
  return ["green", "status.delivered", { count: counters.delivered }];
}
