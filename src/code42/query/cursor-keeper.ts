/** Keeps the cursor of a query: reads it, moves it past delivered pages, and is the only one that writes it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CursorStore } from "../../cursor/context-store";
import { Cursor } from "../../cursor/cursor";
import { cursorError } from "../../cursor/errors";
import type { Lease } from "../../cursor/lease";
import { startInstant } from "../../cursor/instant";
import { plain } from "../../common/border";
import { SiemError, type Params } from "../../common/errors";
import type { Colour } from "../../common/status-colour";
import { criteriaHash } from "../criteria/criteria-hash";
import { queryError } from "../errors";
import { hasFilterOn, type Criteria, type WireGroup } from "../criteria/criteria";
import type { QuerySettings } from "./query-settings";
import type { Api } from "../tenant/api";
import type { EventPage } from "./walk";

export interface KeeperDependencies {
  /** Of a cursor that several instances share: only the one that has the lease reads. */
  lease?: Lease | undefined;
  /** The tenant, looked up anew for each poll. Throws when it, or a sink that must confirm, cannot be used. */
  api(): Api;
  store: CursorStore;
  status(colour: Colour, key: string, params?: Params): void;
  /** An error that no input message waits for. */
  error(error: unknown): void;
  warn(key: string, params: Params): void;
  /** Epoch ms. */
  now(): number;
  random(): number;
}

/** A cursor, and what the store holds of it. */
interface KeptCursor {
  readonly cursor: Cursor;
  /** The text in the store (undefined: nothing), and the revision of the cursor that it holds. */
  stored: string | undefined;
  storedRevision: number;
  /** The text of a write that failed: its outcome is unknown, the store may have applied it. */
  unsure: string | undefined;
}

const MAX_COMMIT_PAUSE_MS = 60_000;
/** Many instances wait for a store that is away; it reports that itself. */
const MAX_AWAY_PAUSE_MS = 2000;

export class CursorKeeper {
  /** Undefined until a poll has read it. */
  private kept: KeptCursor | undefined;
  /** Resolves when no write is under way. */
  lastWrite: Promise<unknown> = Promise.resolve();
  private overlapWarned = false;

  /** When `closing` aborts, a commit that failed is not tried again. */
  constructor(private readonly settings: QuerySettings, private readonly dependencies: KeeperDependencies, private readonly closing: AbortSignal) {}

  get cursor(): Cursor | undefined {
    return this.kept?.cursor;
  }

  /**
   * The cursor for a poll with `criteria` and the groups `extra`. A missing one starts at `startFrom` and is stored at
   * once, so that "now" cannot move on. Throws what the store throws, CURSOR_UNREADABLE, CURSOR_OTHER_STREAM, and
   * INCOMPATIBLE_FILTER if a filter is on the term that a stored cursor moves along.
   */
  async load(api: Api, criteria: Criteria, extra: readonly WireGroup[], signal: AbortSignal): Promise<Cursor> {
    const { cursorTerm: term } = this.settings.source;
    const onCursorTerm = term !== undefined && hasFilterOn([...criteria.groups, ...extra], term);
    const hash = criteriaHash(criteria);
    if (this.kept !== undefined && this.dependencies.lease !== undefined) await this.verify(this.kept);
    const known = this.kept ?? await this.read(api);
    if (known !== undefined) this.dependencies.status("blue", "status.polling");
    this.kept = known ?? await this.begin(api, hash, onCursorTerm, signal);
    const { cursor, stored } = this.kept;
    if (onCursorTerm && stored !== undefined) {
      const error = queryError("INCOMPATIBLE_FILTER", plain.params({ term }), { permanent: true });
      error.name = "IncompatibleFilterError";
      throw error;
    }
    if (cursor.queryHash !== hash) {
      if (stored !== undefined && cursor.queryHash !== "") this.dependencies.warn("warning.queryChanged", {});
      cursor.queryHash = hash;
      cursor.revision += 1;
    }
    return cursor;
  }

  /** Moves the cursor past `pages`, which are delivered. Tries until the store takes it; reading waits meanwhile. */
  async commit(pages: readonly EventPage[]): Promise<void> {
    const { kept, settings: { overlapMs }, dependencies } = this;
    if (kept === undefined) return;
    const { cursor } = kept;
    for (const page of pages) {
      const overlap = cursor.advance(page, overlapMs, dependencies.store.room);
      if (overlap < overlapMs && !this.overlapWarned) {
        this.overlapWarned = true;
        dependencies.warn("warning.overlapReduced", { count: cursor.size, seconds: Math.round(overlap / 1000) });
      }
    }
    for (let attempt = 0; cursor.revision !== kept.storedRevision; attempt++) {
      try {
        await this.save(kept);
      } catch (error) {
        if (!(error instanceof SiemError) || error.permanent) throw error;
        const isAway = error.code === "CURSOR_AWAY";
        if (isAway) dependencies.status("yellow", "status.away");
        else dependencies.status("red", "status.cursorFailed");
        if (attempt === 0 && !isAway) dependencies.error(error);
        await sleep(Math.min(isAway ? MAX_AWAY_PAUSE_MS : MAX_COMMIT_PAUSE_MS, 1000 * 2 ** attempt) * (0.5 + dependencies.random() / 2), undefined, { ref: false });
        if (this.kept !== kept || this.closing.aborted) throw error;
      }
    }
  }

  /** Saves the ids of `pages`, which are delivered behind a page that is not: they come again with that one. */
  async remember(pages: readonly EventPage[]): Promise<void> {
    const { kept } = this;
    if (kept === undefined || pages.length === 0) return;
    await this.lastWrite;
    for (const page of pages) kept.cursor.remember(page, this.dependencies.store.room);
    await this.save(kept).catch((error: unknown) => this.dependencies.error(error));
  }

  /** The next poll reads the cursor again. */
  forget(): void {
    this.kept = undefined;
  }

  /** Stores a cursor that starts at an instant (epoch ms), or removes the cursor, whatever is stored. */
  async overwrite(floorMs: number | undefined): Promise<void> {
    const { settings: { savedSearch, criteria }, dependencies } = this;
    if (floorMs === undefined) return dependencies.store.overwrite(undefined);
    // What the saved search asks for is not known here.
    const hash = savedSearch === "" ? criteriaHash(criteria) : "";
    const cursor = Cursor.startingAt(this.ownerAt(dependencies.api()), floorMs, hash);
    await dependencies.store.overwrite(cursor.serialize(dependencies.now()));
  }

  /**
   * The cursor, from `read` if no poll has read it yet; undefined if there is none. Changes nothing. Throws
   * CURSOR_UNREADABLE, CURSOR_OTHER_STREAM and what `api` throws.
   */
  async peek(read: () => Promise<string | undefined>): Promise<Cursor | undefined> {
    const text = this.kept === undefined ? await read() : undefined;
    return this.cursor ?? (text === undefined ? undefined : this.parse(text, this.dependencies.api()));
  }

  private async read(api: Api): Promise<KeptCursor | undefined> {
    const stored = await this.dependencies.store.read();
    if (stored === undefined) return undefined;
    const cursor = this.parse(stored, api);
    return { cursor, stored, storedRevision: cursor.revision, unsure: undefined };
  }

  /** Throws CURSOR_CHANGED if another instance has claimed or moved the cursor, and what the store throws. Without its place nothing is read. */
  private async verify(kept: KeptCursor): Promise<void> {
    const before = { ...kept };
    const found = await this.dependencies.store.look();
    // A commit may be under way; and of a cursor that was deleted with its bucket this instance has the only copy.
    if (found !== undefined && ![before.stored, before.unsure ?? before.stored, kept.stored, kept.unsure ?? kept.stored].includes(found)) {
      throw cursorError("CURSOR_CHANGED", plain.params({ key: this.settings.cursorKey }), { permanent: true });
    }
  }

  private async begin(api: Api, hash: string, onCursorTerm: boolean, signal: AbortSignal): Promise<KeptCursor> {
    const { settings: { startFrom, cursorKey, once }, dependencies } = this;
    const floorMs = onCursorTerm ? 0 : startInstant(startFrom, await api.serverTime(signal));
    const cursor = Cursor.startingAt(this.ownerAt(api), floorMs, hash);
    const instant = new Date(floorMs).toISOString();
    dependencies.status("yellow", "status.startsAt", plain.params({ instant: instant.slice(0, 10) }));
    if (!once) dependencies.warn("warning.noCursor", plain.params({ key: cursorKey, instant }));
    const kept: KeptCursor = { cursor, stored: undefined, storedRevision: cursor.revision, unsure: undefined };
    // A filter of the user's own on the cursor term is allowed until there is a cursor, as c42eventextractor had it.
    if (!onCursorTerm) await this.save(kept);
    return kept;
  }

  private parse(text: string, api: Api): Cursor {
    return Cursor.parse(text, this.ownerAt(api), this.settings.cursorKey);
  }

  private ownerAt({ baseUrl }: Api) {
    return { stream: this.settings.source.name, base: baseUrl };
  }

  private save(kept: KeptCursor): Promise<void> {
    const written = this.write(kept);
    this.lastWrite = written.catch(() => undefined);
    return written;
  }

  private async write(kept: KeptCursor): Promise<void> {
    const { store } = this.dependencies;
    const { cursor: { revision }, unsure } = kept;
    const next = kept.cursor.serialize(this.dependencies.now());
    if (unsure !== undefined && await store.look() === unsure) kept.stored = unsure;
    kept.unsure = next;
    await store.commit(kept.stored, next);
    kept.unsure = undefined;
    kept.stored = next;
    kept.storedRevision = revision;
  }
}
