import assert from "node:assert/strict";
import { cut, cutEscaped, escapeHeader, escapeValue, strip } from "../../../src/cef/text";
import { fastest } from "../../support/processor-time";

describe("CEF text: extension values", () => {
  it("escapes backslash, equals sign, LF and CR, in one pass", () => {
    assert.equal(escapeValue("C:\\Temp\\new"), "C:\\\\Temp\\\\new");
    assert.equal(escapeValue("a=b"), "a\\=b");
    assert.equal(escapeValue("a\nb\rc\r\nd"), "a\\nb\\rc\\r\\nd");
    assert.equal(escapeValue("\\n"), "\\\\n");
    assert.equal(escapeValue("\\="), "\\\\\\=");
  });
  it("leaves pipes, spaces and every other character as they are", () => {
    for (const text of ["a|b", "a  b", "äöü 漢字 👍", "\u00a0\u00ad", "<>[]{}~^@", ""]) assert.equal(escapeValue(text), text);
  });
  it("replaces control characters (tabs, DEL and those above it too) and Unicode line ends with a space", () => {
    for (let code = 0; code < 0x100; code++) {
      const isControl = (code < 0x20 && ![10, 13].includes(code)) || (code >= 0x7f && code <= 0x9f);
      if (!isControl) continue;
      assert.equal(escapeValue(`a${String.fromCharCode(code)}b`), "a b", `U+${code.toString(16)}`);
      assert.equal(escapeHeader(`a${String.fromCharCode(code)}b`), "a b", `U+${code.toString(16)} in a header field`);
    }
    assert.equal(escapeValue("a\u2028b\u2029c"), "a b c");
  });
  it("replaces a lone surrogate with U+FFFD and keeps whole pairs", () => {
    assert.equal(escapeValue("a\ud83db"), "a\ufffdb");
    assert.equal(escapeValue("a\udc4d"), "a\ufffd");
    assert.equal(escapeValue("\ud83d\ud83d\udc4d=\udc4d"), "\ufffd👍\\=\ufffd");
  });
});

describe("CEF text: header fields", () => {
  it("escapes backslash and pipe and nothing else", () => {
    assert.equal(escapeHeader("a|b\\c=d#e%"), "a\\|b\\\\c=d#e%");
  });
  it("replaces each run of CR and LF with one space", () => {
    assert.equal(escapeHeader("a\r\n\n\rb\nc"), "a b c");
  });
  it("replaces control characters and lone surrogates as in values", () => {
    assert.equal(escapeHeader("a\u0000b\u0085c\u2028d\ud83d"), "a b c d\ufffd");
  });
});

describe("CEF text: ends and lengths", () => {
  it("strips white space and control characters from both ends", () => {
    assert.equal(strip(" \t\r\n\u0000\u007f\u0085\u009f\u00a0\u2028\ufeffa b\u0080\u0000 "), "a b");
    assert.equal(strip(" \u0000\u2029"), "");
    assert.equal(strip("ä"), "ä");
  });
  it("cuts by UTF-16 units, never inside a surrogate pair, and leaves no white space at the end", () => {
    assert.equal(cut("abcdef", 3), "abc");
    assert.equal(cut("abc", 3), "abc");
    assert.equal(cut("ab👍", 3), "ab");
    assert.equal(cut("ab👍", 4), "ab👍");
    assert.equal(cut("ab cd", 3), "ab");
  });
  it("cuts an escaped value by bytes, never inside an escape or a character", () => {
    assert.equal(cutEscaped("a\\\\b", 2), "a");
    assert.equal(cutEscaped("a\\\\b", 3), "a\\\\");
    assert.equal(cutEscaped("aä漢👍", 1), "a");
    assert.equal(cutEscaped("aä漢👍", 3), "aä");
    assert.equal(cutEscaped("aä漢👍", 9), "aä漢");
    assert.equal(cutEscaped("aä漢👍", 10), "aä漢👍");
    assert.equal(cutEscaped("a b", 2), "a");
    assert.equal(cutEscaped("abc", -5), "");
  });
  it("spends no time on text that it cuts off", () => {
    const long = "=\\\n".repeat(2_000_000);
    const ms = fastest(() => {
      for (let round = 0; round < 100; round++) escapeValue(cut(long, 1023));
    });
    assert.ok(ms < 500, `${ms} ms`);
  });
});
