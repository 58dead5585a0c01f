/**
 * What a mapping is: a table. It says which values of an event become which CEF fields, and nothing runs in it; a new
 * kind of record is a new table. The functions say what is wrong with a row; the edit form uses them too.
 */
import type texts from "../../nodes/locales/en-US/cef-format.json";
import { isRecord } from "../messages";
import { CEF_TYPES, isEmittable, lookUp, type CefType } from "./dictionary";
import { parsePath } from "./path";

/**
 * What can be asked of a value: its address family, whether the address stands for none (0.0.0.0, ::) or for an IPv4
 * one (RFC 4291 section 2.5.5.2), its size, its length, whether it is a port, whether it is a list of several with commas
 * between them, whether it is fit for a class id in one of the three spellings of the products.
 */
export type Test =
  | "ipv4" | "ipv6" | "ip" | "noAddress" | "mappedIpv4"
  | "beyondInt32" | "aboveOne" | "port" | "upTo40Characters" | "commaList"
  | "eventClass" | "upperCaseClass" | "snakeCaseClass";

/** Another value of the event is (or is not) one of these; null stands for an absent one. */
export type Condition = { path: string; is: readonly (string | null)[] } | { path: string; isNot: readonly (string | null)[] };

/**
 * Where a value comes from. A text is a path: `file.hash.md5`; `destination.domains[0]`; `risk.indicators[].name`, all
 * items of a list, each once, joined with a comma. Null, blank text and empty lists are absent.
 */
export type Source =
  | string
  | { constant: string }
  /** The first one that is present. */
  | { first: readonly Source[] }
  /** A list path with a separator of its own. */
  | { list: string; join: string }
  /** Of every item of a list the first of these properties that is present, each once, joined with a comma. */
  | { each: string; take: readonly string[] }
  /** The earliest, or the latest, of all times that these list paths hold. */
  | { earliest: readonly string[] }
  | { latest: readonly string[] }
  /** The numbers of a list path added up. */
  | { sum: string }
  /** Of a text with commas between its items the first item that passes `only`, if there is none that passes `ifNone`. */
  | { item: string; only: Test; ifNone?: Test }
  /** Of the first item that has `having`, searched through these lists in turn, the property `take`. */
  | { lists: readonly string[]; having: string; take: string }
  /** The value of `from`, if it passes the tests; failing one is not an error. */
  | { from: Source; only?: Test; unless?: Test; when?: Condition }
  /** Directory and name as one path; the separator is the one that the directory uses. */
  | { directory: Source; name: Source }
  /** What follows the last slash or backslash of a path. */
  | { lastPart: Source }
  /** Of `DOMAIN\\user` one of the two; what has no backslash is a user. */
  | { account: Source; part: "domain" | "user" }
  /** What stands between the first `after` and the next `before`. */
  | { inside: Source; after: string; before: string }
  /** `like_this` as `Like this`. */
  | { sentence: Source }
  /** A time without a zone is UTC. */
  | { utc: Source }
  /** Those of the values that are present, with `between` between them. */
  | { joined: readonly Source[]; between: string }
  /**
   * What else an object (null: the event itself) holds, as compact JSON: texts, numbers, booleans and lists of them,
   * with `nested` also objects a few levels deep; without blank ones and without placeholders that stayed what they were
   * (`"name": "{name}"`). It stays JSON: what goes beyond the length of most texts is left out and counted.
   */
  | { json: string | null; except: readonly string[]; nested?: true }
  /** The word that stands for the value of `of`; absent if the table does not know it. */
  | { words: Readonly<Record<string, string>>; of: Source }
  /** The word of the first pattern that fits the value of `of`; a `*` stands for any text. */
  | { patterns: Readonly<Record<string, string>>; of: Source }
  /** A risk score as CEF severity: whole, from 0 to 10. Absent if it is no number. */
  | { severityOfScore: string };

export interface Row {
  /** A dictionary key, or an own key of [A-Za-z0-9]. */
  key: string;
  type: CefType;
  source: Source;
  /** What a custom key (cs1, cn1, ...) holds. */
  label?: string;
}

/** What a property of a flat event becomes where the fields stand in the order of the event. */
export interface Column {
  key: string;
  type: "string" | "integer" | "long" | "timestamp";
  /** Of the objects in a list, this property. */
  take?: string;
  label?: string;
}

/**
 * For lines that must be those of an older formatter to the byte: the fields stand in the order of the event's own
 * properties, and of two that share a key the later one gives the value.
 */
export interface EventOrder {
  columns: Readonly<Record<string, Column>>;
  /** The properties that say which event it is, and of which type. */
  id: string;
  type: string;
}

export interface Mapping {
  /** One line for people. */
  title: string;
  header: { vendor: Source; product: Source; version: Source; classId: Source; name: Source; severity: Source };
  rows: readonly Row[];
  /** Its fields stand before those of the rows. */
  eventOrder?: EventOrder;
}

/** True for the rows that say which event it is. */
export const isId = ({ key }: { key: string }): boolean => key === "externalId" || key === "devicePayloadId";

/** A problem by its sentence in the catalog of `cef-format`. */
export interface RowProblem {
  code: keyof typeof texts.error;
  params: Record<string, string>;
}

/** A row as somebody wrote it: nothing is known of it yet. */
export type UncheckedRow = { [property in keyof Row]?: unknown };

const OWN_KEY = /^[A-Za-z0-9]{1,63}$/;

/** What is wrong with a row's key, type, label or source; undefined for a row that every reader understands. */
export function rowProblem(row: UncheckedRow): RowProblem | undefined {
  const key = typeof row.key === "string" ? row.key : "";
  const type = String(row.type);
  const problem = (code: RowProblem["code"], params: Record<string, string> = {}): RowProblem => ({ code, params: { key: key.slice(0, 80), ...params } });
  const entry = lookUp(key);
  if (entry === undefined) {
    if (!OWN_KEY.test(key)) return problem("FIELD_KEY");
    if (row.label !== undefined) return problem("FIELD_LABEL_UNUSED");
  } else {
    if (entry.labelFor !== undefined) return problem("FIELD_LABEL_KEY", { customKey: entry.labelFor });
    if (!isEmittable(entry)) return problem("FIELD_KEY_RESERVED");
    if (entry.type !== row.type) return problem("FIELD_TYPE", { type: type.slice(0, 80), wanted: entry.type });
    if (entry.labelKey === undefined && row.label !== undefined) return problem("FIELD_LABEL_UNUSED");
    if (entry.labelKey !== undefined && (typeof row.label !== "string" || row.label.trim() === "")) return problem("FIELD_LABEL");
  }
  if (!CEF_TYPES.includes(row.type as CefType)) return problem("FIELD_TYPE", { type: type.slice(0, 80), wanted: CEF_TYPES.join(", ") });
  const bad = pathsOf(row.source as Source).find((path) => parsePath(path) === undefined);
  return bad === undefined ? undefined : problem("FIELD_SOURCE", { source: String(bad).slice(0, 80) });
}

/**
 * A row as a person filled it in, completed: without a type it has that of its key, a custom key without a label is
 * labelled with its source.
 */
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

/** The first key or label that stands twice: a reader would keep one of the two, and nobody knows which. */
export function repetition(rows: readonly Row[]): RowProblem | undefined {
  const keys = new Set<string>();
  const labels = new Set<string>();
  for (const { key, label } of rows) {
    if (keys.has(key)) return { code: "FIELD_TWICE", params: { key } };
    if (label !== undefined && labels.has(label)) return { code: "FIELD_LABEL_TWICE", params: { key, label } };
    keys.add(key);
    if (label !== undefined) labels.add(label);
  }
  return undefined;
}

/** Every path that a source reads. */
export function pathsOf(source: Source): string[] {
  if (typeof source !== "object" || source === null) return [source];
  if ("constant" in source) return [];
  if ("first" in source) return source.first.flatMap(pathsOf);
  if ("list" in source) return [source.list];
  if ("each" in source) return [source.each, ...source.take];
  if ("earliest" in source) return [...source.earliest];
  if ("latest" in source) return [...source.latest];
  if ("sum" in source) return [source.sum];
  if ("item" in source) return [source.item];
  if ("lists" in source) return [...source.lists, source.having, source.take];
  if ("from" in source) return [...pathsOf(source.from), ...(source.when === undefined ? [] : [source.when.path])];
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
