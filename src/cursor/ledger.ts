/**
 * The ids of the events that were delivered and whose insertion time is not below the cursor's floor: they come again
 * with every poll, because the floor is inclusive and the overlap is re-read, and must not be delivered again.
 *
 * An id is kept as 72 bits of its SHA-256. With 50,000 ids the chance that a new event is mistaken for a known one is
 * 50,000 / 2^72, about 1 in 10^17. There is one string of ids for each second: saving the ledger joins strings, and
 * pruning drops whole strings and filters one.
 */
import { hash } from "node:crypto";
import { KEY_LENGTH, KeyColumn, KeyTable } from "./keys";

/** Two base-36 digits for the millisecond within its second, then the key. */
const ENTRY_LENGTH = 2 + KEY_LENGTH;
const ENTRIES = /^[\w-]*$/;

/** Bytes of a deflated ledger: measured are 10.6 to 10.9 for an id, and 4.1 more for each second that has one. */
const DEFLATED_ID = 11;
const DEFLATED_SECOND = 5;

/** What a place for cursors has room for. */
export interface LedgerRoom {
  ids: number;
  /** Of the deflated ledger. */
  bytes: number;
}

/** The key of an event id: 72 bits of SHA-256, base64url. */
export const ledgerKey = (id: string): string => hash("sha256", id, "base64url").slice(0, KEY_LENGTH);

export class Ledger {
  private readonly keys = new KeyTable();
  /** Epoch second → entries. */
  private readonly seconds = new Map<number, string>();

  get size(): number {
    return this.keys.size;
  }

  fits({ ids, bytes }: LedgerRoom): boolean {
    return this.size <= ids && this.size * DEFLATED_ID + this.seconds.size * DEFLATED_SECOND <= bytes;
  }

  has(keys: KeyColumn, index: number): boolean {
    return this.keys.has(keys, index);
  }

  /** Adds the key of an event inserted at `insertedMs` (epoch ms). */
  add(keys: KeyColumn, index: number, insertedMs: number): void {
    if (!this.keys.set(keys, index, insertedMs)) return;
    const second = Math.floor(insertedMs / 1000);
    const entry = (insertedMs - second * 1000).toString(36).padStart(2, "0") + keys.text(index);
    this.seconds.set(second, (this.seconds.get(second) ?? "") + entry);
  }

  /** Forgets every id inserted before `floorMs` (epoch ms). */
  prune(floorMs: number): void {
    const floorSecond = Math.floor(floorMs / 1000);
    for (const [second, entries] of this.seconds) {
      if (second > floorSecond) continue;
      const kept: string[] = [];
      for (let at = 0; at < entries.length; at += ENTRY_LENGTH) {
        const ms = second * 1000 + parseInt(entries.slice(at, at + 2), 36);
        if (ms >= floorMs) kept.push(entries.slice(at, at + ENTRY_LENGTH));
        else this.keys.delete(KeyColumn.of([entries.slice(at + 2, at + ENTRY_LENGTH)]), 0);
      }
      if (kept.length === 0) this.seconds.delete(second);
      else if (kept.length * ENTRY_LENGTH < entries.length) this.seconds.set(second, kept.join(""));
    }
  }

  /** `{ "<epoch second, base 36>": "<entries>" }` */
  toJSON(): Record<string, string> {
    return Object.fromEntries([...this.seconds].map(([second, entries]) => [second.toString(36), entries]));
  }

  /** Reads what `toJSON` gave. Returns undefined if it is anything else. */
  static parse(value: unknown): Ledger | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const ledger = new Ledger();
    for (const [name, entries] of Object.entries(value)) {
      const second = parseInt(name, 36);
      if (!Number.isSafeInteger(second) || typeof entries !== "string" || entries.length % ENTRY_LENGTH !== 0 || !ENTRIES.test(entries)) return undefined;
      ledger.seconds.set(second, entries);
      for (let at = 0; at < entries.length; at += ENTRY_LENGTH) ledger.keys.set(KeyColumn.of([entries.slice(at + 2, at + ENTRY_LENGTH)]), 0, second * 1000);
    }
    return ledger;
  }
}
