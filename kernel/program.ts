/**
 * How a program is laid out: what stands at PROGRAM, and what that points to. `src/kernel/program.ts` writes it. All
 * numbers are i32; `text` is an address and a length.
 */
import { PROGRAM } from "./layout";

/** level of the event, column of its id, column of its time, header parts, their count, rows, their count, most bytes of a line */
export const HEAD_BYTES: i32 = 32;

export function word(at: i32, index: i32): i32 {
  return load<i32>(at + 4 * index);
}

export function head(index: i32): i32 {
  return word(PROGRAM, index);
}

/** A level of objects: number of the event that was last seen to have it, mask of its table, table. */
export const LEVEL_BYTES: i32 = 12;
/** An entry of its table: text of the key (address 0: free), column or -1, level inside or 0. */
export const ENTRY_BYTES: i32 = 16;

/** Where the search for a key begins. */
export function hashOf(key: i32, length: i32): i32 {
  return <i32>load<u8>(key) * 7 + <i32>load<u8>(key + length - 1) * 31 + <i32>load<u8>(key + (length >> 1)) * 131 + length;
}

/** A header part: node or 0, text if there is no value (escaped), most bytes. */
export const PART_BYTES: i32 = 16;
/** A row: node, type, most bytes, text before it, text before it behind another one, text behind it, 1 for a constant. */
export const ROW_BYTES: i32 = 40;

/** The types of rows. */
export const TYPE_STRING: i32 = 0;
export const TYPE_TIMESTAMP: i32 = 1;
export const TYPE_INTEGER: i32 = 2;
export const TYPE_LONG: i32 = 3;
export const TYPE_IPV4: i32 = 4;
export const TYPE_IPV6: i32 = 5;

/** A node begins with what it does. */
export const NODE_PATH: i32 = 0; // column
export const NODE_CONSTANT: i32 = 1; // text
export const NODE_FIRST: i32 = 2; // count, nodes
export const NODE_FROM: i32 = 3; // node, test that it must pass or -1, test that it must not pass or -1, condition or 0
export const NODE_DIRECTORY: i32 = 4; // node of the directory, node of the name
export const NODE_LIST: i32 = 5; // column, text between items, index or -1 for all of them, text of the property or address 0
export const NODE_LISTS: i32 = 6; // text of the property to have, text of the one to take, count, columns
export const NODE_WORDS: i32 = 7; // node, count, texts of values and words
export const NODE_SEVERITY: i32 = 8; // column

/** A condition: node, 1 if it must be one of the values, 1 if absence is one of them, count, texts. */

export const TEST_IPV4: i32 = 0;
export const TEST_IPV6: i32 = 1;
export const TEST_IP: i32 = 2;
export const TEST_BEYOND_INT32: i32 = 3;
export const TEST_UP_TO_40: i32 = 4;
export const TEST_EVENT_CLASS: i32 = 5;
