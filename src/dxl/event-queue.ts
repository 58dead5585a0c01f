/**
 * Hands arriving events to the flow: at once as long as there are few, and in the next turns of the event loop when there
 * are many, so that a flood does not stop everything else. The number of waiting events and their bytes are bounded: a flood
 * loses events, which are counted, but never takes all memory.
 */
import type { Clock } from "../common/clock";

export interface EventQueueOptions<Event> {
  /** How many events may wait, and how many bytes they may have together. */
  limit: number;
  limitBytes: number;
  sizeOf(event: Event): number;
  /** Takes one event; must not throw. */
  take(event: Event): void;
  /** `count` more events were dropped. Called with the first one of a flood, then at most every 10 s, and when the queue closes. */
  dropped(count: number): void;
  clock: Pick<Clock, "now" | "after">;
}

/** After so much work, the rest of Node-RED gets a turn of the event loop. */
const TURN_EVENTS = 100;
const TURN_MS = 5;
const REPORT_MS = 10_000;

export class EventQueue<Event> {
  private waiting: Event[] = [];
  /** Index of the oldest event in `waiting`; those before it are taken. */
  private next = 0;
  private bytes = 0;
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

  /** Hands the event on, lets it wait, or drops it if the queue is full: the waiting ones are older. */
  push(event: Event): void {
    if (this.turn === undefined) {
      this.begin();
      this.turn = setImmediate(this.run);
    }
    if (this.length === 0 && this.lasts()) {
      this.taken += 1;
      this.options.take(event);
    } else if (this.length < this.options.limit && this.bytes + this.options.sizeOf(event) <= this.options.limitBytes) {
      this.bytes += this.options.sizeOf(event);
      this.waiting.push(event);
    } else {
      this.unreported += 1;
      if (this.stopReports === undefined) this.report();
    }
  }

  /** Forgets the waiting events, and reports those that were dropped before. */
  close(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.stopReports?.();
    this.stopReports = undefined;
    this.waiting = [];
    this.next = 0;
    this.bytes = 0;
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
      const event = this.waiting[this.next++] as Event;
      this.bytes -= this.options.sizeOf(event);
      this.options.take(event);
    }
    // To remove each taken event from the front would copy the rest each time; so they go when they are half of the list.
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
