/** What waits to be sent, within a limit of events and bytes. */

export type Overflow = "refuse" | "drop-oldest" | "drop-newest";

export interface QueueLimits {
  events: number;
  bytes: number;
  overflow: Overflow;
}

export interface QueueItem {
  readonly events: number;
  readonly bytes: number;
}

/**
 * A first-in, first-out queue. What was taken out counts against the limits until it is released, because it is still
 * in memory until the server has it.
 */
export class BoundedQueue<Item extends QueueItem> {
  /** Events and bytes that wait or are not released yet. */
  events = 0;
  bytes = 0;
  /** Events that were not taken yet. */
  waitingEvents = 0;
  waitingBytes = 0;
  /** The most events that ever stood here. */
  highWater = 0;
  private items: (Item | undefined)[] = [];
  private head = 0;

  constructor(private readonly limits: QueueLimits) {}

  /**
   * Adds `item` if it fits or can be made to fit. Returns what had to go: with `refuse` and `drop-newest` the item
   * itself, with `drop-oldest` the oldest items that were not taken yet. An item larger than the limits is let into an
   * empty queue, or it could never be delivered.
   */
  add(item: Item): Item[] {
    const gone: Item[] = [];
    if (!this.fits(item)) {
      const taken = { events: this.events - this.waitingEvents, bytes: this.bytes - this.waitingBytes };
      if (this.limits.overflow !== "drop-oldest" || !this.fits(item, taken)) return [item];
      for (let oldest = this.take(); oldest !== undefined; oldest = this.fits(item) ? undefined : this.take()) {
        this.release(oldest);
        gone.push(oldest);
      }
    }
    this.items.push(item);
    this.events += item.events;
    this.bytes += item.bytes;
    this.waitingEvents += item.events;
    this.waitingBytes += item.bytes;
    this.highWater = Math.max(this.highWater, this.events);
    return gone;
  }

  /** Takes the oldest item out; it counts until `release`. */
  take(): Item | undefined {
    const item = this.items[this.head];
    if (item === undefined) return undefined;
    this.items[this.head++] = undefined;
    if (this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    this.waitingEvents -= item.events;
    this.waitingBytes -= item.bytes;
    return item;
  }

  /** A taken item was settled. */
  release(item: Item): void {
    this.events -= item.events;
    this.bytes -= item.bytes;
  }

  private fits(item: Item, beside: QueueItem = this): boolean {
    if (beside.events === 0) return true;
    return beside.events + item.events <= this.limits.events && beside.bytes + item.bytes <= this.limits.bytes;
  }
}
