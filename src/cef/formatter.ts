/** What all formats share: a line for every event, even if it cannot be formatted, and the counters. */
import { plain } from "../common/border";
import { SiemError } from "../common/errors";
import { isRecord } from "../common/messages";
import { cefError } from "./errors";

export interface FormatCounters {
  /** Events that were formatted. */
  formatted: number;
  /** Events that could not be formatted: their line says why. */
  failed: number;
  /** Values left out because they do not have the type of their key. */
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

interface FormatSteps {
  /** Throws if the event cannot be formatted. */
  format: (event: Record<string, unknown>) => string;
  /** The line in place of an event that cannot be formatted. */
  formatFailure: (reason: string) => string;
  /** Releases the event. */
  close: () => void;
}

/** Fits the longest vendor, product and version in three-byte characters. */
export const MIN_BYTES = 512;
export const DEFAULT_BYTES = 8000;

/** Throws SiemError MAX_BYTES if there is no room for a line. */
export function checkMaxBytes(maxBytes: number): void {
  if (!(maxBytes >= MIN_BYTES)) throw cefError("MAX_BYTES", { min: MIN_BYTES }, { permanent: true });
}

export const newCounters = (): FormatCounters => ({ formatted: 0, failed: 0, droppedValues: 0, truncated: 0 });

export function makeFormatter(counters: FormatCounters, steps: FormatSteps): Formatter {
  let failure: SiemError | undefined;
  return {
    counters,
    get failure() {
      return failure;
    },
    format(event) {
      try {
        if (!isRecord(event)) throw cefError("EVENT_NOT_OBJECT", plain.params({ type: event === null ? "null" : Array.isArray(event) ? "array" : typeof event }));
        const line = steps.format(event);
        failure = undefined;
        counters.formatted++;
        return line;
      } catch (error) {
        failure = error instanceof SiemError ? error : cefError("EVENT_UNREADABLE", plain.params({ reason: error }), { cause: plain.cause(error) });
        counters.failed++;
        return steps.formatFailure(failure.message);
      } finally {
        steps.close();
      }
    },
  };
}

/** Reads text for the line of a failure, where even reading the id may fail. */
export function readOrEmpty(read: () => string | undefined): string {
  try {
    return read() ?? "";
  } catch {
    return "";
  }
}
