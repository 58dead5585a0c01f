/** What the search of each source cannot express, and which term is the cursor's. Data and checks only: it serves the editor too. */
import { refuseNesting } from "./flat-query";
import { parametersOf, type ParameterRules } from "./parameters";
import type { Criteria } from "./criteria";

export const SESSION_RULES: ParameterRules = { reserved: ["on_or_after", "before", "order_by", "sort_direction", "page_number", "page_size"] };
export const AUDIT_LOG_RULES: ParameterRules = { reserved: ["page", "pageSize", "dateRange"] };

export interface SearchRules {
  /** The term that the cursor moves along, on which no criterion may be while a cursor exists; undefined if users cannot name one. */
  cursorTerm: string | undefined;
  /** Whether a group can hold groups. */
  nests: boolean;
  /** Throws CRITERIA_UNSUPPORTED for criteria that the search cannot express. */
  check(criteria: Criteria): void;
}

/** By the node's property `source`. */
export const SEARCH_RULES = {
  "file-events": { cursorTerm: "event.inserted", nests: true, check: () => undefined },
  "file-events-v1": { cursorTerm: "insertionTimestamp", nests: false, check: refuseNesting },
  "sessions": { cursorTerm: undefined, nests: false, check: (criteria) => void parametersOf(criteria, [], SESSION_RULES) },
  "alerts": { cursorTerm: "CreatedAt", nests: false, check: refuseNesting },
  "audit-log": { cursorTerm: undefined, nests: false, check: (criteria) => void parametersOf(criteria, [], AUDIT_LOG_RULES) },
} satisfies Record<string, SearchRules>;
