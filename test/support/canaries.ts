/** The forms in which a server may repeat a secret, and how a test finds a fragment of one. Written apart from the code that it tests. */

const base64 = (text: string) => Buffer.from(text).toString("base64");
const bytesOf = (text: string, write: (hex: string) => string) => Array.from(Buffer.from(text), (byte) => write(byte.toString(16).padStart(2, "0"))).join("");
const unitsOf = (text: string, write: (hex: string) => string) => text.split("").map((unit) => write(unit.charCodeAt(0).toString(16).padStart(4, "0"))).join("");

/** `user` is the name that belongs to the secret; without one there is no form of `Basic`. */
export const formsOf = (secret: string, user: string | undefined): string[] =>
  Object.entries(FORMS).filter(([name]) => user !== undefined || !name.startsWith("Basic")).map(([, form]) => form(secret, user ?? ""));

export const FORMS: Readonly<Record<string, (secret: string, user: string) => string>> = {
  "plain text": (secret) => secret,
  "JSON": (secret) => JSON.stringify(secret).slice(1, -1),
  "JSON with every character escaped": (secret) => unitsOf(secret, (hex) => `\\u${hex}`),
  "JSON with every character escaped in upper case": (secret) => unitsOf(secret, (hex) => `\\u${hex.toUpperCase()}`),
  "part of a URL": (secret) => encodeURIComponent(secret),
  "part of a URL in lower case": (secret) => encodeURIComponent(secret).replace(/%../g, (escape) => escape.toLowerCase()),
  "part of a form": (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  "part of a URL with every byte escaped": (secret) => bytesOf(secret, (hex) => `%${hex}`),
  "part of a URL with every byte escaped in upper case": (secret) => bytesOf(secret, (hex) => `%${hex.toUpperCase()}`),
  "base64": base64,
  "base64 after one byte": (secret) => base64(`x${secret}`).slice(2),
  "base64 after two bytes": (secret) => base64(`xx${secret}`).slice(3),
  "base64 for URLs": (secret) => Buffer.from(secret).toString("base64url"),
  "base64 in a URL": (secret) => encodeURIComponent(base64(secret)),
  "Basic": (secret, user) => base64(`${user}:${secret}`),
  "Basic of parts of a URL": (secret, user) => base64(`${encodeURIComponent(user)}:${encodeURIComponent(secret)}`).slice(Math.ceil(((user.length + 1) * 4) / 3)),
};

const FRAGMENT = 8;

/** Finds fragments of 8 characters of any form of `secrets`. */
export class Canaries {
  private readonly fragments = new Set<string>();

  constructor(secrets: readonly string[], user: string | undefined) {
    for (const secret of secrets) for (const form of formsOf(secret, user)) for (const fragment of fragmentsOf(form)) this.fragments.add(fragment);
  }

  /** Those that are in `text`. */
  in(text: string): string[] {
    return fragmentsOf(text).filter((fragment) => this.fragments.has(fragment));
  }
}

const fragmentsOf = (text: string) => Array.from({ length: Math.max(0, text.length - FRAGMENT + 1) }, (_, at) => text.slice(at, at + FRAGMENT));
