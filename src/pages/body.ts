/** The body of an answer: kept compressed, and inflated in pieces as often as somebody reads it. */
import type { BufferPool } from "../common/buffer-pool";
import { createGunzip, gunzipSync } from "node:zlib";

export interface Body {
  /** The inflated bytes from the beginning, in pieces. Throws if the body is damaged. */
  chunks(): AsyncIterable<Buffer>;
  /** All inflated bytes at once, which blocks the event loop for a while. */
  whole(): Buffer;
}

const CHUNK_BYTES = 120 * 1024;

/** A body inflates to more bytes than allowed. */
export class BodyTooLong extends Error {}

/** A body in memory. */
export class RawBody implements Body {
  /** `limit`: how many bytes `bytes` may inflate to if they are gzip (`zipped`). */
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
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.limit) throw new BodyTooLong();
      yield chunk;
    }
  }

  whole(): Buffer {
    return this.zipped ? gunzipSync(this.bytes, { maxOutputLength: this.limit }) : this.bytes;
  }
}

export const bodyOf = (bytes: Buffer): Body => new RawBody(bytes, false, bytes.length);

export async function wholeOf(body: Pick<Body, "chunks">): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A view of a body that moves along it. Positions are counted from the beginning of the body. */
export class BodyWindow {
  /** Another view after each `widen`; the bytes of the one before are overwritten. */
  bytes: Buffer;
  /** Position of the first byte of `bytes`. */
  start = 0;
  /** The memory of `bytes`. */
  private room: Buffer;
  private readonly chunks: AsyncIterator<Buffer>;

  /** Takes its memory from `pool`, and gives it back when it is closed. */
  constructor(body: Body, private readonly pool?: BufferPool) {
    this.chunks = body.chunks()[Symbol.asyncIterator]();
    this.room = pool?.take() ?? Buffer.alloc(0);
    this.bytes = this.room.subarray(0, 0);
  }

  /** Adds at least `more` bytes at the end; fewer at the end of the body. False if there are none. */
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

  private append(chunk: Buffer): void {
    const { bytes, room } = this;
    const size = bytes.length + chunk.length;
    let offset = bytes.byteOffset - room.byteOffset;
    if (offset + size > room.length) {
      if (size > room.length) this.room = Buffer.allocUnsafeSlow(2 * size);
      bytes.copy(this.room);
      offset = 0;
    }
    chunk.copy(this.room, offset + bytes.length);
    this.bytes = this.room.subarray(offset, offset + size);
  }

  /** Drops what is before `position`. */
  moveTo(position: number): void {
    this.bytes = this.bytes.subarray(position - this.start);
    this.start = position;
  }

  /** Stops inflating; `bytes` are gone. */
  async close(): Promise<void> {
    await this.chunks.return?.();
    this.pool?.give(this.room);
  }
}
