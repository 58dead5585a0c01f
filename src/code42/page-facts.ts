/**
 * What a query has to know of a page of events: which they are, when they came, where they stand, and their lines. The
 * events themselves are gone as soon as that is known. Everything here can be handed from one thread to another.
 */
import type { Body } from "../body";
import { NumberColumn, TextColumn } from "../columns";
import { KEY_LENGTH } from "../cursor/ledger";
import type { EventPlace } from "../packed-events";
import type { LineFormatter, LineWriter } from "../packed-lines";
import { eventKey, isComplete } from "./batch";
import { eventReaders, type ReaderName } from "./event-readers";
import type { EventShapes } from "./event-shapes";
import { readPage } from "./page";

/** What is read, and how. */
export interface PageTask {
  /** The key of the list of events. */
  list: string;
  reader: ReaderName;
}

export interface PageFacts {
  /** What is around the list. */
  envelope: Record<string, unknown>;
  /** The ledger keys of all events, one behind the other. */
  keys: string;
  /** Epoch ms at which they were inserted; NaN where an event does not tell. */
  times: Float64Array;
  /** 1 for an event with a usable id and time. */
  complete: Float64Array;
  /** For each slice of the body its first byte, the byte behind it, and how many events it has. */
  slices: Float64Array;
  /** The number of each event's line in the memory for lines, -1 for none; undefined if none were made. */
  lines: Float64Array | undefined;
}

/** Makes lines of events while these are read. */
export interface LineMaker {
  formatter: LineFormatter;
  memory: LineWriter;
  /** False for an event, by its ledger key, of which no line will be asked for. */
  wants(key: string): boolean;
}

/** `shapes` is best kept for all pages of a reader. Throws what `readPage` throws. */
export async function readFacts(body: Body, { list, reader }: PageTask, shapes: EventShapes, maker: LineMaker | undefined): Promise<PageFacts> {
  const events = eventReaders[reader];
  const keys = new TextColumn(KEY_LENGTH);
  const [times, complete, slices, lines] = [new NumberColumn(), new NumberColumn(), new NumberColumn(), new NumberColumn()];
  const envelope = await readPage(body, list, (elements, { start, end }) => {
    for (const value of [start, end, elements.length]) slices.push(value);
    for (const event of elements) {
      const id = events.id(event);
      const insertedMs = events.insertedMs(event);
      const key = eventKey(event, id);
      keys.push(key);
      times.push(insertedMs ?? NaN);
      complete.push(isComplete(id, insertedMs) ? 1 : 0);
      if (maker !== undefined) lines.push(lineOf(event, key, maker));
    }
  }, shapes);
  return { envelope, keys: keys.join(), times: times.view(), complete: complete.view(), slices: slices.view(), lines: maker && lines.view() };
}

/** An event that cannot be formatted is the business of the formatter's own node. */
function lineOf(event: unknown, key: string, maker: LineMaker): number {
  if (!maker.wants(key)) return -1;
  const { formatter, memory } = maker;
  const line = formatter.format(event);
  return (formatter.failure === undefined ? memory.add(line) : undefined) ?? -1;
}

/** One event of a page, without the event. */
export interface EventFacts {
  key: string;
  /** Epoch ms; undefined if the event does not tell. */
  insertedMs: number | undefined;
  complete: boolean;
  place: EventPlace;
  /** The number of its line; undefined if it has none. */
  line: number | undefined;
}

/** The events of a page in order; `body` is where they stand. */
export function* eventsOf({ keys, times, complete, slices, lines }: PageFacts, body: Body): Generator<EventFacts> {
  let at = 0;
  for (let from = 0; from < slices.length; from += 3) {
    const [start, end, count] = slices.subarray(from, from + 3) as unknown as [number, number, number];
    const slice = { body, start, end };
    for (let index = 0; index < count; index++, at++) {
      const insertedMs = times[at] as number;
      const line = lines?.[at] ?? -1;
      yield {
        key: keys.slice(at * KEY_LENGTH, (at + 1) * KEY_LENGTH),
        insertedMs: Number.isNaN(insertedMs) ? undefined : insertedMs,
        complete: complete[at] === 1,
        place: { slice, index },
        line: line < 0 ? undefined : line,
      };
    }
  }
}
