/**
 * Takes secrets out of texts that a server wrote, which may repeat them in any form and cut them anywhere: every fragment of
 * 8 characters or more goes, in time linear in the length of text and secrets.
 */

import { SECRET_CHARACTERS } from "./limits";
import type { Proxy } from "./proxy";

const FRAGMENT = 8;
/** Shorter forms occur in texts by chance. */
const SHORTEST_FORM = 4;
/** How often a text may be escaped: a proxy quotes in HTML what a server quoted in JSON. */
const DEPTH = 4;
const MASK = "***";

/**
 * Returns what replaces each of `secrets` in a text by `***`; undefined and blank secrets do not count. Beside a secret of more
 * than SECRET_CHARACTERS the whole text is replaced.
 */
export function withoutSecrets(secrets: () => readonly (string | undefined)[]): (text: string) => string {
  /** By secret: making them takes longer than finding them. */
  let forms = new Map<string, readonly string[]>();
  return (text) => {
    const present = secrets().filter((secret) => secret !== undefined);
    if (present.some((secret) => secret.length > SECRET_CHARACTERS)) return MASK;
    forms = new Map(present.map((secret) => [secret, forms.get(secret) ?? [...new Set(piecesOf(secret).flatMap(formsOf))]]));
    const all = [...forms.values()].flat();
    if (all.length === 0) return text;
    const isSecret = new Uint8Array(text.length);
    const places = Array.from(isSecret.keys());
    let layer: Layer | undefined = { text: folded(text), starts: places, ends: places.map((at) => at + 1) };
    for (let depth = 0; depth <= DEPTH && layer !== undefined; depth++) {
      mark(isSecret, layer, all);
      layer = unescaped(layer);
    }
    return masked(text, isSecret);
  };
}

/** The secrets of TLS options, as Node.js takes them. */
export const tlsSecrets = ({ passphrase, key }: { passphrase?: string | undefined; key?: unknown }): string[] =>
  [passphrase, ...[key].flat().map((item) => (typeof item === "string" || Buffer.isBuffer(item) ? String(item) : undefined))].filter((secret) => secret !== undefined);

/** Name and secret as `Authorization: Basic` and `Proxy-Authorization: Basic` have them (RFC 7617). */
export const basicOf = (name: string, secret: string): string => Buffer.from(`${name}:${secret}`).toString("base64");

/** The secrets of a proxy, with the header that carries them. */
export const proxySecrets = (proxy: Proxy | undefined): string[] =>
  (proxy?.password === undefined || proxy.password === "" ? [] : [proxy.password, basicOf(proxy.username ?? "", proxy.password)]);

/** A text after some rounds of unescaping, and for each of its characters where its escape begins and ends in the original. */
interface Layer {
  text: string;
  starts: number[];
  ends: number[];
}

/** Without regard to case: a URL parser writes hosts in lower case. Only ASCII, so that the length stays. */
const folded = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** The lines of a PEM text without those around them, which certificates have too; any other secret is one piece. */
function piecesOf(secret: string): string[] {
  if (!secret.includes("-----BEGIN")) return secret.trim() === "" ? [] : [secret];
  return secret.replace(/-----[^-]*-----|^[\w-]+: .*$/gm, "\n").split(/\s+|\\n/).filter((line) => line.length >= FRAGMENT);
}

/** Every form in which a server repeats a secret; those that are escaped in part only, or twice, `unescaped` finds. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // The bytes of UTF-8, each as a character: so Node.js reads a header, and so `unescaped` reads `%C3%B6`.
  const unescapedForms = [...new Set([secret, bytes.toString("latin1")])];
  const base64Forms = [...new Set([secret, urlForm(secret), jsonForm(secret)])].flatMap(base64FormsOf);
  const forms = [...unescapedForms.flatMap((form) => [...escapedForms(form), byUnits(form), byBytes(form)]), ...base64Forms.flatMap(escapedForms)];
  return [secret, ...forms.filter((form) => form.length >= SHORTEST_FORM)].map(folded);
}

/** As it stands, and where a writer escapes what it must. */
const escapedForms = (text: string) => [text, jsonForm(text), jsonForm(text).replaceAll("/", "\\/"), urlForm(text), urlForm(text).replaceAll("%20", "+")];

const jsonForm = (text: string) => JSON.stringify(text).slice(1, -1);

/** Buffer makes well-formed what encodeURIComponent would refuse. */
const urlForm = (text: string) => encodeURIComponent(Buffer.from(text).toString());

const byUnits = (text: string) => text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const byBytes = (text: string) => Buffer.from(text).toString("hex").replace(/../g, "%$&");

/**
 * Base64 (RFC 4648 sections 4 and 5) of a text that begins at any byte of what was encoded, without the character that holds
 * bits of what is before it too; as its end, and without the character that holds bits of what is behind it.
 */
function base64FormsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const aligned = [0, 1, 2].flatMap((before) => {
    const form = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const start = Math.ceil((before * 8) / 6);
    return [form.slice(start), form.slice(start, Math.floor(((before + bytes.length) * 8) / 6))];
  });
  return aligned.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** JSON and JavaScript, URL, HTML; and what a border would put a blank for, which some put between two lines of base64. */
const ESCAPE = /\\u([\da-f]{4})|\\x([\da-f]{2})|%([\da-f]{2})|&#x([\da-f]{1,5});|&#(\d{1,6});|&(amp|lt|gt|quot|apos);|\\([^])|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/giu;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** The layer below: what the escapes in `text` mean; undefined if it has none. */
function unescaped({ text, starts, ends }: Layer): Layer | undefined {
  const below: Layer = { text: "", starts: [], ends: [] };
  let end = 0;
  /** The characters from `from` up to `to` mean `meant`. */
  const add = (meant: string, from: number, to: number) => {
    below.text += meant;
    for (let count = 0; count < meant.length; count++) {
      below.starts.push(starts[from] as number);
      below.ends.push(ends[to - 1] as number);
    }
  };
  const keepUpTo = (next: number) => {
    for (; end < next; end++) add(text.charAt(end), end, end + 1);
  };
  for (const { index, 0: escape, 1: unit, 2: byte, 3: octet, 4: hex, 5: decimal, 6: named, 7: escaped } of text.matchAll(ESCAPE)) {
    keepUpTo(index);
    const code = unit ?? byte ?? octet ?? hex;
    const name = named ?? escaped;
    const meant = code !== undefined ? String.fromCodePoint(parseInt(code, 16)) : decimal !== undefined ? String.fromCodePoint(Number(decimal)) : name === undefined ? "" : NAMED[name] ?? name;
    add(folded(meant), end, end + escape.length);
    end += escape.length;
  }
  if (end === 0) return undefined;
  keepUpTo(text.length);
  return below;
}

/** Marks in `isSecret`, of the original, every fragment of `forms` that `text` has. */
function mark(isSecret: Uint8Array, { text, starts, ends }: Layer, forms: readonly string[]): void {
  const cover = (from: number, length: number) => isSecret.fill(1, starts[from], ends[from + length - 1]);
  const inText = new Set<string>();
  // Most places of a form begin with two characters that the text does not have together: no need to look further.
  const pairs = new Uint8Array(1 << 16);
  for (let at = 0; at + FRAGMENT <= text.length; at++) {
    inText.add(text.slice(at, at + FRAGMENT));
    pairs[pairAt(text, at)] = 1;
  }
  const found = new Set<string>();
  for (const form of forms) {
    if (form.length < FRAGMENT) {
      for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) cover(at, form.length);
      continue;
    }
    for (let at = 0; at + FRAGMENT <= form.length; at++) {
      if (pairs[pairAt(form, at)] === 0) continue;
      const fragment = form.slice(at, at + FRAGMENT);
      if (inText.has(fragment)) found.add(fragment);
    }
  }
  for (let at = 0; found.size > 0 && at + FRAGMENT <= text.length; at++) if (found.has(text.slice(at, at + FRAGMENT))) cover(at, FRAGMENT);
}

/** Of the first two characters: texts with the same ones have the same number. */
const pairAt = (text: string, at: number) => ((text.charCodeAt(at) << 8) ^ text.charCodeAt(at + 1)) & 0xffff;

function masked(text: string, isSecret: Uint8Array): string {
  let clean = "";
  for (let at = 0; at < text.length;) {
    const start = at;
    const kind = isSecret[at];
    while (at < text.length && isSecret[at] === kind) at += 1;
    clean += kind === 1 ? MASK : text.slice(start, at);
  }
  return clean;
}
