/** Paths into an event: `file.hash.md5`, `destination.domains[0]`, `scores[-1].severity`, `risk.indicators[].name`. */

/** A property, the index of a list item (negative: from the end), or all items. */
export type Step = string | number | typeof ALL;
export const ALL = Symbol("all items");

const SEGMENT = /^([^.[\]\s][^.[\]]{0,127})((?:\[-?\d{0,6}\]){0,4})$/;

/** The steps of a path; undefined if the text is not a path. */
export function parsePath(path: unknown): Step[] | undefined {
  if (typeof path !== "string" || path.length > 500) return undefined;
  const steps: Step[] = [];
  for (const segment of path.split(".")) {
    const [, name, brackets = ""] = SEGMENT.exec(segment) ?? [];
    if (name === undefined) return undefined;
    steps.push(name);
    for (const [, index = ""] of brackets.matchAll(/\[(-?\d*)\]/g)) {
      if (index === "-") return undefined;
      steps.push(index === "" ? ALL : Number(index));
    }
  }
  return steps;
}

/** Splits a legal path into the properties before the first list, and the remaining steps. */
export function splitPath(path: string): { names: string[]; rest: Step[] } {
  const steps = parsePath(path) ?? [];
  const firstList = steps.findIndex((step) => typeof step !== "string");
  return { names: (firstList === -1 ? steps : steps.slice(0, firstList)) as string[], rest: firstList === -1 ? [] : steps.slice(firstList) };
}
