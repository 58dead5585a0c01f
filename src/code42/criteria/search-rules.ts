/** What the search of each source cannot express, and which term its cursor filters on. Data and checks only: the editor uses it too. */
import { refuseNesting } from "./flat-query";
import { parametersOf } from "./parameters";
import type { Criteria } from "./criteria";

/** Parameters that cursor and paging use. */
export const SESSION_RESERVED: readonly string[] = ["on_or_after", "before", "order_by", "sort_direction", "page_number", "page_size"];
export const AUDIT_LOG_RESERVED: readonly string[] = ["page", "pageSize", "dateRange"];

export interface SearchRules {
  /** The term that the cursor filters on; no criterion may use it while a cursor exists. Undefined if users cannot filter on it at all. */
  cursorTerm: string | undefined;
  /** True if a group can hold groups. */
  nests: boolean;
  /** Throws CRITERIA_UNSUPPORTED for criteria that the search cannot express. */
  check(criteria: Criteria): void;
}

/** By the node's property `source`. */
export const SEARCH_RULES = {
  "file-events": { cursorTerm: "event.inserted", nests: true, check: () => undefined },
  "file-events-v1": { cursorTerm: "insertionTimestamp", nests: false, check: refuseNesting },
  "sessions": { cursorTerm: undefined, nests: false, check: (criteria) => void parametersOf(criteria, [], SESSION_RESERVED) },
  "alerts": { cursorTerm: "CreatedAt", nests: false, check: refuseNesting },
  "audit-log": { cursorTerm: undefined, nests: false, check: (criteria) => void parametersOf(criteria, [], AUDIT_LOG_RESERVED) },
} satisfies Record<string, SearchRules>;
