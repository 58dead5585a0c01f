/** Splits long work into short turns, so that other work of the process can run. */
import { setImmediate as nextTurn } from "node:timers/promises";

const BUSY_MS = 3;

/** The returned function waits for the next turn of the event loop if the current one has been busy for BUSY_MS. */
export function yieldIfBusy(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < BUSY_MS) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}

const INDEXES_PER_CHECK = 256;

/** Calls `each` with every index below `length`, in order. */
export async function forIndexes(length: number, each: (index: number) => void): Promise<void> {
  const pause = yieldIfBusy();
  for (let index = 0; index < length; index++) {
    each(index);
    if (index % INDEXES_PER_CHECK === INDEXES_PER_CHECK - 1) await pause();
  }
}
