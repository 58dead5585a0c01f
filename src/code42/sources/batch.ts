/** Gathers the events of a reply and drops those that are known: what every source does alike. */
import { KeyColumn } from "../../cursor/keys";
import { copyOfEvent } from "../../pages/packed-events";
import { identify, type FoundEvent } from "../../pages/page-index";
import type { PollOptions } from "./source";
import { epochMs } from "../../common/instant";

export class Batch {
  /** Those that are new. */
  readonly events: FoundEvent[] = [];
  /** Every event with its time, known ones too. */
  readonly keys = new Map<string, number | undefined>();
  known = 0;
  lastMs: number | undefined;

  /** `isKnown` is true for events that need not be sent. */
  constructor(private readonly isKnown: (key: string) => boolean) {}

  /** `id` (any value; only text that is not empty counts) and `insertedMs` (epoch ms) as the event gives them. */
  add(event: unknown, id: unknown, insertedMs: number | undefined): void {
    const found = identify(event, id, insertedMs);
    if (this.isNew(found.key, insertedMs)) this.events.push({ ...found, ...copyOfEvent(event) });
  }

  /** An event at this time was there, and is not wanted. */
  pass(insertedMs: number | undefined): void {
    if (insertedMs !== undefined) this.lastMs = Math.max(this.lastMs ?? 0, insertedMs);
  }

  private isNew(key: string, insertedMs: number | undefined): boolean {
    this.pass(insertedMs);
    const repeated = this.keys.has(key) || this.isKnown(key);
    this.keys.set(key, insertedMs);
    if (repeated) this.known += 1;
    return !repeated;
  }
}

/** Epoch ms of an instant as an event writes it; undefined if it is none. */
export const instantOf = (value: unknown): number | undefined => (typeof value === "string" ? epochMs(value) : undefined);

/** True for an event, by its key, that is delivered, or out. */
export const isKnown = (poll: Pick<PollOptions, "known">, key: string): boolean => poll.known(KeyColumn.of([key]), 0);
