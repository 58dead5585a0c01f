/**
 * Runs a query: polls, hands pages on, and moves the cursor when they are delivered. The node that owns it only wires.
 *
 * One poll at a time; a tick during a poll is skipped. A poll lasts until its pages are delivered, so a SIEM that is
 * down stops the reading too. After a failure the cursor is read again, so that memory and store cannot drift apart.
 */
import { randomUUID } from "node:crypto";
import { setImmediate as nextTick, setTimeout as sleep } from "node:timers/promises";
import { Cursor } from "../cursor/cursor";
import { KeyColumn, KeyTable } from "../cursor/keys";
import { cursorInstant, startInstant, untilInstant } from "../cursor/instant";
import type { CursorStore } from "../cursor/context-store";
import type { DeliveryRegistry } from "../delivery/registry";
import { DeliveryTracker, RESENDS, type TrackerFailure } from "../delivery/tracker";
import { SiemError, describe, messageOf, type Params } from "../errors";
import type { FlowMessage, MessageParts } from "../messages";
import type { Figures } from "../metrics/table";
import type { Colour } from "../node/report";
import { PackedEvents, packPayload } from "../packed-events";
import { LineBytes, PIECE_BYTES, type LineFormatter } from "../packed-lines";
import { queryError } from "./errors";
import { SpareMemory } from "../spare-memory";
import { forIndexes } from "../turns";
import { checkCriteria } from "./criteria-check";
import { criteriaHash } from "./criteria-hash";
import { loadSavedSearch } from "./saved-search";
import { bothOf, criteriaGroups, filtersOn, type Criteria, type WireGroup } from "./query";
import type { EventSource } from "./source";
import { walk, type Api, type EventPage } from "./walk";

export interface QuerySettings {
  source: EventSource;
  criteria: Criteria;
  /** Id or name of a saved search that must match as well; "" for none. */
  savedSearch: string;
  /** ms; 0 = only when a message arrives. */
  pollIntervalMs: number;
  startFrom: string;
  /** End of the range of a query that runs once; "" = now. */
  until: string;
  /** Run the whole query once for each message, and keep no cursor. */
  once: boolean;
  overlapMs: number;
  pageSize: number;
  output: "page" | "event";
  advance: "confirmed" | "sent";
  pagesOut: number;
  confirmTimeoutMs: number;
  /** Node ids of the sinks that must all confirm; none: any one. */
  confirmedBy: readonly string[];
  /** The cursor's key, for texts. */
  cursorKey: string;
  resendDelayMs?: number;
}

export interface QueryParts {
  /** The tenant, looked up anew for each poll. Throws when it, or a sink that must confirm, cannot be used. */
  api(): Api;
  /** What people call the node with this id. */
  nodeName(id: string): string;
  store: CursorStore;
  registry: DeliveryRegistry;
  send(message: FlowMessage): void;
  /** The formatter that is the only one to get what is sent, of this package; undefined if anything else may look at it. */
  nextFormatter(): LineFormatter | undefined;
  /** True if Node-RED copies what is sent, because several nodes get it. */
  copies(): boolean;
  status(colour: Colour, key: string, params?: Params): void;
  /** An error that no input message waits for. */
  error(error: unknown): void;
  warn(key: string, params: Params): void;
  /** A text of the catalog. */
  text(key: string, params: Params): string;
  /** Epoch ms. */
  now(): number;
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
  random(): number;
}

/** What the runner counted since it was made; events unless it says otherwise. */
export interface QueryCounters {
  polls: number;
  failedPolls: number;
  /** Requests. */
  retries: number;
  read: number;
  known: number;
  sent: number;
  resent: number;
  confirmed: number;
  /** How late an event became searchable at most, ms; known only to a poll that follows another. */
  largestLatenessMs: number;
}

export const ACTIONS = ["poll", "stop", "start", "reset", "set"] as const;
/** Of a query that has no cursor. */
const ACTIONS_ONCE: readonly string[] = ["poll", "stop"];

/** Errors of a search that was too much at once. */
const HELPED_BY_SMALLER_PAGES: readonly string[] = ["TIMED_OUT", "SERVER_ERROR", "CONNECTION_FAILED", "BODY_TOO_LARGE", "PAGE_INVALID", "SEARCH_PROBLEMS"];
/** After so many events in messages of their own, other work runs. */
const EVENTS_PER_TICK = 250;
/** A message to several nodes is copied for all but the first, about 20 µs an event in one go. */
const EVENTS_A_COPY = 250;
const PATIENCE_MS = 2000;
const HALT_MS = 500;
const MAX_FAILURE_PAUSE_MS = 600_000;
const MAX_COMMIT_PAUSE_MS = 60_000;
/** A page that no sink holds yet may still be on its way to one; a sink drains for at most 10 s. */
const CLOSE_UNHELD_MS = 2000;
const CLOSE_HELD_MS = 10_000;
const CLOSE_STORE_MS = 2000;

export class QueryRunner {
  readonly counters: QueryCounters = { polls: 0, failedPolls: 0, retries: 0, read: 0, known: 0, sent: 0, resent: 0, confirmed: 0, largestLatenessMs: 0 };
  private readonly spare = new SpareMemory(PIECE_BYTES);
  private cursor: Cursor | undefined;
  /** What the store holds, as far as this node knows. */
  private stored: string | undefined;
  private storedRevision = 0;
  /** What was to be stored when the store failed: one that lost only its answer holds it all the same. */
  private unsure: string | undefined;
  /** The write to the store that is under way. */
  private writing: Promise<unknown> = Promise.resolve();
  private tracker: DeliveryTracker<EventPage>;
  /** Ids of the pages that are out: they enter the cursor's ledger with their page's commit. */
  private outKeys = new KeyTable();
  private polling: Promise<void> | undefined;
  private abort = new AbortController();
  private readonly closing = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private automatic = false;
  private closed = false;
  private failures = 0;
  private overlapWarned = false;
  private lateWarned = false;
  /** Server time (epoch ms) up to which the last complete poll saw everything that was searchable. */
  private coveredMs: number | undefined;
  /** Fetching in smaller pages helps when the search times out. */
  private pageDivisor = 1;

  constructor(private readonly settings: QuerySettings, private readonly parts: QueryParts) {
    this.tracker = this.newTracker();
  }

  /** Begins polling, the first time at once. */
  start(): void {
    this.automatic = this.settings.pollIntervalMs > 0;
    if (this.automatic) this.tick();
    else this.parts.status("grey", "status.stopped");
  }

  /** Does what `message.action` says (nothing: poll). Rejects with the reason when it could not be done. */
  async act(message: FlowMessage & { action?: unknown; criteria?: unknown; cursor?: unknown }): Promise<void> {
    const { action } = message;
    const { once } = this.settings;
    if (once && typeof action === "string" && action !== "" && !ACTIONS_ONCE.includes(action)) throw unknownAction(action, ACTIONS_ONCE);
    switch (action) {
      case undefined:
      case "":
      case "poll":
        return this.poll(criteriaGroups(message.criteria, "msg.criteria"));
      case "start":
        this.automatic = this.settings.pollIntervalMs > 0;
        return this.pollAndSchedule();
      case "stop":
        this.automatic = false;
        await this.halt();
        this.parts.status("grey", "status.stopped");
        return;
      case "reset":
        return this.moveTo(undefined);
      case "set":
        return this.moveTo(await this.instantOf(message.cursor));
      default:
        throw unknownAction(action, once ? ACTIONS_ONCE : ACTIONS);
    }
  }

  /** Stops reading, waits a little for what is out, and forgets the rest: it is read again from the cursor. */
  async close(): Promise<void> {
    this.closed = true;
    this.closing.abort();
    this.automatic = false;
    await this.halt();
    await this.tracker.idle(CLOSE_UNHELD_MS);
    const { tracker } = this;
    if (tracker.pagesOut > 0 && tracker.pagesHeld === tracker.pagesOut) await tracker.idle(CLOSE_HELD_MS - CLOSE_UNHELD_MS);
    const delivered = tracker.confirmedBehind;
    tracker.close();
    // A store that does not answer must not hold up the deploy: it costs duplicates only.
    await Promise.race([this.remember(delivered), sleep(CLOSE_STORE_MS, undefined, { ref: false })]);
  }

  /** What was delivered behind a page that was not is read again with that page, and must be known then. */
  private async remember(pages: readonly EventPage[]): Promise<void> {
    const { cursor } = this;
    if (cursor === undefined || pages.length === 0) return;
    await this.writing;
    for (const page of pages) cursor.remember(page);
    await this.store(cursor).catch((error: unknown) => this.parts.error(error));
  }

  /** Nodes of the flow were replaced: what was on its way to them may be gone. */
  flowChanged(): void {
    this.tracker.flowChanged();
  }

  get figures(): Figures {
    const { counters, cursor, tracker } = this;
    return {
      polls: counters.polls,
      failedPolls: counters.failedPolls,
      retries: counters.retries,
      read: counters.read,
      duplicates: counters.known,
      sent: counters.sent,
      resent: counters.resent,
      confirmed: counters.confirmed,
      pagesOut: tracker.pagesOut,
      pagesHeld: tracker.pagesHeld,
      cursorIds: cursor?.size ?? 0,
      ...(cursor === undefined ? {} : { cursorAgeSeconds: Math.round((this.parts.now() - cursor.floorMs) / 1000) }),
      largestLatenessSeconds: counters.largestLatenessMs / 1000,
    };
  }

  /** Pages sent and not confirmed, and those of them that sinks have in hand. */
  get pages(): { pagesOut: number; pagesHeld: number } {
    const { pagesOut, pagesHeld } = this.tracker;
    return { pagesOut, pagesHeld };
  }

  /**
   * Where the cursor stands (epoch ms), as `read` has it if no poll has read it yet; undefined if there is none. Changes
   * nothing. Throws CURSOR_UNREADABLE, CURSOR_OTHER_STREAM and what `api` throws.
   */
  async place(read: () => Promise<string | undefined>): Promise<{ floorMs: number; lastMs: number | undefined; ids: number } | undefined> {
    const { settings, parts } = this;
    const text = this.cursor === undefined ? await read() : undefined;
    const cursor = this.cursor ?? (text === undefined ? undefined : Cursor.parse(text, { stream: settings.source.name, base: parts.api().baseUrl }, settings.cursorKey));
    return cursor === undefined ? undefined : { floorMs: cursor.floorMs, lastMs: cursor.lastMs, ids: cursor.size };
  }

  private tick(): void {
    void this.pollAndSchedule().catch((error: unknown) => {
      this.parts.error(error);
    });
  }

  private async pollAndSchedule(): Promise<void> {
    clearTimeout(this.timer);
    const started = this.parts.monotonic();
    try {
      await this.poll([]);
    } finally {
      this.schedule(started);
    }
  }

  /**
   * The next automatic poll: at the interval after `started` (monotonic ms), later after failures that trying again
   * cannot mend.
   */
  private schedule(started: number): void {
    clearTimeout(this.timer);
    if (!this.automatic || this.closed) return;
    const interval = this.settings.pollIntervalMs;
    const pause = this.failures === 0 ? interval : Math.max(interval, Math.min(MAX_FAILURE_PAUSE_MS, interval * 2 ** (this.failures - 1)));
    const delay = Math.max(0, started + pause - this.parts.monotonic());
    this.timer = setTimeout(() => this.tick(), delay);
    if (this.failures > 0) this.parts.status("red", "status.nextTry", { time: new Date(this.parts.now() + delay).toTimeString().slice(0, 5) });
  }

  private async poll(extra: WireGroup[]): Promise<void> {
    // What was stopped may still be about to end.
    if (this.abort.signal.aborted) await Promise.race([this.polling?.catch(() => undefined), sleep(HALT_MS, undefined, { ref: false })]);
    if (this.polling !== undefined && (extra.length > 0 || this.settings.once)) throw queryError("POLL_RUNNING");
    if (this.polling !== undefined || this.closed) return;
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.polling = this.pollOnce(extra, signal);
    try {
      await this.polling;
      this.failures = 0;
    } catch (error) {
      // Stopped on purpose, or given up by the tracker, which has told why.
      if (signal.aborted) return;
      this.counters.failedPolls += 1;
      this.failures = error instanceof SiemError && error.permanent ? this.failures + 1 : Math.max(this.failures, 1);
      if (error instanceof SiemError && HELPED_BY_SMALLER_PAGES.includes(error.code)) this.pageDivisor = Math.min(16, this.pageDivisor * 2);
      this.parts.status("red", "status.failed");
      throw error;
    } finally {
      this.polling = undefined;
    }
  }

  private async pollOnce(extra: WireGroup[], signal: AbortSignal): Promise<void> {
    const { settings, parts, counters } = this;
    const api = parts.api();
    counters.polls += 1;
    const once: Criteria = { clause: "AND", groups: extra };
    settings.source.check(once);
    for (const { key, params } of checkCriteria(settings.source.name, once).warnings) parts.warn(key, params);
    if (settings.once) await this.startOver();
    const criteria = await this.currentCriteria(api, signal);
    const cursor = await this.loadCursor(api, criteria, extra, signal);
    const { tracker, outKeys } = this;
    let walkedMs: number | undefined;
    const send = async (page: EventPage) => {
      const sent = await this.patiently(tracker.add(page, signal));
      if (sent) counters.read += page.count;
      else for (let index = 0; index < page.count; index++) outKeys.delete(page.ids.keys, index);
      return sent;
    };
    /** Of a query that runs once: only when another page follows is it clear that it is not the last. */
    let kept: EventPage | undefined;
    const totals = await walk({
      api, cursor, signal, extraGroups: extra,
      source: settings.source,
      criteria,
      untilMs: settings.until === "" ? undefined : untilInstant(settings.until, await api.serverTime(signal)),
      overlapMs: settings.overlapMs,
      pageSize: Math.max(1, Math.ceil(settings.pageSize / this.pageDivisor)),
      prepare: () => {
        const formatter = settings.output === "page" ? parts.nextFormatter() : undefined;
        return formatter === undefined ? undefined : { formatter, memory: new LineBytes(this.spare) };
      },
      known: (keys, index) => cursor.has(keys, index) || outKeys.has(keys, index),
      eventsAMessage: () => (settings.output === "event" ? 1 : parts.copies() ? EVENTS_A_COPY : Infinity),
      deliver: async (page) => {
        walkedMs = page.serverMs;
        this.noteLateness(page);
        await forIndexes(page.count, (index) => outKeys.set(page.ids.keys, index, 0));
        if (!settings.once) return send(page);
        if (page.count === 0) return !signal.aborted;
        const before = kept;
        kept = page;
        return before === undefined || send(before);
      },
      warn: (key, params) => parts.warn(key, params),
      onRetry: ({ delayMs }) => {
        counters.retries += 1;
        parts.status("yellow", "status.retry", { seconds: Math.ceil(delayMs / 1000) });
      },
    });
    if (settings.once && !signal.aborted) await send({ ...(kept ?? emptyPage(walkedMs ?? 0)), complete: true });
    // What the groups of one poll left out may come with the next; that is not late.
    if (!signal.aborted && extra.length === 0) this.coveredMs = walkedMs ?? this.coveredMs;
    counters.known += totals.known;
    if (totals.withoutId > 0) parts.warn("warning.withoutId", { count: totals.withoutId, field: settings.source.idField });
    this.pageDivisor = 1;
    await this.patiently(tracker.idle());
    if (!signal.aborted) parts.status("green", "status.idle", { count: counters.read });
  }

  /** What an earlier run has out is waited for: its confirmations belong to its own cursor. */
  private async startOver(): Promise<void> {
    await this.patiently(this.tracker.idle());
    this.cursor = undefined;
    this.stored = undefined;
    this.coveredMs = undefined;
    this.outKeys = new KeyTable();
  }

  /**
   * A new event that was inserted before the last complete poll was not searchable then. Events come oldest first.
   * Where a look-back is read again, events are new because they changed.
   */
  private noteLateness({ ids: { times: [oldest] } }: EventPage): void {
    const { source, overlapMs } = this.settings;
    if (oldest === undefined || this.coveredMs === undefined || source.rereads === "lookback") return;
    const late = Math.max(this.counters.largestLatenessMs, this.coveredMs - oldest);
    this.counters.largestLatenessMs = late;
    if (late <= overlapMs / 2 || this.lateWarned) return;
    this.lateWarned = true;
    this.parts.warn("warning.late", { seconds: Math.ceil(late / 1000), overlap: overlapMs / 1000, advice: Math.ceil(late / 1000) * 3 });
  }

  /** Says so when pages have waited for their delivery for a while. */
  private async patiently<Result>(waiting: Promise<Result>): Promise<Result> {
    const patience = setTimeout(() => this.parts.status("yellow", "status.waiting"), PATIENCE_MS);
    try {
      return await waiting;
    } finally {
      clearTimeout(patience);
    }
  }

  /** The node's own criteria, and those of the saved search as it is now. */
  private async currentCriteria(api: Api, signal: AbortSignal): Promise<Criteria> {
    const { criteria, savedSearch } = this.settings;
    return savedSearch === "" ? criteria : bothOf(criteria, await loadSavedSearch(api, savedSearch, signal));
  }

  /** The cursor as stored; a missing one looks back by `startFrom` and is stored at once, so that "now" cannot move on. */
  private async loadCursor(api: Api, criteria: Criteria, extra: WireGroup[], signal: AbortSignal): Promise<Cursor> {
    const { settings, parts } = this;
    const { source, cursorKey: key } = settings;
    const hash = criteriaHash(criteria);
    const onCursorTerm = source.cursorTerm !== undefined && filtersOn([...criteria.groups, ...extra], source.cursorTerm);
    if (this.cursor === undefined) {
      const owner = { stream: source.name, base: api.baseUrl };
      this.stored = await parts.store.read();
      if (this.stored !== undefined) {
        this.cursor = Cursor.parse(this.stored, owner, key);
        this.storedRevision = this.cursor.revision;
        parts.status("blue", "status.polling");
      } else {
        const floorMs = onCursorTerm ? 0 : startInstant(settings.startFrom, await api.serverTime(signal));
        const cursor = Cursor.startingAt(owner, floorMs, hash);
        const instant = new Date(floorMs).toISOString();
        parts.status("yellow", "status.startsAt", { instant: instant.slice(0, 10) });
        if (!settings.once) parts.warn("warning.noCursor", { key, instant });
        // A filter of the user's own on the cursor term is allowed until there is a cursor, as c42eventextractor had it.
        if (!onCursorTerm) await this.store(cursor);
        this.cursor = cursor;
      }
    } else {
      parts.status("blue", "status.polling");
    }
    if (onCursorTerm && this.stored !== undefined) {
      const error = queryError("INCOMPATIBLE_FILTER", { term: source.cursorTerm ?? "" }, { permanent: true });
      error.name = "IncompatibleFilterError";
      throw error;
    }
    if (this.cursor.queryHash !== hash) {
      if (this.stored !== undefined && this.cursor.queryHash !== "") parts.warn("warning.queryChanged", {});
      this.cursor.queryHash = hash;
      this.cursor.revision += 1;
    }
    return this.cursor;
  }

  private async store(cursor: Cursor): Promise<void> {
    const { revision } = cursor;
    const next = cursor.serialize(this.parts.now());
    if (this.unsure !== undefined && await this.parts.store.read() === this.unsure) this.stored = this.unsure;
    this.unsure = next;
    const written = this.parts.store.commit(this.stored, next);
    this.writing = written.catch(() => undefined);
    await written;
    this.unsure = undefined;
    this.stored = next;
    this.storedRevision = revision;
  }

  private newTracker(): DeliveryTracker<EventPage> {
    const { settings, parts } = this;
    const tracker: DeliveryTracker<EventPage> = new DeliveryTracker<EventPage>(
      {
        pagesOut: settings.pagesOut,
        confirmTimeoutMs: settings.confirmTimeoutMs,
        confirm: settings.advance === "confirmed",
        sinks: settings.confirmedBy,
        ...(settings.resendDelayMs === undefined ? {} : { resendDelayMs: settings.resendDelayMs }),
      },
      {
        registry: parts.registry,
        random: () => parts.random(),
        send: (page, token, indexes, repeated, isWanted) => this.sendPage(page, token, indexes, repeated, isWanted),
        commit: (pages) => this.commit(pages, tracker),
        failed: (failure) => this.undelivered(failure),
        resending: (_page, attempt, why) => {
          parts.status("yellow", "status.resending");
          parts.warn("warning.resend", {
            attempt, tries: RESENDS,
            reason: "reason" in why ? why.reason : parts.text("warning.noReason", { seconds: Math.ceil(why.waitedMs / 1000) }),
          });
        },
      },
    );
    return tracker;
  }

  /** The delivered pages' positions become the cursor. Tries until the store takes it; reading waits meanwhile. */
  private async commit(pages: EventPage[], tracker: DeliveryTracker<EventPage>): Promise<void> {
    const { cursor, outKeys, settings, parts } = this;
    if (cursor === undefined) return;
    for (const page of pages) {
      const overlap = cursor.advance(page, settings.overlapMs);
      if (overlap < settings.overlapMs && !this.overlapWarned) {
        this.overlapWarned = true;
        parts.warn("warning.overlapReduced", { count: cursor.size, seconds: Math.round(overlap / 1000) });
      }
    }
    for (let attempt = 0; cursor.revision !== this.storedRevision; attempt++) {
      try {
        await this.store(cursor);
      } catch (error) {
        if (!(error instanceof SiemError) || error.permanent) throw error;
        parts.status("red", "status.cursorFailed");
        if (attempt === 0) parts.error(error);
        await sleep(Math.min(MAX_COMMIT_PAUSE_MS, 1000 * 2 ** attempt) * (0.5 + parts.random() / 2), undefined, { ref: false });
        if (this.tracker !== tracker || this.closed) throw error;
      }
    }
    for (const page of pages) {
      this.counters.confirmed += page.count;
      await forIndexes(page.count, (index) => outKeys.delete(page.ids.keys, index));
    }
  }

  /** Sends a page, in one message or in several; other work runs between these. */
  private async sendPage(page: EventPage, token: string | undefined, indexes: readonly number[], repeated: boolean, isWanted: () => boolean): Promise<void> {
    const { counters, parts, settings: { source, output } } = this;
    const { topic, kind } = source;
    const { units, perMessage, complete, events: packed } = page;
    const id = token ?? randomUUID();
    const message = (index: number): FlowMessage => ({
      payload: undefined, topic, kind,
      ...(token === undefined ? {} : { delivery: { token, index, count: units } }),
      // Core `batch` writes its own id over ours; the token tells that the message is still the whole unit.
      ...(output === "event" && page.count > 0 ? { parts: { id, index, count: units, type: "array", len: 1, token: id } satisfies MessageParts } : {}),
      ...(complete === undefined || index < units - 1 ? {} : { complete }),
    });
    const count = (events: number) => {
      counters.sent += events;
      if (repeated) counters.resent += events;
    };
    if (perMessage >= page.count && output === "page" && parts.nextFormatter() !== undefined) {
      const whole = message(0);
      packPayload(whole, packed);
      count(page.count);
      parts.send(whole);
      return;
    }
    const wanted = new Set(indexes);
    let index = 0;
    let sinceTick = 0;
    for await (const events of packed.groups(Math.min(perMessage, page.count))) {
      if (!isWanted()) return;
      if (wanted.has(index)) {
        if (sinceTick >= EVENTS_PER_TICK) {
          await nextTick();
          sinceTick = 0;
        }
        sinceTick += events.length;
        count(events.length);
        parts.send({ ...message(index), payload: output === "event" && page.count > 0 ? events[0] : events });
      }
      index += 1;
    }
  }

  /** The tracker gave up: nothing is out any more, and polling ends until somebody sends "start". */
  private undelivered(failure: TrackerFailure<EventPage>): void {
    this.automatic = false;
    clearTimeout(this.timer);
    this.abort.abort();
    this.forget();
    this.parts.status("red", "status.undelivered");
    this.parts.error(this.failureError(failure));
  }

  private failureError(failure: TrackerFailure<EventPage>): unknown {
    if (failure.kind === "error") return failure.error;
    const { count } = failure.page;
    const tries = RESENDS + 1;
    if (failure.kind === "rejected") return queryError("DELIVERY_REJECTED", { count, tries, reason: messageOf(failure.reason) }, { permanent: true });
    if (failure.missing.length === 0) return queryError("DELIVERY_UNCONFIRMED", { count, tries }, { permanent: true });
    const sinks = failure.missing.map((id) => this.parts.nodeName(id)).join(", ");
    return queryError("DELIVERY_UNCONFIRMED_BY", { count, tries, sinks }, { permanent: true });
  }

  /** Ends the poll that runs; pages that are out stay out. */
  private async halt(): Promise<void> {
    clearTimeout(this.timer);
    this.abort.abort();
    const { polling } = this;
    if (polling === undefined) return;
    // A poll that only waits for confirmations has nothing to abort.
    await Promise.race([polling.catch(() => undefined), sleep(50, undefined, { ref: false })]);
  }

  private forget(): void {
    this.tracker.close();
    this.tracker = this.newTracker();
    this.outKeys = new KeyTable();
    this.cursor = undefined;
    this.stored = undefined;
    this.coveredMs = undefined;
    this.unsure = undefined;
  }

  /** The instant (epoch ms) that `value` says, or that of the event of which it is the id. */
  private async instantOf(value: unknown): Promise<number> {
    try {
      return cursorInstant(value);
    } catch (error) {
      const isEventId = error instanceof SiemError && error.code === "CHECKPOINT_IS_EVENT_ID";
      const found = isEventId ? await this.settings.source.placeOf?.(String(value).trim(), this.parts.api(), this.closing.signal) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  }

  /** Forgets the cursor, or sets it to an instant (epoch ms), and goes on from there. */
  private async moveTo(floorMs: number | undefined): Promise<void> {
    const { settings, parts } = this;
    await this.halt();
    this.tracker.close();
    await this.polling?.catch(() => undefined);
    await this.writing;
    this.forget();
    let text: string | undefined;
    if (floorMs !== undefined) {
      const owner = { stream: settings.source.name, base: parts.api().baseUrl };
      // What the saved search asks for is not known here.
      const hash = settings.savedSearch === "" ? criteriaHash(settings.criteria) : "";
      text = Cursor.startingAt(owner, floorMs, hash).serialize(parts.now());
    }
    await parts.store.overwrite(text);
    if (this.automatic) this.tick();
  }
}

const unknownAction = (action: unknown, choices: readonly string[]) =>
  queryError("ACTION_UNKNOWN", { choices: choices.join(", "), ...describe(action) }, { permanent: true });

/** The last page of a query that found nothing. */
const emptyPage = (serverMs: number): EventPage => ({ units: 1, count: 0, perMessage: Infinity, ids: { keys: KeyColumn.of([]), times: new Float64Array() }, lastMs: undefined, serverMs, events: new PackedEvents([]) });
