/**
 * Events that are still the JSON they came as.
 *
 * A page of objects is five times as large as its text and thirty times as large as the text was on the wire, and all
 * of it would live until the page is formatted: the garbage collector copies it twice, and the process stays large. So
 * an answer is read once to check it and to learn ids and times, its objects are dropped again a slice at a time, and
 * whoever needs the events reads them anew, one slice after the other, as often as the page is sent. A formatter of ours
 * that is next in the flow makes its lines at the first reading, which saves the second one.
 */
import { BodyWindow, type Body } from "./body";
import type { FlowMessage } from "./messages";
import { PackedLines, type LineBytes, type LineFormatter } from "./packed-lines";
import { breather } from "./turns";

/** Elements of a JSON array, separated by commas, from byte `start` to `end` of a body. They were parsed once without a fault. */
export interface BodySlice {
  body: Body;
  start: number;
  end: number;
}

/** The JSON of one event alone. */
export interface TextSlice {
  text: string;
}

/** One event of a slice. */
export interface EventPlace {
  slice: BodySlice | TextSlice;
  index: number;
}

/** Keeps an event as it is now. */
export const keep = (event: unknown): EventPlace => ({ slice: { text: JSON.stringify(event) }, index: 0 });

/** Lines that were made of events when these were read. */
export interface PreparedLines {
  /** What made them. */
  formatter: LineFormatter;
  memory: LineBytes;
  /** Their numbers in it, one for each event. */
  lines: ArrayLike<number>;
}

interface Run {
  slice: BodySlice | TextSlice;
  indexes: number[];
}

/** Some events of one or more answers, in order. */
export class PackedEvents {
  /** Made when somebody wants to see an event: most are never looked at. */
  private found: Run[] | undefined;

  /** Events of one body that stand in its order are read in one pass. `prepared` has a line for each, if anything. */
  constructor(private readonly places: Iterable<EventPlace>, private prepared?: PreparedLines) {}

  private get runs(): readonly Run[] {
    if (this.found !== undefined) return this.found;
    const runs: Run[] = [];
    for (const { slice, index } of this.places) {
      const run = runs.at(-1);
      if (run?.slice === slice) run.indexes.push(index);
      else runs.push({ slice, indexes: [index] });
    }
    return (this.found = runs);
  }

  /** The lines that `formatter` made ahead; undefined if it did not, and the second time. */
  takeLines(formatter: LineFormatter): PackedLines | undefined {
    const { prepared } = this;
    this.prepared = undefined;
    if (prepared?.formatter !== formatter) return undefined;
    return new PackedLines(prepared.memory, prepared.lines, () => this.unpackAtOnce().map((event) => formatter.format(event)));
  }

  /** The events in order, as new objects, some at a time. */
  async *slices(): AsyncGenerator<unknown[]> {
    let reader: { body: Body; window: BodyWindow } | undefined;
    try {
      for (const { slice, indexes } of this.runs) {
        if ("text" in slice) {
          yield [JSON.parse(slice.text)];
          continue;
        }
        const { body, start, end } = slice;
        if (reader?.body !== body || reader.window.start > start) {
          await reader?.window.close();
          reader = { body, window: new BodyWindow(body) };
        }
        const { window } = reader;
        while (window.start + window.bytes.length < end) {
          window.moveTo(Math.min(start, window.start + window.bytes.length));
          if (!(await window.widen(end - start))) throw new Error(`the body ends before byte ${end}`);
        }
        window.moveTo(start);
        yield chosen(window.bytes.subarray(0, end - start), indexes);
      }
    } finally {
      await reader?.window.close();
    }
  }

  /** All of them as new objects, in one go. */
  unpackAtOnce(): unknown[] {
    return [...this.slicesAtOnce()].flat();
  }

  private *slicesAtOnce(): Generator<unknown[]> {
    let inflated: { body: Body; bytes: Buffer } | undefined;
    for (const { slice, indexes } of this.runs) {
      if ("text" in slice) {
        yield [JSON.parse(slice.text)];
        continue;
      }
      const { body, start, end } = slice;
      if (inflated?.body !== body) inflated = { body, bytes: body.whole() };
      yield chosen(inflated.bytes.subarray(start, end), indexes);
    }
  }

  /** The events as new objects, `size` at a time, in the end perhaps fewer; none is one empty group. Other work runs in between. */
  async *groups(size: number): AsyncGenerator<unknown[]> {
    const between = breather();
    let group: unknown[] = [];
    let yielded = false;
    for await (const events of this.slices()) {
      for (const event of events) {
        group.push(event);
        if (group.length < size) continue;
        yield group;
        yielded = true;
        group = [];
      }
      await between();
    }
    if (group.length > 0 || !yielded) yield group;
  }

  /** All of them at once, as new objects. Other work runs while they are made. */
  async unpack(): Promise<unknown[]> {
    return (await this.groups(Infinity).next()).value as unknown[];
  }
}

function chosen(json: Buffer, indexes: readonly number[]): unknown[] {
  const events = JSON.parse(`[${json.toString("utf8")}]`) as unknown[];
  return indexes.length === events.length ? events : indexes.map((index) => events[index]);
}

const PACKED = Symbol("packed payload");

type Packed = PackedEvents | PackedLines;
type PackedMessage = FlowMessage & { [PACKED]?: Packed | undefined };

/**
 * Makes `packed` the payload of a message to a node of ours, which asks for it with `packedEvents` or `packedLines`.
 * Whoever else comes across it, such as a hook of Node-RED, finds an ordinary array of ordinary objects or texts in
 * `payload`, made at the first look.
 */
export function packPayload(message: FlowMessage, packed: Packed): void {
  const settle = (value: unknown) => {
    Object.defineProperty(message, "payload", { value, enumerable: true, configurable: true, writable: true });
    (message as PackedMessage)[PACKED] = undefined;
  };
  Object.defineProperty(message, PACKED, { value: packed, enumerable: false, configurable: true, writable: true });
  Object.defineProperty(message, "payload", {
    enumerable: true,
    configurable: true,
    get() {
      const all = packed.unpackAtOnce();
      settle(all);
      return all;
    },
    set: settle,
  });
}

/** The events that `packPayload` gave, if nobody has looked at the payload or changed it. A copy of the message has none. */
export function packedEvents(message: FlowMessage): PackedEvents | undefined {
  const packed = (message as PackedMessage)[PACKED];
  return packed instanceof PackedEvents ? packed : undefined;
}

/** The lines that `packPayload` gave, as above. */
export function packedLines(message: FlowMessage): PackedLines | undefined {
  const packed = (message as PackedMessage)[PACKED];
  return packed instanceof PackedLines ? packed : undefined;
}
