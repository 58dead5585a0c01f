/** Reads a growing file from where the last call ended, because reading a hundred megabytes again each time would take too long. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";

const CHUNK = 4 * 1024 * 1024;
const LF = 10;

export class LineTail {
  private position = 0;
  private rest: Buffer = Buffer.alloc(0);

  constructor(private readonly file: string) {}

  /** The lines that were completed since the last call, without line ends. */
  *read(): Generator<string> {
    if (!existsSync(this.file)) return;
    const chunk = Buffer.alloc(CHUNK);
    const file = openSync(this.file, "r");
    try {
      for (let length = readSync(file, chunk, 0, CHUNK, this.position); length > 0; length = readSync(file, chunk, 0, CHUNK, this.position)) {
        this.position += length;
        const bytes = Buffer.concat([this.rest, chunk.subarray(0, length)]);
        let start = 0;
        for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
          yield bytes.toString("utf8", start, end);
          start = end + 1;
        }
        this.rest = bytes.subarray(start);
      }
    } finally {
      closeSync(file);
    }
  }
}
