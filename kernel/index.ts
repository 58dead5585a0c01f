/**
 * Reads events from the bytes of their JSON and writes their CEF lines, without making a single object.
 *
 * It knows no product: which paths it looks for, what makes a value and what stands around it is the program that
 * `src/kernel/program.ts` writes into its memory, from the same tables that the formatter in JavaScript is made from. That formatter
 * says what a line is. An event with anything in it that is not common - an escape, a value of an unexpected type, a text
 * that must be cut - is only found here, and left to it as a whole; so the lines are the same to the byte.
 */
import { BACKSLASH, byte, afterColon, fail, failedAt, flags, HAS_BACKSLASHES, HAS_WIDE, IS_ODD, isPlainNumber, numberEnd, QUOTE, same, skipBlanks, stringEnd, valueEnd, wordEnd } from "./json";
import { COLUMN_BYTES, COLUMNS, INPUT, KEY_BYTES, KEYS, MOST_LINE_BYTES, MOST_RECORDS, OUTPUT, OUTPUT_BYTES, PADDING, RECORD_BYTES, RECORDS, SCRATCH, SCRATCH_BYTES } from "./layout";
import * as program from "./program";
import { hashOf, head, word } from "./program";
import { MOST_HASHED, writeKey } from "./sha256";
import { ASK_ELSEWHERE, instant, isIpv4, isIpv6, NO, NO_INSTANT, writeNumber, YES } from "./values";

export * from "./layout";
export * from "./program";

/** Why `read` came back. */
export const NEEDS_INPUT: i32 = 0;
export const NEEDS_OUTPUT: i32 = 1;
export const AT_END: i32 = 2;
export const IS_DAMAGED: i32 = 3;

/** Kinds of values, of columns and of nodes. */
const ABSENT: i32 = 0;
const TEXT: i32 = 1;
const NUMBER: i32 = 2; // whole, its text is that of its value
const BOOLEAN: i32 = 3;
const LIST: i32 = 4;
const OTHER: i32 = 5;

/** As long as the longest value of all. */
const MOST_JOINED: i32 = 4000;

let event: i32 = 0;
/** JavaScript has to see to this event. */
let isOdd: bool = false;

/** Events that `read` found, and where the next one begins in the input. */
export let count: i32 = 0;
export let consumed: i32 = 0;
/** Behind the last line, in the output. */
export let written: i32 = 0;

/**
 * Reads events from `start` on, of an input that ends at `end`: elements of a list, with their commas, up to its
 * bracket. What has no comma or bracket behind it is not read. `isFirst` is 1 where the list may end without an element.
 */
export function read(start: i32, end: i32, isFirst: i32): i32 {
  const limit = INPUT + end;
  count = 0;
  written = 0;
  let at = INPUT + start;
  while (true) {
    consumed = at - INPUT;
    const began = skipBlanks(at);
    if (byte(began) == 0x5d && count == 0 && isFirst == 1) {
      consumed = began - INPUT;
      return AT_END;
    }
    if (count == MOST_RECORDS || written > OUTPUT_BYTES - MOST_LINE_BYTES - PADDING) return NEEDS_OUTPUT;
    const ended = element(began);
    if (ended < 0) return failedAt >= limit ? NEEDS_INPUT : IS_DAMAGED;
    const behind = skipBlanks(ended);
    const c = byte(behind);
    if (c != 0x2c && c != 0x5d) return behind >= limit ? NEEDS_INPUT : IS_DAMAGED;
    record(began, ended);
    at = behind;
    if (c == 0x5d) {
      consumed = at - INPUT;
      return AT_END;
    }
    at += 1;
  }
}

function element(at: i32): i32 {
  event += 1;
  isOdd = false;
  if (byte(at) == 0x7b) return object(at + 1, head(0));
  isOdd = true;
  return valueEnd(at, 0);
}

/** Fills the columns that lie in the object whose brace is before `at`. */
function object(at: i32, level: i32): i32 {
  if (word(level, 0) == event) isOdd = true; // For the second time.
  store<i32>(level, event);
  at = skipBlanks(at);
  if (byte(at) == 0x7d) return at + 1;
  while (true) {
    if (byte(at) != QUOTE) return fail(at);
    const key = at + 1;
    const keyEnd = stringEnd(key);
    if (keyEnd < 0) return keyEnd;
    const keyFlags = flags;
    at = keyEnd + 1;
    if (byte(at) == 0x3a && byte(at + 1) > 0x20) at += 1;
    else at = afterColon(at);
    if (at < 0) return at;
    let entry = 0;
    // An escape may spell a key that is looked for.
    if ((keyFlags & (HAS_BACKSLASHES | IS_ODD)) != 0) isOdd = true;
    else entry = find(level, key, keyEnd - key);
    at = entry == 0 ? valueEnd(at, 1) : value(at, entry);
    if (at < 0) return at;
    let c = byte(at);
    if (c <= 0x20) {
      at = skipBlanks(at);
      c = byte(at);
    }
    if (c == 0x7d) return at + 1;
    if (c != 0x2c) return fail(at);
    at += 1;
    if (byte(at) <= 0x20) at = skipBlanks(at);
  }
}

function find(level: i32, key: i32, length: i32): i32 {
  if (length == 0) return 0;
  const mask = word(level, 1);
  const table = word(level, 2);
  let slot = hashOf(key, length) & mask;
  while (true) {
    const entry = table + slot * program.ENTRY_BYTES;
    const name = word(entry, 0);
    if (name == 0) return 0;
    if (word(entry, 1) == length && same(name, key, length)) return entry;
    slot = (slot + 1) & mask;
  }
}

function value(at: i32, entry: i32): i32 {
  const column = word(entry, 2);
  const inside = word(entry, 3);
  const first = byte(at);
  let start = at;
  let kind = OTHER;
  let end: i32;
  let found = 0;
  if (first == QUOTE) {
    kind = TEXT;
    start = at + 1;
    at = stringEnd(start);
    if (at < 0) return at;
    end = at;
    at += 1;
    found = flags;
  } else if (first == 0x6e) {
    kind = ABSENT;
    at = wordEnd(at);
    end = at;
  } else if (first == 0x74 || first == 0x66) {
    kind = BOOLEAN;
    at = wordEnd(at);
    end = at;
  } else if (first == 0x7b && inside != 0) {
    at = object(at + 1, inside);
    end = at;
  } else if (first == 0x7b || first == 0x5b) {
    if (first == 0x5b) kind = LIST;
    at = valueEnd(at, 1);
    end = at;
  } else {
    at = numberEnd(at);
    end = at;
    if (isPlainNumber) kind = NUMBER;
  }
  if (at < 0) return at;
  if (inside != 0 && first != 0x7b && kind != ABSENT) isOdd = true;
  if (column >= 0) {
    const place = COLUMNS + column * COLUMN_BYTES;
    if (word(place, 0) == event) isOdd = true; // The last one of several counts.
    store<i32>(place, event);
    store<i32>(place, kind, 4);
    store<i32>(place, start, 8);
    store<i32>(place, end, 12);
    store<i32>(place, found, 16);
  }
  return at;
}

/** Notes the event, and writes its line. */
function record(began: i32, ended: i32): void {
  const place = RECORDS + count * RECORD_BYTES;
  store<f64>(place, 0);
  store<i32>(place, began - INPUT, 8);
  store<i32>(place, ended - INPUT, 12);
  store<i32>(place, written, 16);
  store<i32>(place, -1, 20);
  if (!isOdd && facts(place) && (head(6) == 0 || line())) {
    if (head(6) != 0) store<u8>(OUTPUT + written++, 0x0a);
    store<i32>(place, written, 20);
  }
  count += 1;
}

function facts(place: i32): bool {
  const id = COLUMNS + head(1) * COLUMN_BYTES;
  const time = COLUMNS + head(2) * COLUMN_BYTES;
  if (word(id, 0) != event || word(time, 0) != event || word(id, 1) != TEXT || word(time, 1) != TEXT) return false;
  const length = word(id, 3) - word(id, 2);
  if (length == 0 || length > MOST_HASHED || word(id, 4) != 0 || word(time, 4) != 0) return false;
  const ms = instant(word(time, 2), word(time, 3) - word(time, 2));
  if (ms == NO_INSTANT) return false;
  store<f64>(place, <f64>ms);
  writeKey(word(id, 2), length, KEYS + count * KEY_BYTES);
  return true;
}

/** The value of the node that was asked last. */
let kind: i32 = ABSENT;
let text: i32 = 0;
let size: i32 = 0;
let wide: i32 = 0;
let scratch: i32 = SCRATCH;

function absent(): void {
  kind = ABSENT;
}

/** Gives the event up; the value does not matter any more. */
function giveUp(): void {
  isOdd = true;
  kind = ABSENT;
}

/** A text of the event, without quotes; it is absent if there is nothing in it. */
function setText(start: i32, end: i32, found: i32): void {
  size = end - start;
  if (size == 0) return absent();
  if ((found & IS_ODD) != 0 || byte(start) == 0x20 || byte(end - 1) == 0x20) return giveUp();
  if ((found & HAS_WIDE) != 0 && !isCommon(start, end)) return giveUp();
  kind = TEXT;
  text = start;
  wide = found;
}

/** True for UTF-8 (RFC 3629) without characters that have a meaning in a line or are white space. */
function isCommon(at: i32, end: i32): bool {
  while (at < end) {
    const c = byte(at);
    if (c < 0x80) {
      at += 1;
      continue;
    }
    const second = byte(at + 1);
    const third = byte(at + 2);
    if (c < 0xe0) {
      // Not U+0080 to U+00A0.
      if (c < 0xc2 || !follows(second) || (c == 0xc2 && second <= 0xa0)) return false;
      at += 2;
    } else if (c < 0xf0) {
      if (!follows(second) || !follows(third) || (c == 0xe0 && second < 0xa0) || (c == 0xed && second >= 0xa0)) return false;
      // U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000, U+FEFF.
      if (c == 0xe1 && second == 0x9a && third == 0x80) return false;
      if (c == 0xe2 && second == 0x80 && (third <= 0x8a || third == 0xa8 || third == 0xa9 || third == 0xaf)) return false;
      if ((c == 0xe2 && second == 0x81 && third == 0x9f) || (c == 0xe3 && second == 0x80 && third == 0x80) || (c == 0xef && second == 0xbb && third == 0xbf)) return false;
      at += 3;
    } else {
      if (c > 0xf4 || !follows(second) || !follows(third) || !follows(byte(at + 3)) || (c == 0xf0 && second < 0x90) || (c == 0xf4 && second >= 0x90)) return false;
      at += 4;
    }
  }
  return at == end;
}

function follows(c: i32): bool {
  return (c & 0xc0) == 0x80;
}

function evaluate(node: i32): void {
  switch (word(node, 0)) {
    case program.NODE_PATH:
      return path(word(node, 1));
    case program.NODE_CONSTANT:
      return constant(node, 1);
    case program.NODE_FIRST: {
      const nodes = word(node, 1);
      for (let index = 0; index < nodes; index++) {
        evaluate(word(node, 2 + index));
        if (kind != ABSENT || isOdd) return;
      }
      return;
    }
    case program.NODE_FROM:
      return from(node);
    case program.NODE_DIRECTORY:
      return directory(node);
    case program.NODE_LIST:
      return list(node);
    case program.NODE_LISTS:
      return lists(node);
    case program.NODE_WORDS: {
      evaluate(word(node, 1));
      if (kind == ABSENT) return;
      const words = word(node, 2);
      for (let index = 0; index < words; index++) if (isText(node, 3 + 4 * index)) return constant(node, 5 + 4 * index);
      return absent();
    }
    case program.NODE_SEVERITY:
      return severity(word(node, 1));
    default:
      return giveUp();
  }
}

function path(column: i32): void {
  const place = COLUMNS + column * COLUMN_BYTES;
  if (word(place, 0) != event) return absent();
  const found = word(place, 1);
  const start = word(place, 2);
  const end = word(place, 3);
  if (found == TEXT) return setText(start, end, word(place, 4));
  if (found == ABSENT) return absent();
  if (found != NUMBER && found != BOOLEAN) return giveUp();
  kind = found;
  text = start;
  size = end - start;
  wide = 0;
}

/** The text whose address is the `index`th number of `node`. */
function constant(node: i32, index: i32): void {
  kind = TEXT;
  text = word(node, index);
  size = word(node, index + 1);
  wide = 0;
}

/** True if the value is that text; a text of the event with escapes is none of ours. */
function isText(node: i32, index: i32): bool {
  return word(node, index + 1) == size && same(word(node, index), text, size);
}

function from(node: i32): void {
  const condition = word(node, 4);
  if (condition != 0) {
    evaluate(word(condition, 0));
    if (isOdd) return;
    let isOne = false;
    if (kind == ABSENT) isOne = word(condition, 2) == 1;
    else if (kind == TEXT) for (let index = 0; index < word(condition, 3) && !isOne; index++) isOne = isText(condition, 4 + 2 * index);
    if (isOne != (word(condition, 1) == 1)) return absent();
  }
  evaluate(word(node, 1));
  if (kind == ABSENT) return;
  const only = word(node, 2);
  const unless = word(node, 3);
  if (only >= 0 && !passes(only, YES)) return absent();
  if (unless >= 0 && !passes(unless, NO)) absent();
}

/** True if the test comes out as wanted; the event is given up if that cannot be told here. */
function passes(test: i32, wanted: i32): bool {
  const result = outcome(test);
  if (result == ASK_ELSEWHERE) isOdd = true;
  return result == wanted;
}

function outcome(test: i32): i32 {
  switch (test) {
    case program.TEST_IPV4:
      return kind == TEXT && isIpv4(text, size) ? YES : NO;
    case program.TEST_IPV6:
      return kind == TEXT ? isIpv6(text, size) : NO;
    case program.TEST_IP:
      return kind != TEXT ? NO : isIpv4(text, size) ? YES : isIpv6(text, size);
    case program.TEST_BEYOND_INT32:
      return kind == NUMBER ? (i64OfText() > <i64>i32.MAX_VALUE ? YES : NO) : ASK_ELSEWHERE;
    case program.TEST_UP_TO_40:
      return size <= 40 ? YES : wide == 0 ? NO : ASK_ELSEWHERE;
    case program.TEST_EVENT_CLASS:
      return isEventClass() ? YES : NO;
    default:
      return ASK_ELSEWHERE;
  }
}

function isEventClass(): bool {
  if (size > 63) return false;
  for (let at = text; at < text + size; at++) {
    const c = byte(at);
    if (!(<u32>(c - 0x61) < 26 || <u32>(c - 0x30) < 10 || c == 0x2d)) return false;
  }
  return true;
}

/** Of a number of at most 15 digits. */
function i64OfText(): i64 {
  const isNegative = byte(text) == 0x2d;
  let number: i64 = 0;
  for (let at = isNegative ? text + 1 : text; at < text + size; at++) number = number * 10 + byte(at) - 0x30;
  return isNegative ? -number : number;
}

function severity(column: i32): void {
  path(column);
  if (kind == ABSENT) return;
  if (kind != NUMBER) {
    // A text has no severity; a number with decimals has one.
    if (kind == TEXT || kind == BOOLEAN) absent();
    return;
  }
  const number = i64OfText();
  const score = number < 0 ? 0 : number > 10 ? 10 : number;
  kind = TEXT;
  wide = 0;
  text = scratch;
  size = writeNumber(scratch, score) - scratch;
  scratch += PADDING;
}

function directory(node: i32): void {
  evaluate(word(node, 1));
  const isPath = kind != ABSENT;
  const before = text;
  const beforeSize = size;
  const beforeWide = wide;
  // Also without a directory: a name that has to be dropped is counted.
  evaluate(word(node, 2));
  if (isOdd) return;
  if (!isPath) return absent();
  if (kind == ABSENT) {
    kind = TEXT;
    text = before;
    size = beforeSize;
    wide = beforeWide;
    return;
  }
  if (scratch + beforeSize + size + 2 * PADDING > SCRATCH + SCRATCH_BYTES) return giveUp();
  let at = scratch;
  copy(at, before, beforeSize);
  at += beforeSize;
  const last = byte(before + beforeSize - 1);
  if (last != BACKSLASH && last != 0x2f) {
    let hasBackslash = false;
    let hasSlash = false;
    for (let each = before; each < before + beforeSize; each++) {
      const c = byte(each);
      if (c == BACKSLASH) hasBackslash = true;
      else if (c == 0x2f) hasSlash = true;
    }
    if (hasBackslash && !hasSlash) {
      store<u16>(at, 0x5c5c);
      at += 2;
    } else store<u8>(at++, 0x2f);
  }
  copy(at, text, size);
  at += size;
  kind = TEXT;
  text = scratch;
  size = at - scratch;
  wide |= beforeWide | HAS_BACKSLASHES;
  scratch = at + PADDING;
}

/** The texts of a list, each once. */
function list(node: i32): void {
  const place = COLUMNS + word(node, 1) * COLUMN_BYTES;
  if (word(place, 0) != event || word(place, 1) == ABSENT) return absent();
  if (word(place, 1) != LIST) return giveUp();
  const wanted = word(node, 4);
  const property = word(node, 5);
  const joined = scratch;
  let texts = 0;
  let all = 0;
  let isClear = true;
  let at = skipBlanks(word(place, 2) + 1);
  for (let index = 0; byte(at) != 0x5d; index++) {
    const start = at;
    at = valueEnd(at, 0);
    if (wanted < 0 || wanted == index) {
      item(start, at, property, word(node, 6));
      if (isOdd) return;
      // Of a single one the text itself; of several they are put together.
      if (kind != ABSENT) {
        if (wanted == index) return;
        if (kind != TEXT) return giveUp();
        // Where a text holds what stands between them, one could not be told from two.
        if (!isClear) return giveUp();
        isClear = !holds(word(node, 2), word(node, 3));
        if (texts > 0 && !isClear) return giveUp();
        const more = add(joined, all, texts, word(node, 2), word(node, 3));
        if (isOdd) return;
        if (more > 0) {
          all = more;
          texts += 1;
        }
      }
    }
    at = skipBlanks(at);
    if (byte(at) == 0x2c) at = skipBlanks(at + 1);
  }
  if (texts == 0) return absent();
  kind = TEXT;
  text = joined;
  size = all;
  wide = HAS_BACKSLASHES | HAS_WIDE;
  scratch = joined + all + PADDING;
}

/** Appends the value to the `all` bytes of `texts` texts; returns how many bytes these are then, 0 if it is one of them. */
function add(joined: i32, all: i32, texts: i32, between: i32, betweenSize: i32): i32 {
  if (all + size + betweenSize > MOST_JOINED || joined + all + size + betweenSize + 2 * PADDING > SCRATCH + SCRATCH_BYTES) {
    isOdd = true;
    return 0;
  }
  if (texts > 0 && isAmong(joined, all, between, betweenSize)) return 0;
  let at = joined + all;
  if (texts > 0) {
    copy(at, between, betweenSize);
    at += betweenSize;
  }
  copy(at, text, size);
  return at + size - joined;
}

/** True if that is a part of the value. */
function holds(part: i32, partSize: i32): bool {
  for (let at = text; at + partSize <= text + size; at++) if (same(at, part, partSize)) return true;
  return false;
}

function isAmong(joined: i32, all: i32, between: i32, betweenSize: i32): bool {
  const end = joined + all;
  let start = joined;
  for (let at = joined; at <= end; at++) {
    if (at < end && !(at + betweenSize <= end && same(at, between, betweenSize))) continue;
    if (at - start == size && same(start, text, size)) return true;
    at += betweenSize - 1;
    start = at + 1;
  }
  return false;
}

/** The value of an item of a list, or of a property of it. */
function item(start: i32, end: i32, property: i32, propertySize: i32): void {
  if (property == 0) return single(start, end);
  const c = byte(start);
  if (c == 0x6e) return absent();
  if (c != 0x7b) return giveUp();
  propertyOf(start, property, propertySize);
}

/** A value that was followed before. */
function single(start: i32, end: i32): void {
  const c = byte(start);
  if (c == QUOTE) {
    stringEnd(start + 1);
    return setText(start + 1, end - 1, flags);
  }
  if (c == 0x6e) return absent();
  giveUp();
}

/** Of the object that begins at `at`. */
function propertyOf(at: i32, property: i32, propertySize: i32): void {
  let found = 0;
  let foundEnd = 0;
  at = skipBlanks(at + 1);
  while (byte(at) != 0x7d) {
    const key = at + 1;
    const keyEnd = stringEnd(key);
    if ((flags & (HAS_BACKSLASHES | IS_ODD)) != 0) return giveUp();
    const start = afterColon(keyEnd + 1);
    const end = valueEnd(start, 0);
    if (keyEnd - key == propertySize && same(key, property, propertySize)) {
      if (found != 0) return giveUp();
      found = start;
      foundEnd = end;
    }
    at = skipBlanks(end);
    if (byte(at) == 0x2c) at = skipBlanks(at + 1);
  }
  if (found == 0) return absent();
  single(found, foundEnd);
}

/** Of the first item of the lists that has one property, another one. */
function lists(node: i32): void {
  const columns = word(node, 5);
  for (let index = 0; index < columns; index++) {
    const place = COLUMNS + word(node, 6 + index) * COLUMN_BYTES;
    if (word(place, 0) != event || word(place, 1) == ABSENT) continue;
    if (word(place, 1) != LIST) return giveUp();
    for (let at = skipBlanks(word(place, 2) + 1); byte(at) != 0x5d;) {
      const start = at;
      at = valueEnd(at, 0);
      if (byte(start) != 0x6e) {
        if (byte(start) != 0x7b) return giveUp();
        propertyOf(start, word(node, 1), word(node, 2));
        if (isOdd) return;
        if (kind != ABSENT) return propertyOf(start, word(node, 3), word(node, 4));
      }
      at = skipBlanks(at);
      if (byte(at) == 0x2c) at = skipBlanks(at + 1);
    }
  }
  absent();
}

/** `CEF:0|` */
const BEGINNING = <i32>memory.data<u8>([0x43, 0x45, 0x46, 0x3a, 0x30, 0x7c]);
const BEGINNING_BYTES: i32 = 6;

/** Where the next byte of the line goes, and behind the last one that it may have. */
let out: i32 = 0;
let outEnd: i32 = 0;

/** False if the line is left to JavaScript. */
function line(): bool {
  out = OUTPUT + written;
  outEnd = out + head(7);
  write(BEGINNING, BEGINNING_BYTES);
  for (let index = 0; index < head(4); index++) {
    part(head(3) + index * program.PART_BYTES);
    if (isOdd) return false;
  }
  let says = false;
  let isSpaced = false;
  for (let index = 0; index < head(6); index++) {
    const row = head(5) + index * program.ROW_BYTES;
    scratch = SCRATCH;
    evaluate(word(row, 0));
    if (isOdd) return false;
    if (kind == ABSENT) continue;
    const before = isSpaced ? 5 : 3;
    write(word(row, before), word(row, before + 1));
    writeValue(word(row, 1), word(row, 2));
    write(word(row, 7), word(row, 8));
    if (isOdd) return false;
    if (word(row, 9) == 0) says = true;
    isSpaced = true;
  }
  if (!says || out > outEnd) return false;
  written = out - OUTPUT;
  return true;
}

function part(at: i32): void {
  scratch = SCRATCH;
  if (word(at, 0) == 0) absent();
  else evaluate(word(at, 0));
  if (isOdd) return;
  if (kind == ABSENT) constant(at, 1);
  else {
    if (size > word(at, 3)) return giveUp();
    for (let each = text; each < text + size; each++) if (byte(each) == BACKSLASH || byte(each) == 0x7c) return giveUp();
  }
  write(text, size);
  if (!isOdd) store<u8>(out++, 0x7c);
}

function writeValue(type: i32, most: i32): void {
  switch (type) {
    case program.TYPE_STRING:
      if (size > most) return giveUp();
      return escape();
    case program.TYPE_TIMESTAMP: {
      const ms = kind == TEXT ? instant(text, size) : kind == NUMBER ? i64OfText() : NO_INSTANT;
      if (ms < 0 || !hasRoom(PADDING)) return giveUp();
      out = writeNumber(out, ms);
      return;
    }
    case program.TYPE_INTEGER: {
      if (kind != NUMBER) return giveUp();
      const number = i64OfText();
      if (number > <i64>i32.MAX_VALUE || number < <i64>i32.MIN_VALUE) return giveUp();
      return write(text, size);
    }
    case program.TYPE_LONG:
      if (kind != NUMBER) return giveUp();
      return write(text, size);
    case program.TYPE_IPV4:
      if (kind != TEXT || !isIpv4(text, size)) return giveUp();
      return write(text, size);
    case program.TYPE_IPV6:
      if (kind != TEXT || isIpv6(text, size) != YES) return giveUp();
      return write(text, size);
    default:
      return giveUp();
  }
}

function hasRoom(bytes: i32): bool {
  if (out + bytes <= outEnd) return true;
  isOdd = true;
  return false;
}

/** Texts without anything to escape. */
function write(from: i32, bytes: i32): void {
  if (!hasRoom(bytes)) return;
  copy(out, from, bytes);
  out += bytes;
}

/** Up to PADDING bytes behind the text are written too. */
function copy(to: i32, from: i32, bytes: i32): void {
  for (let done = 0; done < bytes; done += 16) v128.store(to + done, v128.load(from + done));
}

/** The value: its backslashes are two each, as JSON has them and CEF wants them; `=` gets one. */
function escape(): void {
  const end = text + size;
  let at = text;
  const equals = i8x16.splat(0x3d);
  while (at < end) {
    if (!hasRoom(min(end - at, 32))) return;
    const block = v128.load(at);
    v128.store(out, block);
    const mask = i8x16.bitmask(i8x16.eq(block, equals));
    const step = min(end - at, 16);
    const clear = mask == 0 ? 16 : ctz(mask);
    if (clear >= step) {
      at += step;
      out += step;
    } else {
      at += clear + 1;
      out += clear;
      store<u16>(out, 0x3d5c);
      out += 2;
    }
  }
}
