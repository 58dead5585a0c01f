/** Criteria as parameters of a search that knows no groups: each has a name and a list of values, of which one must match. */
import { queryError } from "./errors";
import type { Criteria, WireGroup } from "./query";

export interface ParameterRules {
  /** Parameters that are the cursor's and the paging's. */
  reserved: readonly string[];
}

/**
 * Name → values. What can be said that way: `IS` and `IS_ANY`; several values of one term joined by OR; terms and
 * groups joined by AND. Throws CRITERIA_UNSUPPORTED for anything else.
 */
export function parametersOf(criteria: Criteria, extraGroups: readonly WireGroup[], { reserved }: ParameterRules): Record<string, string[]> {
  if (criteria.clause === "OR" && criteria.groups.length > 1) throw unsupported("the groups", "they are joined by OR, and this search can only join them by AND");
  const parameters: Record<string, string[]> = {};
  for (const [index, group] of [...criteria.groups, ...extraGroups].entries()) {
    const where = `group ${index + 1}`;
    for (const [term, values] of termsOf(group, where)) {
      if (reserved.includes(term)) throw unsupported(where, `"${term}" belongs to the cursor and the paging`);
      if (Object.hasOwn(parameters, term)) throw unsupported(where, `"${term}" stands in two places that are joined by AND`);
      parameters[term] = values;
    }
  }
  return parameters;
}

function termsOf(group: WireGroup, where: string): Map<string, string[]> {
  if ("subgroups" in group) throw unsupported(where, "this search cannot nest groups");
  const { filterClause, filters } = group;
  const terms = new Map<string, string[]>();
  for (const { term, operator, value } of filters) {
    if (operator !== "IS" && operator !== "IS_ANY") throw unsupported(where, `this search knows IS and IS_ANY, not ${operator}`);
    if (!/^[A-Za-z_]{1,60}$/.test(term)) throw unsupported(where, `"${term}" is no name of a parameter`);
    if (filterClause === "AND" && terms.has(term)) throw unsupported(where, `"${term}" stands there twice, joined by AND`);
    terms.set(term, [...(terms.get(term) ?? []), ...(Array.isArray(value) ? value : [value]).map(String)]);
  }
  if (filterClause === "OR" && terms.size > 1) throw unsupported(where, "it joins different terms by OR, and this search can only join them by AND");
  return terms;
}

const unsupported = (where: string, reason: string) => queryError("CRITERIA_UNSUPPORTED", { where, reason }, { permanent: true });
