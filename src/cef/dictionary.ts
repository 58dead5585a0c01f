/**
 * The extension dictionary: which keys exist, of which type and length, and who may set them.
 * Source: ArcSight CEF Implementation Standard (SmartConnectors 25.1), chapter 2 "Extension dictionary".
 */
import data from "./dictionary.json";

export type CefType = "string" | "integer" | "long" | "double" | "timestamp" | "ipv4" | "ipv6" | "mac";

export interface DictionaryEntry {
  /** As readers name the field that this key stands for. */
  fullName: string;
  /** "ip" (either family) occurs with consumer keys only. */
  type: CefType | "ip";
  /** Characters of the unescaped value; only strings have one. */
  maxLength?: number;
  /** `producer` keys are a sender's; `consumer` keys are set by ArcSight; `both` came with CEF 1.2; `retired` left the standard. */
  audience: "producer" | "consumer" | "both" | "retired";
  /** The CEF version that brought the key. */
  since: "0.1" | "1.2";
  /** The key that names what this custom key holds. */
  labelKey?: string;
  /** The custom key that this one is the label of. */
  labelFor?: string;
}

const entries = new Map(Object.entries(data.keys as Record<string, DictionaryEntry>));

/** The entry of a dictionary key; undefined for every other text. Letter case counts. */
export function lookUp(key: string): DictionaryEntry | undefined {
  return entries.get(key);
}

/** True if a line that begins `CEF:0` may carry the key: a producer key of CEF 0.1. */
export function isEmittable(entry: DictionaryEntry): entry is DictionaryEntry & { type: CefType } {
  return entry.audience === "producer" && entry.since === "0.1";
}

/** Every key that may stand in a row, in alphabetical order: emittable and not a label, which comes with its custom key. */
export function rowKeys(): string[] {
  return [...entries].filter(([, entry]) => isEmittable(entry) && entry.labelFor === undefined).map(([key]) => key);
}

export const CEF_TYPES: readonly CefType[] = ["string", "integer", "long", "double", "timestamp", "ipv4", "ipv6", "mac"];

/** The longest string the dictionary knows (cs1 to cs6). */
export const LONGEST_STRING = 4000;

/** Own keys have no entry; they are held to the length that most dictionary strings have. */
export const OWN_KEY_LENGTH = 1023;

/** Characters of the header fields (chapter 1, "Header information"). */
export const HEADER_LENGTHS = { vendor: 63, product: 63, version: 31, classId: 1023, name: 512 } as const;
