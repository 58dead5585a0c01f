import type { Site } from "./site";

/** What a scenario found: one row of the table at the end. */
export interface Row {
  scenario: string;
  transport: string;
  events: number;
  /** Those that really happened. */
  faults: string;
  missing: number;
  duplicates: number;
  /** Most duplicates that the faults excuse. */
  bound: number;
  /** Longest wait, memory and the like. */
  note: string;
  /** Rules that did not hold; empty if all is well. */
  broken: string[];
}

export interface Chaos {
  /** A number from 0 up to 1; the same seed gives the same numbers to the same scenario. */
  random: () => number;
  /** Tells how it goes. */
  say: (text: string) => void;
}

export interface Scenario {
  name: string;
  run: (chaos: Chaos) => Promise<Omit<Row, "scenario">>;
}

export interface Verdict {
  faults: string;
  note?: string;
  /** Further rules: what is broken if they do not hold, and whether they hold. */
  rules?: Record<string, boolean>;
  /** A missing event is a figure and no failure: plain TCP cannot know what a killed server read. */
  mayMiss?: boolean;
}

/** Holds what happened at a site against the rules that are the same for every scenario. */
export function judge(site: Site, { faults, note = "", rules = {}, mayMiss = false }: Verdict): Omit<Row, "scenario"> {
  const { oracle, bound, troubles, options } = site;
  const { missing, duplicates, wrong } = oracle;
  const all: Record<string, boolean> = {
    [`${missing} events are missing`]: mayMiss || missing === 0,
    [`${duplicates} duplicates, ${bound} are excused`]: duplicates <= bound,
    [`${wrong.length} wrong lines, the first ${wrong[0] ?? ""}`]: wrong.length === 0,
    "no fresh event came through": oracle.freshArrived,
    ...Object.fromEntries(troubles.map((trouble) => [trouble, false])),
    ...rules,
  };
  const broken = Object.entries(all).filter(([, holds]) => !holds).map(([rule]) => rule);
  return { transport: options.transport, events: options.events, faults, missing, duplicates, bound, note, broken };
}
