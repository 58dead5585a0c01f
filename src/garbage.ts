/**
 * Asks V8 to collect sooner what a backlog leaves behind.
 *
 * A Buffer is freed with its object, and V8 begins a full collection by itself when more than 64 MB outside of its heap were
 * taken since the last one (Heap::ReportExternalMemoryPressure, from AdjustAmountOfExternalAllocatedMemory): so much would
 * always lie about, in answers of Code42 that were delivered long ago. Memory that is taken, never touched and forgotten
 * at once counts like any other, and costs nothing but address space. Marking is V8's usual one, beside the other work.
 */
const ENOUGH = 65 * 1024 * 1024;

export class GarbageCounter {
  private bytes = 0;

  /** `most` is how many bytes may lie about. */
  constructor(private readonly most: number, private readonly collect = takeAndForget) {}

  /** A Buffer of so many bytes will be garbage after it has lived for a while. */
  add(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < this.most) return;
    this.bytes = 0;
    this.collect();
  }
}

function takeAndForget(): void {
  try {
    new ArrayBuffer(ENOUGH);
  } catch {
    // Where there is no address space left, V8 collects anyway.
  }
}
