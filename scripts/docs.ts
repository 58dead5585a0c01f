/**
 * The pages of docs/ that are made from data: `npm run docs` writes the CEF mappings, and the list of all messages on the
 * page for troubleshooting. A test compares both with what stands there.
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
  ipv4: "an IPv4 address", ipv6: "an IPv6 address", ip: "an IP address", noAddress: "the address that stands for none", mappedIpv4: "an IPv4 address written as IPv6",
  beyondInt32: "too large for 32 bits", aboveOne: "above 1", port: "a port", upTo40Characters: "at most 40 characters long", commaList: "a list with commas",
  eventClass: "a class id", upperCaseClass: "a class id in capitals", snakeCaseClass: "a class id with underscores",
};

const code = (text: string) => `\`${text}\``;
const values = (list: readonly (string | null)[]) => list.map((value) => (value === null ? "absent" : code(value))).join(" or ");
const condition = (when: Condition) => `${code(when.path)} is ${"is" in when ? values(when.is) : `not ${values(when.isNot)}`}`;
const words = (table: Readonly<Record<string, string>>) => Object.entries(table).map(([from, to]) => `${from} → ${to}`).join(", ");
const paths = (list: readonly string[]) => list.map(code).join(", ");

/** A source in words. */
export function describeSource(source: Source): string {
  if (typeof source === "string") return code(source);
  if ("constant" in source) return `always ${code(source.constant)}`;
  if ("first" in source) return `the first present of: ${source.first.map(describeSource).join("; ")}`;
  if ("list" in source) return `all of ${code(source.list)}, with ${code(source.join)} between`;
  if ("each" in source) return `of each ${code(source.each)} the first present of ${paths(source.take)}`;
  if ("earliest" in source) return `the earliest of ${paths(source.earliest)}`;
  if ("latest" in source) return `the latest of ${paths(source.latest)}`;
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
  if ("inside" in source) return `of ${describeSource(source.inside)} what stands between ${code(source.after)} and ${code(source.before)}`;
  if ("sentence" in source) return `${describeSource(source.sentence)} as a sentence`;
  if ("utc" in source) return `${describeSource(source.utc)}, as UTC where it names no zone`;
  if ("joined" in source) return `${source.joined.map(describeSource).join(", ")}, with ${code(source.between)} between`;
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

function section(kind: string, profile: string, { title, header, rows, eventOrder }: Mapping): string {
  return [
    `## ${title}`,
    `\`msg.kind\` is ${code(kind)}; profile *${profile}*.`,
    table(["Header", "Where it comes from"], Object.entries(header).map(([name, source]) => [name, describeSource(source)])),
    ...(eventOrder === undefined ? [] : [columns(eventOrder)]),
    ...(rows.length === 0 ? [] : [table(["CEF field", "Type", "Label", "Where it comes from"], rows.map(({ key, type, label, source }) => [key, type, label ?? "", describeSource(source)]))]),
  ].join("\n\n");
}

/** `docs/mappings.md`. */
export function mappingsPage(): string {
  return [
    "# What becomes which CEF field",
    "Made by `npm run docs` from the tables in `src/cef/mappings/`, which `cef-format` itself uses.",
    "A name such as `file.hash.md5` is a path in the event; `[0]` is the first item of a list, `[-1]` the last, `[]` all of them. What is absent or empty in an event has no field. "
      + "A value is shortened to the length that the CEF dictionary allows.",
    ...[...mappings].map(([kind, mapping]) => section(kind, "CEF standard", mapping)),
    ...[...compatibleMappings].map(([kind, mapping]) => section(kind, "as c42eventextractor wrote it", mapping)),
  ].join("\n\n") + "\n";
}

type Texts = Record<string, string>;
const catalog = (name: string) => JSON.parse(readFileSync(join(root, "nodes/locales/en-US", `${name}.json`), "utf8")) as { error?: Texts; warning?: Texts };
const readable = (text: string) => text.replace(/__([a-zA-Z0-9]+)__/g, (_, name: string) => `‹${name}›`);

/** `docs/troubleshooting.md`: what `current` says up to the marker, and every message of the catalogs. */
export function troubleshootingPage(current: string): string {
  const lists = [...Object.keys(manifest["node-red"].nodes), "common"].flatMap((name) => {
    const { error = {}, warning = {} } = catalog(name);
    const list = (title: string, texts: Texts) => (Object.keys(texts).length === 0 ? [] : [`### ${name === "common" ? "Every node" : code(name)}: ${title}`, table(["Code", "Message"], Object.entries(texts).map(([key, text]) => [code(key), readable(text)]))]);
    return [...list("errors", error), ...list("warnings", warning)];
  });
  return [current.slice(0, current.indexOf(BEGIN)) + BEGIN, ...lists].join("\n\n") + "\n";
}

/** Each page with the file it stands in. */
export const pages = (): { file: string; text: string }[] => [
  { file: MAPPINGS, text: mappingsPage() },
  { file: TROUBLESHOOTING, text: troubleshootingPage(readFileSync(TROUBLESHOOTING, "utf8")) },
];

if (require.main === module) for (const { file, text } of pages()) writeFileSync(file, text);
