/**
 * Generates the pages of docs/ that are made from data: `npm run docs` writes the CEF mappings and the list of all messages
 * in the troubleshooting page. A test checks that both are up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../package.json";
import { compatibleMappings, mappings } from "../src/cef/mappings";
import type { Condition, EventOrder, Mapping, Source, Test } from "../src/cef/mapping";
import { root } from "./built";

const MAPPINGS = join(root, "docs/mappings.md");
const TROUBLESHOOTING = join(root, "docs/troubleshooting.md");
const BEGIN = "<!-- made by npm run docs from here on -->";

const TESTS: Record<Test, string> = {
  ipv4: "an IPv4 address", ipv6: "an IPv6 address", ip: "an IP address", noAddress: "the unspecified address", mappedIpv4: "an IPv4 address written as IPv6",
  beyondInt32: "too large for 32 bits", aboveOne: "above 1", unsetTime: "a time that is not set", port: "a port", upTo40Characters: "at most 40 characters long", commaList: "a list with commas",
  eventClass: "a class id", upperCaseClass: "a class id in capitals", snakeCaseClass: "a class id with underscores",
};

const code = (text: string) => `\`${text}\``;
const values = (list: readonly (string | null)[]) => list.map((value) => (value === null ? "absent" : code(value))).join(" or ");
const condition = (when: Condition): string =>
  `${code(when.path)} is ${"sameAs" in when ? `the same as ${describeSource(when.sameAs)}` : "is" in when ? values(when.is) : `not ${values(when.isNot)}`}`;
const words = (table: Readonly<Record<string, string>>) => Object.entries(table).map(([from, to]) => `${from} → ${to}`).join(", ");
const paths = (list: readonly string[]) => list.map(code).join(", ");

/** Describes a source in words. */
export function describeSource(source: Source): string {
  if (typeof source === "string") return code(source);
  if ("constant" in source) return `always ${code(source.constant)}`;
  if ("first" in source) return `the first present of: ${source.first.map(describeSource).join("; ")}`;
  if ("list" in source) return `all of ${code(source.list)}, joined by ${code(source.join)}`;
  if ("each" in source) return `for each ${code(source.each)} the first present of ${paths(source.take)}`;
  if ("earliest" in source) return `the earliest of ${paths(source.earliest)}`;
  if ("latest" in source) return `the latest of ${paths(source.latest)}`;
  if ("newest" in source) return `${code(source.take)} of the item of ${code(source.newest)} with the latest ${code(source.by)}`;
  if ("sum" in source) return `the sum of ${code(source.sum)}`;
  if ("item" in source) return `the first item of ${code(source.item)} that is ${TESTS[source.only]}${source.ifNone === undefined ? "" : `, else one that is ${TESTS[source.ifNone]}`}`;
  if ("lists" in source) return `${code(source.take)} of the first item with ${code(source.having)} in ${paths(source.lists)}`;
  if ("from" in source) {
    const { from, only, unless, when } = source;
    const tests = [only === undefined ? "" : `if it is ${TESTS[only]}`, unless === undefined ? "" : `unless it is ${TESTS[unless]}`, when === undefined ? "" : `if ${condition(when)}`];
    return [describeSource(from), ...tests.filter((test) => test !== "")].join(", ");
  }
  if ("directory" in source) return `${describeSource(source.directory)} and ${describeSource(source.name)} as one path`;
  if ("lastPart" in source) return `the last part of the path ${describeSource(source.lastPart)}`;
  if ("account" in source) return `the ${source.part} of ${describeSource(source.account)}`;
  if ("inside" in source) return `the text between ${code(source.after)} and ${code(source.before)} in ${describeSource(source.inside)}`;
  if ("sentence" in source) return `${describeSource(source.sentence)} as a sentence`;
  if ("utc" in source) return `${describeSource(source.utc)}, in UTC if it has no time zone`;
  if ("joined" in source) return `${source.joined.map(describeSource).join(", ")}, joined by ${code(source.between)}`;
  if ("json" in source) {
    const what = source.json === null ? "the rest of the event" : `the rest of ${code(source.json)}`;
    return `${what} as JSON${source.except.length === 0 ? "" : `, without ${paths(source.except)}`}`;
  }
  if ("words" in source) return `${describeSource(source.of)}: ${words(source.words)}`;
  if ("patterns" in source) return `${describeSource(source.of)}: ${words(source.patterns)}`;
  return `${code(source.severityOfScore)}, as a whole number from 0 to 10`;
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const columns = ({ columns: byProperty }: EventOrder) => table(["Property of the event", "CEF field", "Type", "Label"], Object.entries(byProperty).map(([property, column]) =>
  [code(property), column.key, column.type, column.label ?? ""]));

function section(kind: string, profile: string, { title, header, rows, eventOrder, leftOut }: Mapping): string {
  return [
    `## ${title}`,
    `\`msg.kind\` is ${code(kind)}; profile *${profile}*.`,
    table(["Header", "Source"], Object.entries(header).map(([name, source]) => [name, describeSource(source)])),
    ...(eventOrder === undefined ? [] : [columns(eventOrder)]),
    ...(rows.length === 0 ? [] : [table(["CEF field", "Type", "Label", "Source"], rows.map(({ key, type, label, source }) => [key, type, label ?? "", describeSource(source)]))]),
    ...(leftOut === undefined ? [] : [leftOut]),
  ].join("\n\n");
}

/** The text of `docs/mappings.md`. */
export function mappingsPage(): string {
  return [
    "# CEF mappings",
    "Generated by `npm run docs` from the tables in `src/cef/mappings/` that `cef-format` uses.",
    "A name such as `file.hash.md5` is a path in the event; `[0]` is the first item of a list, `[-1]` the last, `[]` all items. Values that are absent or empty in an event get no field. "
      + "Values are shortened to the length that the CEF dictionary allows.",
    "Times of 0 and before (0, 1970-01-01, 1601-01-01, 0001-01-01) are what products write for a time that is not set: they get no field, because some receivers refuse the whole line otherwise. "
      + "Only the profile *as c42eventextractor wrote it* keeps them. Integers beyond 2^53 have all their digits: in the event, they are text.",
    ...[...mappings].map(([kind, mapping]) => section(kind, "CEF standard", mapping)),
    ...[...compatibleMappings].map(([kind, mapping]) => section(kind, "as c42eventextractor wrote it", mapping)),
  ].join("\n\n") + "\n";
}

type Texts = Record<string, string>;
const catalog = (name: string) => JSON.parse(readFileSync(join(root, "nodes/locales/en-US", `${name}.json`), "utf8")) as { error?: Texts; warning?: Texts };
const readable = (text: string) => text.replace(/__([a-zA-Z0-9]+)__/g, (_, name: string) => `‹${name}›`);

/** The text of `docs/troubleshooting.md`: `current` up to the marker, then every message of the catalogs. */
export function troubleshootingPage(current: string): string {
  const lists = [...Object.keys(manifest["node-red"].nodes), "common"].flatMap((name) => {
    const { error = {}, warning = {} } = catalog(name);
    const list = (title: string, texts: Texts) => (Object.keys(texts).length === 0 ? [] : [`### ${name === "common" ? "Every node" : code(name)}: ${title}`, table(["Code", "Message"], Object.entries(texts).map(([key, text]) => [code(key), readable(text)]))]);
    return [...list("errors", error), ...list("warnings", warning)];
  });
  return [current.slice(0, current.indexOf(BEGIN)) + BEGIN, ...lists].join("\n\n") + "\n";
}

/** The generated pages with their files. */
export const pages = (): { file: string; text: string }[] => [
  { file: MAPPINGS, text: mappingsPage() },
  { file: TROUBLESHOOTING, text: troubleshootingPage(readFileSync(TROUBLESHOOTING, "utf8")) },
];

if (require.main === module) for (const { file, text } of pages()) writeFileSync(file, text);
