/**
 * What a query has to know of a page of events: which they are, when they came, where they stand, and their lines. The
 * events themselves are not kept: the kernel never makes objects of them, and those that it leaves to JavaScript are gone
 * as soon as that is known.
 */
import type { Body } from "../body";
import type { LineTable } from "../cef/table";
import { NumberColumn, TextColumn } from "../columns";
import { KEY_LENGTH, KeyColumn } from "../cursor/keys";
import type { Kernel } from "../kernel/kernel";
import { compileKernel } from "../kernel/program";
import type { LineBytes, LineFormatter } from "../packed-lines";
import { eventKey, isComplete } from "./batch";
import { eventReaders, type EventReader, type ReaderName } from "./event-readers";
import type { EventShapes } from "./event-shapes";
import { parse, readPage, SLICE_BYTES } from "./page";
import type { SourceEvent } from "./source";

/** What is read, and how. */
export interface PageTask {
  /** The key of the list of events. */
  list: string;
  reader: ReaderName;
}

export interface PageFacts {
  /** What is around the list. */
  envelope: Record<string, unknown>;
  /** The ledger keys of all events. */
  keys: KeyColumn;
  /** Epoch ms at which they were inserted; NaN where an event does not tell. */
  times: Float64Array;
  /** 1 for an event with a usable id and time. */
  complete: Uint8Array;
  /** For each slice of the body its first byte, the byte behind it, and how many events it has. */
  slices: Int32Array;
  /** The number of each event's line in the memory for lines, or NO_LINE; undefined if none were made. */
  lines: Int32Array | undefined;
}

const NO_LINE = -1;

/** Makes lines of events while these are read. */
export interface LineMaker {
  formatter: LineFormatter;
  memory: LineBytes;
  /** False for an event, by its ledger key, of which no line will be asked for. */
  wants(key: KeyColumn): boolean;
}

/** `shapes` is best kept for all pages of a reader. Throws what `readPage` throws. */
export async function readFacts(body: Body, { list, reader }: PageTask, shapes: EventShapes, maker: LineMaker | undefined): Promise<PageFacts> {
  const facts = new FactsColumns(eventReaders[reader], maker);
  const kernel = maker === undefined || maker.formatter.table !== undefined ? kernelFor(reader, maker?.formatter.table) : undefined;
  const envelope = await readPage(body, list, (elements, { start, end }) => facts.addEvents(elements, start, end), {
    shapes,
    ...(kernel === undefined ? {} : { kernel, found: (start: number) => facts.addFound(kernel, start) }),
  });
  return { envelope, ...facts.all() };
}

/** A kernel for each table, and for each reader where no lines are made. They are kept: to compile one takes longer than to read a small page. */
const withLines = new WeakMap<LineTable, Map<ReaderName, Kernel | undefined>>();
const withoutLines = new Map<ReaderName, Kernel | undefined>();

function kernelFor(reader: ReaderName, table: LineTable | undefined): Kernel | undefined {
  let kernels = withoutLines;
  if (table !== undefined) {
    kernels = withLines.get(table) ?? new Map<ReaderName, Kernel | undefined>();
    withLines.set(table, kernels);
  }
  if (!kernels.has(reader)) kernels.set(reader, compileKernel(eventReaders[reader].paths, table));
  return kernels.get(reader);
}

/** For how many there is room at first. */
const FIRST_EVENTS = 1024;
const FIRST_SLICES = 128;
const NUMBERS_A_SLICE = 3;

class FactsColumns {
  private readonly keys = new TextColumn(KEY_LENGTH);
  private readonly times = new NumberColumn(new Float64Array(FIRST_EVENTS));
  private readonly complete = new NumberColumn(new Uint8Array(FIRST_EVENTS));
  private readonly slices = new NumberColumn(new Int32Array(FIRST_SLICES * NUMBERS_A_SLICE));
  private readonly lines = new NumberColumn(new Int32Array(FIRST_EVENTS));

  constructor(private readonly events: EventReader, private readonly maker: LineMaker | undefined) {}

  all(): Omit<PageFacts, "envelope"> {
    const { keys, times, complete, slices, lines, maker } = this;
    const { buffer, byteOffset, length } = keys.view();
    return { keys: new KeyColumn(new Int32Array(buffer, byteOffset, length / Int32Array.BYTES_PER_ELEMENT)), times: times.view(), complete: complete.view(), slices: slices.view(), lines: maker && lines.view() };
  }

  /** Events that stand from byte `start` to `end` of the body. */
  addEvents(elements: readonly unknown[], start: number, end: number): void {
    this.addSlice(start, end, elements.length);
    for (const event of elements) this.addEvent(event);
  }

  /** What the kernel has found in what stands from byte `start` of the body on. */
  addFound(kernel: Kernel, start: number): void {
    const { count } = kernel;
    let first = 0;
    for (let index = 0; index < count; index++) {
      if (index < count - 1 && kernel.behind(index) - kernel.start(first) < SLICE_BYTES) continue;
      this.addSlice(start + kernel.start(first), start + kernel.behind(index), index + 1 - first);
      first = index + 1;
    }
    for (let index = 0; index < count;) {
      let end = index;
      while (end < count && kernel.isRead(end)) end += 1;
      if (end > index) this.addRead(kernel, index, end);
      if (end < count) this.addEvent(parse(kernel.json(end).toString("utf8")));
      index = end + 1;
    }
  }

  private addRead(kernel: Kernel, from: number, until: number): void {
    const { maker } = this;
    this.keys.pushAll(kernel.keys(from, until));
    for (let index = from; index < until; index++) {
      this.times.push(kernel.time(index));
      this.complete.push(1);
    }
    if (maker === undefined) return;
    const first = maker.memory.addAll(kernel.lines, kernel.lineStart(from), until - from, (index) => kernel.lineBehind(from + index));
    for (let index = 0; index < until - from; index++) this.lines.push(first + index);
  }

  private addSlice(start: number, end: number, events: number): void {
    for (const value of [start, end, events]) this.slices.push(value);
  }

  private addEvent(event: unknown): void {
    const { events, maker } = this;
    const id = events.id(event);
    const insertedMs = events.insertedMs(event);
    const key = eventKey(event, id);
    this.keys.push(key);
    this.times.push(insertedMs ?? NaN);
    this.complete.push(isComplete(id, insertedMs) ? 1 : 0);
    if (maker !== undefined) this.lines.push(lineOf(event, key, maker));
  }
}

/** An event that cannot be formatted is the business of the formatter's own node. */
function lineOf(event: unknown, key: string, maker: LineMaker): number {
  if (!maker.wants(KeyColumn.of([key]))) return NO_LINE;
  const { formatter, memory } = maker;
  const line = formatter.format(event);
  return (formatter.failure === undefined ? memory.add(line) : undefined) ?? NO_LINE;
}

/** Some events of a page, as columns; `body` is where they stand. */
export class FoundEvents implements Iterable<SourceEvent> {
  /** `indexes` are those of the events in `facts`, in order. */
  constructor(private readonly facts: PageFacts, private readonly body: Body, private readonly indexes: Int32Array) {}

  get length(): number {
    return this.indexes.length;
  }

  slice(start: number, end: number): FoundEvents {
    return new FoundEvents(this.facts, this.body, this.indexes.subarray(start, end));
  }

  keys(): KeyColumn {
    const { facts: { keys }, indexes } = this;
    return indexes.length === keys.length ? keys : keys.chosen(indexes);
  }

  /** Epoch ms; NaN where an event does not tell. */
  times(): Float64Array {
    const { facts: { times }, indexes } = this;
    return indexes.length === times.length ? times : Float64Array.from(indexes, (index) => times[index]!);
  }

  /** How many have no usable id or time. */
  incomplete(): number {
    const { complete } = this.facts;
    let count = 0;
    for (const index of this.indexes) count += 1 - complete[index]!;
    return count;
  }

  /** The numbers of their lines; undefined if one of them has none. */
  lines(): Int32Array | undefined {
    const { facts: { lines }, indexes } = this;
    if (lines === undefined) return undefined;
    const numbers = Int32Array.from(indexes, (index) => lines[index]!);
    return numbers.includes(NO_LINE) ? undefined : numbers;
  }

  *[Symbol.iterator](): Generator<SourceEvent> {
    const { facts: { keys, times, complete, slices, lines }, body } = this;
    let slice = { body, start: 0, end: 0 };
    let [first, behind, at] = [0, 0, 0];
    for (const index of this.indexes) {
      while (index >= behind) {
        const [start, end, count] = [slices[at]!, slices[at + 1]!, slices[at + 2]!];
        slice = { body, start, end };
        [first, behind, at] = [behind, behind + count, at + NUMBERS_A_SLICE];
      }
      const [insertedMs, line] = [times[index]!, lines?.[index] ?? NO_LINE];
      yield {
        slice, index: index - first,
        key: keys.text(index),
        insertedMs: Number.isNaN(insertedMs) ? undefined : insertedMs,
        complete: complete[index] === 1,
        line: line === NO_LINE ? undefined : line,
      };
    }
  }
}
