/**
 * Finds the line at which a server ends one session after the other without an answer, as rsyslog's imrelp does with
 * `oversizeMode="abort"`. A server that restarts or flaps answers something in between, and only what ends a session
 * counts: not a connection that is refused, and no silence.
 */
import type { Share } from "./chunk";

/** After so many sessions that ended at the same line, with others behind it, lines are sent one by one. */
const TOGETHER = 3;
/** After so many that ended while a line was the only one on its way, it is to blame. */
const ALONE = 2;
/** So many lines are then sent one by one: the one to blame need not be the oldest, if the server ends without answers to those before. */
const NEIGHBOURS = 128;

export class StuckLine {
  private oldest: Share | undefined;
  /** Sessions that ended at `oldest`, and those of them in which it was alone. */
  private endings = 0;
  private aloneEndings = 0;
  /** Lines to send one by one. */
  private left = 0;

  /** Only the oldest line may be sent, and nothing behind it before its answer. */
  get oneByOne(): boolean {
    return this.left > 0;
  }

  /** The server ended a session that had lines; the first of `oldest` was without an answer. True: that one is to blame. */
  endsSessions(oldest: Share): boolean {
    if (this.oldest?.batch !== oldest.batch || this.oldest.first !== oldest.first) this.endings = this.aloneEndings = 0;
    this.oldest = oldest;
    this.endings += 1;
    if (this.oneByOne) this.aloneEndings += 1;
    if (this.endings >= TOGETHER) this.left = NEIGHBOURS;
    if (this.aloneEndings < ALONE) return false;
    this.aloneEndings = 0;
    return true;
  }

  answered(): void {
    this.endings = this.aloneEndings = 0;
    this.left = Math.max(0, this.left - 1);
  }
}
