/**
 * Where what stands in the kernel's memory, in bytes, and how it is laid out. `src/kernel/program.ts` writes by the same
 * figures, which it reads from the exports: nothing of this is written down twice.
 *
 * All numbers are little-endian i32 unless said; a text is a pair of address and length.
 */

/** Tables, nodes and texts that the program consists of. What is below belongs to the compiler. */
export const PROGRAM: i32 = 16 * 1024;
export const PROGRAM_BYTES: i32 = 176 * 1024;

/** What the open event has at each path that the program names: COLUMN_BYTES each. */
export const COLUMNS: i32 = PROGRAM + PROGRAM_BYTES;
export const MOST_COLUMNS: i32 = 512;
/** event (number of the event that it belongs to), kind, start, end, flags */
export const COLUMN_BYTES: i32 = 20;

/** Texts that are put together from several values. */
export const SCRATCH: i32 = COLUMNS + MOST_COLUMNS * COLUMN_BYTES;
export const SCRATCH_BYTES: i32 = 32 * 1024;

/** What is told of the events: RECORD_BYTES each. */
export const RECORDS: i32 = SCRATCH + SCRATCH_BYTES;
export const MOST_RECORDS: i32 = 2048;
/** f64 time (epoch ms), start, end (in the input), line start, line end (in the output; -1: JavaScript has to see to this event) */
export const RECORD_BYTES: i32 = 24;

/** The ledger keys of the events, KEY_BYTES each. */
export const KEYS: i32 = RECORDS + MOST_RECORDS * RECORD_BYTES;
export const KEY_BYTES: i32 = 12;

/** JSON, with zeros behind it. */
export const INPUT: i32 = KEYS + MOST_RECORDS * KEY_BYTES;
export const INPUT_BYTES: i32 = 256 * 1024;
/** So far behind a text may be read. */
export const PADDING: i32 = 64;

/** Lines, each with a line feed behind it. */
export const OUTPUT: i32 = INPUT + INPUT_BYTES + PADDING;
export const OUTPUT_BYTES: i32 = 256 * 1024;
/** Longer lines are left to JavaScript. */
export const MOST_LINE_BYTES: i32 = 60 * 1024;

export const MEMORY_BYTES: i32 = OUTPUT + OUTPUT_BYTES + PADDING;
