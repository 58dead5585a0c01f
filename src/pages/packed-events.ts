/**
 * Events that are kept as the compressed answer they came in.
 *
 * A page of objects takes five times the memory of its JSON and thirty times that of its compressed JSON, and would live
 * until the page is formatted. So an answer is read once to check it and to find ids and times; its objects are dropped
 * slice by slice, and whoever needs the events reads them again, as often as the page is sent. If a formatter of ours comes
 * next in the flow, it makes its lines while the answer is read, which saves the second reading.
 */
import { parseExact } from "../common/exact-json";
import type { FlowMessage } from "../common/messages";
import { yieldIfBusy } from "../common/turns";
import { BodyWindow, type Body } from "./body";
import { PackedLines } from "./packed-lines";

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

/** What makes lines of events while these are read. */
export interface LineFormatter {
  format(event: unknown): string;
  /** Why the last event has no line of its own. */
  readonly failure: unknown;
}

/** Lines that `formatter` made of events while these were read, one for each. */
export interface PreparedLines {
  formatter: LineFormatter;
  lines: PackedLines;
}

/** Events of one slice. */
interface Run {
  slice: BodySlice | TextSlice;
  indexes: number[];
}

/** Some events of one or more answers, in order. */
export class PackedEvents {
  private found: Run[] | undefined;

  /** Events of one body are read in one pass if they stand in its order. */
  constructor(private readonly places: Iterable<EventPlace>, private prepared?: PreparedLines) {}

  get length(): number {
    return this.prepared?.lines.length ?? this.runs.reduce((sum, { indexes }) => sum + indexes.length, 0);
  }

  /** Made when somebody asks for events: of a page with prepared lines, usually nobody does. */
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

  /** The lines that `formatter` made while the events were read; undefined if it made none, and the second time. */
  takeLines(formatter: LineFormatter): PackedLines | undefined {
    const { prepared } = this;
    this.prepared = undefined;
    if (prepared?.formatter !== formatter) return undefined;
    prepared.lines.again = () => this.unpackAtOnce().map((event) => formatter.format(event));
    return prepared.lines;
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

  /** All of them as new objects; blocks the event loop for a while. */
  unpackAtOnce(): unknown[] {
    let inflated: { body: Body; bytes: Buffer } | undefined;
    return this.runs.flatMap(({ slice, indexes }) => {
      if ("text" in slice) return [JSON.parse(slice.text) as unknown];
      const { body, start, end } = slice;
      if (inflated?.body !== body) inflated = { body, bytes: body.whole() };
      return chosen(inflated.bytes.subarray(start, end), indexes);
    });
  }

  /** The events as new objects, `size` at a time, at the end perhaps fewer; no events are one empty group. Other work runs in between. */
  async *groups(size: number): AsyncGenerator<unknown[]> {
    const pause = yieldIfBusy();
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
      await pause();
    }
    if (group.length > 0 || !yielded) yield group;
  }

  /** All of them as new objects. Other work runs in between. */
  async unpack(): Promise<unknown[]> {
    return (await this.groups(Infinity).next()).value as unknown[];
  }
}

function chosen(json: Buffer, indexes: readonly number[]): unknown[] {
  const events = parseExact(`[${json.toString("utf8")}]`) as unknown[];
  return indexes.length === events.length ? events : indexes.map((index) => events[index]);
}

const PACKED = Symbol("packed payload");

type Packed = PackedEvents | PackedLines;
type PackedMessage = FlowMessage & { [PACKED]?: Packed | undefined };

/**
 * Makes `packed` the payload of a message to a node of ours, which asks for it with `packedEvents` or `packedLines`. Anybody
 * else who looks, such as a hook of Node-RED, finds an ordinary array of ordinary objects or texts in `payload`, made at
 * the first look.
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
