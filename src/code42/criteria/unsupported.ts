/** The error for criteria that a search cannot express. Its sentences are in the catalog, so that a dialog shows them in its own language. */
import { reason as reasons } from "../../../nodes/locales/en-US/code42-query.json";
import { plain } from "../../common/border";
import { fill, type Params, type SiemError } from "../../common/errors";
import { queryError } from "../errors";

/** CRITERIA_UNSUPPORTED for group number `group`; 0 means the clause that joins the groups. */
export function unsupported(group: number, because: keyof typeof reasons, params: Params = {}): SiemError {
  const where = fill(group === 0 ? reasons.whole : reasons.group, { group });
  return queryError("CRITERIA_UNSUPPORTED", plain.params({ where, reason: fill(reasons[because], params), group, because, ...params }), { permanent: true });
}
