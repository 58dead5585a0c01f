/** Builds a reply from events: every source collects its new events and counts the known ones in the same way. */
import { KeyColumn } from "../../cursor/keys";
import { ledgerKey } from "../../cursor/ledger";
import { copyOfEvent } from "../../pages/packed-events";
import { identify, type FoundEvent } from "../../pages/page-index";
import type { PollOptions, Reply } from "./source";

export class ReplyBuilder {
  private readonly events: FoundEvent[] = [];
  /** Ledger keys of all events with their times (epoch ms), known ones included. */
  readonly keys = new Map<string, number | undefined>();
  private known = 0;
  private lastMs: number | undefined;

  /** `isKnown` is true for events that need not be sent. */
  constructor(private readonly isKnown: (key: string) => boolean) {}

  /**
   * `id` is any value, of which only non-empty text identifies the event; `insertedMs` is epoch ms. `formerId`: the id that
   * the event had in an earlier version, if that was another one.
   */
  add(event: unknown, id: unknown, insertedMs: number | undefined, formerId?: string): void {
    const found = identify(event, id, insertedMs);
    if (this.keys.has(found.key) || this.isKnown(found.key) || (formerId !== undefined && this.isKnown(ledgerKey(formerId)))) this.known += 1;
    else this.events.push({ ...found, ...copyOfEvent(event) });
    this.keys.set(found.key, insertedMs);
    this.addTime(insertedMs);
  }

  /** Takes only the time (epoch ms) of an event that is not wanted. */
  addTime(insertedMs: number | undefined): void {
    if (insertedMs !== undefined) this.lastMs = Math.max(this.lastMs ?? 0, insertedMs);
  }

  reply(serverMs: number): Reply {
    const { events, known, lastMs } = this;
    return { events, known, lastMs, serverMs };
  }
}

/** True if the event with this ledger key is delivered or in flight. */
export const isKnown = (poll: Pick<PollOptions, "known">, key: string): boolean => poll.known(KeyColumn.of([key]), 0);
