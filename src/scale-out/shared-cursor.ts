/**
 * A cursor in the bucket, which several instances share. Reading it rewrites it by compare-and-swap, so whoever read it before
 * can no longer commit: two instances never move one cursor, whatever their clocks and leases say.
 *
 * The value is the JSON text that the context stores, deflated. It moves there and back as a copy.
 */
import { deflateSync, inflateSync } from "node:zlib";
import type { KV, KvEntry } from "@nats-io/kv";
import { plain } from "../common/border";
import type { SiemError } from "../common/errors";
import { CURSOR_BYTES } from "../common/limits";
import { oneAtATime } from "../common/one-at-a-time";
import type { CursorStore } from "../cursor/context-store";
import { cursorError } from "../cursor/errors";
import type { LedgerRoom } from "../cursor/ledger";
import { bucketKey, withBucket, type BucketLink } from "./bucket";
import { apiCode, isConflict } from "./explain";
import { USUAL_PAYLOAD } from "./transport";

/** A cursor of more ids takes too long to save. */
const MOST_IDS = 80_000;
/** Of a message beside the ledger: the rest of the cursor, and the headers. */
const OTHER_BYTES = 2048;
/** A commit of the instance that had the cursor before may come in between. */
const CLAIMS = 5;
const CONFLICT = Symbol("something else is stored");

/** `revision` is that of the deletion if there is no text, 0 if there was never one. */
interface Stored {
  text: string | undefined;
  revision: number;
}

export class SharedCursor implements CursorStore {
  /** What this instance read or wrote last: it commits over nothing else. */
  private own: Stored | undefined;
  /** What it saw last without claiming it. */
  private seen: Stored | undefined;
  private maxPayload = USUAL_PAYLOAD;
  private readonly place: string;
  /** One exchange at a time: a commit whose answer is late must not be taken for one after the next claim. */
  private readonly alone = oneAtATime();

  constructor(private readonly link: BucketLink, private readonly key: string) {
    this.place = bucketKey("cursor", key);
  }

  /** Of what is stored, as far as this instance knows. */
  get revision(): number | undefined {
    return (this.seen ?? this.own)?.revision;
  }

  get room(): LedgerRoom {
    this.maxPayload = this.link.session?.maxPayload ?? this.maxPayload;
    return { ids: MOST_IDS, bytes: this.maxPayload - OTHER_BYTES };
  }

  /** Claims the cursor. */
  read(): Promise<string | undefined> {
    return this.alone(async () => {
      for (let tries = CLAIMS; tries > 0; tries--) {
        const found = await this.stored();
        if (found.text === undefined) return this.owns(found).text;
        // It must differ from what it replaces: an instance that does not know whether its commit was applied would take the claim for it.
        const text = `${found.text} `;
        const revision = await this.put(text, found.revision);
        if (revision !== CONFLICT) return this.owns({ text, revision }).text;
      }
      throw this.lost();
    });
  }

  look(): Promise<string | undefined> {
    return this.alone(async () => {
      const found = await this.stored();
      // The whole bucket was deleted: the next commit stores the cursor again.
      if (found.revision === 0 && this.own !== undefined) return this.own.text;
      this.seen = found;
      return found.text;
    });
  }

  commit(expected: string | undefined, next: string | undefined): Promise<void> {
    return this.alone(async () => {
      const over = [this.own, this.seen].find((stored) => stored !== undefined && stored.text === expected);
      if (over === undefined) throw this.lost();
      await this.replace(over.revision, next);
    });
  }

  /** Also over what cannot be read, but not over what somebody else has stored since this instance read or wrote the cursor. */
  overwrite(next: string | undefined): Promise<void> {
    return this.alone(async () => this.replace(this.own?.revision ?? (await this.entry())?.revision ?? 0, next));
  }

  /** Stores `next` over `revision`. */
  private async replace(revision: number, next: string | undefined): Promise<void> {
    if (next === undefined) {
      if (revision > 0 && await this.swap((bucket) => bucket.delete(this.place, { previousSeq: revision })) === CONFLICT) throw this.lost();
      this.own = this.seen = undefined;
      return;
    }
    let written = await this.put(next, revision);
    // The whole bucket was deleted: this instance has the only copy of the cursor.
    if (written === CONFLICT && revision > 0 && await this.entry() === null) written = await this.put(next, 0);
    if (written === CONFLICT) throw this.lost();
    this.owns({ text: next, revision: written });
  }

  /** Returns the new revision, or CONFLICT if the one that is stored is not `revision` (0: none). */
  private async put(text: string, revision: number): Promise<number | typeof CONFLICT> {
    const bytes = deflateSync(text, { level: 1 });
    const { bytes: most } = this.room;
    if (bytes.length > most + OTHER_BYTES / 2) throw cursorError("CURSOR_TOO_LARGE", plain.params({ key: this.key, size: bytes.length, max: most }), { permanent: true });
    return this.swap((bucket) => bucket.put(this.place, bytes, { previousSeq: revision }));
  }

  private async swap<Result>(write: (bucket: KV) => Promise<Result>): Promise<Result | typeof CONFLICT> {
    try {
      return await withBucket(this.link, write);
    } catch (error) {
      if (isConflict(error)) return CONFLICT;
      const reason = this.explain(error);
      throw reason.code === "CURSOR_AWAY" ? reason : cursorError("CURSOR_NOT_SAVED", plain.params({ key: this.key, reason }), { cause: plain.cause(reason) });
    }
  }

  private async entry(): Promise<KvEntry | null> {
    try {
      return await withBucket(this.link, (bucket) => bucket.get(this.place));
    } catch (error) {
      throw this.explain(error);
    }
  }

  private async stored(): Promise<Stored> {
    const entry = await this.entry();
    return { text: entry?.operation === "PUT" ? this.textOf(entry.value) : undefined, revision: entry?.revision ?? 0 };
  }

  private textOf(value: Uint8Array): string {
    try {
      return inflateSync(value, { maxOutputLength: CURSOR_BYTES }).toString();
    } catch (error) {
      throw cursorError("CURSOR_UNREADABLE", plain.params({ key: this.key, reason: error }), { permanent: true });
    }
  }

  private owns(stored: Stored): Stored {
    this.seen = undefined;
    return this.own = stored;
  }

  private lost(): SiemError {
    this.own = this.seen = undefined;
    return cursorError("CURSOR_CHANGED", plain.params({ key: this.key }), { permanent: true });
  }

  /** What the connection reports itself becomes CURSOR_AWAY. */
  private explain(error: unknown): SiemError {
    const explained = this.link.explain(error);
    if (explained.code !== "NATS_UNREACHABLE" || apiCode(error) !== undefined) return explained;
    return cursorError("CURSOR_AWAY", plain.params({ key: this.key, reason: explained }), { cause: plain.cause(explained) });
  }
}
