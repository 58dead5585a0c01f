/**
 * The border for texts from outside. Every text that a server, a file, an event or a user wrote passes it before it enters
 * an error, a log, a status, a metric or a dialog. It takes our secrets out, makes one line of the text, and cuts it.
 */

declare const passed: unique symbol;

/** A text that passed a border. */
export type Printable = string & { readonly [passed]: true };

/** Characters of a text that are read: a server may send megabytes. */
const MOST_READ = 4096;
const DEFAULT_LIMIT = 300;
const FRAMES = 10;

/** Controls, line ends, and what changes the direction of a text or has no width; private use and lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** The sign-in that people write into an address; it may be one that we do not know yet. */
const SIGN_IN = /:\/\/[^\s/?#]*@/g;

/** The message of an error, or `thrown` itself as text. It has not passed a border. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "no text";
  }
}

/** An error that is not ours (of Node.js, a library, another node): only its name, code, message and stack frames, each past a border. */
export class ForeignError extends Error {
  declare private readonly passed: true;
  readonly code?: Printable;

  constructor(thrown: unknown, border: Border) {
    super(border.text(thrown));
    const { name = "Error", code, stack = "" } = (thrown ?? {}) as { name?: unknown; code?: unknown; stack?: unknown };
    this.name = border.text(name, 80);
    if (typeof code === "string" || typeof code === "number") this.code = border.text(code, 80);
    const frames = typeof stack === "string" ? stack.slice(0, MOST_READ).split("\n").filter((line) => /^\s+at /.test(line)) : [];
    this.stack = [`${this.name}: ${this.message}`, ...frames.slice(0, FRAMES).map((line) => `    ${border.text(line)}`)].join("\n");
  }
}

export class Border {
  /** `redact` takes secrets out of a text (`withoutSecrets`). Leave it out where there are none. */
  constructor(private readonly redact: (text: string) => string = (text) => text) {}

  /** `value`, or the text of an error, in at most `limit` characters; what is longer ends in an ellipsis. */
  text(value: unknown, limit = DEFAULT_LIMIT): Printable {
    const whole = messageOf(value);
    const read = whole.slice(0, Math.max(MOST_READ, limit));
    // Secrets first: a control character in place of another would hide one, and a cut leaves a part.
    const line = this.redact(read).replace(SIGN_IN, "://***@").replace(UNPRINTABLE, " ").trim();
    const isCut = line.length > limit || read.length < whole.length;
    return (isCut ? `${line.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, "")}…` : line) as Printable;
  }

  /** Parameters of an error, a status or a warning: numbers stay as they are. */
  params<Name extends string>(values: Record<Name, unknown>): Record<Name, Printable | number> {
    const passed = Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? value : this.text(value)]);
    return Object.fromEntries(passed) as Record<Name, Printable | number>;
  }

  /** What may stand as the cause of an error of ours: Node-RED copies it into `msg.error`. */
  cause(thrown: unknown): ForeignError {
    return new ForeignError(thrown, this);
  }
}

/** For texts that cannot hold a secret of ours. */
export const plain = new Border();

/** `value` past the plain border. */
export const printable = (value: unknown, limit?: number): Printable => plain.text(value, limit);
