import assert from "node:assert/strict";
import { inspect } from "node:util";
import { Border, plain, printable } from "../../../src/common/border";
import { describe as described } from "../../../src/common/errors";
import { withoutSecrets } from "../../../src/common/secrets";

describe("the border for texts from outside", () => {
  it("leaves a readable text as it is", () => {
    assert.equal(printable("Prüfung (日本語) 🗎: 100 % \\ \"a\""), "Prüfung (日本語) 🗎: 100 % \\ \"a\"");
  });

  it("puts one blank for line ends, controls, bidirectional and invisible marks and lone surrogates", () => {
    for (const mark of ["\n", "\r\n", "\0", "\t", "\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029", "\u200b", "\u200f", "\u202e", "\u2066", "\ufeff", "\u00ad", "\ud800", "\udc00", "\u{e0041}", "\r\n\u001b\u202e"]) {
      assert.equal(printable(`a${mark}b`), "a b", inspect(mark));
      assert.equal(printable(`${mark}ab${mark}`), "ab", inspect(mark));
    }
  });

  it("takes a user and a password out of an address", () => {
    assert.equal(printable("get https://dana:pa:s@s@api.example.com/a@b failed"), "get https://***@api.example.com/a@b failed");
    for (const text of ["dana@example.com", "https://example.com/a@b", "https://example.com?by=a@b", "16:30 // a@b"]) assert.equal(printable(text), text);
  });

  it("cuts a long text with an ellipsis, and no character in two", () => {
    assert.equal(printable("x".repeat(301)), `${"x".repeat(299)}…`);
    assert.equal(printable("x".repeat(300)), "x".repeat(300));
    assert.equal(printable("🗎".repeat(10), 6), "🗎🗎…");
    assert.match(printable(`${" ".repeat(5000)}end`), /^…$/);
  });

  it("reads no more of a text of 100 MB than it shows", () => {
    const long = "%61\\u0062".repeat(12_000_000);
    const border = new Border(withoutSecrets(() => ["a secret of some length"]));
    const started = performance.now();
    border.text(long);
    assert.ok(performance.now() - started < 500);
  });

  it("lets numbers through as they are, and the text of an error", () => {
    assert.deepEqual(plain.params({ count: 3, text: "a\nb", error: new Error("c\u001bd"), code: undefined }), { count: 3, text: "a b", error: "c d", code: "undefined" });
  });

  it("keeps of a foreign error its name, code, text and frames, without secrets, and nothing else of it", () => {
    const border = new Border(withoutSecrets(() => ["canarySecret01"]));
    const thrown = Object.assign(new TypeError("bad canarySecret01\nforged line\n    at canarySecret01"), { code: "E\u202eX", config: "canarySecret01", cause: new Error("canarySecret01"), rawPacket: Buffer.from("canarySecret01") });
    const passed = border.cause(thrown);
    assert.deepEqual([passed.name, passed.code, passed.message], ["TypeError", "E X", "bad *** forged line     at ***"]);
    assert.match(passed.stack ?? "", /^TypeError: bad \*\*\* forged line {5}at \*\*\*\n {4}at \S/);
    assert.match(passed.stack ?? "", /border\.test\.ts/);
    assert.doesNotMatch(inspect(passed, { showHidden: true, depth: 9 }), /canarySec|\u202e/);
    assert.deepEqual(Object.keys(passed).filter((key) => !["name", "code", "stack"].includes(key)), []);
  });

  it("takes anything that is thrown", () => {
    const hostile = { toString() { throw new Error("no"); }, get stack() { return 7; } };
    for (const thrown of [undefined, null, 5, "text\n", Symbol("s"), Object.create(null), hostile, new Proxy({}, {})]) assert.doesNotMatch(plain.cause(thrown).message, /\n/);
    assert.equal(plain.cause("text\n").message, "text");
  });

  it("describes a value of a user without reading a large or circular one", () => {
    const circular: unknown[] = [];
    circular.push(circular);
    assert.deepEqual(described(circular), { type: "array", value: "" });
    assert.deepEqual(described(10n), { type: "bigint", value: "" });
    assert.deepEqual(described("a\u202e\nb"), { type: "string", value: "\"a \\nb\"" });
    assert.equal(described("x".repeat(1e6)).value.length, 80);
  });
});
