import type { Frames } from "./framing";

/** Lines of one batch that stand in a chunk, in order: `count` of them from the index `first` on. */
export interface Share<Batch> {
  readonly batch: Batch;
  readonly first: number;
  readonly count: number;
}

/** What is written at once: frames of one or several batches, a line each. */
export class Chunk<Batch> implements Frames {
  /** Milliseconds of the sender's clock. */
  writtenAt = 0;
  handedOverAt: number | undefined;

  /** `shares` is empty once the lines are confirmed. */
  constructor(public bytes: Buffer, public ends: readonly number[], public shares: Share<Batch>[]) {}

  /** Takes the first `count` frames out, without copying them; they are a chunk of their own. */
  takeFront(count: number): Chunk<Batch> {
    const size = this.ends[count - 1] ?? 0;
    const shares: Share<Batch>[] = [];
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
    this.bytes = this.bytes.subarray(size);
    this.ends = this.ends.slice(count).map((end) => end - size);
    return front;
  }
}
