/** How every adapter reports: one place for status texts, one for errors. */
import { plain, printable } from "../common/border";
import { SiemError, type Params } from "../common/errors";
import { withFieldLabel } from "../common/field-label";
import type { Colour } from "../common/status-colour";
import type { FlowMessage } from "../common/messages";
import type { Translate } from "./host";

export interface StatusTarget {
  status(status: { fill?: Colour; shape?: "dot" | "ring"; text?: string }): void;
  /** What it shows, as in the figures. */
  shownStatus?: { fill: Colour; text: string; recovered: string | undefined };
}

/** Colour, catalog key of the text, and its parameters. */
type Status = [fill: Colour, key: string, params?: Params];

const MIN_INTERVAL_MS = 250;

/**
 * Sets a node's status at most every 250 ms, so that a status per page costs little; the newest one always arrives.
 * Green and blue are dots, the others rings.
 */
export class StatusLine {
  private pending: (() => Status) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isTroubled = false;

  constructor(private readonly node: StatusTarget, private readonly translate: Translate) {}

  show(...status: Status): void {
    this.showLazily(() => status);
  }

  /** For a status that changes with every event: calls `status` only when it is shown. */
  showLazily(status: () => Status): void {
    if (this.timer !== undefined) {
      this.pending = status;
      return;
    }
    this.apply(status());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, MIN_INTERVAL_MS);
    this.timer.unref();
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.flush();
  }

  private flush(): void {
    const { pending } = this;
    this.pending = undefined;
    if (pending !== undefined) this.apply(pending());
  }

  private apply([fill, key, params = {}]: Status): void {
    const text = this.translate(key, params);
    const before = this.node.shownStatus;
    if (before?.fill === fill && before.text === text) return;
    const recovers = this.isTroubled && fill === "green";
    if (fill !== "blue") this.isTroubled = fill !== "green";
    this.node.shownStatus = { fill, text, recovered: recovers ? new Date().toISOString() : before?.recovered };
    this.node.status({ fill, shape: fill === "green" || fill === "blue" ? "dot" : "ring", text });
  }
}

/**
 * The error for `done(err)` or `node.error(err, msg)`: the sentence in the server's language if the catalog has it, the
 * stable code, and the cause for the log. An error of somebody else passes the border.
 */
export function localise(translate: Translate, error: unknown): Error {
  if (!(error instanceof SiemError)) return plain.cause(error);
  const label = (key: string) => {
    const text = translated(translate, key);
    return text === undefined ? undefined : printable(text);
  };
  const text = translated(translate, error.key, withFieldLabel(error.key, error.params, label));
  if (text === undefined) return error;
  return new SiemError(error.code, error.key, text, {}, { permanent: error.permanent, ...(error.cause === undefined ? {} : { cause: error.cause }) });
}

/** `RED._` returns the key, perhaps with the node set in front, if the catalog does not have it. */
function translated(translate: Translate, key: string, params: Params = {}): string | undefined {
  const text = translate(key, params);
  return text === "" || text.includes(key.slice(key.indexOf(":") + 1)) ? undefined : text;
}

/**
 * The message for a second output: what could not be processed, and the error in the form of a `catch` node. It has no
 * `delivery` and `parts`, because its receiver must not settle the page that it came with.
 */
export const setAside = ({ topic, kind }: FlowMessage, payload: unknown, error: Error) => ({
  payload, kind,
  ...(typeof topic === "string" ? { topic } : {}),
  error: { code: error instanceof SiemError ? error.code : error.name, message: error.message },
});
