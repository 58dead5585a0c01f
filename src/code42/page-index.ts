/**
 * What a query needs to know of a page of events: ids, times and where each event stands, in a few long lists.
 *
 * As an object and a text for each event they live long enough to wait for a full garbage collection: MEASURED.
 */
import type { KeyColumn } from "../cursor/keys";
import type { BodySlice } from "../pages/packed-events";
import type { PackedLines } from "../pages/packed-lines";
import type { SourceEvent } from "./source";

export interface PageIndex {
  /** Ledger keys of all events. */
  keys: KeyColumn;
  /** Insertion times, epoch ms; NaN where an event has none. */
  times: readonly number[];
  /** Events without a usable id or time, by index. */
  incomplete: ReadonlySet<number>;
  /** The slices of the page's body, and how many events each has. */
  slices: readonly { slice: BodySlice; count: number }[];
}

/** Some events of a page, in order. */
export class IndexedEvents implements Iterable<SourceEvent> {
  /** `chosen`: by index. `lines`: one for each of them. */
  constructor(private readonly page: PageIndex, private readonly chosen: readonly number[], readonly lines?: PackedLines) {}

  get length(): number {
    return this.chosen.length;
  }

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

  *[Symbol.iterator](): Generator<SourceEvent> {
    const { keys, times, incomplete, slices } = this.page;
    let [at, first] = [0, 0];
    for (const index of this.chosen) {
      for (; index >= first + slices[at]!.count; at++) first += slices[at]!.count;
      const ms = times[index]!;
      yield { slice: slices[at]!.slice, index: index - first, key: keys.text(index), insertedMs: Number.isNaN(ms) ? undefined : ms, complete: !incomplete.has(index) };
    }
  }
}
