/**
 * Finds the line at which a server ends one session after the other without an answer, as rsyslog's imrelp does with
 * `oversizeMode="abort"`. A server that restarts answers some lines in between. Connections that the server refuses, and
 * sessions in which it only falls silent, do not count.
 */
import type { Share } from "./chunk";

/** After so many sessions that ended at the same line, lines are sent one by one. */
const TOGETHER = 3;
/** After so many sessions that ended while only one line was on its way, that line is to blame. */
const ALONE = 2;
/** So many lines are sent one by one: the line to blame may be behind others that the server left without an answer. */
const NEIGHBOURS = 128;

export class StuckLine {
  private oldest: Share | undefined;
  /** Sessions that ended at `oldest`; of these, the ones in which it was alone on its way. */
  private endings = 0;
  private aloneEndings = 0;
  /** Lines to send one by one. */
  private left = 0;

  /** Only one line may be on its way. */
  get oneByOne(): boolean {
    return this.left > 0;
  }

  /** The server ended a session, and the first line of `oldest` was the first without an answer. True: that line is to blame. */
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
