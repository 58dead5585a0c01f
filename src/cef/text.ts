/**
 * Escapes, strips and cuts the texts of a CEF line (CEF Implementation Standard, "Character encoding"). Header fields
 * escape `\` and `|`, extension values escape `\`, `=`, LF and CR. Nothing else is escaped, because strict receivers refuse
 * any other backslash pair.
 *
 * Control characters but LF and CR (TAB, DEL and U+0080 to U+009F too), U+2028 and U+2029 become a space: some receivers read
 * them as the end of the line, others as the end of a field. A lone surrogate becomes U+FFFD, because it has no UTF-8 form. No
 * function here reads more of a text than it keeps, apart from white space at its ends.
 */

/** Matches every character except those that are written unchanged. Like this, the patterns contain no control characters. */
const VALUE_SPECIAL = /[^ -<>-[\]-~\u00a0-\u2027\u202a-\ud7ff\ue000-\uffff]/;
const HEADER_SPECIAL = /[^ -[\]-{}~\u00a0-\u2027\u202a-\ud7ff\ue000-\uffff]/;

const BACKSLASH = 0x5c;
const EQUALS = 0x3d;
const PIPE = 0x7c;
const LF = 0x0a;
const CR = 0x0d;

function isBlankAt(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code <= 0x20 || isUpperControl(code) || (code >= 0xa0 && /\s/.test(text.charAt(index)));
}

/** DEL and the control characters U+0080 to U+009F. */
const isUpperControl = (code: number) => code >= 0x7f && code <= 0x9f;
const isPrintable = (code: number) => code > 0x20 && code < 0x7f;

/** `text` without white space and control characters at its ends. */
export function strip(text: string): string {
  let end = text.length;
  if (isPrintable(text.charCodeAt(0)) && isPrintable(text.charCodeAt(end - 1))) return text;
  while (end > 0 && isBlankAt(text, end - 1)) end--;
  let start = 0;
  while (start < end && isBlankAt(text, start)) start++;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

const isHigh = (code: number) => code >= 0xd800 && code <= 0xdbff;
const isLow = (code: number) => code >= 0xdc00 && code <= 0xdfff;

/** The first `length` UTF-16 units of `text`, or one less to keep a surrogate pair whole; stripped. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const halved = length > 0 && isHigh(text.charCodeAt(length - 1)) && isLow(text.charCodeAt(length));
  return strip(text.slice(0, halved ? length - 1 : length));
}

/** Escapes an extension value: `\\`, `\=`, `\n`, `\r`. `text` must be stripped and cut already. */
export function escapeValue(text: string): string {
  return VALUE_SPECIAL.test(text) ? escape(text, EQUALS, false) : text;
}

/** Escapes a header field: `\\`, `\|`, and one space for each run of CR and LF, which a header cannot hold. `text` must be stripped and cut already. */
export function escapeHeader(text: string): string {
  return HEADER_SPECIAL.test(text) ? escape(text, PIPE, true) : text;
}

function escape(text: string, separator: number, header: boolean): string {
  let out = "";
  let from = 0;
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code < 0x7f && code !== BACKSLASH && code !== separator) continue;
    let replacement: string;
    let width = 1;
    if (code === BACKSLASH) replacement = "\\\\";
    else if (code === separator) replacement = header ? "\\|" : "\\=";
    else if (code === LF || code === CR) {
      if (header) {
        while (text.charCodeAt(at + width) === LF || text.charCodeAt(at + width) === CR) width++;
        replacement = " ";
      } else replacement = code === LF ? "\\n" : "\\r";
    } else if (code < 0x20 || isUpperControl(code) || code === 0x2028 || code === 0x2029) replacement = " ";
    else if (isHigh(code) && isLow(text.charCodeAt(at + 1))) {
      at++;
      continue;
    } else if (isHigh(code) || isLow(code)) replacement = "\ufffd";
    else continue;
    out += text.slice(from, at) + replacement;
    at += width - 1;
    from = at + 1;
  }
  return out + text.slice(from);
}

/**
 * The longest beginning of an escaped value that has at most `bytes` bytes of UTF-8. It never ends inside an escape or a
 * surrogate pair, or with white space.
 */
export function cutEscaped(escaped: string, bytes: number): string {
  let end = 0;
  for (let room = bytes; end < escaped.length; ) {
    const code = escaped.charCodeAt(end);
    const width = code === BACKSLASH || isHigh(code) ? 2 : 1;
    room -= isHigh(code) ? 4 : code < 0x80 ? width : code < 0x800 ? 2 : 3;
    if (room < 0) break;
    end += width;
  }
  return end === escaped.length ? escaped : escaped.slice(0, end).trimEnd();
}
