/**
 * A mapping is a table, without code, from the values of an event to CEF fields. Each kind of record has its own. The
 * functions check rows, for the runtime and for the edit form.
 */
import type texts from "../../nodes/locales/en-US/cef-format.json";
import { plain, printable } from "../common/border";
import type { Params } from "../common/errors";
import { isRecord } from "../common/messages";
import { CEF_TYPES, isEmittable, lookUp, type CefType } from "./dictionary";
import { OWN_FIELDS, PATH_STEPS } from "../common/limits";
import { parsePath } from "./path";

/**
 * A test of a value: address family, unspecified address (0.0.0.0, ::), IPv4-mapped address (RFC 4291 section 2.5.5.2),
 * size, length, port, time that is not set, list of several items separated by commas, or valid class id in one of the products' three spellings.
 */
export type Test =
  | "ipv4" | "ipv6" | "ip" | "noAddress" | "mappedIpv4"
  | "beyondInt32" | "aboveOne" | "port" | "unsetTime" | "upTo40Characters" | "commaList"
  | "eventClass" | "upperCaseClass" | "snakeCaseClass";

/** The value at `path` is (or is not) one of these, where null means absent; or it is present and that of another source. */
export type Condition = { path: string; is: readonly (string | null)[] } | { path: string; isNot: readonly (string | null)[] } | { path: string; sameAs: Source };

/**
 * Where a value comes from. A text is a path, such as `file.hash.md5`, `destination.domains[0]` or
 * `risk.indicators[].name`. The last one means all items of the list without duplicates, joined by commas. Null, blank text
 * and empty lists count as absent.
 */
export type Source =
  | string
  | { constant: string }
  /** The first source that is present. */
  | { first: readonly Source[] }
  /** A list path with another separator. */
  | { list: string; join: string }
  /** From every item of a list the first of these properties that is present; without duplicates, joined by commas. */
  | { each: string; take: readonly string[] }
  /** The earliest or the latest of all times at these list paths. */
  | { earliest: readonly string[] }
  | { latest: readonly string[] }
  /** The property `take` of the item with the latest time at `by`; of equally late ones, and without times, of the last one. */
  | { newest: string; by: string; take: string }
  /** The sum of the numbers at a list path. */
  | { sum: string }
  /** From a text of items separated by commas, the first that passes `only`, or if there is none, the first that passes `ifNone`. */
  | { item: string; only: Test; ifNone?: Test }
  /** The property `take` of the first item that has the property `having`, searched through these lists in order. */
  | { lists: readonly string[]; having: string; take: string }
  /** The value of `from` if it passes the tests, otherwise absent. A failed test does not count as a dropped value. */
  | { from: Source; only?: Test; unless?: Test; when?: Condition }
  /** Directory and name as one path, with the directory's own separator. */
  | { directory: Source; name: Source }
  /** The part of a path after its last slash or backslash. */
  | { lastPart: Source }
  /** Domain or user of `DOMAIN\\user`. A text without a backslash is a user. */
  | { account: Source; part: "domain" | "user" }
  /** The text between the first `after` and the next `before`. */
  | { inside: Source; after: string; before: string }
  /** `like_this` becomes `Like this`. */
  | { sentence: Source }
  /** A time; without a zone it is UTC. */
  | { utc: Source }
  /** The values that are present, joined by `between`. */
  | { joined: readonly Source[]; between: string }
  /**
   * The properties of an object (null: of the event) other than `except`, as compact JSON: texts, numbers, booleans and
   * lists of them, and with `nested` also objects a few levels deep. Blank values and unfilled placeholders
   * (`"name": "{name}"`) are left out. To keep valid JSON within the length of most texts, properties that do not fit are
   * left out and counted.
   */
  | { json: string | null; except: readonly string[]; nested?: true }
  /** The word for the value of `of`; absent if the table does not have it. */
  | { words: Readonly<Record<string, string>>; of: Source }
  /** The word of the first pattern that matches the value of `of`; `*` matches any text. */
  | { patterns: Readonly<Record<string, string>>; of: Source }
  /** A risk score as CEF severity: a whole number from 0 to 10. Absent if it is not a number. */
  | { severityOfScore: string };

export interface Row {
  /** A dictionary key, or an own key of [A-Za-z0-9]. */
  key: string;
  type: CefType;
  source: Source;
  /** The label of a custom key (cs1, cn1, ...). */
  label?: string;
}

/** The field for one property of a flat event, in a mapping with EventOrder. */
export interface Column {
  key: string;
  type: "string" | "integer" | "long" | "timestamp";
  /** For a list of objects: the property to write. */
  take?: string;
  label?: string;
}

/**
 * For lines that must equal those of an older formatter byte for byte: the fields are in the order of the event's
 * properties, and if two properties share a key, the later one gives the value.
 */
export interface EventOrder {
  columns: Readonly<Record<string, Column>>;
  /** The property with the event's id, and the one with its type. */
  id: string;
  type: string;
}

export interface Mapping {
  /** A name for people. */
  title: string;
  header: { vendor: Source; product: Source; version: Source; classId: Source; name: Source; severity: Source };
  rows: readonly Row[];
  /** These fields come before those of the rows. */
  eventOrder?: EventOrder;
  /** English sentences for the documentation: which properties of the record have no field. */
  leftOut?: string;
}

/** True for the rows that hold the event's id. */
export const isId = ({ key }: { key: string }): boolean => key === "externalId" || key === "devicePayloadId";

/** A problem, as a key of `error` in the catalog of `cef-format`. */
export interface RowProblem {
  code: keyof typeof texts.error;
  params: Params;
}

/** A row from a user, not checked yet. */
export type UncheckedRow = { [property in keyof Row]?: unknown };

const OWN_KEY = /^[A-Za-z0-9]{1,63}$/;

/** The problem of a row's key, type, label or source; undefined for a correct row. */
export function rowProblem(row: UncheckedRow): RowProblem | undefined {
  const key = typeof row.key === "string" ? row.key : "";
  const type = String(row.type);
  const problem = (code: RowProblem["code"], params: Record<string, string> = {}): RowProblem => ({ code, params: plain.params({ key: printable(key, 80), ...params }) });
  const entry = lookUp(key);
  if (entry === undefined) {
    if (!OWN_KEY.test(key)) return problem("FIELD_KEY");
    if (row.label !== undefined) return problem("FIELD_LABEL_UNUSED");
  } else {
    if (entry.labelFor !== undefined) return problem("FIELD_LABEL_KEY", { customKey: entry.labelFor });
    if (!isEmittable(entry)) return problem("FIELD_KEY_RESERVED");
    if (entry.type !== row.type) return problem("FIELD_TYPE", { type: printable(type, 80), wanted: entry.type });
    if (entry.labelKey === undefined && row.label !== undefined) return problem("FIELD_LABEL_UNUSED");
    if (entry.labelKey !== undefined && (typeof row.label !== "string" || row.label.trim() === "")) return problem("FIELD_LABEL");
  }
  if (!CEF_TYPES.includes(row.type as CefType)) return problem("FIELD_TYPE", { type: printable(type, 80), wanted: CEF_TYPES.join(", ") });
  for (const path of pathsOf(row.source as Source)) {
    const steps = parsePath(path);
    if (steps === undefined) return problem("FIELD_SOURCE", { source: printable(path, 80) });
    if (steps.length > PATH_STEPS) return problem("FIELD_STEPS", { source: printable(path, 80), max: String(PATH_STEPS) });
  }
  return undefined;
}

/** Completes a row from a user. A missing type becomes the key's type; the missing label of a custom key becomes the source. */
export function userRow(row: unknown): UncheckedRow {
  const { key, type, source, label } = Object.fromEntries(
    ["key", "type", "source", "label"].map((name) => {
      const value = isRecord(row) ? row[name] : undefined;
      return [name, typeof value === "string" ? value.trim() : ""];
    }),
  ) as Record<keyof Row, string>;
  const entry = lookUp(key);
  const completed = label || (entry?.labelKey === undefined ? "" : source);
  return { key, type: type || (entry?.type ?? "string"), source, ...(completed === "" ? {} : { label: completed }) };
}

/** The problem of this many own fields; undefined if they are not too many. */
export const countProblem = (count: number): RowProblem | undefined =>
  (count > OWN_FIELDS ? { code: "FIELD_COUNT", params: plain.params({ count, max: OWN_FIELDS }) } : undefined);

/** Keys and labels of rows. One that occurs twice is an error because a receiver would keep only one of the two, and nobody knows which. */
export class UsedNames {
  private readonly keys = new Set<string>();
  private readonly labels = new Set<string>();

  /** The problem of one more row; undefined if there is none. */
  problemOf({ key, label }: Row): RowProblem | undefined {
    if (this.keys.has(key)) return { code: "FIELD_TWICE", params: plain.params({ key }) };
    return label !== undefined && this.labels.has(label) ? { code: "FIELD_LABEL_TWICE", params: plain.params({ key, label }) } : undefined;
  }

  add({ key, label }: Row): void {
    this.keys.add(key);
    if (label !== undefined) this.labels.add(label);
  }
}

/** The first key or label that occurs twice. */
export function repetition(rows: readonly Row[]): RowProblem | undefined {
  const names = new UsedNames();
  for (const row of rows) {
    const problem = names.problemOf(row);
    if (problem !== undefined) return problem;
    names.add(row);
  }
  return undefined;
}

const conditionPaths = (when: Condition): string[] => ["sameAs" in when ? pathsOf(when.sameAs) : [], when.path].flat();

/** All paths that a source reads. */
export function pathsOf(source: Source): string[] {
  if (typeof source !== "object" || source === null) return [source];
  if ("constant" in source) return [];
  if ("first" in source) return source.first.flatMap(pathsOf);
  if ("list" in source) return [source.list];
  if ("each" in source) return [source.each, ...source.take];
  if ("earliest" in source) return [...source.earliest];
  if ("latest" in source) return [...source.latest];
  if ("newest" in source) return [source.newest, source.by, source.take];
  if ("sum" in source) return [source.sum];
  if ("item" in source) return [source.item];
  if ("lists" in source) return [...source.lists, source.having, source.take];
  if ("from" in source) return [...pathsOf(source.from), ...(source.when === undefined ? [] : conditionPaths(source.when))];
  if ("directory" in source) return [...pathsOf(source.directory), ...pathsOf(source.name)];
  if ("lastPart" in source) return pathsOf(source.lastPart);
  if ("account" in source) return pathsOf(source.account);
  if ("inside" in source) return pathsOf(source.inside);
  if ("sentence" in source) return pathsOf(source.sentence);
  if ("utc" in source) return pathsOf(source.utc);
  if ("joined" in source) return source.joined.flatMap(pathsOf);
  if ("json" in source) return source.json === null ? [] : [source.json];
  if ("words" in source || "patterns" in source) return pathsOf(source.of);
  return [source.severityOfScore];
}
