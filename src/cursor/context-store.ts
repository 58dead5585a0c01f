/** Stores a cursor in Node-RED's context, behind an interface that a shared store can implement too. */
import { plain, printable } from "../common/border";
import { cursorError } from "./errors";
import type { LedgerRoom } from "./ledger";

/** A place for a cursor. Values are strings: other nodes' values in the same store can then never break it. */
export interface CursorSlot {
  /** Rejects with CURSOR_UNREADABLE, permanent if what is stored there is no text. */
  read(): Promise<string | undefined>;
  /** Stores `next` (undefined: nothing), whatever is stored. Rejects with CURSOR_NOT_SAVED. */
  overwrite(next: string | undefined): Promise<void>;
}

/**
 * Where one cursor is kept. `read` of a shared store claims the cursor: whoever read it before can no longer commit. A shared
 * store rejects with CURSOR_AWAY while it cannot be reached.
 */
export interface CursorStore extends CursorSlot {
  /** What is stored, for those who only look, or do not know whether a commit was applied. Claims nothing. */
  look(): Promise<string | undefined>;
  /**
   * Replaces `expected` by `next` (undefined: nothing stored). Rejects with CURSOR_CHANGED when something else is
   * stored, with CURSOR_NOT_SAVED when the store fails, with CURSOR_TOO_LARGE when it can never take `next`.
   */
  commit(expected: string | undefined, next: string | undefined): Promise<void>;
  /** How many ids it can hold. Missing: as many as a cursor may have. */
  readonly room?: LedgerRoom;
}

/** For a query that keeps no cursor. */
export const noStore: CursorStore = {
  read: async () => undefined,
  look: async () => undefined,
  commit: async () => undefined,
  overwrite: async () => undefined,
};

/** The part of Node-RED's context API that we use, always with a callback: some stores are asynchronous only. */
export interface ContextAccess {
  get(key: string, store: string | undefined, callback: (error: Error | null | undefined, value?: unknown) => void): void;
  set(key: string, value: unknown, store: string | undefined, callback: (error?: Error | null) => void): void;
}

/** The value under `key` (letters, digits, underscores) of a context. */
export class ContextSlot implements CursorSlot {
  constructor(private readonly context: ContextAccess, private readonly key: string, private readonly store: string | undefined) {}

  async read(): Promise<string | undefined> {
    let value: unknown;
    try {
      value = await new Promise<unknown>((resolve, reject) => {
        this.context.get(this.key, this.store, (error, found) => (error == null ? resolve(found) : reject(error)));
      });
    } catch (error) {
      throw cursorError("CURSOR_UNREADABLE", plain.params({ key: this.key, reason: error }), { cause: plain.cause(error) });
    }
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") {
      throw cursorError("CURSOR_UNREADABLE", plain.params({ key: this.key, reason: `it holds a value of type ${typeof value}, not a cursor` }), { permanent: true });
    }
    return value;
  }

  async overwrite(next: string | undefined): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.context.set(this.key, next, this.store, (error) => (error == null ? resolve() : reject(error)));
      });
    } catch (error) {
      throw cursorError("CURSOR_NOT_SAVED", plain.params({ key: this.key, reason: error }), { cause: plain.cause(error) });
    }
  }
}

const KEY = /^[A-Za-z0-9_]{1,100}$/;

/** Checks a cursor key: Node-RED reads dots and brackets in a key as a path. Throws CURSOR_KEY_INVALID. */
export function cursorKey(key: string): string {
  if (!KEY.test(key)) throw cursorError("CURSOR_KEY_INVALID", plain.params({ key: printable(key, 80) }), { permanent: true });
  return key;
}

/** Remembers which node uses which cursor: two on one would skip each other's events. One for each Node-RED runtime. */
export class CursorClaims {
  private readonly owners = new Map<string, { id: string; name: string }>();

  /** Claims `place` and returns the function that gives it back. Throws CURSOR_IN_USE. */
  claim(place: string, key: string, owner: { id: string; name: string }): () => void {
    const holder = this.owners.get(place);
    if (holder !== undefined && holder.id !== owner.id) throw cursorError("CURSOR_IN_USE", plain.params({ key, owner: holder.name }), { permanent: true });
    this.owners.set(place, owner);
    return () => {
      if (this.owners.get(place) === owner) this.owners.delete(place);
    };
  }
}
