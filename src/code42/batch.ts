/** Gathers the events of a reply and drops those that are known: what every source does alike. */
import { epochMs } from "../cursor/instant";
import { ledgerKey } from "../cursor/ledger";
import { keep, type EventPlace } from "../packed-events";
import type { Preparation, SourceEvent } from "./source";

export class Batch {
  /** Those that are new. */
  readonly events: SourceEvent[] = [];
  /** Every event with its time, known ones too. */
  readonly keys = new Map<string, number | undefined>();
  known = 0;
  lastMs: number | undefined;

  /** `known` is true for events that need not be sent. */
  constructor(private readonly isKnown: (key: string) => boolean, readonly prepared?: Preparation) {}

  /**
   * `id` (any value; only text that is not empty counts) and `insertedMs` (epoch ms) as the event gives them; `place`
   * is where the event can be read again, if not from a copy of its own.
   */
  add(event: unknown, id: unknown, insertedMs: number | undefined, place?: EventPlace): void {
    this.pass(insertedMs);
    const key = eventKey(event, id);
    const repeated = this.keys.has(key) || this.isKnown(key);
    this.keys.set(key, insertedMs);
    if (repeated) this.known += 1;
    else {
      const { slice, index } = place ?? keep(event);
      this.events.push({ slice, index, line: this.format(event), key, insertedMs, complete: isId(id) && insertedMs !== undefined });
    }
  }

  /** An event that cannot be formatted is the business of the formatter's own node. */
  private format(event: unknown): number | undefined {
    if (this.prepared === undefined) return undefined;
    const { formatter, memory } = this.prepared;
    const line = formatter.format(event);
    return formatter.failure === undefined ? memory.add(line) : undefined;
  }

  /** An event at this time was there, and is not wanted. */
  pass(insertedMs: number | undefined): void {
    if (insertedMs !== undefined) this.lastMs = Math.max(this.lastMs ?? 0, insertedMs);
  }
}

/** Epoch ms of an instant as an event writes it; undefined if it is none. */
export const instantOf = (value: unknown): number | undefined => (typeof value === "string" ? epochMs(value) : undefined);

const isId = (id: unknown): id is string => typeof id === "string" && id !== "";

/** The ledger's key of an event: what has no id is recognised by its content. */
const eventKey = (event: unknown, id: unknown): string => ledgerKey(isId(id) ? id : JSON.stringify(event));
