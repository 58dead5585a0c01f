/**
 * What a query needs to know of a page of events: ids, times and where each event stands, in a few long lists.
 *
 * As an object, a text and a Map entry for each event, they wait for a full garbage collection too: the peak of a backlog
 * was 135 MB over idle, with these lists 80 MB (`npm run bench -- flow million`, the same hour).
 */
import type { BufferPool } from "../common/buffer-pool";
import { KeyColumn } from "../cursor/keys";
import { ledgerKey } from "../cursor/ledger";
import type { Body } from "./body";
import type { BodySlice, EventPlace, LineFormatter, PreparedLines } from "./packed-events";
import { PackedLines } from "./packed-lines";
import { readPage } from "./page-reader";

/** One event, and where it stands. */
export interface FoundEvent extends EventPlace {
  /** By which the cursor's ledger knows it. */
  key: string;
  /** Epoch ms; undefined if the event does not tell. */
  insertedMs: number | undefined;
  /** False if it has no usable id or time. */
  complete: boolean;
}

/** Where a kind of event has its id and its time. */
export interface EventFields {
  id(event: unknown): unknown;
  /** Epoch ms. */
  insertedMs(event: unknown): number | undefined;
}

/** What makes lines of the events while these are read. */
export interface LineMaker {
  formatter: LineFormatter;
  pool: BufferPool;
}

/** True for an event, by its ledger key, that is delivered or in flight. */
export type IsKnown = (keys: KeyColumn, index: number) => boolean;

export interface PageIndex {
  /** The page without the events. */
  envelope: Record<string, unknown>;
  /** Ledger keys of all events. */
  keys: KeyColumn;
  /** Insertion times, epoch ms; NaN where an event has none. */
  times: readonly number[];
  /** Events without a usable id or time, by index. */
  incomplete: ReadonlySet<number>;
  /** The slices of the page's body, and how many events each has. */
  slices: readonly { slice: BodySlice; count: number }[];
  /** Undefined without a LineMaker, and if its formatter could not format an event. */
  prepared: (PreparedLines & {
    /** By index: the events that were not known. Line `n` is that of event `events[n]`. */
    events: readonly number[];
  }) | undefined;
}

/** Ledger key and time of an event. One without an id is recognised by its content, the text that `textOf` gives. */
export function identify(id: unknown, insertedMs: number | undefined, textOf: () => string): Omit<FoundEvent, keyof EventPlace> {
  const hasId = typeof id === "string" && id !== "";
  return { key: ledgerKey(hasId ? id : textOf()), insertedMs, complete: hasId && insertedMs !== undefined };
}

/** Reads a page with at most `most` events at `listKey`; `maker` makes lines of those that are not known. Throws what `readPage` throws. */
export async function indexPage(body: Body, listKey: string, most: number, fields: EventFields, isKnown: IsKnown, maker: LineMaker | undefined): Promise<PageIndex> {
  const keys: string[] = [];
  const times: number[] = [];
  const incomplete = new Set<number>();
  const slices: { slice: BodySlice; count: number }[] = [];
  let lines = maker && new PackedLines(maker.pool);
  const formatted: number[] = [];
  const envelope = await readPage(body, listKey, (events, slice) => {
    const first = keys.length;
    slices.push({ slice, count: events.length });
    for (const event of events) {
      const { key, insertedMs, complete } = identify(fields.id(event), fields.insertedMs(event), () => JSON.stringify(event));
      if (!complete) incomplete.add(keys.length);
      keys.push(key);
      times.push(insertedMs ?? NaN);
    }
    if (maker === undefined || lines === undefined) return;
    const found = KeyColumn.of(keys.slice(first));
    for (const [index, event] of events.entries()) {
      if (isKnown(found, index)) continue;
      formatted.push(first + index);
      const line = maker.formatter.format(event);
      if (maker.formatter.failure === undefined && lines.add(line)) continue;
      // The formatter's own node formats the page once more, and reports what is wrong.
      lines.release();
      lines = undefined;
      return;
    }
  }, { pool: maker?.pool, most });
  return { envelope, keys: KeyColumn.of(keys), times, incomplete, slices, prepared: maker && lines && { formatter: maker.formatter, lines, events: formatted } };
}

/** Some events of a page, in order. */
export class IndexedEvents implements Iterable<FoundEvent> {
  /** `chosen`: by index. */
  constructor(private readonly page: PageIndex, private readonly chosen: readonly number[], readonly prepared?: PreparedLines) {}

  get length(): number {
    return this.chosen.length;
  }

  /** Without lines, unless these are all. */
  slice(start: number, end: number): IndexedEvents {
    return start === 0 && end >= this.length ? this : new IndexedEvents(this.page, this.chosen.slice(start, end));
  }

  keys(): KeyColumn {
    return this.page.keys.chosen(this.chosen);
  }

  /** Epoch ms; NaN where an event has none. */
  times(): Float64Array {
    return Float64Array.from(this.chosen, (index) => this.page.times[index]!);
  }

  /** How many have no usable id or time. */
  incomplete(): number {
    return this.chosen.filter((index) => this.page.incomplete.has(index)).length;
  }

  *[Symbol.iterator](): Generator<FoundEvent> {
    const { keys, times, incomplete, slices } = this.page;
    let [at, first] = [0, 0];
    for (const index of this.chosen) {
      for (; index >= first + slices[at]!.count; at++) first += slices[at]!.count;
      const ms = times[index]!;
      yield { slice: slices[at]!.slice, index: index - first, key: keys.text(index), insertedMs: Number.isNaN(ms) ? undefined : ms, complete: !incomplete.has(index) };
    }
  }
}

/** Events in order. */
export type EventList = readonly FoundEvent[] | IndexedEvents;

/** How many have no usable id or time. */
export const countIncomplete = (events: EventList): number => (events instanceof IndexedEvents ? events.incomplete() : events.filter(({ complete }) => !complete).length);
