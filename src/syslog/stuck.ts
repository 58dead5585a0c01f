import type { Share } from "./chunk";

/** So many sessions may end at the same line, with others behind it, before it is sent alone. */
const TOGETHER = 3;
/** So many more that end when it was the only line show that it is to blame. */
const ALONE = 2;

/**
 * Finds the line at which a server ends one session after the other without an answer, as rsyslog's imrelp does with
 * `oversizeMode="abort"`. A server that restarts or flaps answers something in between, and only what ends a session
 * counts: not a connection that is refused, and no silence.
 */
export class StuckLine<Batch> {
  private oldest: Share<Batch> | undefined;
  private endings = 0;

  /** Only the oldest line may be sent, and nothing behind it before its answer. */
  get alone(): boolean {
    return this.endings >= TOGETHER;
  }

  /** The server ended a session that had lines; the first of `oldest` was without an answer. True: that one is to blame. */
  sessionEnded(oldest: Share<Batch>): boolean {
    const same = this.oldest?.batch === oldest.batch && this.oldest.first === oldest.first;
    this.oldest = oldest;
    this.endings = same ? this.endings + 1 : 1;
    if (this.endings < TOGETHER + ALONE) return false;
    this.endings = TOGETHER;
    return true;
  }

  answered(): void {
    this.endings = 0;
  }
}
