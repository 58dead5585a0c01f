import type { Row } from "./scenario";

const COLUMNS: Record<string, (row: Row) => string> = {
  scenario: (row) => row.scenario,
  transport: (row) => row.transport,
  events: (row) => row.events.toLocaleString("en-US"),
  faults: (row) => row.faults,
  missing: (row) => String(row.missing),
  duplicates: (row) => String(row.duplicates),
  "at most": (row) => String(row.bound),
  note: (row) => row.note,
  held: (row) => (row.broken.length === 0 ? "yes" : `NO: ${row.broken.map((rule) => rule.split("\n")[0]).join("; ")}`),
};

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const cells = [Object.keys(COLUMNS), ...rows.map((row) => Object.values(COLUMNS).map((cell) => cell(row).replaceAll("\n", " ")))];
  const widths = Object.keys(COLUMNS).map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`);
  lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  return lines.join("\n");
}
