/**
 * Gives the messages of a channel to the flow, and acknowledges each when the sinks have confirmed it in the delivery registry.
 *
 *   fetched ──► hand ──room──► out ──confirmed──► done: acknowledged
 *                ▲              │ rejected, or nobody confirms or holds it
 *                └─ redelivered ┴──► away: given back with a pause
 *
 * While we have a message we tell the server so (`+WPI`), or it would deliver it again. A message that comes again while we have
 * it, or after it was confirmed, does not go to the flow twice. Sequence and time identify a message: in a stream that was made
 * again, sequences begin at 1.
 */
import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { plain } from "../common/border";
import { within } from "../common/clock";
import type { Params } from "../common/errors";
import type { FlowMessage } from "../common/messages";
import { oneAtATime } from "../common/one-at-a-time";
import type { DeliveryRegistry } from "../delivery/registry";
import type { Figures } from "../metrics/table";
import { Access, type AccessDependencies, type Ready } from "./access";
import { decodeChunk, unreadable, type Decoded } from "./codec";
import { isSameConsumer, openConsumer, type OpenConsumer } from "./consumer";
import { streamInError } from "./errors";
import { ifThere } from "./setup";
import { Trouble } from "./trouble";

export interface StreamInSettings {
  channel: string;
  /** Events that are sent and not confirmed. */
  eventsOut: number;
  /** A message that nobody confirms or holds for this long is given back, ms. */
  confirmTimeoutMs: number;
  /** Node ids of the sinks that must all confirm; none: any one. */
  sinks: readonly string[];
}

interface StreamInDependencies extends Omit<AccessDependencies<OpenConsumer>, "open"> {
  registry: DeliveryRegistry;
  send(message: FlowMessage): void;
  /** Throws if a sink is missing. */
  checkSinks(): void;
  warn(key: string, params: Params): void;
  /** A text of the catalog. */
  text(key: string, params: Params): string;
}

/** The package does not declare the subject for answers. We need it, because a message may outlive its connection. */
type StoredMessage = JsMsg & { readonly reply: string };

interface Entry {
  readonly key: string;
  readonly sequence: number;
  /** Where to answer the newest delivery, and which delivery that is (from 1). */
  reply: string;
  deliveries: number;
  /** Opened when it is sent for the first time. */
  token: string | undefined;
  events: number;
  bytes: number;
  /** Its sinks hold it, perhaps since an earlier delivery. */
  held: boolean;
  place: Place;
  /** An answer that waits for a connection. */
  unsent: string | undefined;
}

type Place =
  | { at: "hand" | "away" | "done" }
  /** `since`: when something last happened to it, monotonic ms. */
  | { at: "out"; since: number };

const FETCH_MS = 5000;
/** Of one fetch; and, inflated, of the messages that are out. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_MESSAGES = 256;
/** Messages that are inflated and parsed at a time: one would wait for several turns of a busy event loop. */
const READ_AHEAD = 4;
/** Messages to remember that are away or done. */
const MOST_PAST = 5000;
/** Pauses before a message comes again, after its first, second and third delivery. */
const PAUSES_MS = [1000, 4000, 16_000];
const LAST_PAUSE_MS = 60_000;
const UNREADABLE_PAUSE_MS = 10_000;
/** Shorter wait for messages sent before a deploy, which may have dropped them silently, ms. */
const AFTER_CHANGE_MS = 10_000;
const PENDING_MS = 5000;
/** When the node closes: a message may still be on its way to a sink; a sink drains for at most 9 s. */
const CLOSE_UNHELD_MS = 2000;
const CLOSE_HELD_MS = 10_000;

const WORKING = "+WPI";
const ACKNOWLEDGED = "+ACK";
const givenBack = (pauseMs: number): string => (pauseMs === 0 ? "-NAK" : `-NAK {"delay": ${pauseMs * 1e6}}`);

/** The package takes these numbers from the subject for answers, where a server may write what it likes. */
const hasSoundInfo = ({ info: { streamSequence, deliveryCount }, time }: JsMsg): boolean =>
  Number.isSafeInteger(streamSequence) && Number.isSafeInteger(deliveryCount) && !Number.isNaN(time.getTime());

export class StreamIn {
  /** Events, but `failed` are messages that could not be read. */
  readonly counters = { read: 0, confirmed: 0, rejected: 0, resent: 0, duplicates: 0, failed: 0, retries: 0 };
  /** Messages in the stream that are not acknowledged. */
  pending = 0;
  readonly access: Access<OpenConsumer>;
  /** When a message last could not be read, monotonic ms. */
  private unreadableAt = -Infinity;
  private readonly unreadable: Trouble;
  /** In hand or out, by key, oldest first. */
  private readonly entries = new Map<string, Entry>();
  /** Away or done. */
  private readonly past = new Map<string, Entry>();
  private out = { messages: 0, events: 0, bytes: 0 };
  /** Events of the largest recent message; limits how many messages a fetch asks for. */
  private usualEvents: number;
  private fetching: ConsumerMessages | undefined;
  /** Each message takes the next lane, and has it until it is sent. */
  private readonly lanes = Array.from({ length: READ_AHEAD }, oneAtATime);
  private nextLane = 0;
  /** When the newest message was sent, confirmed or given back; never rejects. */
  private latest: Promise<void> = Promise.resolve();
  private isClosing = false;
  private readonly waiters: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** Runs while there is a connection. */
  private worker: NodeJS.Timeout | undefined;
  private askedAt = 0;
  private changedAt = -Infinity;
  /** Of the consumer that our messages came from. */
  private createdMs = NaN;

  constructor(private readonly settings: StreamInSettings, private readonly dependencies: StreamInDependencies) {
    this.usualEvents = settings.eventsOut;
    this.unreadable = new Trouble(dependencies.clock, (error) => dependencies.trouble(error));
    this.access = new Access({ ...dependencies, open: async (session) => {
      dependencies.checkSinks();
      return openConsumer(dependencies.link, session, settings.channel);
    }, changed: () => this.accessChanged() });
  }

  /** Events that are sent and not confirmed. */
  get eventsOut(): number {
    return this.out.events;
  }

  /** True while there is a message that cannot be read: it comes again after each pause. */
  get hasUnreadable(): boolean {
    return this.now - this.unreadableAt < 1.5 * UNREADABLE_PAUSE_MS;
  }

  get isFull(): boolean {
    return this.out.events >= this.settings.eventsOut;
  }

  get figures(): Figures {
    return {
      ...this.counters,
      pagesOut: this.out.messages,
      pagesHeld: this.entriesAt("out").filter(({ held }) => held).length,
      streamPending: this.pending,
      connected: this.dependencies.link.session === undefined ? 0 : 1,
    };
  }

  start(): void {
    const { confirmTimeoutMs } = this.settings;
    this.timer = setInterval(() => this.tick(), Math.min(1000, Math.max(10, confirmTimeoutMs / 4))).unref();
    this.access.start();
  }

  /** After a deploy: messages on their way, and sinks, may be gone. */
  flowChanged(): void {
    this.changedAt = this.now;
    const { ready } = this.access;
    if (ready === undefined) return;
    try {
      this.dependencies.checkSinks();
    } catch (error) {
      this.access.failed(ready, error);
    }
  }

  /** Waits a little for confirmations, then gives back what is not confirmed: another instance gets it at once. */
  async close(): Promise<void> {
    const { clock } = this.dependencies;
    this.isClosing = true;
    this.stopFetching();
    this.wake();
    for (const entry of this.entriesAt("hand")) this.giveBack(entry, 0);
    const drained = this.drained();
    await within(clock, CLOSE_UNHELD_MS, drained);
    if ([...this.entries.values()].every(({ held }) => held)) await within(clock, CLOSE_HELD_MS - CLOSE_UNHELD_MS, drained);
    for (const entry of [...this.entries.values()]) this.giveBack(entry, 0);
    clearInterval(this.timer);
    this.forgetPast(0);
    this.access.stop();
  }

  private get now(): number {
    return this.dependencies.clock.now();
  }

  private entriesAt(at: "hand" | "out"): Entry[] {
    return [...this.entries.values()].filter(({ place }) => place.at === at);
  }

  private accessChanged(): void {
    const { ready } = this.access;
    this.dependencies.changed();
    clearInterval(this.worker);
    if (ready === undefined) return this.stopFetching();
    this.worker = setInterval(() => this.work(), ready.opened.ackWaitMs / 4).unref();
    if (!isSameConsumer(this.createdMs, ready.opened.createdMs)) this.forgetAll();
    this.createdMs = ready.opened.createdMs;
    for (const entry of [...this.entries.values(), ...this.past.values()]) if (entry.unsent !== undefined) this.answer(entry, entry.unsent);
    this.work();
    void this.fetch(ready);
  }

  private stopFetching(): void {
    void this.fetching?.close();
  }

  /** The consumer is another one: an answer for an old message would acknowledge a new one. */
  private forgetAll(): void {
    for (const entry of [...this.entries.values()]) this.moveTo(entry, { at: "away" });
    this.forgetPast(0);
  }

  /** Fetches while `ready` lasts, and no more than may be out: the server would deliver again what waits in the package. */
  private async fetch(ready: Ready<OpenConsumer>): Promise<void> {
    const isCurrent = () => this.access.ready === ready && !this.isClosing;
    try {
      while (isCurrent()) {
        const room = this.settings.eventsOut - this.out.events;
        if (this.entries.size > this.out.messages || (this.out.messages > 0 && (room <= 0 || this.out.bytes >= MOST_BYTES))) {
          await this.changed();
          continue;
        }
        const byBytes = Math.min(MOST_MESSAGES, Math.max(1, Math.floor(MOST_BYTES / ready.session.maxPayload)));
        const messages = await ready.opened.consumer.fetch({ max_messages: Math.min(byBytes, Math.max(1, Math.floor(room / this.usualEvents))), expires: FETCH_MS });
        this.fetching = messages;
        if (!isCurrent()) this.stopFetching();
        for await (const message of messages) {
          this.access.trouble.over();
          this.received(message as StoredMessage);
        }
        this.access.trouble.over();
      }
    } catch (error) {
      this.counters.retries += 1;
      const cause = await this.look(ready).then(() => error, (found: unknown) => found);
      this.access.failed(ready, cause);
    }
  }

  private received(stored: StoredMessage): void {
    if (!hasSoundInfo(stored)) {
      stored.nak(UNREADABLE_PAUSE_MS);
      return this.tellUnreadable(unreadable(stored.reply));
    }
    const { streamSequence: sequence, timestampNanos, deliveryCount: deliveries } = stored.info;
    const key = `${sequence}@${timestampNanos}`;
    const entry: Entry = this.entries.get(key) ?? this.past.get(key)
      ?? { key, sequence, reply: "", deliveries: 0, token: undefined, events: 0, bytes: 0, held: false, place: { at: "away" }, unsent: undefined };
    Object.assign(entry, { reply: stored.reply, deliveries, unsent: undefined });
    switch (entry.place.at) {
      case "hand":
      case "out":
        return;
      case "done":
        this.counters.duplicates += entry.events;
        return this.answer(entry, ACKNOWLEDGED);
      case "away":
        if (this.isClosing) return this.giveBack(entry, 0);
        this.moveTo(entry, { at: "hand" });
        this.latest = this.inLane(entry, stored, this.latest);
    }
  }

  /** Reads a message while others are read, then sends it to the flow after the one before it. */
  private inLane(entry: Entry, stored: JsMsg, before: Promise<void>): Promise<void> {
    const lane = this.lanes[this.nextLane++ % READ_AHEAD]!;
    return lane(async () => {
      const decoded = entry.place.at === "hand" ? await this.decoded(entry, stored) : undefined;
      await before;
      if (decoded !== undefined) await this.send(entry, stored, decoded);
      // All later messages wait for this promise: it must not reject, not even if the report fails.
    }).catch((error: unknown) => this.giveBackUnread(entry, unreadable(error))).catch(() => undefined);
  }

  private async decoded(entry: Entry, { headers, data }: JsMsg): Promise<Decoded | undefined> {
    try {
      return await decodeChunk(headers, data);
    } catch (error) {
      if (entry.place.at === "hand") this.giveBackUnread(entry, error);
      return undefined;
    }
  }

  /** Sends a message to the flow when there is room, unless it was confirmed or given back meanwhile. */
  private async send(entry: Entry, stored: JsMsg, { message, count, bytes }: Decoded): Promise<void> {
    const isInHand = () => entry.place.at === "hand";
    this.usualEvents = Math.max(count, Math.ceil(this.usualEvents / 2));
    const isFull = () => this.out.messages > 0 && (this.out.events + count > this.settings.eventsOut || this.out.bytes + bytes > MOST_BYTES);
    while (isInHand() && isFull()) await this.changed();
    if (!isInHand()) return;
    Object.assign(entry, { events: count, bytes });
    const token = entry.token ??= this.open(entry);
    this.counters.read += count;
    if (entry.deliveries > 1) this.counters.resent += count;
    this.moveTo(entry, { at: "out", since: this.now });
    const { sequence, deliveries } = entry;
    Object.assign(message, { stream: { sequence, deliveries, storedAt: stored.time.toISOString() }, delivery: { token, index: 0, count: 1 } });
    try {
      this.dependencies.send(message);
    } catch (error) {
      this.giveBackLater(entry, error);
    }
  }

  private open(entry: Entry): string {
    const moved = () => {
      if (entry.place.at === "out") entry.place.since = this.now;
    };
    const token = this.dependencies.registry.open(1, {
      confirmed: () => {
        this.counters.confirmed += entry.events;
        this.moveTo(entry, { at: "done" });
        this.answer(entry, ACKNOWLEDGED);
        this.dependencies.registry.close(token);
      },
      progressed: moved,
      holdChanged: (_index, held) => {
        entry.held = held;
        moved();
      },
      rejected: (_index, reason) => {
        if (entry.place.at !== "out") return;
        this.counters.rejected += entry.events;
        this.giveBackLater(entry, reason);
      },
    }, this.settings.sinks);
    return token;
  }

  private giveBackUnread(entry: Entry, error: unknown): void {
    this.giveBack(entry, UNREADABLE_PAUSE_MS);
    this.tellUnreadable(error);
  }

  private tellUnreadable(error: unknown): void {
    this.counters.failed += 1;
    this.unreadableAt = this.now;
    this.unreadable.add(this.dependencies.link.explain(error));
  }

  private giveBackLater(entry: Entry, reason: unknown): void {
    const { sequence, deliveries } = entry;
    const pause = PAUSES_MS[deliveries - 1] ?? LAST_PAUSE_MS;
    this.dependencies.warn("warning.givenBack", plain.params({ sequence, deliveries, seconds: pause / 1000, reason }));
    this.giveBack(entry, pause);
  }

  /** A late confirmation still counts. */
  private giveBack(entry: Entry, pauseMs: number): void {
    this.moveTo(entry, { at: "away" });
    this.answer(entry, givenBack(pauseMs));
  }

  /** The only place that changes where a message is. */
  private moveTo(entry: Entry, next: Place): void {
    const { key, events, bytes } = entry;
    const count = (sign: 1 | -1) => {
      if (entry.place.at === "out") this.out = { messages: this.out.messages + sign, events: this.out.events + sign * events, bytes: this.out.bytes + sign * bytes };
    };
    count(-1);
    entry.place = next;
    count(1);
    const [from, to] = next.at === "hand" || next.at === "out" ? [this.past, this.entries] : [this.entries, this.past];
    from.delete(key);
    to.set(key, entry);
    this.forgetPast(MOST_PAST);
    this.wake();
    this.dependencies.changed();
  }

  private forgetPast(most: number): void {
    for (const [key, { token }] of this.past) {
      if (this.past.size <= most) return;
      this.past.delete(key);
      if (token !== undefined) this.dependencies.registry.close(token);
    }
  }

  private answer(entry: Entry, answer: string): void {
    entry.unsent = this.access.ready?.session.send(entry.reply, answer) === true ? undefined : answer;
  }

  private tick(): void {
    const { ready } = this.access;
    const { now } = this;
    if (ready !== undefined && now - this.askedAt >= PENDING_MS) this.look(ready).catch((error: unknown) => this.access.failed(ready, error));
    const { confirmTimeoutMs } = this.settings;
    for (const entry of [...this.entries.values()]) {
      if (entry.place.at !== "out" || entry.held) continue;
      const { since } = entry.place;
      const limit = since < this.changedAt ? Math.min(confirmTimeoutMs, AFTER_CHANGE_MS) : confirmTimeoutMs;
      if (now - Math.max(since, this.changedAt) >= limit) this.giveBackLater(entry, this.dependencies.text("warning.noReason", { seconds: Math.ceil(limit / 1000) }));
    }
    this.dependencies.changed();
  }

  /** Tells the server that we still have them. */
  private work(): void {
    for (const entry of this.entries.values()) this.access.ready?.session.send(entry.reply, WORKING);
  }

  /** Updates `pending`. Rejects with CONSUMER_GONE if the consumer or its stream was deleted. */
  private async look({ session, opened }: Ready<OpenConsumer>): Promise<void> {
    this.askedAt = this.now;
    const { settings: { channel }, dependencies: { link } } = this;
    const info = await ifThere(session.jsm.consumers.info(link.settings.stream, channel));
    if (info === undefined || !isSameConsumer(Date.parse(info.created), opened.createdMs)) {
      throw streamInError("CONSUMER_GONE", link.border.params({ stream: link.settings.stream, consumer: channel }));
    }
    this.pending = info.num_pending + info.num_ack_pending;
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private async drained(): Promise<void> {
    while (this.out.messages > 0) await this.changed();
  }
}
