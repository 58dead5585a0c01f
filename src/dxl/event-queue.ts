/**
 * What arrived and waits for its turn: bounded, so that a flood costs events that are counted and never the process; and
 * handed on in short turns of the event loop, so that a flood stops nothing else either.
 */
import type { Clock } from "../syslog/clock";

export interface EventQueueOptions<Event> {
  /** How many events may wait. */
  limit: number;
  /** Takes one event; must not throw. */
  take(event: Event): void;
  /** `count` more events were dropped: called with the first one of a flood, then at most every 10 s, and at the latest when the queue closes. */
  dropped(count: number): void;
  clock: Pick<Clock, "now" | "after">;
}

/** The flow gets its own turn of the event loop after so much of ours. */
const TURN_EVENTS = 100;
const TURN_MS = 5;
const REPORT_MS = 10_000;

export class EventQueue<Event> {
  private waiting: Event[] = [];
  private next = 0;
  private turn: NodeJS.Immediate | undefined;
  private unreported = 0;
  private stopReports: (() => void) | undefined;

  constructor(private readonly options: EventQueueOptions<Event>) {}

  /** Events that wait. */
  get length(): number {
    return this.waiting.length - this.next;
  }

  /** Takes the event, or drops it when the queue is full: those that wait are older, and nobody has seen them yet. */
  push(event: Event): void {
    if (this.length < this.options.limit) {
      this.waiting.push(event);
      this.turn ??= setImmediate(this.run);
      return;
    }
    this.unreported += 1;
    if (this.stopReports === undefined) this.report();
  }

  /** Forgets what waits, and reports what was dropped before. */
  close(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.stopReports?.();
    this.stopReports = undefined;
    this.waiting = [];
    this.next = 0;
    if (this.unreported > 0) this.options.dropped(this.unreported);
    this.unreported = 0;
  }

  private readonly run = (): void => {
    this.turn = undefined;
    const { options } = this;
    const { clock } = options;
    const end = clock.now() + TURN_MS;
    for (let taken = 0; taken < TURN_EVENTS && this.length > 0; taken++) {
      options.take(this.waiting[this.next++] as Event);
      if (clock.now() >= end) break;
    }
    // Cutting each event off the front would cost a copy of the rest; half of the list at a time costs next to nothing.
    if (this.next * 2 >= this.waiting.length) {
      this.waiting = this.waiting.slice(this.next);
      this.next = 0;
    }
    if (this.length > 0) this.turn ??= setImmediate(this.run);
  };

  private readonly report = (): void => {
    this.stopReports = undefined;
    if (this.unreported === 0) return;
    this.stopReports = this.options.clock.after(REPORT_MS, this.report);
    this.options.dropped(this.unreported);
    this.unreported = 0;
  };
}
