/**
 * Decides about lines that a server refuses. If it takes others, the line is at fault: it is shortened, and at last set
 * aside. If it takes none, the server is at fault, and all lines wait.
 */
import { plain } from "../common/border";
import type { SiemError } from "../common/errors";
import { Chunk } from "./chunk";
import { syslogError, type SyslogErrorCode } from "./errors";
import { cut } from "./framing";
import { StuckLine } from "./stuck";

/** After so many refused lines and none taken, the server is at fault. */
const TRIAL = 1000;
/** The server was there, had lines, and ended the session. */
const ENDED_BY_SERVER: readonly string[] = ["SERVER_CLOSED", "CONNECTION_LOST"] satisfies SyslogErrorCode[];

/** One line, and why the server refused it. */
export interface Refused {
  line: Chunk;
  reason: SiemError;
}

export class Refusals {
  /** Lines that were refused before the server took any in this session, oldest first: line or server may be at fault. */
  private doubtful: Refused[] = [];
  /** The server has taken a line in this session. */
  private accepting = false;
  private readonly stuck = new StuckLine();

  /** `shorterSizes` as in Transport; `setAside` gets the lines that the server takes at no size. */
  constructor(private readonly host: string, private readonly shorterSizes: readonly number[], private readonly setAside: (refused: Refused) => void) {}

  /** Lines were refused, and none was taken in this session. */
  get areDoubtful(): boolean {
    return this.doubtful.length > 0;
  }

  /** The server refused enough lines to show that it takes none. */
  get isTrialOver(): boolean {
    return this.doubtful.length >= TRIAL;
  }

  /** Only one line may be on its way: the server ends its sessions at one of the next lines. */
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
    return [...this.shorten({ line, reason: syslogError("LINE_ENDS_SESSION", plain.params({ host: this.host })) }), ...again];
  }

  /** The line cut to the next size; nothing if there is none and the line was set aside. */
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
