/**
 * Learns the shapes of events from those that `JSON.parse` has read, and reads the next ones by parsers made for them.
 *
 * The events of a page nearly always have the same keys in the same order, without blanks: so writes the server's
 * serializer. What is written otherwise is left to `JSON.parse`.
 */
import { isRecord } from "../messages";
import { JsonScanner, SCANNER_BYTES } from "./json-scanner";
import { ObjectParser, Shape } from "./shape-parser";

/** So many events of a shape are learned from: making the parser costs as much as it saves with a hundred events. */
const LEARNED_EVENTS = 50;
const MOST_SHAPES = 4;
/** So many more slices may be left to `JSON.parse` than not, in the end. */
const PATIENCE = 64;
/** Then so many are left to it without a try; twice as many the next time. */
const REST = 256;

const COMMA = 0x2c;

/** Not for events that are kept: see `parse`. */
export class EventShapes {
  /** Slices that were not left to `JSON.parse`. */
  taken = 0;
  /** Made with the first parser: most polls find too little to learn from. */
  private scanner: JsonScanner | undefined;
  /** By the keys of the events, in order. */
  private readonly learned = new Map<string, { shape: Shape; events: number }>();
  /** The one that has read the last event comes first. */
  private readonly parsers: ObjectParser[] = [];
  private patience = PATIENCE;
  private resting = 0;
  private nextRest = REST;

  /**
   * The events that stand in the first `end` bytes, separated by commas: what `JSON.parse` makes of them, or undefined
   * if it must be asked. Their texts are parts of one that lives as long as one of them; and where many of the objects
   * live long, V8 makes the next ones in the old generation, which takes twice the time of everything else.
   */
  parse(bytes: Buffer, end: number): unknown[] | undefined {
    const { scanner } = this;
    if (scanner === undefined || this.parsers.length === 0 || end > SCANNER_BYTES) return undefined;
    scanner.load(bytes, end);
    const events = this.tryRead(scanner, end);
    if (events === undefined) return undefined;
    this.patience = Math.min(PATIENCE, this.patience + 1);
    this.taken += 1;
    return events;
  }

  /** Learns from the events of a slice that `JSON.parse` had to read. */
  learn(events: readonly unknown[]): void {
    if (this.resting > 0) {
      this.resting -= 1;
      return;
    }
    for (const event of events) if (isRecord(event)) this.learnEvent(event);
    this.patience -= 1;
    if (this.patience > 0) return;
    this.learned.clear();
    this.parsers.length = 0;
    this.patience = PATIENCE;
    this.resting = this.nextRest;
    this.nextRest *= 2;
  }

  private learnEvent(event: Record<string, unknown>): void {
    const keys = JSON.stringify(Object.keys(event));
    let known = this.learned.get(keys);
    if (known === undefined) {
      if (this.learned.size === MOST_SHAPES) return;
      known = { shape: new Shape(), events: 0 };
      this.learned.set(keys, known);
    }
    known.events += 1;
    if (known.events > LEARNED_EVENTS) return;
    known.shape.learn(event);
    if (known.events < LEARNED_EVENTS) return;
    const parser = ObjectParser.of(known.shape, (this.scanner ??= new JsonScanner()));
    if (parser !== undefined) this.parsers.unshift(parser);
  }

  private tryRead(scanner: JsonScanner, end: number): unknown[] | undefined {
    const events: unknown[] = [];
    try {
      for (let start = 0; ; start += 1) {
        const event = this.event(start);
        if (event === undefined) return undefined;
        events.push(event);
        start = scanner.at;
        if (start === end) return events;
        if (scanner.bytes[start] !== COMMA) return undefined;
      }
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  private event(start: number): unknown {
    const { parsers } = this;
    for (let index = 0; index < parsers.length; index++) {
      const parser = parsers[index] as ObjectParser;
      const event = parser.parse(start);
      if (event === undefined) continue;
      if (index > 0) [parsers[0], parsers[index]] = [parser, parsers[0] as ObjectParser];
      return event;
    }
    return undefined;
  }
}
