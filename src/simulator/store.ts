/** Stores the file events of a simulated tenant, ordered by insertion. */
import { eventId, FileEventWriter, indexOfId, isoMicros, makeFileEvent, type FileEvent } from "./events";

/** An event's position in the sort order of the simulated search: insertion time (epoch µs), then id. */
export interface Position {
  us: number;
  id: string;
}

export interface StoredEvent extends Position {
  /** The search finds the event from this time on, epoch ms by the server's clock. */
  visibleAt: number;
  event(): FileEvent;
  json(): string;
}

/** Events that are made on demand: event i was inserted at `startUs + i * stepUs`. */
export interface Backlog {
  startUs: number;
  stepUs: number;
  /** Number of events at `nowMs`; it may grow with time. */
  count: (nowMs: number) => number;
  /** The first event's index for `makeFileEvent`. */
  firstIndex: number;
}

const before = (a: Position, b: Position): boolean => a.us < b.us || (a.us === b.us && a.id < b.id);

export class EventStore {
  private readonly added: StoredEvent[] = [];
  private readonly byId = new Map<string, StoredEvent>();
  private readonly backlogs: Backlog[] = [];
  private readonly writer: FileEventWriter;
  /** Events inserted earlier (epoch ms) are past their retention time and not found. */
  retainedFromMs = -Infinity;

  constructor(private readonly seed: number) {
    this.writer = new FileEventWriter(seed);
  }

  addBacklog(backlog: Backlog): void {
    this.backlogs.push(backlog);
  }

  add(events: readonly FileEvent[], visibleAt: number): void {
    for (const event of events) {
      const json = JSON.stringify(event);
      const stored = { us: microsOf(event.event.inserted), id: event.event.id, visibleAt, event: () => event, json: () => json };
      this.added.splice(firstAt(this.added.length, (index) => !before(this.added[index] as StoredEvent, stored)), 0, stored);
      this.byId.set(stored.id, stored);
    }
  }

  find(id: string, nowMs: number): StoredEvent | undefined {
    const found = this.lookUp(id, nowMs);
    return found === undefined || found.us < this.retainedFromMs * 1000 ? undefined : found;
  }

  private lookUp(id: string, nowMs: number): StoredEvent | undefined {
    const stored = this.byId.get(id);
    if (stored !== undefined) return stored.visibleAt <= nowMs ? stored : undefined;
    const number = indexOfId(id, this.seed);
    const backlog = number === undefined ? undefined : this.backlogs.find(({ firstIndex, count }) => number >= firstIndex && number < firstIndex + count(nowMs));
    return number === undefined || backlog === undefined ? undefined : this.at(backlog, number - backlog.firstIndex);
  }

  /** The number of visible events with `sinceMs <= inserted <= toMs`, compared as whole ms. */
  count(sinceMs: number, toMs: number, nowMs: number): number {
    const fromMs = Math.max(sinceMs, this.retainedFromMs);
    let count = 0;
    for (const backlog of this.backlogs) count += firstAfter(backlog, toMs, nowMs) - firstFrom(backlog, fromMs, nowMs);
    for (const { us, visibleAt } of this.added) if (visibleAt <= nowMs && Math.floor(us / 1000) >= fromMs && Math.floor(us / 1000) <= toMs) count += 1;
    return count;
  }

  /** The visible events with `fromMs <= inserted <= toMs` that come after `after`, in ascending order. */
  *between(fromMs: number, toMs: number, nowMs: number, after?: Position): Generator<StoredEvent> {
    const fromUs = Math.max(fromMs * 1000, this.retainedFromMs * 1000, after?.us ?? -Infinity);
    const streams = [
      this.addedFrom(fromUs),
      ...this.backlogs.map((backlog) => this.backlogFrom(backlog, fromUs, nowMs)),
    ].map((stream) => ({ stream, head: stream.next() }));
    for (;;) {
      let next: (typeof streams)[number] | undefined;
      for (const candidate of streams) {
        if (candidate.head.done !== true && (next === undefined || before(candidate.head.value, next.head.value as StoredEvent))) next = candidate;
      }
      if (next === undefined) return;
      const event = next.head.value as StoredEvent;
      next.head = next.stream.next();
      if (Math.floor(event.us / 1000) > toMs) return;
      if (event.visibleAt <= nowMs && (after === undefined || before(after, event))) yield event;
    }
  }

  private *addedFrom(fromUs: number): Generator<StoredEvent> {
    const { added } = this;
    for (let index = firstAt(added.length, (at) => (added[at] as StoredEvent).us >= fromUs); index < added.length; index++) yield added[index] as StoredEvent;
  }

  private *backlogFrom(backlog: Backlog, fromUs: number, nowMs: number): Generator<StoredEvent> {
    const count = backlog.count(nowMs);
    for (let index = Math.max(0, Math.ceil((fromUs - backlog.startUs) / backlog.stepUs)); index < count; index++) yield this.at(backlog, index);
  }

  private at(backlog: Backlog, index: number): StoredEvent {
    const number = backlog.firstIndex + index;
    const us = backlog.startUs + index * backlog.stepUs;
    return {
      us,
      id: eventId(number, this.seed),
      visibleAt: 0,
      event: () => makeFileEvent(number, { seed: this.seed, insertedUs: us }),
      json: () => this.writer.json(number, us),
    };
  }
}

/** Epoch µs of an ISO instant with up to six decimals. */
export function microsOf(instant: string): number {
  const fraction = /\.(\d+)/.exec(instant)?.[1] ?? "";
  return Math.floor(Date.parse(instant) / 1000) * 1_000_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** A copy of the event with another insertion time, epoch µs. */
export const insertedAt = (event: FileEvent, us: number): FileEvent => ({ ...event, event: { ...event.event, inserted: isoMicros(us) } });

/** Binary search: the first index from which `holds` is true, or `length`. */
function firstAt(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const clamp = (value: number, count: number): number => Math.min(Math.max(0, value), count);
const firstFrom = ({ startUs, stepUs, count }: Backlog, ms: number, nowMs: number): number => clamp(Math.ceil((ms * 1000 - startUs) / stepUs), count(nowMs));
const firstAfter = (backlog: Backlog, ms: number, nowMs: number): number => firstFrom(backlog, ms + 1, nowMs);
