/** Merges several searches into one, in order of time: the cursor may only pass what every search has passed. */
import { PackedEvents } from "../../pages/packed-events";
import type { EventList, FoundEvent } from "../../pages/page-index";
import { yieldIfBusy } from "../../common/turns";
import { KeptTexts } from "./kept-texts";
import { isKnown } from "./reply-builder";
import type { PollOptions, Reply } from "./source";

interface Stream {
  replies: AsyncGenerator<Reply>;
  done: boolean;
  /** The last reply; its events wait until the other searches have reached their times. */
  reply: Reply | undefined;
  waiting: FoundEvent[];
}

/** The events of all `searches`, each of which is in order of time. An event that several searches find comes once. */
export async function* mergeInOrder(poll: PollOptions, searches: AsyncGenerator<Reply>[]): AsyncGenerator<Reply> {
  const [only, ...others] = searches;
  if (only !== undefined && others.length === 0) {
    yield* only;
    return;
  }
  const streams: Stream[] = searches.map((replies) => ({ replies, done: false, reply: undefined, waiting: [] }));
  /** Events at the time that was reached: another search may find them later, when the cursor may have passed them. */
  const sent = new Map<string, number | undefined>();
  try {
    while (streams.some(({ done, waiting }) => !done || waiting.length > 0)) {
      let known = 0;
      for (const stream of streams) known += await readNext(stream, streams);
      yield takeReached(streams, known, (key) => sent.has(key) || isKnown(poll, key), sent);
    }
  } finally {
    await Promise.all(streams.map(({ replies }) => replies.return(undefined)));
  }
}

/** Reads on until events wait or the search ends. Returns how many events were known. Throws PAGE_TOO_LARGE if too many wait in all `streams`. */
async function readNext(stream: Stream, streams: readonly Stream[]): Promise<number> {
  let known = 0;
  while (!stream.done && stream.waiting.length === 0) {
    const next = await stream.replies.next();
    stream.done = next.done === true;
    if (next.done === true) break;
    stream.reply = next.value;
    stream.waiting = await inOwnSlices(next.value.events, KeptTexts.of(streams.flatMap(({ waiting }) => waiting)));
    known += next.value.known;
  }
  return known;
}

/** Copies each event into a slice of its own, because merging separates the events of one slice. */
async function inOwnSlices(list: EventList, texts: KeptTexts): Promise<FoundEvent[]> {
  const events = [...list];
  const pause = yieldIfBusy();
  const copies: FoundEvent[] = [];
  for await (const slice of new PackedEvents(events).slices()) {
    for (const event of slice) copies.push({ ...events[copies.length]!, ...texts.placeOf(event) });
    await pause();
  }
  return copies;
}

/** Takes the events up to the time that every search has reached. */
function takeReached(streams: Stream[], known: number, isKnown: (key: string) => boolean, sent: Map<string, number | undefined>): Reply {
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
