/** What a RELP server says, taken apart (specification: librelp, doc/relp.md, "RELP FRAME"). */

export interface RelpFrame {
  readonly txnr: number;
  readonly command: string;
  readonly data: Buffer;
}

/** The answer to a command. */
export interface RelpAnswer {
  /** 200, or an error. */
  readonly code: number;
  /** For people, or empty. */
  readonly text: string;
  /** What an accepted `open` agrees to, a line each. */
  readonly offers: readonly string[];
}

const LAST_TXNR = 999_999_999;
const MAX_DIGITS = 9;
const MAX_COMMAND = 32;
/** Most bytes of a frame's data; answers hold a few words, and the offers some lines. */
const MAX_DATA = 16 * 1024;
const LF = 10;
const SPACE = 32;
const EMPTY = Buffer.alloc(0);

/** Numbers begin again at 1; 0 is that of a hint, which nobody asked for. */
export const nextTxnr = (txnr: number) => (txnr === LAST_TXNR ? 1 : txnr + 1);

/** How many numbers `to` is ahead of `from`. */
export const txnrDistance = (from: number, to: number) => (to - from + LAST_TXNR) % LAST_TXNR;

const isDigit = (byte: number) => byte >= 48 && byte <= 57;
const isLetter = (byte: number) => (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90);

/** Cuts a stream of bytes into frames and keeps at most one unfinished frame in memory. */
export class FrameReader {
  private input: Buffer = EMPTY;
  private at = 0;

  /** Calls `take` for each frame that is complete now. False: the bytes are no RELP, and the rest cannot be read. */
  read(bytes: Buffer, take: (frame: RelpFrame) => void): boolean {
    this.input = this.input.length === 0 ? bytes : Buffer.concat([this.input, bytes]);
    this.at = 0;
    for (;;) {
      const start = this.at;
      const frame = this.frame();
      if (frame === "garbled") return false;
      if (frame === "incomplete") {
        // A copy: the bytes come in a Buffer that is much larger than what is left of it.
        this.input = Buffer.from(this.input.subarray(start));
        return true;
      }
      take(frame);
    }
  }

  private frame(): RelpFrame | "incomplete" | "garbled" {
    const { input } = this;
    const txnr = this.word(isDigit, MAX_DIGITS);
    if (typeof txnr === "string") return txnr;
    if (input[this.at++] !== SPACE) return "garbled";
    const command = this.word(isLetter, MAX_COMMAND);
    if (typeof command === "string") return command;
    if (input[this.at++] !== SPACE) return "garbled";
    const length = this.word(isDigit, MAX_DIGITS);
    if (typeof length === "string") return length;
    const size = decimal(length);
    if (size > MAX_DATA) return "garbled";
    if (size > 0 && input[this.at++] !== SPACE) return "garbled";
    const end = this.at + size;
    if (end >= input.length) return "incomplete";
    if (input[end] !== LF) return "garbled";
    const data = input.subarray(this.at, end);
    this.at = end + 1;
    return { txnr: decimal(txnr), command: command.toString("latin1"), data };
  }

  /** The bytes of one kind that stand here, from one to `limit`; what ends them must be there too. */
  private word(belongs: (byte: number) => boolean, limit: number): Buffer | "incomplete" | "garbled" {
    const { input, at } = this;
    let end = at;
    for (let byte = input[end]; byte !== undefined; byte = input[end]) {
      if (!belongs(byte)) {
        this.at = end;
        return end === at ? "garbled" : input.subarray(at, end);
      }
      end += 1;
      if (end - at > limit) return "garbled";
    }
    return "incomplete";
  }
}

function decimal(digits: Buffer): number {
  let value = 0;
  for (const digit of digits) value = value * 10 + digit - 48;
  return value;
}

/** Reads the data of a `rsp` frame: a code of three digits, a text, and after a line feed the offers. */
export function readAnswer(data: Buffer): RelpAnswer | undefined {
  const code = data.subarray(0, 3);
  const after = data[3];
  if (code.length < 3 || !code.every(isDigit) || (after !== undefined && after !== SPACE && after !== LF)) return undefined;
  if (after === undefined) return { code: decimal(code), text: "", offers: [] };
  const [text = "", ...offers] = data.toString("utf8", after === LF ? 3 : 4).split("\n");
  return { code: decimal(code), text, offers };
}
