/**
 * Formats messages in the order they came, a slice at a time: a page of ten thousand events takes a good part of a
 * second, and nothing else in the process may wait that long.
 */
import type { SiemError } from "../errors";
import type { Formatter } from "./formatter";

/** An event of which only a minimal line could be made. */
export interface FormatFailure {
  event: unknown;
  reason: SiemError;
}

export interface FormatJob {
  events: readonly unknown[];
  formatter: Formatter;
  /** One line an event, in their order. */
  finished(lines: string[], failures: readonly FormatFailure[]): void;
  /** The queue was closed before the job was done. */
  abandoned(): void;
}

export interface QueueTools {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Runs a function after whatever else waits to run. */
  defer(run: () => void): void;
}

/** The longest that a slice keeps the process busy, in milliseconds; and how many events to format between two looks at the clock. */
const SLICE_MS = 4;
const EVENTS_A_LOOK = 16;

export class FormatQueue {
  private readonly jobs: FormatJob[] = [];
  private lines: string[] = [];
  private failures: FormatFailure[] = [];
  private running = false;

  constructor(private readonly tools: QueueTools) {}

  /** Takes a job; a small one is finished before this returns, if nothing is before it. */
  push(job: FormatJob): void {
    this.jobs.push(job);
    if (!this.running) this.run();
  }

  /** Abandons every job that is not finished. */
  close(): void {
    for (const job of this.jobs.splice(0)) job.abandoned();
  }

  private readonly run = (): void => {
    this.running = true;
    const end = this.tools.now() + SLICE_MS;
    for (let job = this.jobs[0]; job !== undefined; job = this.jobs[0]) {
      if (!this.advance(job, end)) {
        this.tools.defer(this.run);
        return;
      }
    }
    this.reset();
    this.running = false;
  };

  /** True if the job is finished and there is time for the next. */
  private advance(job: FormatJob, end: number): boolean {
    const { events, formatter } = job;
    while (this.lines.length < events.length) {
      if (this.lines.length % EVENTS_A_LOOK === 0 && this.tools.now() >= end) return false;
      const event = events[this.lines.length];
      this.lines.push(formatter.format(event));
      if (formatter.failure !== undefined) this.failures.push({ event, reason: formatter.failure });
    }
    const { lines, failures } = this;
    this.reset();
    this.jobs.shift();
    job.finished(lines, failures);
    return this.tools.now() < end;
  }

  private reset(): void {
    this.lines = [];
    this.failures = [];
  }
}
