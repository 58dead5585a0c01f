import type { Oracle } from "./oracle";

/** The result of a scenario: one row of the final table. */
export interface Row {
  scenario: string;
  transport: string;
  events: number;
  /** The faults that happened while there was backlog. */
  faults: string;
  missing: number;
  duplicates: number;
  /** Maximum duplicates that the faults allow. */
  bound: number;
  /** Further figures, such as the longest wait. */
  note: string;
  /** The broken rules; empty if all is well. */
  broken: string[];
}

export interface Chaos {
  /** A random number from 0 to below 1. The same seed gives the same numbers for the same scenario. */
  random: () => number;
  /** Prints a line of progress. */
  say: (text: string) => void;
}

export interface Scenario {
  name: string;
  run: (chaos: Chaos) => Promise<Omit<Row, "scenario">>;
}

export interface Verdict {
  faults: string;
  note?: string;
  /** Further rules, by the text to print if they are broken: true if the rule holds. */
  rules?: Record<string, boolean>;
  /** Missing events are allowed, because plain TCP cannot know what a killed server has read. */
  mayLose?: boolean;
  /** So many events may be missing (0). */
  mayMiss?: number;
}

/** What a scenario ran on. */
export interface Judged {
  oracle: Pick<Oracle, "missing" | "duplicates" | "wrong" | "freshArrived">;
  /** Number of duplicates that the faults allow. */
  bound: number;
  problems: readonly string[];
  options: Pick<Row, "transport" | "events">;
}

/** Checks the rules that hold for every scenario, and `rules`. */
export function judge(site: Judged, { faults, note = "", rules = {}, mayLose = false, mayMiss = 0 }: Verdict): Omit<Row, "scenario"> {
  const { oracle, bound, problems, options } = site;
  const { missing, duplicates, wrong } = oracle;
  const all: Record<string, boolean> = {
    [`${missing} events are missing`]: mayLose || missing <= mayMiss,
    [`${duplicates} duplicates, ${bound} are allowed`]: duplicates <= bound,
    [`${wrong.length} wrong lines, the first ${wrong[0] ?? ""}`]: wrong.length === 0,
    "a new event did not arrive": oracle.freshArrived,
    ...Object.fromEntries(problems.map((problem) => [problem, false])),
    ...rules,
  };
  const broken = Object.entries(all).filter(([, holds]) => !holds).map(([rule]) => rule);
  return { transport: options.transport, events: options.events, faults, missing, duplicates, bound, note, broken };
}
