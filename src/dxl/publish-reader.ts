/**
 * Takes the events out of what a broker sends, before the MQTT library sees it. Events are nearly everything that a broker
 * sends, and each costs more on its way through the library's streams and listeners than all else on its way to the queue.
 * Everything else stays the library's work, and so does what is malformed.
 *
 * Source: MQTT 3.1.1, sections 2.2 (fixed header) and 3.3 (PUBLISH).
 */

export interface PublishReaderOptions {
  /** A PUBLISH of QoS 0. `payload` is only lent. */
  message(topic: string, payload: Buffer): void;
  /** All other packets in their order, also in parts. `bytes` are only lent. */
  other(bytes: Buffer): void;
}

/** PUBLISH with QoS 0; bit 0, retain, may be set. */
const PUBLISH = 0x30;
const RETAIN = 0x01;
/** The type, and four bytes of length at most. */
const LONGEST_HEADER = 5;

export class PublishReader {
  /** The beginning of a PUBLISH, or of a header. */
  private pieces: Buffer[] = [];
  /** Bytes that are missing of that PUBLISH. */
  private missing = 0;
  /** Bytes to come of a packet that is not for us. */
  private passing = 0;
  /** Behind the header that was read last. */
  private body = 0;
  private topic = "";
  private topicBytes = Buffer.from(this.topic);

  constructor(private readonly options: PublishReaderOptions) {}

  /** Takes the next bytes of the connection; they may be written over afterwards. */
  read(piece: Buffer): void {
    if (this.pieces.length === 0) {
      this.packets(piece);
    } else if (piece.length < this.missing) {
      this.pieces.push(Buffer.from(piece));
      this.missing -= piece.length;
    } else {
      const bytes = Buffer.concat([...this.pieces, piece]);
      this.pieces = [];
      this.packets(bytes);
    }
  }

  private packets(bytes: Buffer): void {
    const { length } = bytes;
    for (let at = 0; at < length;) {
      if (this.passing === 0) {
        const end = this.endOfPacket(bytes, at);
        const isPublish = ((bytes[at] as number) & ~RETAIN) === PUBLISH && end !== Infinity;
        if (end === 0 || (isPublish && end > length)) {
          this.pieces.push(Buffer.from(bytes.subarray(at)));
          this.missing = Math.max(0, end - length);
          return;
        }
        if (isPublish && this.publish(bytes, end)) {
          at = end;
          continue;
        }
        this.passing = end - at;
      }
      const end = Math.min(length, at + this.passing);
      this.passing -= end - at;
      this.options.other(bytes.subarray(at, end));
      at = end;
    }
  }

  /** Where the packet ends that begins at `at`: 0 if its header is not complete, Infinity if nobody can tell. */
  private endOfPacket(bytes: Buffer, at: number): number {
    let size = 0;
    let factor = 1;
    for (let next = at + 1; next < at + LONGEST_HEADER; next++) {
      if (next === bytes.length) return 0;
      const byte = bytes[next] as number;
      size += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte < 0x80) {
        this.body = next + 1;
        return this.body + size;
      }
    }
    return Infinity;
  }

  /** Hands on the PUBLISH whose header was just read; false if its topic does not fit in. */
  private publish(bytes: Buffer, end: number): boolean {
    const topic = this.body + 2;
    if (topic > end) return false;
    const payload = topic + bytes.readUInt16BE(this.body);
    if (payload > end) return false;
    this.options.message(this.topicOf(bytes, topic, payload), bytes.subarray(payload, end));
    return true;
  }

  /** Nearly always that of the event before. */
  private topicOf(bytes: Buffer, start: number, end: number): string {
    const { topicBytes } = this;
    let same = topicBytes.length === end - start;
    for (let at = start; same && at < end; at++) same = bytes[at] === topicBytes[at - start];
    if (!same) {
      this.topicBytes = Buffer.from(bytes.subarray(start, end));
      this.topic = this.topicBytes.toString();
    }
    return this.topic;
  }
}
