/** The body of an answer: kept as it came, inflated a piece at a time, as often as somebody wants to read it. */
import { createGunzip, gunzipSync } from "node:zlib";
import { freeMemory } from "./free-memory";

export interface Body {
  /** The inflated bytes from the beginning, some at a time; each is gone when the next one is asked for. Throws if the body is damaged. */
  chunks(): AsyncIterable<Buffer>;
  /** All of them at once, which may take a while. */
  whole(): Buffer;
  /** The body as it came, for another thread to read. */
  readonly raw: RawBody;
}

/** Large enough to cost few turns, and small enough to come from memory that malloc uses again (it maps larger pieces anew, mallopt(3)). */
const CHUNK_BYTES = 120 * 1024;

/** More bytes came out of a body than are allowed. */
export class BodyTooLong extends Error {}

/** Bytes as they came, and what must be known to read them. */
export class RawBody implements Body {
  readonly raw = this;

  /** `limit` is how many bytes there may be when gzip (`zipped`) is undone. */
  constructor(readonly bytes: Buffer, readonly zipped: boolean, readonly limit: number) {}

  /** Throws BodyTooLong, and what zlib throws. */
  async *chunks(): AsyncGenerator<Buffer> {
    if (!this.zipped) {
      for (let start = 0; start < this.bytes.length; start += CHUNK_BYTES) yield this.bytes.subarray(start, start + CHUNK_BYTES);
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    gunzip.end(this.bytes);
    let bytes = 0;
    let last: Buffer | undefined;
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.limit) throw new BodyTooLong();
      yield chunk;
      last = chunk;
      // A full one: zlib has taken another for what comes next.
      if (chunk.length === CHUNK_BYTES) freeMemory(chunk);
    }
    if (last?.buffer.byteLength === CHUNK_BYTES) freeMemory(Buffer.from(last.buffer));
  }

  whole(): Buffer {
    return this.zipped ? gunzipSync(this.bytes, { maxOutputLength: this.limit }) : this.bytes;
  }
}

export const bodyOf = (bytes: Buffer): Body => new RawBody(bytes, false, bytes.length);

export async function wholeOf(body: Body): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body.chunks()) chunks.push(Buffer.from(chunk));
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** A stretch of a body that moves along it. Places are counted from the beginning of the body. */
export class BodyWindow {
  /** What is in sight. */
  bytes: Buffer = Buffer.alloc(0);
  /** Where it begins in the body. */
  start = 0;
  private readonly chunks: AsyncIterator<Buffer>;
  /** Where chunks are joined. */
  private room: Buffer = Buffer.alloc(0);

  constructor(body: Body) {
    this.chunks = body.chunks()[Symbol.asyncIterator]();
  }

  /** Makes at least `more` bytes visible beyond those that are; false at the end of the body, when none came. `bytes` is another view then. */
  async widen(more: number): Promise<boolean> {
    let added = 0;
    while (added < Math.max(1, more)) {
      const next = await this.chunks.next();
      if (next.done === true) break;
      this.append(next.value);
      added += next.value.length;
    }
    return added > 0;
  }

  /** The room for chunks is used again and again: else a page leaves megabytes behind. */
  private append(chunk: Buffer): void {
    const { bytes, room } = this;
    const { length } = bytes;
    const size = length + chunk.length;
    let start = bytes.buffer === room.buffer ? bytes.byteOffset : Infinity;
    if (start + size > room.length) {
      if (size > room.length) this.room = Buffer.allocUnsafeSlow(2 * size);
      bytes.copy(this.room);
      if (this.room !== room) freeMemory(room);
      start = 0;
    }
    chunk.copy(this.room, start + length);
    this.bytes = this.room.subarray(start, start + size);
  }

  /** Forgets what is before `place`. */
  moveTo(place: number): void {
    this.bytes = this.bytes.subarray(place - this.start);
    this.start = place;
  }

  /** Everything from the beginning of the window to the end of the body. */
  async rest(): Promise<Buffer> {
    while (await this.widen(this.bytes.length));
    return this.bytes;
  }

  /** Nobody reads on, or looks at what was read. */
  async close(): Promise<void> {
    await this.chunks.return?.();
    this.bytes = Buffer.alloc(0);
    freeMemory(this.room);
    this.room = this.bytes;
  }
}
