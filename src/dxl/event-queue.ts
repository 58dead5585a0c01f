/**
 * Hands on what arrives: at once, as long as there is little of it; what comes then waits for the next turns of the event
 * loop, so that a flood stops nothing else. What waits is bounded, so that a flood costs events that are counted and never
 * the process.
 */
import type { Clock } from "../common/clock";

export interface EventQueueOptions<Event> {
  /** How many events may wait. */
  limit: number;
  /** Takes one event, which is only lent; must not throw. */
  take(event: Event): void;
  /** What can wait, of an event that is only lent. */
  keep(event: Event): Event;
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
  /** Events taken since the turn began, and when it ends. */
  private taken = 0;
  private end = 0;
  private unreported = 0;
  private stopReports: (() => void) | undefined;

  constructor(private readonly options: EventQueueOptions<Event>) {}

  /** Events that wait. */
  get length(): number {
    return this.waiting.length - this.next;
  }

  /** Hands the event on, lets it wait, or drops it when the queue is full: those that wait are older, and nobody has seen them yet. */
  push(event: Event): void {
    if (this.turn === undefined) {
      this.begin();
      this.turn = setImmediate(this.run);
    }
    if (this.length === 0 && this.lasts()) {
      this.taken += 1;
      this.options.take(event);
      return;
    }
    if (this.length < this.options.limit) {
      this.waiting.push(this.options.keep(event));
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

  private begin(): void {
    this.taken = 0;
    this.end = this.options.clock.now() + TURN_MS;
  }

  private lasts(): boolean {
    return this.taken < TURN_EVENTS && this.options.clock.now() < this.end;
  }

  private readonly run = (): void => {
    this.turn = undefined;
    this.begin();
    while (this.length > 0 && this.lasts()) {
      this.taken += 1;
      this.options.take(this.waiting[this.next++] as Event);
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
