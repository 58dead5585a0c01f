/**
 * The lines of a page as the bytes that will be sent.
 *
 * As texts, the lines of every page would live long enough to be moved to where only a full garbage collection frees
 * them, a megabyte a page. As bytes they stand in pieces of memory that the next pages use again.
 */
import { NumberColumn } from "./columns";
import type { Properties } from "./node/config";
import type { SpareMemory } from "./spare-memory";

/** A formatter as far as lines are made ahead with it. */
export interface LineFormatter {
  format(event: unknown): string;
  /** Why the last event has no line of its own. */
  readonly failure: unknown;
  /** Undefined if only this one can make its lines. */
  readonly recipe?: LineRecipe;
}

/** By which another thread makes a formatter that makes the same lines: the properties of a `cef-format`, and a kind of record. */
export interface LineRecipe {
  properties: Properties;
  kind: string;
}

/** What lines take their memory in. */
export const PIECE_BYTES = 256 * 1024;
/** At most, of a UTF-16 unit in UTF-8: a character of four bytes has two units (RFC 3629 section 3). */
const BYTES_A_UNIT = 3;

/** Lines as one thread hands them to another. */
export interface WrittenLines {
  /** Each PIECE_BYTES long. */
  pieces: Uint8Array[];
  /** The first byte of each line, and the one behind it, counted over all pieces. */
  starts: Float64Array;
  ends: Float64Array;
}

interface Places {
  at(line: number): number | undefined;
}

/** The lines of one answer, one behind the other. */
export class LineBytes {
  /** Pages that still need them. */
  private holders = 0;

  /** `spare` gets the memory when nobody needs it any more. */
  constructor(
    private readonly spare: Pick<SpareMemory, "give">,
    protected readonly pieces: Buffer[],
    private readonly starts: Places,
    private readonly ends: Places,
  ) {}

  size(line: number): number {
    return this.ends.at(line)! - this.starts.at(line)!;
  }

  /** A view that is good until the last holder let go. */
  view(line: number): Buffer {
    const start = this.starts.at(line)!;
    const piece = Math.floor(start / PIECE_BYTES);
    return (this.pieces[piece] as Buffer).subarray(start - piece * PIECE_BYTES, this.ends.at(line)! - piece * PIECE_BYTES);
  }

  /** So many pages have lines here. */
  holdFor(pages: number): void {
    this.holders = pages;
  }

  letGo(): void {
    this.holders -= 1;
    if (this.holders > 0) return;
    for (const piece of this.pieces.splice(0)) this.spare.give(piece);
  }
}

/** Writes them. */
export class LineWriter extends LineBytes {
  private room = 0;

  constructor(private readonly memory: SpareMemory, private readonly first = new NumberColumn(), private readonly behind = new NumberColumn()) {
    super(memory, [], first, behind);
  }

  /** Returns the number by which the line is found again; undefined if it is too long. */
  add(line: string): number | undefined {
    const most = line.length * BYTES_A_UNIT;
    if (most > PIECE_BYTES) return undefined;
    if (most >= this.room) {
      this.pieces.push(this.memory.take(PIECE_BYTES));
      this.room = PIECE_BYTES;
    }
    const start = this.pieces.length * PIECE_BYTES - this.room;
    const size = (this.pieces.at(-1) as Buffer).write(line, PIECE_BYTES - this.room);
    this.room -= size;
    this.behind.push(start + size);
    return this.first.push(start);
  }

  /** What has been written, to be handed to another thread: nothing is left here. */
  take(): WrittenLines {
    return { pieces: this.pieces.splice(0), starts: this.first.view(), ends: this.behind.view() };
  }
}

/** The lines of one page. */
export class PackedLines {
  readonly length: number;
  /** Of all lines together. */
  readonly bytes: number;
  private memory: LineBytes | undefined;
  /** Those that were made anew. */
  private texts: string[] | undefined;
  private kept = false;

  /** `lines` are the numbers that `memory` gave; `again` makes the same lines anew. */
  constructor(memory: LineBytes, private readonly lines: readonly number[], private readonly again: () => string[]) {
    this.length = lines.length;
    this.bytes = lines.reduce((sum, line) => sum + memory.size(line), 0);
    this.memory = memory;
  }

  /** Line `index`, to be copied at once. */
  at(index: number): Buffer | string {
    return this.memory?.view(this.lines[index] as number) ?? (this.madeAnew()[index] as string);
  }

  text(index: number): string {
    return this.at(index).toString();
  }

  /** All lines as texts, in one go. */
  unpackAtOnce(): string[] {
    const { memory } = this;
    return memory === undefined ? this.madeAnew() : this.lines.map((line) => memory.view(line).toString());
  }

  private madeAnew(): string[] {
    return (this.texts ??= this.again());
  }

  /** They will be looked at after they were released. */
  keep(): void {
    this.kept = true;
  }

  /** Their memory may be used again. Whoever asks for a line all the same waits until all were made anew. */
  release(): void {
    if (this.kept) return;
    this.memory?.letGo();
    this.memory = undefined;
  }
}
