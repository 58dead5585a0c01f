/**
 * Counts the events that formatters have taken and not yet sent on, by the source of the events.
 *
 * A source of events that nobody confirms cannot see how far the flow has come, because no later node tells it. So its
 * messages have a `msg._msgid` with a beginning of its own, which nodes pass on; formatters count here what they hold of
 * it, and the source sends nothing while they hold too much. A flow that makes new messages loses the id; then only the
 * bound of the formatter's own queue holds.
 */
import { randomBytes } from "node:crypto";
import { processWide } from "../common/process-wide";

/** What formatters may hold of one source before it waits. */
export const MOST_EVENTS = 1000;
export const MOST_BYTES = 8 * 1024 * 1024;

/** An id of Node-RED is 16 hexadecimal digits: here the source, then a counter. */
const PREFIX_DIGITS = 8;

interface Share {
  events: number;
  bytes: number;
  released(): void;
}

/** A source in the table. */
export interface SourceInHand {
  /** A new `_msgid`. */
  id(): string;
  /** Whether formatters hold more of it than allowed. */
  isFull(): boolean;
  close(): void;
}

export class InHand {
  private readonly shares = new Map<string, Share>();

  /** Adds a source; `released` is called when formatters hold less of it than before. */
  open(released: () => void): SourceInHand {
    const prefix = randomBytes(PREFIX_DIGITS / 2).toString("hex");
    const share: Share = { events: 0, bytes: 0, released };
    this.shares.set(prefix, share);
    let next = 0;
    return {
      id: () => prefix + (next++ % 2 ** 32).toString(16).padStart(8, "0"),
      isFull: () => share.events > MOST_EVENTS || share.bytes > MOST_BYTES,
      close: () => void this.shares.delete(prefix),
    };
  }

  /**
   * A formatter has taken the events of the message `id` (`_msgid`), which keep `bytes` bytes of memory. Returns the function
   * that releases them, which may be called any number of times.
   */
  take(id: unknown, events: number, bytes: number): () => void {
    const share = typeof id === "string" ? this.shares.get(id.slice(0, PREFIX_DIGITS)) : undefined;
    if (share === undefined) return () => undefined;
    share.events += events;
    share.bytes += bytes;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      share.events -= events;
      share.bytes -= bytes;
      share.released();
    };
  }
}

/** The table of this process. */
export const inHand = (): InHand => processWide("in-hand@1", () => new InHand());
