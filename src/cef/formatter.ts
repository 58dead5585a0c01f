/** What every format has in common: a line for every event, also for one that cannot be formatted, and the counts. */
import { messageOf, SiemError } from "../common/errors";
import { isRecord } from "../common/messages";
import { cefError } from "./errors";

export interface FormatCounters {
  /** Events that became a line of their own. */
  formatted: number;
  /** Events that became a line that says why they could not. */
  failed: number;
  /** Values left out because they are not of the type of their key. */
  droppedValues: number;
  /** Values cut or left out because they, or the line, were too long. */
  truncated: number;
}

export interface Formatter {
  /** One line without line end. Never throws. */
  readonly format: (event: unknown) => string;
  readonly counters: Readonly<FormatCounters>;
  /** Why the last event could not be formatted; undefined if it could. */
  readonly failure: SiemError | undefined;
}

export interface FormatSteps {
  /** The line of an event; throws if there is none. */
  describe: (event: Record<string, unknown>) => string;
  /** The line that stands for an event that has none. */
  explain: (reason: string) => string;
  /** Lets go of the event. */
  close: () => void;
}

/** Room for the longest vendor, product and version in three-byte characters. */
export const MIN_BYTES = 512;
export const DEFAULT_BYTES = 8000;

/** Throws SiemError MAX_BYTES if there is no room for a line. */
export function checkMaxBytes(maxBytes: number): void {
  if (!(maxBytes >= MIN_BYTES)) throw cefError("MAX_BYTES", { min: MIN_BYTES }, { permanent: true });
}

export const newCounters = (): FormatCounters => ({ formatted: 0, failed: 0, droppedValues: 0, truncated: 0 });

export function makeFormatter(counters: FormatCounters, { describe, explain, close }: FormatSteps): Formatter {
  let failure: SiemError | undefined;
  return {
    counters,
    get failure() {
      return failure;
    },
    format(event) {
      try {
        if (!isRecord(event)) throw cefError("EVENT_NOT_OBJECT", { type: event === null ? "null" : Array.isArray(event) ? "array" : typeof event });
        const line = describe(event);
        failure = undefined;
        counters.formatted++;
        return line;
      } catch (error) {
        failure = error instanceof SiemError ? error : cefError("EVENT_UNREADABLE", { reason: messageOf(error) }, { cause: error });
        counters.failed++;
        return explain(failure.message);
      } finally {
        close();
      }
    },
  };
}

/** An event may be so odd that even reading its id fails; its line is written all the same. */
export function attempt(read: () => string | undefined): string {
  try {
    return read() ?? "";
  } catch {
    return "";
  }
}
