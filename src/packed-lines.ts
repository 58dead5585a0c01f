/**
 * The lines of a page as the bytes that will be sent.
 *
 * As texts, the lines of every page would live long enough to be moved to where only a full garbage collection frees
 * them, a megabyte a page. As bytes they stand in pieces of memory that the next pages use again.
 */
import type { LineTable } from "./cef/table";
import { NumberColumn } from "./columns";
import type { SpareMemory } from "./spare-memory";

/** A formatter as far as lines are made ahead with it. */
export interface LineFormatter {
  format(event: unknown): string;
  /** Why the last event has no line of its own. */
  readonly failure: unknown;
  /** By which the kernel makes the same lines. */
  readonly table?: LineTable | undefined;
}

/** What lines take their memory in. */
export const PIECE_BYTES = 256 * 1024;
/** At most, of a UTF-16 unit in UTF-8: a character of four bytes has two units (RFC 3629 section 3). */
const BYTES_A_UNIT = 3;
const LF = 10;
/** How many lines there is room for at first. */
const FIRST_LINES = 1024;

/** The lines of one answer, one behind the other, each with a line feed behind it. */
export class LineBytes {
  private readonly pieces: Buffer[] = [];
  /** Of each line its first byte, and the one behind it, counted over all pieces. */
  private readonly starts = new NumberColumn(new Int32Array(FIRST_LINES));
  private readonly ends = new NumberColumn(new Int32Array(FIRST_LINES));
  /** Free bytes of the last piece. */
  private room = 0;
  /** Pages that still need them. */
  private holders = 0;

  /** `spare` gives the memory, and gets it back when nobody needs it any more. */
  constructor(private readonly spare: SpareMemory) {}

  /** Returns the number by which the line is found again; undefined if it is too long. */
  add(line: string): number | undefined {
    const most = line.length * BYTES_A_UNIT + 1;
    if (most > PIECE_BYTES) return undefined;
    if (most > this.room) this.nextPiece();
    const start = this.end;
    const piece = this.pieces.at(-1) as Buffer;
    const size = piece.write(line, PIECE_BYTES - this.room);
    piece[PIECE_BYTES - this.room + size] = LF;
    this.room -= size + 1;
    this.ends.push(start + size);
    return this.starts.push(start);
  }

  /**
   * Adds `count` lines that stand in `bytes` from `start` on, each with a line feed behind it; `behind` says where that of
   * the line with this index is over. Returns the number of the first one.
   */
  addAll(bytes: Buffer, start: number, count: number, behind: (index: number) => number): number {
    const first = this.starts.length;
    let at = start;
    let copied = start;
    for (let index = 0; index < count; index++) {
      const next = behind(index);
      if (next - copied > this.room) {
        this.copy(bytes, copied, at);
        copied = at;
        this.nextPiece();
      }
      const place = this.end + at - copied;
      this.starts.push(place);
      this.ends.push(place + next - at - 1);
      at = next;
    }
    this.copy(bytes, copied, at);
    return first;
  }

  size(line: number): number {
    return this.ends.at(line) - this.starts.at(line);
  }

  /** A view that is good until the last holder let go. */
  view(line: number): Buffer {
    const start = this.starts.at(line);
    const piece = Math.floor(start / PIECE_BYTES);
    return (this.pieces[piece] as Buffer).subarray(start - piece * PIECE_BYTES, this.ends.at(line) - piece * PIECE_BYTES);
  }

  /**
   * Copies lines to byte `at` of `target`, each with its line feed: those whose numbers stand in `lines` from `index` on, as
   * many as stand one behind the other here, fit in there and have at most `most` bytes. Adds where each ends to `ends`.
   */
  copyTo(target: Buffer, at: number, lines: ArrayLike<number>, index: number, most: number, ends: number[]): number {
    const first = this.starts.at(lines[index]!);
    const piece = Math.floor(first / PIECE_BYTES);
    const farthest = Math.min((piece + 1) * PIECE_BYTES, first + target.length - at);
    let behind = first;
    let next = index;
    for (; next < lines.length; next++) {
      const line = lines[next]!;
      const end = this.ends.at(line) + 1;
      if (this.starts.at(line) !== behind || end > farthest || end - behind - 1 > most) break;
      ends.push(at + end - first);
      behind = end;
    }
    (this.pieces[piece] as Buffer).copy(target, at, first - piece * PIECE_BYTES, behind - piece * PIECE_BYTES);
    return next - index;
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

  private copy(bytes: Buffer, start: number, end: number): void {
    if (end === start) return;
    bytes.copy(this.pieces.at(-1) as Buffer, PIECE_BYTES - this.room, start, end);
    this.room -= end - start;
  }

  private nextPiece(): void {
    this.pieces.push(this.spare.take(PIECE_BYTES));
    this.room = PIECE_BYTES;
  }

  /** Where the next line goes. */
  private get end(): number {
    return this.pieces.length * PIECE_BYTES - this.room;
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
  constructor(memory: LineBytes, private readonly lines: ArrayLike<number>, private readonly again: () => string[]) {
    this.length = lines.length;
    this.bytes = 0;
    for (let index = 0; index < lines.length; index++) this.bytes += memory.size(lines[index]!);
    this.memory = memory;
  }

  /** Line `index`, to be copied at once. */
  at(index: number): Buffer | string {
    return this.memory?.view(this.lines[index]!) ?? (this.madeAnew()[index] as string);
  }

  text(index: number): string {
    return this.at(index).toString();
  }

  /** As of `LineBytes`; none when the memory was released. */
  copyTo(target: Buffer, at: number, index: number, most: number, ends: number[]): number {
    return this.memory?.copyTo(target, at, this.lines, index, most, ends) ?? 0;
  }

  /** All lines as texts, in one go. */
  unpackAtOnce(): string[] {
    const { memory } = this;
    return memory === undefined ? this.madeAnew() : Array.from(this.lines, (line) => memory.view(line).toString());
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
