/** How every adapter tells people what is going on: one place for status texts, one for errors. */
import { SiemError, messageOf, type Params } from "../common/errors";
import type { Colour } from "../common/status-colour";
import type { FlowMessage } from "../common/messages";
import type { Translate } from "./host";

export interface StatusTarget {
  status(status: { fill?: Colour; shape?: "dot" | "ring"; text?: string }): void;
}

/** The colour, and the text as a key of the catalog with what it has to be filled with. */
export type StatusWords = [fill: Colour, key: string, params?: Params];

const MIN_INTERVAL_MS = 250;

/**
 * Sets a node's status at most every 250 ms, so that a status per page costs nothing; the newest one always arrives.
 * Green and blue are dots, the others rings.
 */
export class StatusLine {
  private pending: (() => StatusWords) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private last = "";

  constructor(private readonly node: StatusTarget, private readonly translate: Translate) {}

  show(...words: StatusWords): void {
    this.changed(() => words);
  }

  /** The same for a status that changes with every event: `words` is asked for only when it is shown. */
  changed(words: () => StatusWords): void {
    if (this.timer !== undefined) {
      this.pending = words;
      return;
    }
    this.apply(words());
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

  private apply([fill, key, params = {}]: StatusWords): void {
    const text = this.translate(key, params);
    if (`${fill} ${text}` === this.last) return;
    this.last = `${fill} ${text}`;
    this.node.status({ fill, shape: fill === "green" || fill === "blue" ? "dot" : "ring", text });
  }
}

/**
 * The error to give to `done(err)` or `node.error(err, msg)`: the sentence in the server's language where the catalog
 * has it, the stable code, the cause for the log. A `RED._` without the key answers with the key.
 */
export function localise(translate: Translate, error: unknown): Error {
  if (!(error instanceof SiemError)) return error instanceof Error ? error : new Error(messageOf(error));
  const text = translate(error.key, error.params);
  const key = error.key.slice(error.key.indexOf(":") + 1);
  if (text === error.key || text === key || text.includes(key)) return error;
  return new SiemError(error.code, error.key, text, {}, { permanent: error.permanent, ...(error.cause === undefined ? {} : { cause: error.cause }) });
}

/**
 * What a node sets aside on its second output: the thing itself and why, in the form in which a `catch` node tells it.
 * Made anew and without `delivery` and `parts`, because whoever takes it must not settle the page that it came with.
 */
export const setAside = ({ topic, kind }: FlowMessage, payload: unknown, error: Error) => ({
  payload, kind,
  ...(typeof topic === "string" ? { topic } : {}),
  error: { code: error instanceof SiemError ? error.code : error.name, message: error.message },
});
