/**
 * What becomes of lines that a server refuses. If it takes others, the line is at fault: it is shortened, and set aside in
 * the end. A server that takes none is in trouble itself: then all lines wait.
 */
import type { SiemError } from "../common/errors";
import { Chunk } from "./chunk";
import { syslogError, type SyslogErrorCode } from "./errors";
import { cut } from "./framing";
import { StuckLine } from "./stuck";

/** A server that refuses so many lines before it takes one takes none. */
const TRIAL = 1000;
/** The server was there, had lines, and ended the session. */
const ENDED_BY_SERVER: readonly string[] = ["SERVER_CLOSED", "CONNECTION_LOST"] satisfies SyslogErrorCode[];

/** One line, and why the server refused it. */
export interface Refused {
  line: Chunk;
  reason: SiemError;
}

export class Refusals {
  /** Refused in a session in which the server has taken no line yet, oldest first. */
  private doubtful: Refused[] = [];
  /** The server has taken a line in this session. */
  private accepting = false;
  private readonly stuck = new StuckLine();

  /** `shorterSizes` as in Transport; `setAside` gets what the server takes at no size. */
  constructor(private readonly host: string, private readonly shorterSizes: readonly number[], private readonly setAside: (refused: Refused) => void) {}

  /** Lines were refused, and none was taken that would show that the server is not to blame. */
  get areDoubtful(): boolean {
    return this.doubtful.length > 0;
  }

  /** The server takes no line: it needs no more to show that. */
  get isTrialOver(): boolean {
    return this.doubtful.length >= TRIAL;
  }

  /** Only the oldest line may be sent, and nothing behind it before its answer. */
  get oneByOne(): boolean {
    return this.stuck.oneByOne;
  }

  /** The server took lines. Returns what to send in place of those that it refused before. */
  accepted(): Chunk[] {
    this.accepting = true;
    this.stuck.answered();
    return this.doubtful.splice(0).flatMap((refused) => this.shorten(refused));
  }

  /** Returns what to send in place of `refused` in this session. */
  refused(refused: Refused): Chunk[] {
    this.stuck.answered();
    if (this.accepting || refused.reason.permanent) return this.shorten(refused);
    this.doubtful.push(refused);
    return [];
  }

  /** The session ended with `error` and left lines `unanswered`. Returns what to send in the next one, in order. */
  sessionEnded(unanswered: Chunk[], error: SiemError): Chunk[] {
    const again = [...unanswered, ...this.doubtful.splice(0).map(({ line }) => line)];
    this.accepting = false;
    const [oldest] = unanswered;
    if (oldest?.shares[0] === undefined || !ENDED_BY_SERVER.includes(error.code) || !this.stuck.endsSessions(oldest.shares[0])) return again;
    const line = oldest.takeFront(1);
    if (oldest.ends.length === 0) again.shift();
    return [...this.shorten({ line, reason: syslogError("LINE_ENDS_SESSION", { host: this.host }) }), ...again];
  }

  /** The line cut to the next size that it may pass with; nothing if there is none, and it was set aside. */
  private shorten(refused: Refused): Chunk[] {
    const { bytes, shares } = refused.line;
    const size = this.shorterSizes.find((shorter) => shorter < bytes.length);
    if (size === undefined) {
      this.setAside(refused);
      return [];
    }
    for (const { batch } of shares) batch.shortened = Math.min(batch.shortened + 1, batch.events);
    const shorter = cut(bytes, size);
    return [new Chunk(shorter, [shorter.length], shares)];
  }
}
