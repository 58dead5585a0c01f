/** Why a search cannot express criteria: the sentences stand in the catalog, so that a dialog says them in its own language. */
import { reason as reasons } from "../../../nodes/locales/en-US/code42-query.json";
import { fill, type Params, type SiemError } from "../../common/errors";
import { queryError } from "../errors";

/** CRITERIA_UNSUPPORTED for the group with the number `group`; 0: for how the groups are joined. */
export function unsupported(group: number, because: keyof typeof reasons, params: Params = {}): SiemError {
  const where = fill(group === 0 ? reasons.whole : reasons.group, { group });
  return queryError("CRITERIA_UNSUPPORTED", { where, reason: fill(reasons[because], params), group, because, ...params }, { permanent: true });
}
