/** Options of the benches, medians, and the table of figures and targets. */
import { cpus, totalmem } from "node:os";

/** One line of the table. The bounds are for `ratio`. */
export interface Row {
  what: string;
  figure: string;
  peer?: string;
  ratio: number;
  atLeast?: number;
  atMost?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

interface Options {
  rounds: number;
  numbers: Record<string, number>;
  names: string[];
}

/** `--name NUMBER` for the names of `defaults`, and any of `names`. Throws a sentence for anything else. */
export function parseOptions(texts: readonly string[], defaults: Record<string, number>, names: readonly string[]): Options {
  const numbers = { ...defaults };
  const chosen: string[] = [];
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at] as string;
    const option = text.startsWith("--") ? text.slice(2) : undefined;
    if (option === undefined && names.includes(text)) chosen.push(text);
    else if (option !== undefined && option in defaults && Number(texts[at + 1]) > 0) numbers[option] = Number(texts[++at]);
    else throw new Error(`"${text}" is none of: ${[...Object.keys(defaults).map((name) => `--${name} NUMBER`), ...names].join(", ")}`);
  }
  return { rounds: numbers["rounds"] ?? 1, numbers, names: chosen };
}

const isHeld = ({ ratio, atLeast, atMost }: Row): boolean => (atLeast === undefined || ratio >= atLeast) && (atMost === undefined || ratio <= atMost);

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what, row.figure, row.peer ?? "", row.ratio.toPrecision(3),
    [row.atLeast === undefined ? "" : `≥ ${row.atLeast}`, row.atMost === undefined ? "" : `≤ ${row.atMost}`].join(""),
    row.atLeast === undefined && row.atMost === undefined ? "" : isHeld(row) ? "yes" : "**no**",
  ]);
  const lines = [["what", "figure", "against", "ratio", "target", "held"], ["---", "---", "---", "---", "---", "---"], ...cells];
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  return lines.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] as number)).join(" | ")} |`).join("\n");
}

export const machine = (): string => `Node.js ${process.versions.node}, ${cpus()[0]?.model ?? "unknown processor"} × ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GB`;
