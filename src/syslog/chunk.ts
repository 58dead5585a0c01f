/** Batches, which the flow hands over, and chunks, which are written: which lines of a batch are in which chunk. */
import type { SiemError } from "../common/errors";
import type { Frames } from "./framing";
import type { Line, LineList } from "./lines";
import type { QueueItem } from "../delivery/queue";

/** A line that the server refuses for good, and why. */
export interface Undeliverable {
  line: Line;
  reason: SiemError;
}

/** What happened to lines of a batch beside delivery. */
export interface SettledLines {
  /** Lines that were cut, because they were over the limit or the server refused them at their full length. */
  shortened: number;
  undeliverable: readonly Undeliverable[];
}

/** Called once a batch: without an error when all of its lines but the undeliverable ones were delivered. */
export type Settled = (error: SiemError | undefined, lines: SettledLines) => void;

/** The lines that one message of the flow holds. */
export interface Batch extends QueueItem {
  readonly lines: LineList;
  readonly settled: Settled;
  /** Index of the first line that is in no chunk yet. */
  next: number;
  /** Lines that are neither delivered nor undeliverable. */
  unsettled: number;
  shortened: number;
  undeliverable: Undeliverable[];
}

/** Lines of one batch in a chunk, in order: `count` of them from the index `first` on. */
export interface Share {
  readonly batch: Batch;
  readonly first: number;
  readonly count: number;
}

/** Frames of one or several batches, one frame a line; written at once. */
export class Chunk implements Frames {
  /** When the kernel took it and where it ends in the bytes of the link, for the last time that it was written. */
  handedOver: { at: number; end: number } | undefined;
  confirmedAt = 0;
  /** False for parts of one chunk, which share its memory. */
  ownsMemory = true;

  /** `shares` is empty once the lines are confirmed. */
  constructor(public bytes: Buffer, public ends: readonly number[], public shares: Share[]) {}

  /** Takes the first `count` frames out, without copying them; they become a chunk of their own. */
  takeFront(count: number): Chunk {
    const size = this.ends[count - 1] ?? 0;
    const shares: Share[] = [];
    let missing = count;
    for (let share = this.shares[0]; share !== undefined && missing > 0; share = this.shares[0]) {
      const { batch, first } = share;
      const taken = Math.min(missing, share.count);
      shares.push({ batch, first, count: taken });
      if (taken === share.count) this.shares.shift();
      else this.shares[0] = { batch, first: first + taken, count: share.count - taken };
      missing -= taken;
    }
    const front = new Chunk(this.bytes.subarray(0, size), this.ends.slice(0, count), shares);
    front.ownsMemory = this.ownsMemory = false;
    this.bytes = this.bytes.subarray(size);
    this.ends = this.ends.slice(count).map((end) => end - size);
    return front;
  }
}
