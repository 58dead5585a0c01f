/** What parsers of JSON bytes have in common: texts are compared and strings are searched four bytes at a time. */

/** A text of at least four bytes: four bytes each, of which the last ones overlap with those before. */
export interface Words {
  words: Int32Array;
  bytes: number;
}

export function wordsOf(text: Buffer): Words {
  const { length } = text;
  return { words: Int32Array.from({ length: Math.ceil(length / 4) }, (_, word) => text.readInt32LE(Math.min(4 * word, length - 4))), bytes: length };
}

/** True if the text stands at byte `at`. */
export function standsAt(view: DataView, at: number, { words, bytes }: Words): boolean {
  const last = words.length - 1;
  for (let index = 0; index < last; index++) if (view.getInt32(at + 4 * index, true) !== words[index]) return false;
  return view.getInt32(at + bytes - 4, true) === words[last];
}

/** 1 for a byte that stands for itself within a string: printable ASCII but the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c ? 1 : 0));

/** The first byte from `at` on that does not stand for itself within a string. There is one, with three bytes behind it. */
export function plainEnd(bytes: Uint8Array, view: DataView, at: number): number {
  // Bit 7 of a byte is set if it was, or by a borrow if the byte is below 0x20, a quote or a backslash. A borrow may also
  // set that of the byte above, which is looked at more closely for nothing.
  for (; ; at += 4) {
    const four = view.getInt32(at, true);
    if (((four | (four - 0x20202020) | ((four ^ 0x22222222) - 0x01010101) | ((four ^ 0x5c5c5c5c) - 0x01010101)) & 0x80808080) !== 0) break;
  }
  while (PLAIN[bytes[at] as number] === 1) at += 1;
  return at;
}
