/** The tests and the changes that mapping rows apply to a single value. */
import { LONGEST_STRING } from "./dictionary";
import type { Source, Test } from "./mapping";
import { cut, strip } from "./text";
import { exceedsInt32, isUnsetTime, isV4, isV6, type Scalar } from "./values";

export const TESTS: Record<Test, (value: Scalar) => boolean> = {
  ipv4: isV4,
  ipv6: isV6,
  ip: (value) => isV4(value) || isV6(value),
  noAddress: (value) => value === "0.0.0.0" || (/^[0:]+$/.test(String(value)) && isV6(value)),
  // In a valid address, the last two groups or the dotted part fix the position of ffff, even if :: shortens the zeros.
  mappedIpv4: (value) => /^[0:]+:ffff:(?:[\da-f]+:[\da-f]+|[\d.]+)$/i.test(String(value)) && isV6(value),
  beyondInt32: exceedsInt32,
  unsetTime: isUnsetTime,
  aboveOne: (value) => Number(value) > 1,
  port: (value) => Number.isInteger(Number(value)) && Number(value) > 0 && Number(value) < 65536,
  upTo40Characters: (value) => String(value).length <= 40,
  commaList: (value) => String(value).includes(","),
  eventClass: (value) => /^[a-z0-9-]{1,63}$/.test(String(value)),
  upperCaseClass: (value) => /^[A-Z0-9_]{1,63}$/.test(String(value)),
  snakeCaseClass: (value) => /^[a-z0-9_]{1,63}$/.test(String(value)),
};

/** Returns another value; undefined if this one cannot be changed. */
export type Change = (value: Scalar) => Scalar | undefined;

/** The sources that change the value of one other source. */
export type ChangedSource = Extract<Source, { item: string } | { lastPart: Source } | { account: Source } | { inside: Source } | { sentence: Source } | { utc: Source } | { words: object } | { patterns: object } | { severityOfScore: string }>;

/** The source that gives the value, and the function that changes it. */
export function changeOf(source: ChangedSource): { of: Source; change: Change } {
  if ("item" in source) return { of: source.item, change: itemThat(source.only, source.ifNone) };
  if ("lastPart" in source) return { of: source.lastPart, change: lastPart };
  if ("account" in source) return { of: source.account, change: source.part === "domain" ? domainOf : userOf };
  if ("inside" in source) return { of: source.inside, change: inside(source.after, source.before) };
  if ("sentence" in source) return { of: source.sentence, change: sentence };
  if ("utc" in source) return { of: source.utc, change: inUtc };
  if ("words" in source) return { of: source.of, change: wordOf(source.words) };
  if ("patterns" in source) return { of: source.of, change: wordFor(source.patterns) };
  return { of: source.severityOfScore, change: severityOf };
}

/** The text from index `from` to index `to`, stripped; undefined if it is blank. */
const part = (text: string, from: number, to?: number) => strip(text.slice(from, to)) || undefined;
const domainOf = (value: Scalar) => part(String(value), 0, Math.max(0, String(value).indexOf("\\")));
const userOf = (value: Scalar) => part(String(value), String(value).indexOf("\\") + 1);
const lastPart = (value: Scalar) => part(String(value), Math.max(String(value).lastIndexOf("/"), String(value).lastIndexOf("\\")) + 1);

function inside(after: string, before: string): Change {
  return (value) => {
    const text = String(value);
    const start = text.indexOf(after);
    if (start < 0) return undefined;
    const end = text.indexOf(before, start + after.length);
    return part(text, start + after.length, end < 0 ? undefined : end);
  };
}

const sentence = (value: Scalar) => {
  const words = String(value).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function itemThat(only: Test, ifNone: Test | undefined): Change {
  return (value) => {
    const items = cut(String(value), LONGEST_STRING).split(",").map(strip);
    return items.find(TESTS[only]) ?? (ifNone === undefined ? undefined : items.find(TESTS[ifNone]));
  };
}

function wordFor(patterns: Readonly<Record<string, string>>): Change {
  const words = Object.entries(patterns).map(([pattern, word]) => [new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "s"), word] as const);
  return (value) => words.find(([pattern]) => pattern.test(String(value)))?.[1];
}

function wordOf(table: Readonly<Record<string, string>>): Change {
  const words = new Map(Object.entries(table));
  return (value) => words.get(String(value));
}

const severityOf: Change = (value) => (typeof value === "number" ? Math.max(0, Math.min(10, Math.floor(value))) : undefined);

const inUtc = (value: Scalar) => (typeof value === "string" && value.length <= 29 && /T[\d:.]+$/.test(value) ? `${value}Z` : value);

/** Directory and name as one path, with the directory's own separator. */
export function joinPath(directory: Scalar | undefined, name: Scalar | undefined): Scalar | undefined {
  if (directory === undefined || name === undefined) return directory;
  const before = String(directory);
  if (/[\\/]$/.test(before)) return before + String(name);
  return before + (before.includes("\\") && !before.includes("/") ? "\\" : "/") + String(name);
}
