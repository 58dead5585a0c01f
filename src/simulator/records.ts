/** Stores the records of one kind in the simulated tenant. A test adds them, or they are made from a number and the time. */

/** `count` records, the first at `startMs` (epoch ms), then one every `everyMs`. */
export interface Preload {
  count: number;
  startMs: number;
  everyMs?: number;
}

export interface Records<T> {
  /** Adds records; queries find them after `visibleInMs`. */
  add(records: readonly T[], options?: { visibleInMs?: number }): void;
  preload(backlog: Preload): void;
  /** Adds a new record every `everyMs` from `sinceMs` on, without end. The same arguments give the same records, also after a restart. */
  live(stream: { everyMs: number; sinceMs: number }): void;
}

export interface ChangingRecords<T> extends Records<T> {
  /** From now on, queries get the record as `update` returns it. */
  change(id: string, update: (record: T) => T): void;
}

export interface Kind<T> {
  /** Undefined for records that have no id. */
  idOf: ((record: T) => string) | undefined;
  /** Epoch ms; the time that queries filter by. */
  timeOf: (record: T) => number;
  /** Record `index` with the time `timeMs`, in its state at `asOfMs`; undefined if it is not visible then. */
  make: (index: number, timeMs: number, asOfMs: number) => T | undefined;
  /** A made record does not change any more this long after its time, ms. */
  settlesInMs: number;
}

interface Entry<T> {
  timeMs: number;
  visibleAt: number;
  at: (nowMs: number) => T | undefined;
}

export class RecordStore<T> implements ChangingRecords<T> {
  private readonly entries: Entry<T>[] = [];
  private readonly byId = new Map<string, Entry<T>>();
  private readonly streams: { everyMs: number; sinceMs: number; made: number; firstIndex: number }[] = [];
  /** Earlier records (epoch ms) are past their retention time and not found. */
  retainedFromMs = -Infinity;
  private nextIndex = 0;

  constructor(private readonly kind: Kind<T>, private readonly now: () => number) {}

  add(records: readonly T[], { visibleInMs = 0 }: { visibleInMs?: number } = {}): void {
    const visibleAt = this.now() + visibleInMs;
    for (const record of records) this.enter(record, { timeMs: this.kind.timeOf(record), visibleAt, at: () => record });
  }

  preload({ count, startMs, everyMs = 1000 }: Preload): void {
    for (let index = 0; index < count; index++) this.make(this.nextIndex + index, startMs + index * everyMs);
    this.nextIndex += count;
  }

  live({ everyMs, sinceMs }: { everyMs: number; sinceMs: number }): void {
    this.streams.push({ everyMs, sinceMs, made: 0, firstIndex: this.nextIndex });
    // Reserve indexes for a stream that never ends.
    this.nextIndex += 2 ** 40;
  }

  change(id: string, update: (record: T) => T): void {
    this.catchUp(this.now());
    const entry = this.byId.get(id);
    if (entry === undefined) throw new Error(`no record ${id}`);
    const { at } = entry;
    entry.at = (nowMs) => {
      const record = at(nowMs);
      return record === undefined ? undefined : update(record);
    };
  }

  find(id: string): T | undefined {
    const now = this.now();
    this.catchUp(now);
    const entry = this.byId.get(id);
    return entry === undefined || entry.visibleAt > now || entry.timeMs < this.retainedFromMs ? undefined : entry.at(now);
  }

  /** The visible records with `fromMs <= time <= toMs`, unordered. */
  between(fromMs: number, toMs: number): T[] {
    const now = this.now();
    this.catchUp(now);
    return this.entries
      .filter(({ timeMs, visibleAt }) => timeMs >= Math.max(fromMs, this.retainedFromMs) && timeMs <= toMs && visibleAt <= now)
      .map(({ at }) => at(now))
      .filter((record) => record !== undefined);
  }

  private catchUp(now: number): void {
    for (const stream of this.streams) {
      for (; stream.sinceMs + stream.made * stream.everyMs <= now; stream.made++) {
        this.make(stream.firstIndex + stream.made, stream.sinceMs + stream.made * stream.everyMs);
      }
    }
  }

  private make(index: number, timeMs: number): void {
    const { make, settlesInMs } = this.kind;
    const settled = make(index, timeMs, Infinity);
    if (settled === undefined) return;
    this.enter(settled, { timeMs, visibleAt: timeMs, at: (nowMs) => (nowMs >= timeMs + settlesInMs ? settled : make(index, timeMs, nowMs)) });
  }

  private enter(record: T, entry: Entry<T>): void {
    this.entries.push(entry);
    if (this.kind.idOf !== undefined) this.byId.set(this.kind.idOf(record), entry);
  }
}
