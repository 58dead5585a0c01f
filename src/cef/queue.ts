/**
 * Formats messages in the order of their arrival, a slice at a time: a page of ten thousand events takes a good part of a
 * second, and other work of the process must not wait that long.
 */
import type { SiemError } from "../common/errors";
import type { PackedLines } from "../pages/packed-lines";
import type { Formatter } from "./formatter";

/** An event that got only a minimal line. */
interface FormatFailure {
  event: unknown;
  reason: SiemError;
}

export interface FormatJob {
  /** Lines that were made ahead: the job only waits for the jobs before it. */
  ready?: PackedLines | undefined;
  /** The events. */
  slices: Iterator<readonly unknown[], unknown> | AsyncIterator<readonly unknown[], unknown>;
  formatter: Formatter;
  /** `lines` has one line per event, in the same order. */
  finished(lines: string[] | PackedLines, failures: readonly FormatFailure[]): void;
  /** Its events could not be read. */
  failed(error: unknown): void;
  /** The queue was closed before the job was done. */
  abandoned(): void;
}

type Slice = IteratorResult<readonly unknown[], unknown>;

interface QueueDependencies {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs a function after other waiting work. */
  defer(run: () => void): void;
}

/** Maximum time for which the queue keeps the process busy, ms. */
const TURN_MS = 4;
/** Events between two looks at the clock. */
const EVENTS_PER_CHECK = 16;

export class FormatQueue {
  private readonly jobs: FormatJob[] = [];
  private lines: string[] = [];
  /** The current slice of the first job, and how many of its events are done. */
  private slice: readonly unknown[] = [];
  private done = 0;
  /** The next slice, if it had to be awaited. */
  private arrived: Slice | undefined;
  private failures: FormatFailure[] = [];
  private running = false;

  constructor(private readonly dependencies: QueueDependencies) {}

  /** Adds a job; a small one is finished at once if no job is before it. */
  push(job: FormatJob): void {
    this.jobs.push(job);
    if (!this.running) this.run();
  }

  /** Abandons every job that is not finished. */
  close(): void {
    for (const job of this.jobs.splice(0)) {
      void job.slices.return?.();
      job.abandoned();
    }
    this.reset();
  }

  private readonly later = (run: () => void): void => this.dependencies.defer(run);

  private readonly run = (): void => {
    this.running = true;
    let waits = false;
    try {
      const end = this.dependencies.now() + TURN_MS;
      for (let job = this.jobs[0]; job !== undefined; job = this.jobs[0]) {
        const goOn = this.advance(job, end);
        if (goOn === undefined) continue;
        waits = true;
        goOn(this.run);
        return;
      }
    } finally {
      // Also if `finished` threw: the next job runs.
      this.running = waits;
    }
  };

  /** Works on a job. Undefined: it is finished; else a function that calls `run` when there is more to do. */
  private advance(job: FormatJob, end: number): ((run: () => void) => void) | undefined {
    const { slices, formatter, ready } = job;
    if (ready !== undefined) {
      this.jobs.shift();
      job.finished(ready, []);
      return this.dependencies.now() < end ? undefined : this.later;
    }
    for (;;) {
      if (this.lines.length % EVENTS_PER_CHECK === 0 && this.dependencies.now() >= end) return this.later;
      if (this.done < this.slice.length) {
        const event = this.slice[this.done++];
        this.lines.push(formatter.format(event));
        if (formatter.failure !== undefined) this.failures.push({ event, reason: formatter.failure });
        continue;
      }
      const next = this.arrived ?? slices.next();
      this.arrived = undefined;
      if (next instanceof Promise) return (run) => void this.awaitSlice(job, next).then(run);
      if (next.done === true) break;
      this.slice = next.value;
      this.done = 0;
    }
    const { lines, failures } = this;
    this.reset();
    this.jobs.shift();
    job.finished(lines, failures);
    return this.dependencies.now() < end ? undefined : this.later;
  }

  private async awaitSlice(job: FormatJob, next: Promise<Slice>): Promise<void> {
    try {
      const arrived = await next;
      if (job === this.jobs[0]) this.arrived = arrived;
    } catch (error) {
      if (job !== this.jobs[0]) return;
      this.reset();
      this.jobs.shift();
      job.failed(error);
    }
  }

  private reset(): void {
    this.lines = [];
    this.failures = [];
    this.slice = [];
    this.done = 0;
    this.arrived = undefined;
  }
}
