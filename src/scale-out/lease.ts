/**
 * The lease on a shared cursor: a record in the bucket. Its holder renews it; another instance takes it when it has not changed
 * for the time that is written in it.
 *
 *   away ──reads it──► standby ──free, or not renewed──► active        active ends by itself at "sent + lease"
 *    ▲                    ▲                                │
 *    └── cannot read ─────┴──── somebody else has it ──────┘
 *
 * Only the time that passes here counts, no clock of another instance. The lease keeps two instances from doing the same work;
 * the compare-and-swap of the cursor keeps them from harming each other.
 */
import { randomUUID } from "node:crypto";
import type { KvEntry } from "@nats-io/kv";
import { isRecord } from "../common/messages";
import { within, type Clock } from "../common/clock";
import type { SiemError } from "../common/errors";
import { oneAtATime } from "../common/one-at-a-time";
import { LEASE_SECONDS, type Lease, type LeaseState } from "../cursor/lease";
import { withBucket, type BucketLink } from "./bucket";
import { isConflict } from "./explain";
import type { NatsLink, Session } from "./link";

/** How often a standby reads the record, ms. */
const LOOK_MS = 500;
/** Pause after a write that failed or was refused: the lease must outlast two renewals without an answer, ms. */
const AGAIN_MS = 100;
/** Of the time between two reads at most this counts: the process was suspended for the rest. */
const LONGEST_LOOK_MS = 2000;
/** An instance leaves a free lease to others for this long for each lease that it holds, ms. */
const SPREAD_MS = 100;
const LONGEST_SPREAD_MS = 1000;
/** Pause after an error that somebody has to correct, ms. */
const REFUSED_PAUSE_MS = 5000;
/** After an outage the holder may reach the server this much later than we do, ms. */
const RECONNECT_MS = 6000;
const CLOSE_MS = 2000;
const RECORD_BYTES = 1024;
/** The latest date of JavaScript, epoch ms. */
const LATEST_DATE = 8.64e15;

/** The record, stored as JSON. */
interface LeaseRecord {
  /** Name of the instance. */
  holder: string;
  /** Epoch ms of the holder's clock, for people. */
  since: number;
  /** Random: by it the holder recognises its own record. */
  term: string;
  /** Length of the lease. */
  seconds: number;
}

type Term = Pick<LeaseRecord, "term" | "since"> & { revision: number };

interface LeaseDependencies {
  clock: Clock;
  /** Called once for each outage and code with what the connection does not report: the bucket is missing, unsuitable, not permitted, full. */
  report(error: SiemError): void;
}

export class NatsLease implements Lease {
  takeovers = 0;
  lapses = 0;
  private current: LeaseState = { phase: "away" };
  private changed: (state: LeaseState) => void = () => undefined;
  /** The last record that this instance wrote or tried to write; undefined after another one wrote. */
  private own: Term | undefined;
  /** The record of another instance. `countedMs`: for how long we have seen it unchanged; `at`: the last read, undefined while we cannot read. */
  private seen: { revision: number; session: Session; countedMs: number; at: number | undefined } | undefined;
  /** Since when the lease could be taken, monotonic ms. */
  private freeSince: number | undefined;
  /** Until then others may take it first, monotonic ms. */
  private yieldsUntil = -Infinity;
  private isWithdrawn = false;
  private readonly leaseMs: number;
  private readonly reported = new Set<string>();
  private cancelEnd: () => void = () => undefined;
  private wake: () => void = () => undefined;
  private stopUsing: () => void = () => undefined;
  /** One step at a time. */
  private readonly alone = oneAtATime();
  private isClosed = false;

  constructor(
    private readonly link: BucketLink & Pick<NatsLink, "border" | "leases" | "use">,
    private readonly key: string,
    private readonly seconds: number,
    private readonly dependencies: LeaseDependencies,
  ) {
    this.leaseMs = seconds * 1000;
  }

  get state(): LeaseState {
    return this.current;
  }

  start(changed: (state: LeaseState) => void): void {
    this.changed = changed;
    this.stopUsing = this.link.use((state) => {
      if (state.phase !== "connected") this.cannotRead(this.link.failure);
      this.wake();
    });
    void this.run();
  }

  async yield(): Promise<void> {
    this.yieldsUntil = this.dependencies.clock.now() + this.leaseMs + LONGEST_SPREAD_MS;
    await this.alone(() => this.free());
  }

  async withdraw(): Promise<void> {
    this.isWithdrawn = true;
    await this.alone(() => this.free());
  }

  compete(): void {
    this.isWithdrawn = false;
    this.wake();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.wake();
    await within(this.dependencies.clock, CLOSE_MS, this.alone(() => this.free()));
    this.endTerm();
    this.stopUsing();
  }

  private async run(): Promise<void> {
    while (!this.isClosed) {
      const woken = new Promise<void>((resolve) => { this.wake = resolve; });
      const pause = await this.alone(() => this.step());
      const cancel = pause === Infinity ? undefined : this.dependencies.clock.after(pause, this.wake);
      await woken;
      cancel?.();
    }
  }

  /** Returns how long to wait for the next step, ms. */
  private async step(): Promise<number> {
    const { session } = this.link;
    if (session === undefined || this.isClosed) return Infinity;
    try {
      const { own } = this;
      const isRenewed = this.current.phase === "active" && own !== undefined && await this.write(own);
      const pause = isRenewed ? this.leaseMs / 3 : await this.look(session);
      this.reported.clear();
      return pause;
    } catch (error) {
      return this.failed(this.link.explain(error));
    }
  }

  /** Reads the record, and takes the lease if it may. */
  private async look(session: Session): Promise<number> {
    const { clock } = this.dependencies;
    const entry = await withBucket(this.link, (bucket) => bucket.get(this.key));
    const now = clock.now();
    const record = entry?.operation === "PUT" ? recordIn(entry) : undefined;
    const { own } = this;
    // Ours if the answer to a renewal was lost, if the lease ended meanwhile, or if somebody deleted the bucket.
    if (own !== undefined && (entry === null || record?.term === own.term)) {
      return await this.write({ ...own, revision: entry?.revision ?? 0 }) ? this.leaseMs / 3 : AGAIN_MS;
    }
    this.endTerm();
    // Without any entry the bucket itself was lost: wait for the holder, which has the only copy of the cursor.
    const revision = entry === null ? this.seen?.revision : entry.operation === "PUT" ? entry.revision : undefined;
    if (revision !== undefined) {
      const rest = this.restOf(revision, (record?.seconds ?? this.seconds) * 1000, session, now);
      if (rest > 0) {
        this.yieldsUntil = -Infinity;
        if (entry !== null || this.current.phase !== "standby") this.enter(this.standbyOf(record));
        return Math.min(LOOK_MS, rest);
      }
    }
    this.freeSince ??= now;
    const wait = this.isWithdrawn ? Infinity : Math.max(this.yieldsUntil, this.freeSince + Math.min(LONGEST_SPREAD_MS, SPREAD_MS * this.link.leases.size)) - now;
    if (wait > 0) {
      this.enter({ phase: "standby" });
      return Math.min(LOOK_MS, wait);
    }
    // Counted before the write, so that the other leases of this process wait.
    this.count(true);
    const isTaken = await this.write({ term: randomUUID(), since: clock.date(), revision: entry?.revision ?? 0 }).finally(() => this.count(this.current.phase === "active"));
    if (!isTaken) return AGAIN_MS;
    this.takeovers += 1;
    return this.leaseMs / 3;
  }

  private standbyOf(record: LeaseRecord | undefined): LeaseState {
    const holder = this.link.border.text(holderName(record?.holder ?? "?", this.link.instance), 40);
    return { phase: "standby", holder, ...(record && { since: record.since }) };
  }

  /** How much longer the record with this revision must stay unchanged before it may be taken, ms. */
  private restOf(revision: number, leaseMs: number, session: Session, now: number): number {
    if (this.seen?.revision !== revision || this.seen.session !== session) {
      const isBack = this.seen !== undefined && this.seen.session !== session;
      this.seen = { revision, session, countedMs: isBack ? Math.min(0, leaseMs - RECONNECT_MS) : 0, at: now };
      this.freeSince = undefined;
    }
    this.seen.countedMs += Math.min(LONGEST_LOOK_MS, now - (this.seen.at ?? now));
    this.seen.at = now;
    return leaseMs - this.seen.countedMs;
  }

  /** Writes our record over that of `own.revision` (0: none). False if something else is stored. */
  private async write(own: Term): Promise<boolean> {
    const { clock } = this.dependencies;
    const { term, since, revision } = own;
    this.own = own;
    const endsAt = clock.now() + this.leaseMs;
    try {
      const record: LeaseRecord = { holder: this.link.instance, since, seconds: this.seconds, term };
      own.revision = await withBucket(this.link, (bucket) => bucket.put(this.key, JSON.stringify(record), { previousSeq: revision }));
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
    if (clock.now() < endsAt && !this.isClosed) this.activeUntil(endsAt, since);
    return true;
  }

  /** Ends the lease by a timer, because a renewal may wait for its answer. */
  private activeUntil(endsAt: number, since: number): void {
    const { clock } = this.dependencies;
    this.cancelEnd();
    this.cancelEnd = clock.after(endsAt - clock.now(), () => {
      this.lapses += 1;
      this.enter({ phase: "away", error: this.link.failure });
    });
    this.seen = this.freeSince = undefined;
    if (this.current.phase !== "active") this.enter({ phase: "active", since });
  }

  private failed(error: SiemError): number {
    this.cannotRead(error);
    if (error.code !== "NATS_UNREACHABLE" && !this.reported.has(error.code)) {
      this.reported.add(error.code);
      this.dependencies.report(error);
    }
    if (this.current.phase === "active") return AGAIN_MS;
    return error.permanent ? REFUSED_PAUSE_MS : LOOK_MS;
  }

  /** The time until the next read does not count. An active instance stays active until its lease ends. */
  private cannotRead(error: SiemError | undefined): void {
    if (this.seen !== undefined) this.seen.at = undefined;
    const { phase } = this.current;
    // While the next attempt to connect runs, the error of the last one stays.
    if (phase === "standby" || (phase === "away" && error !== undefined)) this.enter({ phase: "away", error });
  }

  private async free(): Promise<void> {
    const { own } = this;
    this.endTerm();
    if (own === undefined) return;
    // If that fails, the lease ends by itself.
    await withBucket(this.link, (bucket) => bucket.delete(this.key, { previousSeq: own.revision })).catch(() => undefined);
    this.wake();
  }

  /** Somebody else has the lease, or may have it. */
  private endTerm(): void {
    this.own = undefined;
    if (this.current.phase === "active") this.enter({ phase: "standby" });
  }

  private count(isHeld: boolean): void {
    if (isHeld) this.link.leases.add(this);
    else this.link.leases.delete(this);
  }

  private enter(state: LeaseState): void {
    const before = this.current;
    this.current = state;
    this.count(state.phase === "active");
    if (state.phase !== "active") this.cancelEnd();
    if (JSON.stringify(state) !== JSON.stringify(before)) this.changed(state);
  }
}

/** The record in an entry; undefined if there is none. Its values are bounded, because anybody with access to the bucket may have written it. */
function recordIn({ value }: KvEntry): LeaseRecord | undefined {
  if (value.length > RECORD_BYTES) return undefined;
  try {
    const record: unknown = JSON.parse(Buffer.from(value).toString());
    if (!isRecord(record)) return undefined;
    const { holder, since, seconds, term } = record;
    if (typeof holder !== "string" || typeof term !== "string" || typeof since !== "number" || !(Math.abs(since) <= LATEST_DATE) || typeof seconds !== "number") return undefined;
    return { holder, since, term, seconds: Math.min(LEASE_SECONDS.max, Math.max(LEASE_SECONDS.min, seconds)) };
  } catch {
    return undefined;
  }
}

/** The host name of `holder`; the whole name (`host/1a2b`) if both instances run on one host. */
function holderName(holder: string, instance: string): string {
  const hostOf = (name: string) => name.replace(/\/[0-9a-f]{4}$/, "");
  return hostOf(holder) === hostOf(instance) ? holder : hostOf(holder);
}
