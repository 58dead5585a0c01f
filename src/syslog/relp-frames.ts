/** Reads the frames and answers of a RELP server (specification: librelp, doc/relp.md, "RELP FRAME"). */

export interface RelpFrame {
  readonly txnr: number;
  readonly command: string;
  readonly data: Buffer;
}

/** The answer to a command. */
export interface RelpAnswer {
  /** 200, or an error. */
  readonly code: number;
  /** For people; may be empty. */
  readonly text: string;
  /** In the answer to `open`: what the server agrees to, one offer a line. */
  readonly offers: readonly string[];
}

const LAST_TXNR = 999_999_999;
/** Most bytes of a frame's data; answers hold a few words, and the offers some lines. */
const MAX_DATA = 16 * 1024;
const HEADER = /^(\d{1,9}) ([a-zA-Z]{1,32}) (\d{1,9})([ \n])/;
const PART_OF_HEADER = /^(?:\d{1,9}(?: (?:[a-zA-Z]{1,32}(?: \d{0,9})?)?)?)?$/;
const MAX_HEADER = 54;
const LF = 10;

/** Numbers begin again at 1; 0 marks a hint, which is no answer. */
export const nextTxnr = (txnr: number) => (txnr === LAST_TXNR ? 1 : txnr + 1);

/** Cuts a stream of bytes into frames and keeps at most one unfinished frame in memory. */
export class FrameReader {
  private input = Buffer.alloc(0);

  /** Calls `take` for each frame that is complete now. False: the bytes are no RELP, and the rest cannot be read. */
  read(bytes: Buffer, take: (frame: RelpFrame) => void): boolean {
    this.input = Buffer.concat([this.input, bytes]);
    for (;;) {
      const start = this.input.toString("latin1", 0, MAX_HEADER);
      const [header, txnr, command = "", length, behind] = HEADER.exec(start) ?? [];
      if (header === undefined) return PART_OF_HEADER.test(start);
      const size = Number(length);
      if (size > MAX_DATA || (size > 0 && behind !== " ")) return false;
      const at = size > 0 ? header.length : header.length - 1;
      if (at + size >= this.input.length) return true;
      if (this.input[at + size] !== LF) return false;
      take({ txnr: Number(txnr), command, data: this.input.subarray(at, at + size) });
      this.input = this.input.subarray(at + size + 1);
    }
  }
}

/** Reads the data of a `rsp` frame: a code of three digits, a text, and after a line feed the offers. */
export function readAnswer(data: Buffer): RelpAnswer | undefined {
  const [first = "", ...offers] = data.toString().split("\n");
  const [, code, text = ""] = /^(\d{3})(?: (.*))?$/s.exec(first) ?? [];
  return code === undefined ? undefined : { code: Number(code), text, offers };
}
