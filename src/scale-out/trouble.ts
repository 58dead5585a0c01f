/** Failures of a node's work with the stream: reports each cause once in a series of failures, and lengthens the pauses. */
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";

const FIRST_PAUSE_MS = 500;
/** Also for an error that somebody has to correct. */
const LAST_PAUSE_MS = 5000;
/** A cause is reported again after this time without it. A success in between does not count: a full stream takes a message now and then. */
const QUIET_MS = 60_000;

export class Trouble {
  /** The last failure; undefined after a success. */
  error: SiemError | undefined;
  private failures = 0;
  /** Code → when it last happened. */
  private readonly seen = new Map<string, number>();

  constructor(private readonly clock: Clock, private readonly report: (error: SiemError) => void) {}

  /** Returns how long to wait before the next attempt, ms. */
  add(error: SiemError): number {
    const now = this.clock.now();
    const isNew = now - (this.seen.get(error.code) ?? -Infinity) > QUIET_MS;
    this.seen.set(error.code, now);
    this.error = error;
    if (isNew) this.report(error);
    const pause = error.permanent ? LAST_PAUSE_MS : Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    return pause;
  }

  over(): void {
    this.error = undefined;
    this.failures = 0;
  }
}
