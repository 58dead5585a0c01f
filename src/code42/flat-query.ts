/** Searches that cannot nest groups (v1 file events, alerts). */
import { queryError } from "./errors";
import type { Criteria } from "./query";

/** Throws CRITERIA_UNSUPPORTED if a group holds groups. */
export function refuseNesting({ groups }: Criteria): void {
  const nested = groups.findIndex((group) => "subgroups" in group);
  if (nested >= 0) throw queryError("CRITERIA_UNSUPPORTED", { where: `group ${nested + 1}`, reason: "this search cannot nest groups" }, { permanent: true });
}

/** Criteria that together match what `criteria` do, each without an OR between groups: next to the cursor that would have to be nested. */
export function flatQueries({ clause, groups }: Criteria): Criteria[] {
  return clause === "OR" && groups.length > 1 ? groups.map((group) => ({ clause: "AND", groups: [group] })) : [{ clause: "AND", groups }];
}
