import assert from "node:assert/strict";
import { IllegalCef, parseCef } from "../../../src/simulator/cef-parser";

const HEAD = "CEF:0|Code42|Incydr|2|file-created|File created|5|";

describe("strict CEF parser", () => {
  it("reads header and extension with every legal escape", () => {
    const event = parseCef("CEF:0|Co\\|de|Pro\\\\duct|2|a=b|n|Very-High|msg=C:\\\\x\\=1\\n2\\r3 | 4 cs1=  two words cs1Label=a tab\there");
    assert.equal(event.vendor, "Co|de");
    assert.equal(event.product, "Pro\\duct");
    assert.equal(event.classId, "a=b");
    assert.deepEqual([...event.extension], [["msg", "C:\\x=1\n2\r3 | 4"], ["cs1", "  two words"], ["cs1Label", "a tab\there"]]);
  });

  it("accepts an empty extension, the vendor's own keys, and every type in its range", () => {
    parseCef(HEAD);
    const event = parseCef(`${HEAD}Code42IncydrFileSize=99999999999 fsize=2147483647 cn1=-9223372036854775808 cn1Label=x cfp1=1.5e3 cfp1Label=y `
      + "end=1700000000000 rt=Jan 08 2024 11:07:53.123 UTC src=10.0.0.1 c6a2=fe80::1 c6a2Label=z smac=00:1B:2c:3d:4e:5f");
    assert.equal(event.extension.size, 12);
  });

  const refused: [why: string, line: string, reason: RegExp][] = [
    ["another version", HEAD.replace("CEF:0", "CEF:1"), /CEF:0/],
    ["an empty header field", HEAD.replace("Incydr", ""), /product is empty/],
    ["a header field that is too long", HEAD.replace("Incydr", "x".repeat(64)), /product is longer than 63/],
    ["too few pipes", "CEF:0|a|b|c|d|e|5", /seven pipes/],
    ["a severity out of range", HEAD.replace("|5|", "|11|"), /severity/],
    ["an escape of = in the header", HEAD.replace("File", "File\\="), /illegal escape/],
    ["an escape of | in the extension", `${HEAD}msg=a\\|b`, /illegal escape/],
    ["a backslash at the end", `${HEAD}msg=a\\`, /illegal escape/],
    ["an unescaped =", `${HEAD}msg=a=b`, /unescaped =/],
    ["a forged field", `${HEAD}msg=hello admin=true`, /neither a key of the dictionary/],
    ["text before the first key", `${HEAD}hello world msg=x`, /does not begin with a key/],
    ["text without any key", `${HEAD}hello`, /does not begin with a key/],
    ["a key twice", `${HEAD}msg=a msg=b`, /occurs twice/],
    ["a consumer's key", `${HEAD}aid=5`, /not a producer's key/],
    ["a key of CEF 1.2", `${HEAD}threatActor=x`, /not a producer's key/],
    ["a label alone", `${HEAD}cs1Label=a`, /cs1Label is there without cs1/],
    ["a custom field without its label", `${HEAD}cs1=a`, /cs1 is there without cs1Label/],
    ["a number with decimals in an integer key", `${HEAD}fsize=1.0`, /type integer/],
    ["a number over 32 bits", `${HEAD}fsize=2147483648`, /type integer/],
    ["a number over 64 bits", `${HEAD}cn1=9223372036854775808 cn1Label=a`, /type long/],
    ["an ISO date", `${HEAD}end=2024-01-08T11:07:53Z`, /type timestamp/],
    ["a host name as address", `${HEAD}src=host`, /type ipv4/],
    ["an IPv6 address in an IPv4 key", `${HEAD}src=::1`, /type ipv4/],
    ["a MAC address with dashes", `${HEAD}smac=00-11-22-33-44-55`, /type mac/],
    ["a value that is too long", `${HEAD}act=${"x".repeat(64)}`, /act is longer than 63/],
    ["NUL", `${HEAD}msg=a\0b`, /control character/],
    ["a raw line feed", `${HEAD}msg=a\nb`, /control character/],
    ["U+2028", `${HEAD}msg=a\u2028b`, /control character/],
    ["NEL", `${HEAD}msg=a\u0085b`, /control character/],
  ];
  for (const [why, line, reason] of refused) {
    it(`refuses ${why}`, () => assert.throws(() => parseCef(line), (error: Error) => error instanceof IllegalCef && reason.test(error.message)));
  }

  it("counts characters, not UTF-16 units", () => {
    parseCef(`${HEAD}act=${"😀".repeat(63)}`);
    assert.throws(() => parseCef(`${HEAD}act=${"😀".repeat(64)}`), IllegalCef);
  });
});
