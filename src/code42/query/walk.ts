/**
 * One poll: what a source reads is cut into pages and handed on in order.
 *
 * The walk itself never moves the cursor: each page says how far it reaches, and whoever delivers it commits that.
 */
import { setImmediate as nextTick } from "node:timers/promises";
import type { PagePosition } from "../../cursor/cursor";
import { KeyColumn } from "../../cursor/keys";
import type { Page } from "../../delivery/tracker";
import { PackedEvents } from "../../pages/packed-events";
import { queryError } from "../errors";
import { countIncomplete, IndexedEvents, type EventList } from "../../pages/page-index";
import type { EventSource, PollOptions, Reply } from "../sources/source";

/** New events of a poll, in order, with the position they reach. */
export interface EventPage extends Page, PagePosition {
  /** How many events it has, and how many of them a message: all but the last of its units have so many. */
  count: number;
  perMessage: number;
  /** True for the last page of a query that runs once. */
  complete?: true;
  /**
   * The events, as the answer came: a page that is out costs little memory, and what a flow does to the events of one
   * sending does not change another.
   */
  events: PackedEvents;
}

export interface WalkOptions extends PollOptions {
  source: EventSource;
  /** Takes a page over; false ends the walk. */
  deliver: (page: EventPage) => Promise<boolean>;
  /** How many events a message may have; each message is confirmed by itself. */
  eventsAMessage: () => number;
}

export interface WalkTotals {
  known: number;
  /** New events that have no usable id or time. */
  withoutId: number;
}

/** Runs one poll to its end. Throws what the source throws, and EVENT_WITHOUT_ID. */
export async function walk(options: WalkOptions): Promise<WalkTotals> {
  const totals: WalkTotals = { known: 0, withoutId: 0 };
  for await (const reply of options.source.read(options)) {
    totals.known += reply.known;
    totals.withoutId += countIncomplete(reply.events);
    for await (const page of cut(reply, options)) {
      if (!(await options.deliver(page))) return totals;
    }
  }
  return totals;
}

/** Cuts what was found into pages of `pageSize`. The last one reaches as far as the reply did, known events included. */
async function* cut(reply: Reply, { pageSize, eventsAMessage, source }: WalkOptions): AsyncGenerator<EventPage> {
  const { serverMs, floorStays = false, events } = reply;
  const perMessage = eventsAMessage();
  // Ten thousand events take a few milliseconds in each of these steps.
  await nextTick();
  const { keys, times } = positions(reply, source);
  await nextTick();
  const last = Math.max(0, Math.ceil(times.length / pageSize) - 1) * pageSize;
  for (let start = 0; start <= last; start += pageSize) {
    const end = Math.min(start + pageSize, times.length);
    const count = end - start;
    yield {
      units: count === 0 ? 0 : Math.ceil(count / Math.min(perMessage, count)), perMessage, count, serverMs, floorStays,
      ids: { keys: keys.part(start, end), times: times.subarray(start, end) },
      lastMs: start === last ? reply.lastMs : times[end - 1],
      events: packed(events.slice(start, end)),
    };
  }
}

const packed = (events: EventList) => new PackedEvents(events, events instanceof IndexedEvents ? events.prepared : undefined);

/**
 * The ledger entries of a reply. An event without a time stands where the events around it stand, because the server
 * gave them in order; where no event has one, nothing can tell when the page is done.
 */
function positions({ events, lastMs }: Reply, source: EventSource): PagePosition["ids"] {
  if (events.length > 0 && lastMs === undefined) {
    throw queryError("EVENT_WITHOUT_ID", { index: 0, field: source.cursorTerm ?? source.idField, type: "undefined" });
  }
  const isIndexed = events instanceof IndexedEvents;
  const keys = isIndexed ? events.keys() : KeyColumn.of(events.map(({ key }) => key));
  const times = isIndexed ? events.times() : Float64Array.from(events, ({ insertedMs }) => insertedMs ?? NaN);
  let before = times.find((ms) => !Number.isNaN(ms)) ?? lastMs ?? 0;
  for (let index = 0; index < times.length; index++) {
    if (Number.isNaN(times[index])) times[index] = before;
    else before = times[index]!;
  }
  return { keys, times };
}
