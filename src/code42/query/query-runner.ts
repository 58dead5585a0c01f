/**
 * Runs the polls of a query: at its interval and when a message asks for one, one at a time.
 *
 * A tick during a poll is skipped. A poll lasts until its pages are delivered, so a SIEM that is down stops the reading
 * too. The node that owns a runner only wires.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { checkpointEventId, cursorInstant, untilInstant } from "../../cursor/instant";
import { plain } from "../../common/border";
import { SiemError, describe, type Params } from "../../common/errors";
import type { FlowMessage } from "../../common/messages";
import type { LeaseState } from "../../cursor/lease";
import type { Figures } from "../../metrics/table";
import { PIECE_BYTES } from "../../pages/packed-lines";
import { BufferPool } from "../../common/buffer-pool";
import { checkCriteria } from "../criteria/criteria-check";
import { causeKey } from "./causes";
import { CursorKeeper, type KeeperDependencies } from "./cursor-keeper";
import { queryError } from "../errors";
import { Lateness } from "./lateness";
import { PageSender, type SenderDependencies } from "./page-sender";
import { joinByAnd, criteriaGroups, type Criteria, type WireGroup } from "../criteria/criteria";
import type { QuerySettings } from "./query-settings";
import { loadSavedSearch } from "../criteria/saved-search";
import { readAllPages } from "./walk";

export interface QueryDependencies extends KeeperDependencies, SenderDependencies {
  /** Milliseconds of a clock that never steps. */
  monotonic(): number;
}

type Mode =
  /** Polls at its interval too, or only when a message asks. */
  | "automatic" | "asked"
  /** Until "start" it does not poll by itself, because the user stopped it or because it gave up on its pages. */
  | "stopped" | "gaveUp";

const ACTIONS: readonly unknown[] = ["poll", "stop", "start", "reset", "set"];
/** Of a query that has no cursor. */
const ACTIONS_ONCE: readonly unknown[] = ["poll", "stop"];
const ACTIONS_SHARED: readonly unknown[] = [...ACTIONS, "yield"];

/** Errors of a search that was too much at once. */
const HELPED_BY_SMALLER_PAGES: readonly string[] = ["TIMED_OUT", "SERVER_ERROR", "CONNECTION_FAILED", "BODY_TOO_LARGE", "PAGE_TOO_LARGE", "PAGE_INVALID", "SEARCH_PROBLEMS"];
/** How long a poll that is stopped has to end: until the answer to "stop", and until the next poll gives up on it. */
const STOP_MS = 50;
const STOPPED_MS = 500;
const MAX_FAILURE_PAUSE_MS = 600_000;
const CLOSE_STORE_MS = 2000;
/** Until an active instance reads its cursor again after somebody else moved it, or after its place was away. */
const AGAIN_MS = 1000;

export class QueryRunner {
  /** Since the node was made: polls, requests (`retries`), and events. */
  readonly counters = { polls: 0, failedPolls: 0, retries: 0, read: 0, duplicates: 0, sent: 0, resent: 0, confirmed: 0 };
  private readonly linePool = new BufferPool(PIECE_BYTES);
  readonly keeper: CursorKeeper;
  private readonly lateness: Lateness;
  /** A new one takes its place when what is in flight is given up. */
  private sender: PageSender;
  private readonly closing = new AbortController();
  /** The poll that runs; `ended` never rejects. */
  private running: { abort: AbortController; ended: Promise<void> } | undefined;
  private mode: Mode = "asked";
  private timer: NodeJS.Timeout | undefined;
  /** In a row; those that may pass by themselves count as one. */
  private failures = 0;
  /** Of the latest poll that failed. */
  private lastError: unknown;
  /** Fetching in smaller pages helps when the search times out. */
  private pageDivisor = 1;
  private readonly dependencies: QueryDependencies;
  /** The term of the lease in which the cursor was read, epoch ms. */
  private term: number | undefined;
  private isYielding = false;
  /** The next poll is soon, whatever the interval. */
  private isHurried = false;

  constructor(private readonly settings: QuerySettings, private readonly given: QueryDependencies) {
    // An instance that does not read shows who does, whatever becomes of its pages in flight.
    this.dependencies = { ...given, status: (...status) => this.reads && given.status(...status) };
    this.keeper = new CursorKeeper(settings, this.dependencies, this.closing.signal);
    this.lateness = new Lateness(settings, this.dependencies);
    this.sender = this.newSender();
  }

  /** Begins polling, the first time at once. */
  start(): void {
    const { lease } = this.dependencies;
    this.mode = this.startMode;
    if (lease !== undefined) {
      this.showLease(lease.state);
      lease.start((state) => this.leaseChanged(state));
    } else if (this.mode === "automatic") this.tick();
    else this.dependencies.status("grey", "status.stopped");
  }

  /** Does what `message.action` says (nothing: poll). Rejects with the reason when it could not be done. */
  async act(message: FlowMessage & { action?: unknown; criteria?: unknown; cursor?: unknown }): Promise<void> {
    const action: unknown = message.action === undefined || message.action === "" ? "poll" : message.action;
    const choices = this.settings.once ? ACTIONS_ONCE : this.dependencies.lease === undefined ? ACTIONS : ACTIONS_SHARED;
    if (!choices.includes(action)) throw queryError("ACTION_UNKNOWN", plain.params({ choices: choices.join(", "), ...describe(action) }), { permanent: true });
    if (!this.reads) return this.actOnStandby(action);
    switch (action) {
      case "yield":
        return this.yield();
      case "start":
        this.mode = this.startMode;
        return this.pollAndSchedule();
      case "stop":
        this.mode = "stopped";
        await this.halt();
        this.dependencies.status("grey", "status.stopped");
        return;
      case "reset":
        return this.moveTo(undefined);
      case "set":
        return this.moveTo(await this.instantOf(message.cursor));
      default:
        return this.poll(criteriaGroups(message.criteria, "msg.criteria"));
    }
  }

  /** Stops reading, waits a little for what is in flight, and forgets the rest: it is read again from the cursor. */
  async close(): Promise<void> {
    this.closing.abort();
    this.mode = "stopped";
    await this.settle();
    await this.dependencies.lease?.close();
  }

  /** Nodes of the flow were replaced: what was on its way to them may be gone. */
  flowChanged(): void {
    this.sender.tracker.flowChanged();
  }

  get figures() {
    const { counters, keeper: { cursor }, sender: { tracker }, dependencies: { lease } } = this;
    return {
      ...counters,
      pagesOut: tracker.pagesOut,
      pagesHeld: tracker.pagesHeld,
      cursorIds: cursor?.size ?? 0,
      ...(cursor === undefined ? {} : { cursorAgeSeconds: Math.round((this.dependencies.now() - cursor.floorMs) / 1000) }),
      ...(cursor?.lastMs === undefined ? {} : { newestDeliveredTimestampSeconds: cursor.lastMs / 1000 }),
      largestLatenessSeconds: this.lateness.largestMs / 1000,
      ...(lease === undefined ? {} : { active: Number(lease.state.phase === "active"), takeovers: lease.takeovers, leaseLapses: lease.lapses }),
    } satisfies Figures;
  }

  private get startMode(): Mode {
    return this.settings.pollIntervalMs > 0 ? "automatic" : "asked";
  }

  /** False while another instance, or nobody, may read with the shared cursor. */
  private get reads(): boolean {
    const { lease } = this.given;
    return lease === undefined || (lease.state.phase === "active" && !this.isYielding && this.mode !== "gaveUp");
  }

  private leaseChanged(state: LeaseState): void {
    if (this.closing.signal.aborted) return;
    this.showLease(state);
    if (state.phase !== "active") {
      // What is in flight may still be confirmed and committed, as long as nobody else has claimed the cursor.
      clearTimeout(this.timer);
      this.running?.abort.abort();
      if (this.sender.tracker.pagesOut === 0) this.keeper.forget();
      return;
    }
    if (this.isYielding) return;
    if (state.since !== this.term) this.giveUp();
    this.term = state.since;
    if (this.mode === "automatic") this.tick();
  }

  private showLease(state: LeaseState): void {
    const { given, mode } = this;
    // Its status says why until somebody starts it.
    if (mode === "gaveUp") return;
    switch (state.phase) {
      case "active": return mode === "stopped" ? given.status("grey", "status.stopped") : given.status("green", "status.active");
      case "standby": return state.holder === undefined ? given.status("grey", "status.standbyAlone") : given.status("grey", "status.standby", { holder: state.holder });
      case "away": return state.error?.permanent === true ? given.status("red", "status.failed") : given.status("yellow", "status.away");
    }
  }

  /** What is asked of an instance that does not read: the one that does gets the same messages, or it is its business. */
  private actOnStandby(action: unknown): void {
    const lease = this.given.lease!;
    const hasGivenUp = this.mode === "gaveUp";
    const holder = lease.state.phase === "standby" ? lease.state.holder : undefined;
    const moves = action === "set" || action === "reset";
    // Nobody else does it, and waiting does not help.
    if (hasGivenUp && holder === undefined && (moves || action === "poll")) throw queryError("QUERY_GAVE_UP", {}, { permanent: true });
    if (moves) throw holder === undefined ? queryError("QUERY_AWAY") : queryError("QUERY_STANDBY", { holder });
    // They say what to do when this instance gets the lease.
    if (action === "stop" && !hasGivenUp) this.mode = "stopped";
    if (action !== "start") return;
    this.mode = this.startMode;
    if (!hasGivenUp) return;
    lease.compete();
    this.showLease(lease.state);
  }

  /** Hands the cursor to another instance, without anything being read twice. */
  private async yield(): Promise<void> {
    this.isYielding = true;
    try {
      await this.settle();
      this.giveUp();
      await this.dependencies.lease?.yield();
    } finally {
      this.isYielding = false;
    }
  }

  private tick(): void {
    this.pollAndSchedule().catch((error: unknown) => this.dependencies.error(error));
  }

  private async pollAndSchedule(): Promise<void> {
    clearTimeout(this.timer);
    const started = this.dependencies.monotonic();
    try {
      await this.poll([]);
    } finally {
      this.schedule(started);
    }
  }

  /** Plans the next automatic poll: the interval after `started` (monotonic ms), later after failures that another try cannot mend. */
  private schedule(started: number): void {
    clearTimeout(this.timer);
    if (this.mode !== "automatic" || !this.reads || this.closing.signal.aborted) return;
    const interval = this.settings.pollIntervalMs;
    const pause = this.isHurried ? AGAIN_MS : this.failures === 0 ? interval : Math.max(interval, Math.min(MAX_FAILURE_PAUSE_MS, interval * 2 ** (this.failures - 1)));
    this.isHurried = false;
    const delay = Math.max(0, started + pause - this.dependencies.monotonic());
    this.timer = setTimeout(() => this.tick(), delay);
    if (this.failures > 0) this.dependencies.status("red", "status.nextTry", { ...this.causeOf(this.lastError), ...plain.params({ time: new Date(this.dependencies.now() + delay).toTimeString().slice(0, 5) }) });
  }

  private async poll(extra: WireGroup[]): Promise<void> {
    // What was stopped may still be about to end.
    if (this.running?.abort.signal.aborted === true) await Promise.race([this.running.ended, sleep(STOPPED_MS, undefined, { ref: false })]);
    if (this.running !== undefined && (extra.length > 0 || this.settings.once)) throw queryError("POLL_RUNNING");
    // An instance that has its lease back waits for its pages in flight.
    this.isHurried ||= this.given.lease !== undefined && this.running?.abort.signal.aborted === true;
    if (this.running !== undefined || this.closing.signal.aborted) return;
    const abort = new AbortController();
    const work = this.pollOnce(extra, abort.signal);
    this.running = { abort, ended: work.catch(() => undefined) };
    try {
      await work;
      this.failures = 0;
    } catch (error) {
      // Stopped on purpose, or given up by the sender, which has told why.
      if (abort.signal.aborted) return;
      if (this.gaveWay(error)) {
        // A message that asked for this poll gets the reason.
        if (this.mode !== "automatic") throw error;
        return;
      }
      this.counters.failedPolls += 1;
      this.failures = error instanceof SiemError && error.permanent ? this.failures + 1 : Math.max(this.failures, 1);
      if (error instanceof SiemError && HELPED_BY_SMALLER_PAGES.includes(error.code)) this.pageDivisor = Math.min(16, this.pageDivisor * 2);
      this.lastError = error;
      this.dependencies.status("red", causeKey(error, "status.failed"));
      throw error;
    } finally {
      this.running = undefined;
    }
  }

  private async pollOnce(extra: WireGroup[], signal: AbortSignal): Promise<void> {
    const { settings, dependencies, counters, lateness } = this;
    const { source, savedSearch, until, once } = settings;
    const api = dependencies.api();
    counters.polls += 1;
    const onlyNow: Criteria = { clause: "AND", groups: extra };
    source.check(onlyNow);
    for (const { key, params } of checkCriteria(source.name, onlyNow)) dependencies.warn(key, params);
    if (once) {
      // Confirmations that an earlier run waits for belong to its own cursor.
      await this.sender.idle();
      this.giveUp();
    }
    const criteria = savedSearch === "" ? settings.criteria : joinByAnd(settings.criteria, await loadSavedSearch(api, savedSearch, signal));
    const cursor = await this.keeper.load(api, criteria, extra, signal);
    const { sender } = this;
    let serverMs: number | undefined;
    const totals = await readAllPages({
      api, source, cursor, criteria, signal, extraGroups: extra,
      untilMs: until === "" ? undefined : untilInstant(until, await api.serverTime(signal)),
      overlapMs: settings.overlapMs,
      pageSize: Math.max(1, Math.ceil(settings.pageSize / this.pageDivisor)),
      pageDivisor: this.pageDivisor,
      eventsPerMessage: () => sender.eventsPerMessage,
      lineMaker: () => {
        const formatter = settings.output === "page" ? dependencies.nextFormatter() : undefined;
        return formatter && { formatter, pool: this.linePool };
      },
      known: (keys, index) => cursor.has(keys, index) || sender.has(keys, index),
      deliver: (page) => {
        serverMs = page.serverMs;
        lateness.note(page);
        return sender.add(page, signal);
      },
      warn: (key, params) => dependencies.warn(key, params),
      onRetry: ({ delayMs, error }) => {
        counters.retries += 1;
        dependencies.status("yellow", "status.retry", { ...this.causeOf(error), seconds: Math.ceil(delayMs / 1000) });
      },
    });
    if (once && !signal.aborted) await sender.complete(serverMs ?? 0, signal);
    // What the groups of one poll left out may come with the next; that is not late.
    if (!signal.aborted && extra.length === 0) lateness.coveredMs = serverMs ?? lateness.coveredMs;
    counters.duplicates += totals.known;
    if (totals.withoutId > 0) dependencies.warn("warning.withoutId", plain.params({ count: totals.withoutId, field: source.idField }));
    this.pageDivisor = 1;
    await sender.idle();
    if (!signal.aborted) dependencies.status("green", "status.idle", { count: counters.read });
  }

  /** The words for an error, as a parameter of a status. */
  private causeOf(error: unknown): Params {
    return plain.params({ cause: this.dependencies.text(causeKey(error), {}) });
  }

  private newSender(): PageSender {
    return new PageSender(this.settings, this.dependencies, this.counters, this.keeper, (error) => {
      clearTimeout(this.timer);
      this.running?.abort.abort();
      if (this.gaveWay(error)) {
        if (this.running === undefined) this.schedule(this.dependencies.monotonic());
        return;
      }
      this.giveUp();
      if (!this.reads) return;
      this.mode = "gaveUp";
      this.given.status("red", "status.undelivered");
      this.given.error(error);
      // The way of another instance to the sink may be open. This one does not come back by itself, so that the copies stay few.
      void this.given.lease?.withdraw();
    });
  }

  /** Does what is to be done when another instance has moved the shared cursor, or its place is away. False for any other error. */
  private gaveWay(error: unknown): boolean {
    if (this.given.lease === undefined || !(error instanceof SiemError)) return false;
    if (error.code === "CURSOR_CHANGED") {
      this.dependencies.warn("warning.cursorTaken", {});
      this.giveUp();
    } else if (error.code === "CURSOR_AWAY") this.dependencies.status("yellow", "status.away");
    else return false;
    this.isHurried = true;
    return true;
  }

  /** Ends the poll that runs; its pages stay in flight. */
  private async halt(): Promise<void> {
    clearTimeout(this.timer);
    if (this.running === undefined) return;
    this.running.abort.abort();
    // A poll that only waits for confirmations has nothing to abort.
    await Promise.race([this.running.ended, sleep(STOP_MS, undefined, { ref: false })]);
  }

  /** Ends the poll that runs, and waits a little for what is in flight. */
  private async settle(): Promise<void> {
    await this.halt();
    const delivered = await this.sender.tracker.drain();
    // A store that does not answer must not hold up the deploy: it costs duplicates only.
    await Promise.race([this.keeper.remember(delivered), sleep(CLOSE_STORE_MS, undefined, { ref: false })]);
  }

  /** Gives up what is in flight. The cursor is read again, so that memory and store cannot drift apart. */
  private giveUp(): void {
    this.sender.tracker.close();
    this.sender = this.newSender();
    this.keeper.forget();
    this.lateness.coveredMs = undefined;
  }

  /** The instant (epoch ms) that `value` says, or that of the event whose id it is or holds. */
  private async instantOf(value: unknown): Promise<number> {
    try {
      return cursorInstant(value);
    } catch (error) {
      const id = checkpointEventId(value);
      const found = id === undefined ? undefined : await this.settings.source.timeOfEvent?.(id, this.dependencies.api(), this.closing.signal);
      if (found === undefined) throw error;
      return found;
    }
  }

  /** Forgets the cursor, or sets it to an instant (epoch ms), and goes on from there. */
  private async moveTo(floorMs: number | undefined): Promise<void> {
    await this.halt();
    this.sender.tracker.close();
    await this.running?.ended;
    await this.keeper.lastWrite;
    this.giveUp();
    try {
      await this.keeper.overwrite(floorMs);
    } finally {
      if (this.mode === "automatic" && this.reads) this.tick();
    }
  }
}
