/** A queue with a limit of events and bytes. */

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

/** First in, first out. An item that was taken out counts against the limits until it is released: it is still in memory. */
export class BoundedQueue<Item extends QueueItem> {
  /** Of the items that wait or are not released yet. */
  events = 0;
  bytes = 0;
  /** Of the items that wait. */
  waitingEvents = 0;
  waitingBytes = 0;
  /** Highest value of `events`. */
  highWater = 0;
  private items: (Item | undefined)[] = [];
  private head = 0;

  constructor(private readonly limits: QueueLimits) {}

  /**
   * Adds `item` if there is room. Returns the items that found none: with `refuse` and `drop-newest` the item itself, with
   * `drop-oldest` the oldest waiting items, if that makes room. An empty queue takes an item of any size, because it
   * could never be delivered otherwise.
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
