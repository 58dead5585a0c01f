/** Failures of the link in a row: which of them are news, and when to try again. */
import type { SiemError } from "../common/errors";

const FIRST_RETRY = 1000;
const LAST_RETRY = 60_000;

export class Outages {
  /** Since the last stable link. */
  failures = 0;
  lastError: SiemError | undefined;
  private readonly reported = new Set<string>();

  /** `random` gives a number from 0 up to 1; `report` gets the first error with each code in an outage. */
  constructor(private readonly random: () => number, private readonly report: (error: SiemError) => void) {}

  /** A link is stable. */
  over(): void {
    this.failures = 0;
    this.reported.clear();
  }

  /** Reports `error` unless one like it was reported in this outage. */
  tell(error: SiemError): void {
    if (this.reported.has(error.code)) return;
    this.reported.add(error.code);
    this.report(error);
  }

  /** What was reported with `code` is over: the next one is news. */
  forget(code: string): void {
    this.reported.delete(code);
  }

  /** A link failed; an `expected` error is no news. Returns the milliseconds until the next attempt. */
  add(error: SiemError, expected: boolean): number {
    this.lastError = error;
    if (!expected) this.tell(error);
    const random = this.random();
    const longest = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.failures);
    this.failures += 1;
    // Somebody has to replace a refused certificate: no use to be eager. Anything else: back-off with full jitter.
    return error.permanent ? LAST_RETRY * (0.5 + random / 2) : random * longest;
  }
}
