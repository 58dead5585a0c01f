/** Searches that cannot nest groups (v1 file events, alerts). */
import type { Criteria } from "./criteria";
import { unsupported } from "./unsupported";

/** Throws CRITERIA_UNSUPPORTED if a group holds groups. */
export function refuseNesting({ groups }: Criteria): void {
  const nested = groups.findIndex((group) => "subgroups" in group);
  if (nested >= 0) throw unsupported(nested + 1, "nested");
}

/** Criteria that together match what `criteria` do, each without an OR between groups: next to the cursor that would have to be nested. */
export function flatQueries({ clause, groups }: Criteria): Criteria[] {
  return clause === "OR" && groups.length > 1 ? groups.map((group) => ({ clause: "AND", groups: [group] })) : [{ clause: "AND", groups }];
}
