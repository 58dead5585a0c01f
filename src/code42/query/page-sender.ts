/** Sends the pages of a query as messages, again where nobody confirmed them, until they are delivered or given up. */
import { randomUUID } from "node:crypto";
import { setImmediate as nextTick } from "node:timers/promises";
import { KeyColumn, KeyTable } from "../../cursor/keys";
import type { DeliveryRegistry } from "../../delivery/registry";
import { DeliveryTracker, RESENDS, type TrackerFailure } from "../../delivery/tracker";
import { plain } from "../../common/border";
import type { Params } from "../../common/errors";
import type { FlowMessage, MessageParts } from "../../common/messages";
import type { Colour } from "../../common/status-colour";
import { PackedEvents, packPayload, type LineFormatter } from "../../pages/packed-events";
import { forIndexes } from "../../common/turns";
import type { CursorKeeper } from "./cursor-keeper";
import { queryError } from "../errors";
import type { QuerySettings } from "./query-settings";
import type { EventPage } from "./walk";

export interface SenderDependencies {
  registry: DeliveryRegistry;
  send(message: FlowMessage): void;
  /** The formatter of this package that alone receives what is sent; undefined if any other node may look at it. */
  nextFormatter(): LineFormatter | undefined;
  /** True if Node-RED copies what is sent, because several nodes get it. */
  copies(): boolean;
  /** What people call the node with this id. */
  nodeName(id: string): string;
  status(colour: Colour, key: string, params?: Params): void;
  warn(key: string, params: Params): void;
  /** A text of the catalog. */
  text(key: string, params: Params): string;
  random(): number;
}

/** Numbers of events. */
export type SenderCounters = Record<"read" | "sent" | "resent" | "confirmed", number>;

/** Events in messages of their own before other work runs. */
const EVENTS_PER_TICK = 250;
/** Events in a message to several nodes: Node-RED copies it for all but the first, about 20 µs an event at a stretch. */
const EVENTS_A_COPY = 250;
const PATIENCE_MS = 2000;

export class PageSender {
  readonly tracker: DeliveryTracker<EventPage>;
  /** Event ids of pages that are sent and not committed; the commit takes them into the cursor's ledger. */
  private readonly idsInFlight = new KeyTable();
  /** Of a query that runs once: the newest page waits here, because only the next one shows that it is not the last. */
  private heldBack: EventPage | undefined;

  /** Calls `failed` when it gave up on a page or a commit; it is closed then. */
  constructor(
    private readonly settings: QuerySettings,
    private readonly dependencies: SenderDependencies,
    private readonly counters: SenderCounters,
    private readonly keeper: CursorKeeper,
    failed: (error: unknown) => void,
  ) {
    const { pagesOut, confirmTimeoutMs, advance, confirmedBy, resendDelayMs } = settings;
    this.tracker = new DeliveryTracker<EventPage>(
      { pagesOut, confirmTimeoutMs, confirm: advance === "confirmed", sinks: confirmedBy, ...(resendDelayMs === undefined ? {} : { resendDelayMs }) },
      {
        registry: dependencies.registry,
        random: () => dependencies.random(),
        send: (page, token, indexes, repeated, isWanted) => this.sendUnits(page, token, indexes, repeated, isWanted),
        commit: (pages) => this.commit(pages),
        failed: (failure) => failed(this.errorOf(failure)),
        resending: (_page, attempt, why) => {
          const reason = "reason" in why ? why.reason : dependencies.text("warning.noReason", { seconds: Math.ceil(why.waitedMs / 1000) });
          dependencies.status("yellow", "status.resending");
          dependencies.warn("warning.resend", plain.params({ attempt, tries: RESENDS, reason }));
        },
      },
    );
  }

  /** How many events a message may have. */
  get eventsPerMessage(): number {
    if (this.settings.output === "event") return 1;
    return this.dependencies.copies() ? EVENTS_A_COPY : Infinity;
  }

  /** True for an event of a page that is sent or waits to be sent. */
  has(keys: KeyColumn, index: number): boolean {
    return this.idsInFlight.has(keys, index);
  }

  /** Sends `page` when fewer than `pagesOut` are in flight. Resolves to false when `signal` aborted or the sender closed. */
  async add(page: EventPage, signal: AbortSignal): Promise<boolean> {
    await forIndexes(page.count, (index) => this.idsInFlight.set(page.ids.keys, index, 0));
    if (!this.settings.once) return this.send(page, signal);
    if (page.count === 0) return !signal.aborted;
    const before = this.heldBack;
    this.heldBack = page;
    return before === undefined || this.send(before, signal);
  }

  /** Sends the last page of a query that runs once; an empty one if it found nothing. */
  async complete(serverMs: number, signal: AbortSignal): Promise<void> {
    await this.send({ ...(this.heldBack ?? emptyPage(serverMs)), complete: true }, signal);
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    await this.patiently(this.tracker.idle());
  }

  private async send(page: EventPage, signal: AbortSignal): Promise<boolean> {
    const sent = await this.patiently(this.tracker.add(page, signal));
    if (sent) this.counters.read += page.count;
    else await this.forgetIds(page);
    return sent;
  }

  /** Shows in the status that pages have waited for their delivery for a while. */
  private async patiently<Result>(waiting: Promise<Result>): Promise<Result> {
    const patience = setTimeout(() => this.dependencies.status("yellow", "status.waiting"), PATIENCE_MS);
    try {
      return await waiting;
    } finally {
      clearTimeout(patience);
    }
  }

  private async commit(pages: readonly EventPage[]): Promise<void> {
    await this.keeper.commit(pages);
    for (const page of pages) {
      this.counters.confirmed += page.count;
      await this.forgetIds(page);
    }
  }

  private forgetIds({ count, ids: { keys } }: EventPage): Promise<void> {
    return forIndexes(count, (index) => this.idsInFlight.delete(keys, index));
  }

  /** Sends the units `indexes` of a page as long as they are wanted; other work runs in between. */
  private async sendUnits(page: EventPage, token: string | undefined, indexes: readonly number[], repeated: boolean, isWanted: () => boolean): Promise<void> {
    const { counters, dependencies, settings: { output } } = this;
    const { count, perMessage } = page;
    const id = token ?? randomUUID();
    const single = output === "event" && count > 0;
    const message = (index: number, payload?: unknown): FlowMessage => ({
      payload, topic: this.settings.source.topic, kind: this.settings.source.kind,
      ...(token === undefined ? {} : { delivery: { token, index, count: page.units } }),
      // Core `batch` writes its own id over ours; the token tells that the message is still the whole unit.
      ...(single ? { parts: { id, index, count: page.units, type: "array", len: 1, token: id } satisfies MessageParts } : {}),
      ...(page.complete === undefined || index < page.units - 1 ? {} : { complete: page.complete }),
    });
    const emit = (whole: FlowMessage, events: number) => {
      counters.sent += events;
      if (repeated) counters.resent += events;
      dependencies.send(whole);
    };
    if (perMessage >= count && output === "page" && dependencies.nextFormatter() !== undefined) {
      const whole = message(0);
      packPayload(whole, page.events);
      emit(whole, count);
      return;
    }
    const wanted = new Set(indexes);
    let index = 0;
    let sinceTick = 0;
    for await (const events of page.events.groups(Math.min(perMessage, count))) {
      if (!isWanted()) return;
      if (wanted.has(index)) {
        if (sinceTick >= EVENTS_PER_TICK) {
          await nextTick();
          sinceTick = 0;
        }
        sinceTick += events.length;
        emit(message(index, single ? events[0] : events), events.length);
      }
      index += 1;
    }
  }

  private errorOf(failure: TrackerFailure<EventPage>): unknown {
    if (failure.kind === "error") return failure.error;
    const { count } = failure.page;
    const tries = RESENDS + 1;
    if (failure.kind === "rejected") return queryError("DELIVERY_REJECTED", plain.params({ count, tries, reason: failure.reason ?? "" }), { permanent: true });
    if (failure.missing.length === 0) return queryError("DELIVERY_UNCONFIRMED", { count, tries }, { permanent: true });
    const sinks = failure.missing.map((id) => this.dependencies.nodeName(id)).join(", ");
    return queryError("DELIVERY_UNCONFIRMED_BY", plain.params({ count, tries, sinks }), { permanent: true });
  }
}

/** The last page of a query that found nothing. */
const emptyPage = (serverMs: number): EventPage => ({ units: 1, count: 0, perMessage: Infinity, ids: { keys: KeyColumn.of([]), times: new Float64Array() }, lastMs: undefined, serverMs, events: new PackedEvents([]) });
