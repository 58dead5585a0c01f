import assert from "node:assert/strict";
import fc from "fast-check";
import { mayRound, parseExact } from "../../../src/common/exact-json";

const throws = (parse: (json: string) => unknown, json: string): boolean => {
  try {
    parse(json);
    return false;
  } catch {
    return true;
  }
};

describe("integers beyond 2^53 in JSON", () => {
  it("become their digits as text; all other numbers stay numbers", () => {
    const big = "1".repeat(400);
    const cases: [json: string, value: unknown][] = [
      ["9007199254740991", 9007199254740991], ["-9007199254740991", -9007199254740991], ["9007199254740992", "9007199254740992"], ["9007199254740993", "9007199254740993"],
      ["-9007199254740992", "-9007199254740992"], ["-9007199254740993", "-9007199254740993"], ["1004622955308648174", "1004622955308648174"], [" \n1004622955308648174\t", "1004622955308648174"],
      [big, big], [`-${big}`, `-${big}`], ["[9007199254740993,1,-9007199254740993 , 2]", ["9007199254740993", 1, "-9007199254740993", 2]], ["1234567890123456", 1234567890123456], ["999999999999999", 999999999999999],
      ["1004622955308648174.5", Number("1004622955308648174.5")], ["1004622955308648174.0", Number("1004622955308648174.0")], ["1004622955308648174e3", Number("1004622955308648174e3")], ["1004622955308648174E-3", Number("1004622955308648174e-3")], ["0.1004622955308648174", 0.1004622955308648174],
      ["-0.9007199254740993", -0.9007199254740993], ["1e1004622955308648", Infinity], ["1e-10046229553086481", 0], ["-0", -0], ["1e20", 1e20],
      ['{"1004622955308648174":1004622955308648175}', { "1004622955308648174": "1004622955308648175" }], ['{"a":{"b":[[1004622955308648174]]}}', { a: { b: [["1004622955308648174"]] } }],
    ];
    for (const [json, value] of cases) assert.deepEqual(parseExact(json), value, json);
  });

  it("stay what they are inside of texts, whatever stands before and behind them there", () => {
    for (const text of ["1004622955308648174", "a, 1004622955308648174, b", '"1004622955308648174"', '\\":1004622955308648174,', "\\", '\\\\"', "[-1004622955308648174]", "é:1004622955308648174,", "漢 1004622955308648174 字", "\ud800 1004622955308648174 "]) {
      const value = { [text]: [text, 1, text], last: text };
      assert.deepEqual(parseExact(JSON.stringify(value)), value, text);
      assert.deepEqual(parseExact(JSON.stringify(value).replace("1,", "9007199254740993,")), { ...value, [text]: [text, "9007199254740993", text] }, text);
    }
  });

  it("do not make JSON of what is none", () => {
    const big = "1004622955308648174";
    for (const json of [
      `0${big}`, `-0${big}`, `00`, `[0${big}]`, `-`, `--${big}`, `+${big}`, `${big}.`, `${big}e`, `.${big}`, `${big}-1`, `{${big}:1}`, `{${big} \n:1}`, `{"a":1,-${big}:1}`, `{"a"${big}:1}`, `{"a":${big}:1}`, `[${big} ${big}]`, `[${big},]`,
      `[,${big}]`, `"${big}`, `"${big}\\"`, `${big}"`, `${big}x`, `x${big}`, `{${big}}`, `{${big},"a":1}`, `[${big}`, `${big}]`, `{"a":${big}`, `\u00a0${big}`, `'${big}'`, `0x${big}`, `${big}n`, `${big}_${big}`, `"\n${big}"`, `/**/${big}`, "",
    ]) assert.ok(throws(parseExact, json) && throws(JSON.parse, json), json);
  });

  /** A JSON text and its value, in which integers of any length have been written by hand. */
  const written = fc.letrec<{ node: { json: string; value: unknown } }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map((big) => ({ json: String(big), value: Number.isSafeInteger(Number(big)) ? Number(big) : String(big) })),
      fc.bigInt({ min: 2n ** 53n - 4n, max: 2n ** 53n + 4n }).map((big) => ({ json: String(big), value: Number.isSafeInteger(Number(big)) ? Number(big) : String(big) })),
      fc.oneof(fc.boolean(), fc.constant(null)).map((value) => ({ json: String(value), value })),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ json: value.toExponential(), value: Number(value.toExponential()) })),
      fc.stringMatching(/^[-"\\:,{}[\] a0-9é漢]{0,40}$/).map((value) => ({ json: JSON.stringify(value), value })),
      fc.array(tie("node"), { maxLength: 6 }).map((items) => ({ json: `[${items.map(({ json }) => json).join(" ,\n")}]`, value: items.map(({ value }) => value) })),
      fc.array(fc.tuple(fc.stringMatching(/^[a"\\0-9:,]{0,24}$/), tie("node")), { maxLength: 6 }).map((entries) => ({
        json: `{${entries.map(([key, { json }]) => `${JSON.stringify(key)}\t: ${json}`).join(",")}}`, value: Object.fromEntries(entries.map(([key, { value }]) => [key, value])),
      })),
    ),
  })).node;

  it("are exact in any document, and nothing else in it changes", () => {
    fc.assert(fc.property(written, ({ json, value }) => assert.deepEqual(parseExact(json), value)), { numRuns: 3000 });
  });

  it("are refused with the document, wherever JSON.parse refuses it", () => {
    const damage = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.constantFrom("", '"', "\\", "-", "0", ".", "e", ",", ":", "[", "}", " ", "x", "+", "9007199254740993"));
    fc.assert(fc.property(written, fc.array(damage, { minLength: 1, maxLength: 3 }), ({ json }, damages) => {
      let text = json;
      for (const [place, cut, put] of damages) {
        const at = place % (text.length + 1);
        text = text.slice(0, at) + put + text.slice(at + cut);
      }
      assert.equal(throws(parseExact, text), throws(JSON.parse, text), text);
    }), { numRuns: 5000 });
  });

  it("are found at any place, and the ids of ordinary events do not pass for them", () => {
    for (let before = 0; before < 40; before++) {
      for (const digits of ["1004622955308648", "9007199254740993", "1".repeat(15), "1".repeat(40)]) {
        assert.equal(mayRound(`[${" ".repeat(before)}${digits}]`), digits.length > 15, `${digits} at ${before}`);
      }
    }
    for (const text of ["0_1d71796f-af5b-4231-9d8e-df6434da4663_935873453596901068_956171635867906205_5", "1000000000000000042", "c-101274984936227943-fa18eb71", "a1004622955308648174"]) assert.equal(mayRound(JSON.stringify({ id: [text] })), false, text);
  });

  it("take time in proportion to the length of the document, also in one row of digits", () => {
    const long = `[${"1".repeat(2_000_000)}, "${'\\"'.repeat(1_000_000)}1004622955308648174"]`;
    const started = performance.now();
    assert.equal((parseExact(long) as string[])[0]?.length, 2_000_000);
    assert.ok(performance.now() - started < 2000);
  });
});
