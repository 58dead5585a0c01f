/**
 * Ids as Node-RED gives them to messages that have none: 16 hexadecimal digits. Node-RED makes each of them a byte at a
 * time, which takes as long as decoding an event; here one call into native code makes those of many.
 */
import { randomFillSync } from "node:crypto";

const BYTES = 8;
/** What is cut out of a text keeps all of it alive, so texts are shorter than what is drawn at a time. */
const TEXT_BYTES = 64 * BYTES;

export class MessageIds {
  private readonly random = Buffer.alloc(16 * TEXT_BYTES);
  private drawn = this.random.length;
  private text = "";
  private at = 0;

  next(): string {
    if (this.at === this.text.length) this.refill();
    const start = this.at;
    this.at += 2 * BYTES;
    return this.text.slice(start, this.at);
  }

  private refill(): void {
    if (this.drawn === this.random.length) {
      randomFillSync(this.random);
      this.drawn = 0;
    }
    this.text = this.random.toString("hex", this.drawn, this.drawn + TEXT_BYTES);
    this.drawn += TEXT_BYTES;
    this.at = 0;
  }
}
