/** Shows the line that the runtime made from an event, and a table of its fields. */
import { localise, type Text, type Translate } from "./texts";
import { code, type Verdict } from "./try-it";

export interface LineAnswer {
  line: string;
  fields: { key: string; value: string; name: string; type: string; label?: string; instant?: string }[];
  failure?: Text;
}

const COLUMNS = ["key", "value", "fullName", "type"] as const;

/** A line with the reason in place of the event is a bad answer. */
export function showLine({ line, fields, failure }: LineAnswer, box: JQuery, text: Translate): Verdict {
  if (failure !== undefined) box.append($("<div>").append($("<b>").text(localise(text, failure))));
  box.append($("<div>").text(text("preview.line", { bytes: new TextEncoder().encode(line).length })), code(line));
  const verdict = failure === undefined ? "good" : "bad";
  if (fields.length === 0) return verdict;
  const cell = (tag: "<th>" | "<td>", content: string) =>
    $(tag).text(content).css({ textAlign: "left", verticalAlign: "top", padding: "2px 8px 2px 0", borderBottom: "1px solid var(--red-ui-secondary-border-color)", overflowWrap: "anywhere" });
  // Beside a long value the browser would break the short words of a type letter by letter.
  const row = (tag: "<th>" | "<td>", cells: readonly string[]) =>
    $("<tr>").append(cells.map((content, index) => cell(tag, content).css(COLUMNS[index] === "type" ? { whiteSpace: "nowrap", paddingRight: "0" } : {})));
  const rows = fields.map(({ key, value, name, type, label, instant }) => row("<td>", [
    key,
    instant === undefined ? value : `${value} (${instant})`,
    `${name === "" ? text("preview.ownKey") : name}${label === undefined ? "" : `: ${label}`}`,
    type === "" ? "" : text(`type.${type}`),
  ]));
  const table = $("<table>").css({ width: "100%", fontSize: "12px", marginTop: "8px", tableLayout: "auto" });
  box.append(table.append($("<thead>").append(row("<th>", COLUMNS.map((column) => text(`label.${column}`)))), $("<tbody>").append(rows)));
  return verdict;
}
