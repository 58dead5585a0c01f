/**
 * The extension dictionary: the keys, their types and lengths, and who may set them.
 * Source: ArcSight CEF Implementation Standard (SmartConnectors 25.1), chapter 2 "Extension dictionary".
 */
import data from "./dictionary.json";

export type CefType = "string" | "integer" | "long" | "double" | "timestamp" | "ipv4" | "ipv6" | "mac";

export interface DictionaryEntry {
  /** The name that receivers show for the key. */
  fullName: string;
  /** "ip" (either family) occurs only with consumer keys. */
  type: CefType | "ip";
  /** Maximum length of the unescaped value in characters; only for strings. */
  maxLength?: number;
  /** Senders set `producer` keys and ArcSight sets `consumer` keys. `both` was added with CEF 1.2; the standard no longer has `retired` keys. */
  audience: "producer" | "consumer" | "both" | "retired";
  /** The CEF version that added the key. */
  since: "0.1" | "1.2";
  /** The key for the label of this custom key. */
  labelKey?: string;
  /** The custom key that this key labels. */
  labelFor?: string;
}

const entries = new Map(Object.entries(data.keys as Record<string, DictionaryEntry>));

/** The entry of a dictionary key, case-sensitive; undefined for any other text. */
export function lookUp(key: string): DictionaryEntry | undefined {
  return entries.get(key);
}

/** True if a line that begins with `CEF:0` may contain the key, that is, for producer keys of CEF 0.1. */
export function isEmittable(entry: DictionaryEntry): entry is DictionaryEntry & { type: CefType } {
  return entry.audience === "producer" && entry.since === "0.1";
}

/** The keys that a mapping row may have, in alphabetical order. Label keys are not among them, because a row's `label` sets them. */
export function rowKeys(): string[] {
  return [...entries].filter(([, entry]) => isEmittable(entry) && entry.labelFor === undefined).map(([key]) => key);
}

export const CEF_TYPES: readonly CefType[] = ["string", "integer", "long", "double", "timestamp", "ipv4", "ipv6", "mac"];

/** The longest string that the dictionary allows (cs1 to cs6). */
export const LONGEST_STRING = 4000;

/** Own keys have no entry, so their values get the length limit of most dictionary strings. */
export const OWN_KEY_LENGTH = 1023;

/** Maximum characters of the header fields (chapter 1, "Header information"). */
export const HEADER_LENGTHS = { vendor: 63, product: 63, version: 31, classId: 1023, name: 512 } as const;
