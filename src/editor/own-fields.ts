/** Checks the own fields of `cef-format` and proposes keys and paths, for its edit form. */
import { lookUp, rowKeys, type DictionaryEntry } from "../cef/dictionary";
import { countProblem, rowProblem, UsedNames, userRow, type Mapping, type Row, type RowProblem } from "../cef/mapping";
import { compatibleMappings, mappings } from "../cef/mappings";

/** A row of the form. A blank type means the key's own type. A blank label of a custom key means the source. */
export type OwnField = Record<"key" | "type" | "source" | "label", string>;

/** A dictionary key to propose. */
export interface KeyProposal {
  key: string;
  entry: DictionaryEntry;
}

const tablesOf = (profile: string) => (profile === "compatible" ? compatibleMappings : mappings);

/**
 * The problem of each of `fields`, in their order, by the rules of the run time. The run time checks the rows with every
 * table of the profile and refuses to start if one fails. If two rows exclude each other, the later one has the problem;
 * of too many rows, those after the last that is allowed.
 */
export function fieldProblems(fields: readonly unknown[], profile: string): (RowProblem | undefined)[] {
  const rows = fields.map(userRow);
  const ownKeys = new Set(rows.map(({ key }) => key));
  const used = [...tablesOf(profile).values()].map(({ rows: ofTable }) => {
    const names = new UsedNames();
    for (const row of ofTable) if (!ownKeys.has(row.key)) names.add(row);
    return names;
  });
  return rows.map((row, index) => {
    const tooMany = countProblem(index + 1);
    if (tooMany !== undefined) return countProblem(rows.length);
    const problem = rowProblem(row) ?? used.map((names) => names.problemOf(row as Row)).find((found) => found !== undefined);
    if (problem === undefined) for (const names of used) names.add(row as Row);
    return problem;
  });
}

/** The keys whose short or full name contains `text`, ignoring case. Those that begin with it come first. */
export function proposeKeys(text: string): KeyProposal[] {
  const wanted = text.trim().toLowerCase();
  const rank = ({ key, entry }: KeyProposal) => {
    const names = [key, entry.fullName].map((name) => name.toLowerCase());
    const ranks = [names[0] === wanted, names[0]?.startsWith(wanted), names[1]?.startsWith(wanted), names.some((name) => name.includes(wanted))];
    return ranks.indexOf(true);
  };
  return rowKeys()
    .map((key) => ({ key, entry: lookUp(key) as DictionaryEntry }))
    .filter((proposal) => rank(proposal) >= 0)
    .sort((one, other) => rank(one) - rank(other));
}

/** Properties of a mapping row whose value is not a path into the event, or a path inside a list. */
const NO_PATHS = new Set(["constant", "join", "having", "take", "except", "only", "unless", "ifNone", "when", "between", "part", "after", "before", "words", "patterns"]);

function pathsIn(source: unknown): string[] {
  if (typeof source === "string") return [source];
  if (Array.isArray(source)) return source.flatMap(pathsIn);
  if (typeof source !== "object" || source === null) return [];
  return Object.entries(source).flatMap(([name, value]) => (NO_PATHS.has(name) ? [] : pathsIn(value)));
}

const pathsOfTable = ({ header, rows, eventOrder }: Mapping) =>
  [...rows.map(({ source }) => source), ...Object.values(header)].flatMap(pathsIn).concat(Object.keys(eventOrder?.columns ?? {}));

/** The paths that the mappings of `kind` (`auto`: of all kinds) read and that contain `text`, in alphabetical order. */
export function proposePaths(kind: string, profile: string, text: string): string[] {
  const wanted = text.trim().toLowerCase();
  const tables = [...tablesOf(profile)].filter(([name]) => kind === "auto" || name === kind).map(([, table]) => table);
  return [...new Set(tables.flatMap(pathsOfTable))].filter((path) => path.toLowerCase().includes(wanted)).sort();
}
