/**
 * Formats messages in the order of their arrival, a slice at a time: a page of ten thousand events takes a good part of a
 * second, and other work of the process must not wait that long. What waits has a bound: a source that does not wait for the
 * flow would fill all memory.
 */
import { getHeapStatistics } from "node:v8";
import type { SiemError } from "../common/errors";
import { inMegabytes } from "../common/limits";
import type { PackedLines } from "../pages/packed-lines";
import { cefError } from "./errors";
import type { Formatter } from "./formatter";

/** An event that got only a minimal line. */
export interface FormatFailure {
  event: unknown;
  reason: SiemError;
}

export interface FormatJob {
  /** Number of events, and about how much memory they keep while the job waits. */
  events: number;
  bytes: number;
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
/** What may wait: in bytes, four pages of 10,000 events as objects, or an eighth of V8's heap. */
const MOST_EVENTS = 100_000;
export const MOST_BYTES = Math.min(256 * 1024 * 1024, getHeapStatistics().heap_size_limit / 8);

export class FormatQueue {
  /** Of the jobs that are not finished. */
  events = 0;
  private bytes = 0;
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

  /**
   * Adds a job; a small one is finished at once if no job is before it. Throws FORMAT_QUEUE_FULL if it does not fit beside
   * those that wait; alone, a job of any size fits, because it could never be done otherwise.
   */
  push(job: FormatJob): void {
    if (this.jobs.length > 0 && (this.events + job.events > MOST_EVENTS || this.bytes + job.bytes > MOST_BYTES)) {
      throw cefError("FORMAT_QUEUE_FULL", { events: this.events, megabytes: inMegabytes(this.bytes) });
    }
    this.jobs.push(job);
    this.events += job.events;
    this.bytes += job.bytes;
    if (!this.running) this.run();
  }

  /** Abandons every job that is not finished. */
  close(): void {
    for (const job of [...this.jobs]) {
      this.remove(job);
      void job.slices.return?.();
      job.abandoned();
    }
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
      this.remove(job);
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
    this.remove(job);
    job.finished(lines, failures);
    return this.dependencies.now() < end ? undefined : this.later;
  }

  private async awaitSlice(job: FormatJob, next: Promise<Slice>): Promise<void> {
    try {
      const arrived = await next;
      if (job === this.jobs[0]) this.arrived = arrived;
    } catch (error) {
      if (job !== this.jobs[0]) return;
      this.remove(job);
      job.failed(error);
    }
  }

  /** Takes out `job`, the first one. */
  private remove(job: FormatJob): void {
    this.jobs.shift();
    this.events -= job.events;
    this.bytes -= job.bytes;
    this.lines = [];
    this.failures = [];
    this.slice = [];
    this.done = 0;
    this.arrived = undefined;
  }
}
