/** The subscriptions of one connection: keeps those at the broker in line with the filters that are wanted, and drops extra copies of events. */
import type { Connection } from "./connection";
import { fewest } from "./filter";

export interface SubscriptionsOptions {
  connection: Connection;
  /** A number from 0 up to 1. */
  random(): number;
  /** All filters that somebody wants now. */
  wanted(): ReadonlySet<string>;
  /** The broker answered everything; it refuses the filters `refused`. */
  settled(refused: readonly string[]): void;
}

/** Refused filters are tried again after half a minute to a whole one. */
const RETRY = 60_000;

export class Subscriptions {
  private readonly granted = new Set<string>();
  private readonly refused = new Set<string>();
  private asking = false;
  /** Granted filters overlap, so the broker sends copies. */
  private overlapping = false;
  /** The latest event while filters overlap: its copies follow it directly. */
  private last: { topic: string; payload: Buffer } | undefined;
  private cancelRetry = () => {};

  constructor(private readonly options: SubscriptionsOptions) {}

  /** Asks the broker for what changed, one request at a time; subscribes before it unsubscribes, so that no event is missed. */
  synchronise(): void {
    const { connection } = this.options;
    if (this.asking || !connection.up) return;
    const filters = this.options.wanted();
    for (const filter of this.refused) if (!filters.has(filter)) this.refused.delete(filter);
    // A refused filter covers nothing: the filters within it are asked for one by one.
    const wanted = fewest([...filters].filter((filter) => !this.refused.has(filter)));
    const missing = [...wanted].filter((filter) => !this.granted.has(filter));
    const surplus = [...this.granted].filter((filter) => !wanted.has(filter));
    this.overlapping = fewest([...this.granted, ...missing]).size < this.granted.size + missing.length;
    if (!this.overlapping) this.last = undefined;
    if (missing.length > 0) {
      this.asking = true;
      connection.subscribe(missing, (refused) => this.answered(() => {
        for (const filter of missing) (refused.includes(filter) ? this.refused : this.granted).add(filter);
      }));
    } else if (surplus.length > 0) {
      this.asking = true;
      connection.unsubscribe(surplus, () => this.answered(() => {
        for (const filter of surplus) this.granted.delete(filter);
      }));
    } else {
      this.settle();
    }
  }

  /** True if the event was seen before: a broker sends one copy for each filter that matches. */
  isCopy(topic: string, payload: Buffer): boolean {
    if (!this.overlapping) return false;
    if (this.last?.topic === topic && this.last.payload.equals(payload)) return true;
    this.last = { topic, payload };
    return false;
  }

  private answered(apply: () => void): void {
    apply();
    this.asking = false;
    this.synchronise();
  }

  private settle(): void {
    this.cancelRetry();
    if (this.refused.size > 0) {
      this.cancelRetry = this.options.connection.after(RETRY * (0.5 + this.options.random() / 2), () => {
        this.refused.clear();
        this.synchronise();
      });
    }
    this.options.settled([...this.refused]);
  }
}
