import type { Params } from "../common/errors";
import type { Colour } from "../common/status-colour";
import type { Sender } from "./sender";

/** After so many failed attempts the status is red. */
const FAILED_AFTER = 3;

/** The status of a sender: colour, key of the catalog and its parameters. */
export function senderStatus(sender: Sender): [fill: Colour, key: string, params: Params] {
  const { state, queued, lastError, failures, overflowing, counters, isSilent } = sender;
  if (state === "closed" || state === "ending") return ["grey", "status.closed", {}];
  // A server may refuse a certificate after the link is up, so the status stays red until the link is stable.
  if (lastError !== undefined && failures > 0 && (lastError.permanent || (failures >= FAILED_AFTER && state !== "up"))) return ["red", `status.${lastError.code}`, {}];
  if (isSilent) return ["yellow", "status.SIEM_SILENT", {}];
  if (overflowing > 0) return ["yellow", "status.dropped", { count: overflowing }];
  if (state === "waiting" || (failures > 0 && queued > 0)) return ["yellow", "status.queued", { count: queued }];
  if (state === "connecting") return ["blue", "status.connecting", {}];
  return ["green", "status.delivered", { count: counters.delivered }];
}
