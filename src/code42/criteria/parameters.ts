/** Criteria as parameters of a search without groups: one of the values of each parameter must match. */
import { plain } from "../../common/border";
import type { Criteria, WireGroup } from "./criteria";
import { unsupported } from "./unsupported";

/**
 * Name → values. Parameters can express `IS` and `IS_ANY`, several values of one term joined by OR, and terms and groups
 * joined by AND. Throws CRITERIA_UNSUPPORTED for anything else, and for the `reserved` parameters of cursor and paging.
 */
export function parametersOf(criteria: Criteria, extraGroups: readonly WireGroup[], reserved: readonly string[]): Record<string, string[]> {
  if (criteria.clause === "OR" && criteria.groups.length > 1) throw unsupported(0, "groupsByOr");
  const parameters: Record<string, string[]> = {};
  for (const [index, group] of [...criteria.groups, ...extraGroups].entries()) {
    const number = index + 1;
    for (const [term, values] of termsOf(group, number)) {
      if (reserved.includes(term)) throw unsupported(number, "reserved", plain.params({ term }));
      if (Object.hasOwn(parameters, term)) throw unsupported(number, "twoPlaces", plain.params({ term }));
      parameters[term] = values;
    }
  }
  return parameters;
}

function termsOf(group: WireGroup, number: number): Map<string, string[]> {
  if ("subgroups" in group) throw unsupported(number, "nested");
  const { filterClause, filters } = group;
  const terms = new Map<string, string[]>();
  for (const { term, operator, value } of filters) {
    if (operator !== "IS" && operator !== "IS_ANY") throw unsupported(number, "operator", plain.params({ operator }));
    if (!/^[A-Za-z_]{1,60}$/.test(term)) throw unsupported(number, "noParameter", plain.params({ term }));
    if (filterClause === "AND" && terms.has(term)) throw unsupported(number, "twice", plain.params({ term }));
    const values = terms.get(term) ?? [];
    for (const item of Array.isArray(value) ? value : [value]) values.push(String(item));
    terms.set(term, values);
  }
  if (filterClause === "OR" && terms.size > 1) throw unsupported(number, "termsByOr");
  return terms;
}
