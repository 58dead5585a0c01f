/**
 * Errors for people. The sentences are only in the locale catalogs; the code is stable, so that a flow can switch on it
 * (`msg.error.code`).
 */
import common from "../../nodes/locales/en-US/common.json";
import { printable, type ForeignError, type Printable } from "./border";

/** A text gets in only through a border. */
export type Params = Record<string, Printable | number>;

interface SiemErrorOptions {
  cause?: ForeignError;
  /** True if a retry cannot help: somebody has to change something first. */
  permanent?: boolean;
}

/** Fills Node-RED's `__name__` placeholders. */
export function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/__([a-zA-Z0-9]+)__/g, (whole, name: string) => (Object.hasOwn(params, name) ? String(params[name]) : whole));
}

/**
 * An error with a stable `code` and an English `message` that says what to do. `key` is the catalog key of the sentence,
 * for adapters that show it in the server's language.
 */
export class SiemError extends Error {
  readonly code: string;
  readonly key: string;
  readonly params: Params;
  readonly permanent: boolean;
  declare readonly cause?: ForeignError;

  constructor(code: string, key: string, template: string, params: Params, options: SiemErrorOptions = {}) {
    super(fill(template, params), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SiemError";
    this.code = code;
    this.key = key;
    this.params = params;
    this.permanent = options.permanent ?? false;
  }

  /** What Node-RED writes to its log and into `msg.error.message`: the sentence, without the name of a class. */
  override toString(): string {
    return this.message;
  }
}

/** Makes the errors of one subject: `texts` is the `error` section of its catalog, `prefix` the catalog key of that section. */
export function errorsOf<Texts extends Record<string, string>>(prefix: string, texts: Texts) {
  return (code: keyof Texts & string, params: Params = {}, options?: SiemErrorOptions): SiemError =>
    new SiemError(code, `${prefix}.${code}`, texts[code] ?? code, params, options);
}

/** The catalog key of a node set's errors, valid in every node of the package. */
export const errorPrefix = (nodeType: string) => `@security-events/node-red-siem/${nodeType}:error`;

/** Errors that every node shares; the build merges `common.json` into each node's catalog. */
export const commonError = errorsOf("common.error", common.error);

/** The property `name` of a node for an error text, and the node's type, whose catalog has the label of the property. */
export const propertyParams = ({ type }: Readonly<Record<string, unknown>>, name: string): Params =>
  ({ name: printable(name), ...(typeof type === "string" ? { node: printable(type) } : {}) });

/** Type of a user's input and, if it is no list and no object, which may be large, its short value, for an error text. */
export function describe(value: unknown): { type: Printable; value: Printable } {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
  return { type: printable(type), value: printable(text, 80) };
}
