/** A series of failures: reports each cause once, and lengthens the pauses between attempts. */
import type { Clock } from "../common/clock";
import type { SiemError } from "../common/errors";

interface Times {
  firstPauseMs: number;
  lastPauseMs: number;
  /** After an error that somebody has to correct. */
  permanentPauseMs: number;
  /** A cause is reported again after this time without it, although there was a success in between. */
  quietMs: number;
}

/** Of a node's work with the stream. A full stream takes a message now and then. */
const OF_WORK: Times = { firstPauseMs: 500, lastPauseMs: 5000, permanentPauseMs: 5000, quietMs: 60_000 };

export class Trouble {
  /** The last failure; undefined after a success. */
  error: SiemError | undefined;
  private failures = 0;
  /** Code → when it last happened. */
  private readonly seen = new Map<string, number>();

  constructor(private readonly clock: Clock, private readonly report: (error: SiemError) => void, private readonly times = OF_WORK) {}

  /** Returns how long to wait before the next attempt, ms. */
  add(error: SiemError): number {
    const { firstPauseMs, lastPauseMs, permanentPauseMs, quietMs } = this.times;
    const now = this.clock.now();
    const last = this.seen.get(error.code);
    this.seen.set(error.code, now);
    this.error = error;
    if (last === undefined || now - last > quietMs) this.report(error);
    const pause = Math.min(lastPauseMs, firstPauseMs * 2 ** this.failures);
    this.failures += 1;
    return error.permanent ? permanentPauseMs : pause;
  }

  /** After a success. */
  over(): void {
    this.error = undefined;
    this.failures = 0;
  }

  /** Reports every cause again. */
  forget(): void {
    this.over();
    this.seen.clear();
  }
}
