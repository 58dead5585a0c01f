/**
 * The lines of a page as bytes, in memory that the next pages use again.
 *
 * As texts or in fresh Buffers, the lines of a backlog wait for a full garbage collection: with a million events the peak was
 * 201 and 155 MB over idle, in reused memory 63 to 92 MB (`npm run bench -- flow million`).
 */
import type { BufferPool } from "../common/buffer-pool";

export const PIECE_BYTES = 256 * 1024;
/** Bytes of UTF-8 for a UTF-16 unit at most (RFC 3629 section 3). */
const BYTES_A_UNIT = 3;

export class PackedLines {
  /** UTF-8 bytes of all lines. */
  bytes = 0;
  private readonly pieces: Buffer[] = [];
  /** By line: its first byte and the one behind it, counted over all pieces. */
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  /** Where the next line begins. */
  private end = 0;
  private isReleased = false;
  private texts: string[] | undefined;

  /** Makes the same lines for whoever asks after `release`; blocks the event loop for a while. */
  again!: () => string[];

  /** `pool` has Buffers of PIECE_BYTES. */
  constructor(private readonly pool: BufferPool) {}

  get length(): number {
    return this.starts.length;
  }

  /** False if the line is too long for a piece. */
  add(line: string): boolean {
    // One more: an empty line needs a piece too.
    const most = line.length * BYTES_A_UNIT + 1;
    if (most > PIECE_BYTES) return false;
    if (this.end + most > this.pieces.length * PIECE_BYTES) {
      this.end = this.pieces.length * PIECE_BYTES;
      this.pieces.push(this.pool.take());
    }
    const size = this.pieces.at(-1)!.write(line, this.end % PIECE_BYTES);
    this.starts.push(this.end);
    this.ends.push(this.end += size);
    this.bytes += size;
    return true;
  }

  /** Line `index`; a view that is good until `release`. */
  at(index: number): Buffer | string {
    if (this.isReleased) return this.unpackAtOnce()[index]!;
    const start = this.starts[index]!;
    const piece = Math.floor(start / PIECE_BYTES);
    return this.pieces[piece]!.subarray(start - piece * PIECE_BYTES, this.ends[index]! - piece * PIECE_BYTES);
  }

  text(index: number): string {
    return this.at(index).toString();
  }

  /** All lines as texts; blocks the event loop for a while. */
  unpackAtOnce(): string[] {
    if (this.isReleased) return (this.texts ??= this.again());
    return this.starts.map((_, index) => this.text(index));
  }

  /** The memory may be used again. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    for (const piece of this.pieces.splice(0)) this.pool.give(piece);
  }
}
