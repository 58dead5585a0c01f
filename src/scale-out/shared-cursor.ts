/**
 * A cursor in the bucket, which several instances share. Reading it rewrites it by compare-and-swap, so whoever read it before
 * can no longer commit: two instances never move one cursor, whatever their clocks and leases say.
 *
 * The value is the same JSON text as in Node-RED's context, deflated.
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
import { USUAL_PAYLOAD } from "./frames";

/** A cursor of more ids takes too long to save. */
const MOST_IDS = 80_000;
/** Bytes of a message beside the ledger: the rest of the cursor, and the headers. */
const OTHER_BYTES = 2048;
/** Attempts to claim: a commit of the previous owner may come in between. */
const CLAIMS = 5;
const CONFLICT = Symbol("something else is stored");

/** `revision` is that of the deletion if there is no text, 0 if there was never one. */
interface Stored {
  text: string | undefined;
  revision: number;
}

export class SharedCursor implements CursorStore {
  /** What this instance claimed or wrote last. */
  private own: Stored | undefined;
  /** What it read later without claiming it. */
  private seen: Stored | undefined;
  private maxPayload = USUAL_PAYLOAD;
  private readonly place: string;
  /** One request at a time: the late answer to a commit must not be taken for one after the next claim. */
  private readonly alone = oneAtATime();

  constructor(private readonly link: BucketLink, private readonly key: string) {
    this.place = bucketKey("cursor", key);
  }

  /** The stored revision, as far as this instance knows. */
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
        // The blank makes a difference: an instance that waits for the answer to its commit would take an equal text for its own.
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

  /** Also replaces what cannot be read, but nothing that another instance stored since this one claimed or wrote the cursor. */
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

  /** Returns the new revision, or CONFLICT if `revision` (0: none) is not the stored one. */
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

  /** CURSOR_AWAY for an outage, which the connection reports itself. */
  private explain(error: unknown): SiemError {
    const explained = this.link.explain(error);
    if (explained.code !== "NATS_UNREACHABLE" || apiCode(error) !== undefined) return explained;
    return cursorError("CURSOR_AWAY", plain.params({ key: this.key, reason: explained }), { cause: plain.cause(explained) });
  }
}
