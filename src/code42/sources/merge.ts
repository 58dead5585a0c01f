/** Merges several searches into one, in order of time: a cursor may only pass what all of them have passed. */
import { copyOfEvent, PackedEvents } from "../../pages/packed-events";
import type { EventList, FoundEvent } from "../../pages/page-index";
import { yieldIfBusy } from "../../common/turns";
import { isKnown } from "./batch";
import type { PollOptions, Reply } from "./source";

interface Stream {
  replies: AsyncGenerator<Reply>;
  done: boolean;
  /** The reply that was read last; its events wait until the other searches have come as far. */
  reply: Reply | undefined;
  waiting: FoundEvent[];
}

/** The replies of all `searches`, of which each comes in order of time by itself. An event that several of them found comes once. */
export async function* mergeInOrder(poll: PollOptions, searches: AsyncGenerator<Reply>[]): AsyncGenerator<Reply> {
  const [only, ...others] = searches;
  if (only !== undefined && others.length === 0) {
    yield* only;
    return;
  }
  const streams: Stream[] = searches.map((replies) => ({ replies, done: false, reply: undefined, waiting: [] }));
  /** Those at the time that was reached: the same event may come from another search later, when the cursor may have passed it. */
  const sent = new Map<string, number | undefined>();
  try {
    while (streams.some(({ done, waiting }) => !done || waiting.length > 0)) {
      let known = 0;
      for (const stream of streams) known += await readOn(stream);
      yield reachedByAll(streams, known, (key) => sent.has(key) || isKnown(poll, key), sent);
    }
  } finally {
    await Promise.all(streams.map(({ replies }) => replies.return(undefined)));
  }
}

/** Reads until there are events, or nothing more. Returns how many were known. */
async function readOn(stream: Stream): Promise<number> {
  let known = 0;
  while (!stream.done && stream.waiting.length === 0) {
    const next = await stream.replies.next();
    stream.done = next.done === true;
    if (next.done === true) break;
    stream.reply = next.value;
    stream.waiting = await separately(next.value.events);
    known += next.value.known;
  }
  return known;
}

/** Each event in a slice of its own: in the order of all searches, the events of one slice no longer stand side by side. */
async function separately(list: EventList): Promise<FoundEvent[]> {
  const events = [...list];
  const pause = yieldIfBusy();
  const separate: FoundEvent[] = [];
  for await (const slice of new PackedEvents(events).slices()) {
    for (const event of slice) separate.push({ ...events[separate.length]!, ...copyOfEvent(event) });
    await pause();
  }
  return separate;
}

/** The events up to the time that every search has reached. */
function reachedByAll(streams: Stream[], known: number, isKnown: (key: string) => boolean, sent: Map<string, number | undefined>): Reply {
  const ends = streams.filter(({ done, waiting }) => !done || waiting.length > 0).map(({ reply }) => reply?.lastMs ?? 0);
  const replies = streams.flatMap(({ reply }) => (reply === undefined ? [] : [reply]));
  const newestMs = Math.max(0, ...replies.map(({ lastMs }) => lastMs ?? 0));
  const reachMs = Math.min(newestMs, ...ends);
  const taken = new Map<string, FoundEvent>();
  let repeated = 0;
  for (const stream of streams) {
    stream.waiting = stream.waiting.filter((event) => {
      if ((event.insertedMs ?? reachMs) > reachMs) return true;
      if (taken.has(event.key) || isKnown(event.key)) repeated += 1;
      else taken.set(event.key, event);
      return false;
    });
  }
  for (const [key, ms] of sent) if (ms !== undefined && ms < reachMs) sent.delete(key);
  for (const { key, insertedMs } of taken.values()) if (insertedMs === reachMs) sent.set(key, insertedMs);
  return {
    events: [...taken.values()].sort((a, b) => (a.insertedMs ?? reachMs) - (b.insertedMs ?? reachMs)),
    known: known + repeated,
    lastMs: newestMs === 0 ? undefined : reachMs,
    serverMs: Math.min(...replies.map(({ serverMs }) => serverMs)),
  };
}
