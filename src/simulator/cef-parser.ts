/**
 * Parses a CEF line strictly by the ArcSight CEF Implementation Standard (v27). It shares only the dictionary's data with
 * the encoder, no code, so that it finds the encoder's mistakes.
 */
import { isIPv4, isIPv6 } from "node:net";
import dictionary from "../cef/dictionary.json";

export interface CefEvent {
  vendor: string;
  product: string;
  version: string;
  classId: string;
  name: string;
  severity: string;
  extension: Map<string, string>;
}

/** A line is not legal CEF; the message says why. */
export class IllegalCef extends Error {}

interface Key {
  type: string;
  maxLength?: number;
  audience: string;
  since: string;
  labelKey?: string;
  labelFor?: string;
}

const KEYS = new Map(Object.entries(dictionary.keys as Record<string, Key>));
const HEADER: readonly [name: keyof CefEvent, maxLength: number][] = [
  ["vendor", 63], ["product", 63], ["version", 31], ["classId", 1023], ["name", 512], ["severity", 10],
];
const SEVERITY = /^(10|\d|Unknown|Low|Medium|High|Very-High)$/;
/** C0 controls, DEL and line ends, which break readers of lines. A tab is allowed in a value. */
const CONTROL = /[^\t\x20-\x7e\x80-\x84\x86-\u2027\u202a-\uffff]/;
const DATE = /^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{2}( \d{4})? \d{2}:\d{2}:\d{2}(\.\d{3})?( \S+)?$/;

const whole = (bits: bigint) => (value: string) =>
  /^-?\d{1,19}$/.test(value) && BigInt(value) >= -(2n ** (bits - 1n)) && BigInt(value) < 2n ** (bits - 1n);

const TYPES: Record<string, (value: string) => boolean> = {
  string: () => true,
  integer: (value) => /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= 2 ** 31 - 1,
  long: whole(64n),
  double: (value) => /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value),
  timestamp: (value) => /^\d{1,15}$/.test(value) || DATE.test(value),
  ipv4: isIPv4,
  ipv6: isIPv6,
  ip: (value) => isIPv4(value) || isIPv6(value),
  mac: (value) => /^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/.test(value),
};

/** Parses a line that begins with `CEF:`. Throws IllegalCef with the reason. */
export function parseCef(line: string): CefEvent {
  if (!line.startsWith("CEF:0|")) throw new IllegalCef("does not begin with CEF:0|");
  if (CONTROL.test(line)) throw new IllegalCef("holds a raw control character");
  const event: CefEvent = { vendor: "", product: "", version: "", classId: "", name: "", severity: "", extension: new Map() };
  let at = 6;
  for (const [field, maxLength] of HEADER) {
    const end = headerEnd(line, at);
    const value = unescape(line.slice(at, end), HEADER_ESCAPES, field);
    if (value.trim() === "") throw new IllegalCef(`header field ${field} is empty`);
    if (isLonger(value, maxLength)) throw new IllegalCef(`header field ${field} is longer than ${maxLength}`);
    (event[field] as string) = value;
    at = end + 1;
  }
  if (!SEVERITY.test(event.severity)) throw new IllegalCef(`severity ${event.severity} is not 0 to 10 or a word`);
  parseExtension(line.slice(at), event);
  return event;
}

function headerEnd(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    const char = line.charCodeAt(at);
    if (char === 0x5c) at += 1;
    else if (char === 0x7c) return at;
  }
  throw new IllegalCef("the header has fewer than seven pipes");
}

function parseExtension(text: string, event: CefEvent): void {
  const { extension } = event;
  const vendor = event.vendor.replace(/[^A-Za-z0-9]/g, "");
  let key = "";
  let valueAt = 0;
  for (let equals = nextEquals(text, 0); ; equals = nextEquals(text, equals + 1)) {
    const keyAt = equals < 0 ? text.length + 1 : text.lastIndexOf(" ", equals) + 1;
    if (keyAt < valueAt) throw new IllegalCef(`unescaped = in the value of ${key}`);
    if (key !== "") extension.set(key, valueOf(key, text.slice(valueAt, keyAt - 1)));
    else if (keyAt > 0 && text.slice(0, keyAt).trim() !== "") throw new IllegalCef("the extension does not begin with a key");
    if (equals < 0) break;
    key = text.slice(keyAt, equals);
    valueAt = equals + 1;
    checkKey(key, vendor, extension);
  }
  for (const name of extension.keys()) {
    const { labelFor, labelKey } = KEYS.get(name) ?? {};
    if (labelFor !== undefined && !extension.has(labelFor)) throw new IllegalCef(`${name} is there without ${labelFor}`);
    if (labelKey !== undefined && !extension.has(labelKey)) throw new IllegalCef(`${name} is there without ${labelKey}`);
  }
}

/** The next `=` that no backslash escapes. */
function nextEquals(text: string, from: number): number {
  for (let at = text.indexOf("=", from); at >= 0; at = text.indexOf("=", at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

function checkKey(key: string, vendor: string, extension: Map<string, string>): void {
  const entry = KEYS.get(key);
  if (entry === undefined) {
    // The standard names own keys VendorNameProductNameExplanatoryKeyName.
    if (!/^[A-Za-z0-9]+$/.test(key) || !key.startsWith(vendor)) throw new IllegalCef(`${key} is neither a key of the dictionary nor an own key of ${vendor}`);
  } else if (entry.audience !== "producer" || entry.since !== "0.1") {
    throw new IllegalCef(`${key} is not a producer's key of CEF 0.1`);
  }
  if (extension.has(key)) throw new IllegalCef(`${key} occurs twice`);
}

function valueOf(key: string, raw: string): string {
  const value = unescape(raw, EXTENSION_ESCAPES, key);
  const entry = KEYS.get(key);
  if (entry === undefined) return value;
  if (!(TYPES[entry.type]?.(value) ?? false)) throw new IllegalCef(`${key} is not of the type ${entry.type}`);
  if (entry.maxLength !== undefined && isLonger(value, entry.maxLength)) {
    throw new IllegalCef(`${key} is longer than ${entry.maxLength}`);
  }
  return value;
}

/** Lengths count characters; a surrogate pair is one character. */
const isLonger = (value: string, limit: number) => value.length > limit && [...value].length > limit;

const HEADER_ESCAPES: Record<string, string> = { "\\": "\\", "|": "|" };
const EXTENSION_ESCAPES: Record<string, string> = { "\\": "\\", "=": "=", n: "\n", r: "\r" };

function unescape(text: string, escapes: Record<string, string>, where: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(.?)/gu, (pair, char: string) => {
    const plain = escapes[char];
    if (plain === undefined) throw new IllegalCef(`illegal escape ${pair} in ${where}`);
    return plain;
  });
}
