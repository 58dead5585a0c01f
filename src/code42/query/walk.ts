/**
 * One poll: reads everything from a source, cuts it into pages and delivers these in order.
 *
 * It does not move the cursor: each page says how far it reaches, and the sender commits that.
 */
import { setImmediate as nextTick } from "node:timers/promises";
import type { PagePosition } from "../../cursor/cursor";
import { KeyColumn } from "../../cursor/keys";
import type { Page } from "../../delivery/tracker";
import { PackedEvents } from "../../pages/packed-events";
import { queryError } from "../errors";
import { countIncomplete, IndexedEvents, type EventList } from "../../pages/page-index";
import { plain } from "../../common/border";
import type { EventSource, PollOptions, Reply } from "../sources/source";

/** New events of a poll, in order, and the position that they reach. */
export interface EventPage extends Page, PagePosition {
  /** Events of the page. */
  count: number;
  /** Events per message; the last may have fewer. */
  perMessage: number;
  /** True for the last page of a query that runs once. */
  complete?: true;
  /** Kept compressed: a page in flight needs little memory, and a flow that changes the events does not change the next sending. */
  events: PackedEvents;
}

interface ReadOptions extends PollOptions {
  source: EventSource;
  /** Takes a page over; false ends the poll. */
  deliver: (page: EventPage) => Promise<boolean>;
  /** Maximum events per message; each message is confirmed by itself. */
  eventsPerMessage: () => number;
}

interface ReadTotals {
  known: number;
  /** New events without a usable id or time. */
  withoutId: number;
}

/** Throws what the source throws, and EVENT_WITHOUT_ID. */
export async function readAllPages(options: ReadOptions): Promise<ReadTotals> {
  const totals: ReadTotals = { known: 0, withoutId: 0 };
  for await (const reply of options.source.read(options)) {
    totals.known += reply.known;
    totals.withoutId += countIncomplete(reply.events);
    for await (const page of pagesOf(reply, options)) {
      if (!(await options.deliver(page))) return totals;
    }
  }
  return totals;
}

/** Cuts a reply into pages of `pageSize`. The last page reaches as far as the reply, known events included. */
async function* pagesOf(reply: Reply, { pageSize, eventsPerMessage, source }: ReadOptions): AsyncGenerator<EventPage> {
  const { serverMs, floorStays = false, events } = reply;
  const perMessage = eventsPerMessage();
  // Ten thousand events take a few milliseconds in each of these steps.
  await nextTick();
  const { keys, times } = idsOf(reply, source);
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
 * The ledger entries of a reply. An event without a time gets the one of its neighbour, because the server sorts by time.
 * Throws EVENT_WITHOUT_ID if no event has a time, because nothing then shows how far the reply reaches.
 */
function idsOf({ events, lastMs }: Reply, source: EventSource): PagePosition["ids"] {
  if (events.length > 0 && lastMs === undefined) {
    throw queryError("EVENT_WITHOUT_ID", plain.params({ index: 0, field: source.cursorTerm ?? source.idField, type: "undefined" }));
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
