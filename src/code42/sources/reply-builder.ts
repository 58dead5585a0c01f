/** Builds a reply from events: every source collects its new events and counts the known ones in the same way. */
import { KeyColumn } from "../../cursor/keys";
import type { EventPlace } from "../../pages/packed-events";
import { identify, type FoundEvent } from "../../pages/page-index";
import type { KeptTexts } from "./kept-texts";
import type { PollOptions, Reply } from "./source";

/** What is kept of an event of a list. */
export interface KeptEvent extends Omit<FoundEvent, keyof EventPlace> {
  /** Its JSON; undefined if it need not be sent. */
  text: string | undefined;
}

/**
 * `makeEvent` is called only if the event is sent or has no `id`: any value, of which only non-empty text identifies it.
 * `insertedMs` is epoch ms. Throws PAGE_TOO_LARGE.
 */
export function keptEvent(makeEvent: () => unknown, id: unknown, insertedMs: number | undefined, isKnown: (key: string) => boolean, texts: KeptTexts): KeptEvent {
  const found = identify(id, insertedMs, () => texts.textOf(makeEvent()));
  return { ...found, text: isKnown(found.key) ? undefined : texts.textOf(makeEvent()) };
}

export class ReplyBuilder {
  private readonly events: FoundEvent[] = [];
  /** Ledger keys of all events with their times (epoch ms), known ones included. */
  readonly keys = new Map<string, number | undefined>();
  private known = 0;
  private lastMs: number | undefined;

  add({ text, ...found }: KeptEvent): void {
    if (text === undefined || this.keys.has(found.key)) this.known += 1;
    else this.events.push({ ...found, slice: { text }, index: 0 });
    this.keys.set(found.key, found.insertedMs);
    this.addTime(found.insertedMs);
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
