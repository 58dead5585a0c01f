/** For searches that cannot nest groups (v1 file events, alerts). */
import type { Criteria } from "./criteria";
import { unsupported } from "./unsupported";

/** Throws CRITERIA_UNSUPPORTED if a group holds groups. */
export function refuseNesting({ groups }: Criteria): void {
  const nested = groups.findIndex((group) => "subgroups" in group);
  if (nested >= 0) throw unsupported(nested + 1, "nested");
}

/**
 * Splits criteria into several without an OR between groups, because beside the cursor such an OR would have to be nested.
 * Together they match the same.
 */
export function flatQueries({ clause, groups }: Criteria): Criteria[] {
  return clause === "OR" && groups.length > 1 ? groups.map((group) => ({ clause: "AND", groups: [group] })) : [{ clause: "AND", groups }];
}
