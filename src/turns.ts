/** Long work in short turns: nothing else in the process may wait for it. */
import { setImmediate as nextTick } from "node:timers/promises";

const BUSY_MS = 3;

/** Lets other work run when this one has been busy for a while. */
export function breather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < BUSY_MS) return undefined;
    return nextTick().then(() => {
      since = performance.now();
    });
  };
}

const INDEXES_A_LOOK = 256;

/** Does `each` with every index below `length`, in order. */
export async function forIndexes(length: number, each: (index: number) => void): Promise<void> {
  const between = breather();
  for (let index = 0; index < length; index++) {
    each(index);
    if (index % INDEXES_A_LOOK === INDEXES_A_LOOK - 1) await between();
  }
}
