import assert from "node:assert/strict";
import { convert, exceedsInt32 } from "../../../src/cef/values";
import { zonedEpochMs } from "../../../src/common/instant";

describe("CEF values: time", () => {
  it("agrees with Date.parse on every day of four centuries", () => {
    for (let day = Date.UTC(1600, 0, 1, 12, 34, 56, 789); day < Date.UTC(2001, 0, 2); day += 86_400_000) {
      const text = new Date(day).toISOString();
      assert.equal(zonedEpochMs(text), day, text);
    }
  });
  it("agrees with Date.parse on offsets", () => {
    for (const zone of ["Z", "+00:00", "-00:00", "+05:30", "-08:00", "+14:00", "-12:45"]) {
      const text = `2024-02-29T23:59:59.125${zone}`;
      assert.equal(zonedEpochMs(text), Date.parse(text), text);
    }
    assert.equal(zonedEpochMs("2024-02-29T23:59:59+0530"), Date.parse("2024-02-29T23:59:59+05:30"));
  });
  it("cuts off decimals beyond the third, without rounding", () => {
    const base = Date.parse("2022-03-05T14:45:49Z");
    const decimals: [string, number][] = [["", 0], [".6", 600], [".66", 660], [".662", 662], [".5358979", 535], [".999999999", 999], [".000000001", 0]];
    for (const [text, milliseconds] of decimals) assert.equal(zonedEpochMs(`2022-03-05T14:45:49${text}Z`), base + milliseconds, text);
  });
  it("refuses text that is not a complete, valid instant", () => {
    for (const text of [
      "", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2023-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z",
      "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567890Z", "2024-01-01T00:00:00ZZ", "2024-01-01T00:00:00+5:00", "2024-01-01T00:00:00+24:00",
      "2024-01-01T00:00:00+05:60", "2024-01-01T00:00:00+0a:00", "20x4-01-01T00:00:00Z", "2024-01-01T0x:00:00Z", "-024-01-01T00:00:00Z", "2024-01-01T00:00:00Z\n",
    ]) assert.equal(zonedEpochMs(text), undefined, JSON.stringify(text));
  });
  it("accepts epoch milliseconds and cuts off their decimals", () => {
    assert.equal(convert.timestamp(1_700_000_000_123), "1700000000123");
    assert.equal(convert.timestamp(1.9), "1");
    assert.equal(convert.timestamp(1e16), undefined);
    assert.equal(convert.timestamp(true), undefined);
  });
  it("leaves out 0 and times before 1970, which mean that a time is not set", () => {
    for (const unset of [0, -0, 0.9, -1, -11_644_473_600_000, -62_135_596_800_000, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000999Z", "1970-01-01T05:30:00+05:30", "1969-12-31T23:59:59.999Z", "1601-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z"]) {
      assert.equal(convert.timestamp(unset), undefined, String(unset));
    }
    for (const first of [1, "1970-01-01T00:00:00.001Z"]) assert.equal(convert.timestamp(first), "1");
  });
});

describe("CEF values: numbers and addresses", () => {
  const cases: [keyof typeof convert, [string | number | boolean, string | undefined][]][] = [
    ["integer", [[0, "0"], [-0, "0"], [2147483647, "2147483647"], [2147483648, undefined], [-2147483648, "-2147483648"], [-2147483649, undefined], [1.5, undefined], ["12", "12"], ["0012", "12"], ["1e3", undefined], ["99999999999", undefined], ["", undefined], [true, undefined]]],
    ["long", [[0, "0"], [2147483648, "2147483648"], [9007199254740991, "9007199254740991"], ["9223372036854775807", "9223372036854775807"], ["9223372036854775808", undefined], [1e18, "1000000000000000000"], [1e19, undefined], ["1004622955308648174", "1004622955308648174"], ["-9007199254740993", "-9007199254740993"], ["-9223372036854775809", undefined], ["1".repeat(400), undefined], [1.5, undefined], ["x", undefined], [false, undefined]]],
    ["double", [["1004622955308648174", "1004622955308648174"], ["-9007199254740993", "-9007199254740993"], ["0012", "12"], ["1".repeat(400), undefined], [1.5, "1.5"], ["2.50", "2.5"], ["-1e-3", "-0.001"], ["1e999", undefined], ["", undefined], ["abc", undefined], [true, undefined]]],
    ["ipv4", [["192.0.2.1", "192.0.2.1"], ["192.0.2.256", undefined], ["1.2.3", undefined], ["::1", undefined], ["host", undefined], [1, undefined]]],
    ["ipv6", [["2001:db8::1", "2001:db8::1"], ["::ffff:192.0.2.1", "::ffff:192.0.2.1"], ["fe80::1%eth0", undefined], ["192.0.2.1", undefined], ["::g", undefined]]],
    ["mac", [["00:1a:2B:3c:4d:5e", "00:1a:2B:3c:4d:5e"], ["00-1a-2b-3c-4d-5e", "00:1a:2b:3c:4d:5e"], ["001a2b3c4d5e", "00:1a:2b:3c:4d:5e"], ["00:1a-2b:3c:4d:5e", undefined], ["00:1a:2b:3c:4d", undefined], [1, undefined]]],
  ];
  for (const [type, values] of cases) {
    it(`accepts only valid values as ${type}`, () => {
      for (const [value, text] of values) assert.equal(convert[type](value), text, `${type} ${String(value)}`);
    });
  }
  it("recognises a number that a 32-bit integer field cannot hold", () => {
    assert.equal(exceedsInt32(2147483648), true);
    assert.equal(exceedsInt32(2147483647), false);
    assert.equal(exceedsInt32("text"), false);
  });
});
