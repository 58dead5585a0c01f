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

const ITEMS_A_LOOK = 256;

/** Does `each` with every item in order. What `items` come from must not change meanwhile. */
export async function inTurns<Item>(items: Iterable<Item>, each: (item: Item) => void): Promise<void> {
  const between = breather();
  let done = 0;
  for (const item of items) {
    each(item);
    done += 1;
    if (done % ITEMS_A_LOOK === 0) await between();
  }
}
