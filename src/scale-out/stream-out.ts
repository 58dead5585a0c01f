/**
 * Stores flow messages in the stream: cuts them into chunks, publishes several at a time, and tries again until the stream has
 * them. The id of a chunk makes it harmless to publish it again after an unknown outcome.
 */
import { within } from "../common/clock";
import { SiemError } from "../common/errors";
import { BoundedQueue, type QueueItem, type QueueLimits } from "../delivery/queue";
import type { Figures } from "../metrics/table";
import { cutChunk, encodeChunk, tooLarge, type Chunk, type Content } from "./codec";
import { streamOutError } from "./errors";
import { isTooLarge } from "./explain";
import { Access, type AccessDependencies, type Ready } from "./access";
import { subjectOf } from "./setup";

export interface StreamOutSettings {
  channel: string;
  eventsPerMessage: number;
  bytesPerMessage: number;
  /** Published messages that are not acknowledged. */
  window: number;
  limits: QueueLimits;
}

/** An item that the stream cannot hold. */
interface SetAside {
  value: unknown;
  reason: SiemError;
}

/** Called once for each message; no error means that the stream has all items but those set aside. */
export type Stored = (error: SiemError | undefined, aside: readonly SetAside[]) => void;

/** `changed` is called whenever the state or the counters changed; often, so it must be cheap. */
type StreamOutDependencies = Omit<AccessDependencies<number>, "open">;

/** The items of one message of the flow. */
interface Batch extends QueueItem {
  readonly content: Content;
  readonly stored: Stored;
  /** Items that are neither stored nor set aside. */
  unsettled: number;
  aside: SetAside[];
}

/** Items of a batch that must be published, for the first time or again. */
interface Range {
  readonly batch: Batch;
  first: number;
  /** Just past the last one. */
  readonly end: number;
}

/** Longer than other requests, because a slow disk is no failure. */
const PUBLISH_MS = 5000;
/** Headers count as part of a message. */
const HEADER_BYTES = 512;
/** A stream counts the subject too, and 34 bytes for each message (nats-server 2.10). */
const SUBJECT_BYTES = 256;
const largestIn = ({ session, opened }: Ready<number>): number => Math.min(session.maxPayload, opened - SUBJECT_BYTES);
/** So many messages with a single event count as one in the window. */
const SINGLES = 32;
/** Bytes of bodies that are being published. */
const MOST_BYTES = 32 * 1024 * 1024;

export class StreamOut {
  /** Items, but for bytes and retries. */
  readonly counters = { received: 0, sent: 0, duplicates: 0, bytes: 0, retries: 0, dropped: { queue_full_refused: 0, queue_full_dropped: 0, too_large: 0, unusable: 0 } };
  /** Items dropped since the queue was last empty. */
  overflowing = 0;
  /** Opened: the most bytes that the stream holds. */
  readonly access: Access<number>;
  private readonly queue: BoundedQueue<Batch>;
  /** Batches that are not settled, oldest first. */
  private readonly batches = new Set<Batch>();
  /** What is left of the batch that is being cut. */
  private cutting: Range | undefined;
  /** Ranges that failed, oldest first. */
  private readonly again: Range[] = [];
  private inFlight = { weight: 0, bytes: 0 };
  /** Set by `close`, which waits for the call. */
  private finished: (() => void) | undefined;

  constructor(private readonly settings: StreamOutSettings, private readonly dependencies: StreamOutDependencies) {
    this.queue = new BoundedQueue(settings.limits);
    this.access = new Access({ ...dependencies, open: (session) => session.stream(), changed: () => this.accessChanged() });
  }

  /** Items that wait or are not acknowledged. */
  get queued(): number {
    return this.queue.events;
  }

  get figures(): Figures {
    return {
      ...this.counters,
      dropped: { ...this.counters.dropped },
      waiting: this.queued,
      connected: this.dependencies.link.session === undefined ? 0 : 1,
    };
  }

  start(): void {
    this.access.start();
  }

  /** Takes the items of `content`, which occupy `bytes` of memory. Do not change them before `stored` is called. */
  push(content: Content, bytes: number, stored: Stored): void {
    if (this.finished !== undefined) return stored(streamOutError("CLOSED"), []);
    if (content.length === 0) return stored(undefined, []);
    const batch: Batch = { content, stored, bytes, events: content.length, unsettled: content.length, aside: [] };
    this.counters.received += batch.events;
    this.batches.add(batch);
    const refuse = this.settings.limits.overflow === "refuse";
    for (const gone of this.queue.add(batch)) {
      this.counters.dropped[refuse ? "queue_full_refused" : "queue_full_dropped"] += gone.events;
      if (!refuse) this.overflowing += gone.events;
      this.batches.delete(gone);
      gone.stored(streamOutError(refuse ? "QUEUE_FULL" : "QUEUE_DROPPED", { count: gone.events, queued: this.queued }), []);
    }
    this.pump();
    this.dependencies.changed();
  }

  /** Refuses further messages, stores queued ones for at most `deadline` ms if there is a connection, and fails the rest with CLOSED. */
  async close(deadline: number): Promise<void> {
    if (this.finished !== undefined) return;
    const finished = new Promise<void>((resolve) => { this.finished = resolve; });
    if (this.queued > 0 && this.canStore) await within(this.dependencies.clock, deadline, finished);
    this.access.stop();
    for (const batch of this.batches) this.settle(batch, streamOutError("CLOSED"));
  }

  /** Without a connection there is nothing to wait for. */
  private get canStore(): boolean {
    return this.access.phase === "ready" || this.access.phase === "opening";
  }

  private accessChanged(): void {
    if (!this.canStore) this.finished?.();
    // Otherwise the trouble is over when something has been stored.
    else if (this.queued === 0 && this.access.ready !== undefined) this.access.trouble.over();
    this.dependencies.changed();
    this.pump();
  }

  /** Publishes as much as the window allows; after a failure, one message at a time until the stream takes one. */
  private pump(): void {
    for (let { ready } = this.access; ready !== undefined && this.hasRoom(); { ready } = this.access) {
      const range = this.again[0] ?? (this.cutting ??= this.nextBatch());
      if (range === undefined) return;
      void this.publish(ready, range);
    }
  }

  private hasRoom(): boolean {
    const { weight, bytes } = this.inFlight;
    return weight === 0 || (this.access.trouble.error === undefined && weight < this.settings.window && bytes < MOST_BYTES);
  }

  private nextBatch(): Range | undefined {
    const batch = this.queue.take();
    return batch && { batch, first: 0, end: batch.events };
  }

  private async publish(ready: Ready<number>, range: Range): Promise<void> {
    const { settings: { channel, bytesPerMessage }, dependencies: { link }, counters } = this;
    const { batch } = range;
    const { session } = ready;
    const chunk = this.cut(range, Math.min(bytesPerMessage, largestIn(ready) - HEADER_BYTES));
    if (chunk === undefined) return;
    const weight = batch.content.isList ? 1 : 1 / SINGLES;
    this.inFlight = { weight: this.inFlight.weight + weight, bytes: this.inFlight.bytes + chunk.body.length };
    try {
      const headers = session.headers();
      const body = await encodeChunk(chunk, headers);
      const isAbove = () => body.length + HEADER_BYTES > largestIn(ready);
      // Somebody may have enlarged the stream.
      if (isAbove()) ready.opened = await session.stream();
      if (isAbove()) throw tooLarge(largestIn(ready));
      // `expect`, because another stream may have our subject.
      const { duplicate } = await session.js.publish(subjectOf(channel), body, { headers, msgID: chunk.id, timeout: PUBLISH_MS, expect: { streamName: link.settings.stream } });
      counters.bytes += body.length;
      counters.sent += chunk.count;
      if (duplicate) counters.duplicates += chunk.count;
      this.access.trouble.over();
      this.done(batch, chunk.count);
    } catch (error) {
      this.unpublished(ready, { batch, first: chunk.first, end: chunk.first + chunk.count }, error);
    } finally {
      this.inFlight = { weight: this.inFlight.weight - weight, bytes: this.inFlight.bytes - chunk.body.length };
      this.pump();
    }
  }

  /** Cuts the next chunk off `range`; undefined if its first item was set aside. */
  private cut(range: Range, bytes: number): Chunk | undefined {
    const { batch, first, end } = range;
    let chunk: Chunk | undefined;
    let failure: unknown;
    try {
      chunk = cutChunk(batch.content, first, { count: Math.min(this.settings.eventsPerMessage, end - first), bytes });
    } catch (error) {
      failure = error;
    }
    range.first += chunk?.count ?? 1;
    const isRetry = range !== this.cutting;
    if (isRetry) this.counters.retries += 1;
    if (range.first === end) {
      if (isRetry) this.again.shift();
      else this.cutting = undefined;
    }
    if (chunk === undefined) this.setAside(batch, first, failure);
    return chunk;
  }

  private unpublished(ready: Ready<number>, range: Range, error: unknown): void {
    const { batch, first, end } = range;
    const isLarge = isTooLarge(error) || (error instanceof SiemError && error.code === "STREAM_MESSAGE_TOO_LARGE");
    if (isLarge && end - first === 1) return this.setAside(batch, first, error instanceof SiemError ? error : tooLarge(ready.session.maxPayload));
    if (isLarge) {
      const middle = Math.ceil((first + end) / 2);
      this.again.push({ batch, first, end: middle }, { batch, first: middle, end });
      return;
    }
    this.again.push(range);
    this.access.failed(ready, error);
  }

  private setAside(batch: Batch, index: number, error: unknown): void {
    const reason = error instanceof SiemError ? error : streamOutError("STREAM_PAYLOAD", this.dependencies.link.border.params({ reason: error }));
    this.counters.dropped[reason.code === "STREAM_MESSAGE_TOO_LARGE" ? "too_large" : "unusable"] += 1;
    batch.aside.push({ value: batch.content.value(index), reason });
    this.done(batch, 1);
  }

  private done(batch: Batch, count: number): void {
    batch.unsettled -= count;
    if (batch.unsettled === 0) this.settle(batch, undefined);
    this.dependencies.changed();
  }

  private settle(batch: Batch, error: SiemError | undefined): void {
    if (!this.batches.delete(batch)) return;
    this.queue.release(batch);
    batch.stored(error, batch.aside);
    if (this.queued > 0) return;
    this.overflowing = 0;
    this.finished?.();
  }
}
