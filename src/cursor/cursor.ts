/**
 * The position of a query in a stream that is ordered by insertion time.
 *
 * The floor is the lower bound of the next query, in whole milliseconds and inclusive, because the server compares to
 * the millisecond and many events can share one. It never passes "server time minus overlap", because an event can
 * become searchable later than its insertion time says. The ledger recognises what is read again for that reason.
 */
import { randomUUID } from "node:crypto";
import { plain } from "../common/border";
import { epochMs } from "../common/instant";
import { isRecord } from "../common/messages";
import { cursorError } from "./errors";
import type { KeyColumn } from "./keys";
import { Ledger, type LedgerRoom } from "./ledger";

/** What a cursor belongs to: the event source and the tenant's address. */
export interface CursorOwner {
  stream: string;
  base: string;
}

/** Tells which of two copies of a cursor is the newer one. */
export interface CursorMark {
  /** Drawn at random when a cursor begins, is set or starts over: copies of different lines cannot be compared. */
  line: string;
  /** Grows with each save. */
  count: number;
}

/** The events of a page. */
export interface PageIds {
  /** Their ledger keys. */
  keys: KeyColumn;
  /** Their insertion times, epoch ms. */
  times: Float64Array;
}

/** How far a delivered page reaches. */
export interface PagePosition {
  /** Largest insertion time of the page, epoch ms; undefined if the page had no event. */
  lastMs: number | undefined;
  /** Server time at the start of the poll, epoch ms. */
  serverMs: number;
  /** True while earlier events may still follow in the same poll: the floor waits. */
  floorStays?: boolean;
  ids: PageIds;
}

/** With more ids than this the overlap is shortened: a cursor must stay cheap to save. */
export const MAX_LEDGER = 200_000;
const USUAL_ROOM: LedgerRoom = { ids: MAX_LEDGER, bytes: Infinity };

export class Cursor {
  /** Grows with every change that is worth saving. */
  revision = 0;

  private constructor(
    readonly owner: CursorOwner,
    private floor: number,
    private last: number | undefined,
    private readonly ledger: Ledger,
    /** Identifies the criteria that the cursor was saved with. */
    public queryHash: string,
    private readonly mark: CursorMark,
  ) {}

  static startingAt(owner: CursorOwner, floorMs: number, queryHash: string): Cursor {
    return new Cursor(owner, Math.floor(floorMs), undefined, new Ledger(), queryHash, { line: randomUUID().slice(0, 8), count: 0 });
  }

  /** Reads what `serialize` wrote. `key` names the place in errors. Throws CURSOR_UNREADABLE, CURSOR_OTHER_STREAM. */
  static parse(text: string, owner: CursorOwner, key: string): Cursor {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw unreadable(key, "it is not JSON");
    }
    if (!isRecord(value) || value["v"] !== 1) throw unreadable(key, "it is not a cursor of this node");
    const { stream, base, floor, lastInserted, queryHash } = value;
    if (stream !== owner.stream || base !== owner.base) {
      throw cursorError("CURSOR_OTHER_STREAM", plain.params({ key, found: `${String(stream)} of ${String(base)}`, wanted: `${owner.stream} of ${owner.base}` }), { permanent: true });
    }
    const floorMs = typeof floor === "string" ? epochMs(floor) : undefined;
    const lastMs = typeof lastInserted === "string" ? epochMs(lastInserted) : undefined;
    const ledger = Ledger.parse(value["seen"]);
    if (floorMs === undefined || ledger === undefined) throw unreadable(key, "its floor or its ids are damaged");
    return new Cursor(owner, floorMs, lastMs, ledger, typeof queryHash === "string" ? queryHash : "", markOf(value));
  }

  /** Epoch ms. */
  get floorMs(): number {
    return this.floor;
  }

  /** Newest insertion time delivered, epoch ms. */
  get lastMs(): number | undefined {
    return this.last;
  }

  get size(): number {
    return this.ledger.size;
  }

  has(keys: KeyColumn, index: number): boolean {
    return this.ledger.has(keys, index);
  }

  /**
   * Moves past a delivered page. Returns the overlap that it kept (ms): it is shorter than `overlapMs` when the ledger
   * would otherwise not fit into `room`.
   */
  advance(page: PagePosition, overlapMs: number, room = USUAL_ROOM): number {
    const before = this.floor;
    const overlap = this.move(page, overlapMs, room);
    if (page.ids.keys.length > 0 || this.floor !== before) this.revision += 1;
    return overlap;
  }

  /** Adds the events of a delivered page to the ledger without moving past the page, as far as there is room. */
  remember(page: PagePosition, room = USUAL_ROOM): void {
    const { keys, times } = page.ids;
    for (const [index, insertedMs] of times.entries()) if (insertedMs >= this.floor && this.ledger.fits(room)) this.ledger.add(keys, index, insertedMs);
  }

  private move({ lastMs, serverMs, ids, floorStays }: PagePosition, overlapMs: number, room: LedgerRoom): number {
    if (lastMs === undefined) return overlapMs;
    this.last = Math.max(this.last ?? 0, lastMs);
    if (floorStays === true) {
      this.remember({ lastMs, serverMs, ids }, room);
      return overlapMs;
    }
    let overlap = overlapMs;
    this.raise(lastMs, serverMs - overlap);
    // In a backlog nearly all ids of a page are below the floor already.
    const { keys, times } = ids;
    for (let index = 0; index < times.length; index++) if (times[index]! >= this.floor) this.ledger.add(keys, index, times[index]!);
    while (!this.ledger.fits(room) && overlap >= 1000) {
      overlap /= 2;
      this.raise(lastMs, serverMs - overlap);
    }
    return overlap;
  }

  /** Never backwards, never past what the walk has reached, never past what the server may still show late. */
  private raise(reachedMs: number, limitMs: number): void {
    this.floor = Math.max(this.floor, Math.floor(Math.min(reachedMs, limitMs)));
    this.ledger.prune(this.floor);
  }

  /** One JSON string: the only form in which a cursor is stored. */
  serialize(now: number): string {
    this.mark.count += 1;
    return JSON.stringify({
      v: 1,
      ...this.mark,
      ...this.owner,
      queryHash: this.queryHash,
      floor: new Date(this.floor).toISOString(),
      lastInserted: this.last === undefined ? null : new Date(this.last).toISOString(),
      seen: this.ledger,
      updatedAt: new Date(now).toISOString(),
    });
  }
}

/** The mark of what `serialize` wrote, or undefined if `text` is anything else, such as half of it. */
export function cursorMark(text: string): CursorMark | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && value["v"] === 1 ? markOf(value) : undefined;
  } catch {
    return undefined;
  }
}

function markOf({ line, count }: Record<string, unknown>): CursorMark {
  return { line: typeof line === "string" ? line : "", count: typeof count === "number" ? count : 0 };
}

function unreadable(key: string, reason: string) {
  return cursorError("CURSOR_UNREADABLE", plain.params({ key, reason }), { permanent: true });
}
