/** Payloads read by parsers made for their shape, against `JSON.parse` of the same bytes. FUZZ_RUNS: damaged payloads of each kind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { PayloadParser } from "../../../src/dxl/payload-parser";
import { numbers } from "../../../src/simulator/events";
import { makeThreatEvent } from "../../../src/simulator/threat-events";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 5000);

type Make = (index: number) => unknown;
const KINDS: Record<string, Make> = {
  "threat events": (index) => makeThreatEvent(index),
  "file detections": (index) => ({ agentGuid: `{${index}}`, hashes: [{ type: "sha1", value: "gqeVV0fBpWqUdg==" }], name: "a é.exe", remediationAction: index % 3, time: 1_400_000_000 + index }),
  // Places where several things stand, and keys that need care.
  "odd ones": (index) => ({
    'a "quoted\\" ключ\u2028': [null, [], { x: index }, [[index], "}"], "text", -index, {}][index % 7],
    "\ud800": [1.5, -0.5, 64e9, 2 ** 53, 2 ** 70, 123456789012345, 0][index % 7],
    "": [true, false, null, "", "\\", "\"", "\u0000\n"][index % 7],
    deep: { a: { b: { c: "C:\\Users\\é\ud83d\ude80\ud800\u007f\\", d: "x".repeat(index % 40) } } },
    "7": "é".repeat(index % 150),
  }),
};

const bytesOf = (make: Make, index: number) => Buffer.from(JSON.stringify(make(index)));

function taught(make: Make, count = 25): PayloadParser {
  const parser = new PayloadParser();
  for (let index = 0; index < count; index++) {
    const bytes = bytesOf(make, index);
    parser.learn(JSON.parse(bytes.toString()), bytes.length);
  }
  return parser;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** True if the payload was not left to `JSON.parse`; then what was read of it is the same, in the same order. */
function check(parser: PayloadParser, bytes: Buffer): boolean {
  const found = parser.parse(bytes);
  if (found === undefined) return false;
  const expected = parsed(bytes);
  assert.deepStrictEqual(found, expected, `read wrongly: ${bytes.toString("latin1")}`);
  assert.equal(JSON.stringify(found), JSON.stringify(expected));
  return true;
}

describe("payload parser", () => {
  for (const [name, make] of Object.entries(KINDS)) {
    it(`reads ${name} as JSON.parse does`, () => {
      // A key that is a whole number comes first in an object; the text agrees only because JSON.stringify wrote it.
      const parser = taught(make);
      for (let round = 0; round < 2; round++) for (let index = 0; index < 700; index++) assert.ok(check(parser, bytesOf(make, index)), `left to JSON.parse: ${bytesOf(make, index).toString()}`);
      assert.equal(parser.taken, 1400);
    });

    it(`never reads damaged ${name} otherwise than JSON.parse`, () => {
      const random = numbers(5, name.length);
      const below = (limit: number) => Math.floor(random() * limit);
      const pieces = ['"', "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\0", "\0\0\0\0", "0", "1", "-", ".", "e9", "null", "nul", "true", "\\u00e9", "\\x", "é", '"a":', ",\"", "\x1f"].map((text) => Buffer.from(text));
      pieces.push(Buffer.from([0xff]), Buffer.from([0xc3]), Buffer.from([0xf0, 0x9f]), Buffer.from([0x80]));
      const parser = taught(make);
      let taken = 0;
      for (let run = 0; run < RUNS; run++) {
        let bytes = bytesOf(make, below(100));
        for (let changes = 1 + below(2); changes > 0; changes--) {
          const at = below(bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, at), pieces[below(pieces.length)] as Buffer, bytes.subarray(at + below(3))]);
        }
        if (below(10) === 0) bytes = bytes.subarray(0, below(bytes.length));
        if (check(parser, bytes)) taken += 1;
      }
      assert.ok(taken > RUNS / 50, `only ${taken} of ${RUNS} were read`);
    });
  }

  it("reads what it remembers by all of its bytes", () => {
    const make: Make = (index) => ({ path: `C:\\${String(index).padStart(3, "0")}\\same`, other: `\\${"x".repeat(index % 3)}` });
    const parser = taught(make);
    for (let round = 0; round < 3; round++) for (let index = 0; index < 1000; index++) assert.ok(check(parser, bytesOf(make, index)));
  });

  it("leaves what is not written like the others", () => {
    const parser = taught((index) => ({ a: index, b: { c: "x" } }));
    assert.ok(check(parser, Buffer.from('{"a":1,"b":{"c":"y"}}')));
    for (const text of ['{"a":1,"b":{"c":"y"}} ', '{"a":1,"b":{"c":"y"}}\0', '{"a":1,"b":{"c":"y"}}\0\0\0\0', '\ufeff{"a":1,"b":{"c":"y"}}', '{"a":1, "b":{"c":"y"}}', '{"b":{"c":"y"},"a":1}', '{"a":1,"b":{"c":"y","d":1}}',
      '{"a":1,"b":{}}', '{"a":1,"b":null}', '{"a":01,"b":{"c":"y"}}', '{"a":,"b":{"c":"y"}}', '{"a":1,"b":{"c":"y"', '{"a":1,"b":{"c":"y\\', '{"a":[1,"b":{"c":"y"}}', '{"a":1,"a":1,"b":{"c":"y"}}', "{}", "[]", "", "5"]) {
      assert.equal(parser.parse(Buffer.from(text)), undefined, text);
    }
    assert.equal(parser.parse(Buffer.from(`{"a":1,"b":{"c":"${"y".repeat(40_000)}"}}`)), undefined);
  });

  it("knows several shapes at a time", () => {
    const parser = new PayloadParser();
    const makes = Object.values(KINDS).slice(0, 2);
    const all = Array.from({ length: 200 }, (_, index) => bytesOf(makes[index % 2] as Make, index));
    for (const bytes of all) if (!check(parser, bytes)) parser.learn(parsed(bytes), bytes.length);
    assert.equal(parser.taken, 200 - 2 * 20);
  });

  it("gives up for a while where every payload is another, and then learns what comes", () => {
    const parser = new PayloadParser();
    const feed = (count: number, make: Make) => {
      for (let index = 0; index < count; index++) {
        const bytes = bytesOf(make, index);
        if (!check(parser, bytes)) parser.learn(parsed(bytes), bytes.length);
      }
    };
    feed(5000, (index) => ({ [`key${index}`]: 1 }));
    feed(3000, (index) => ({ a: index }));
    assert.equal(parser.taken, 0);
    feed(20_000, (index) => ({ a: index }));
    assert.ok(parser.taken > 10_000, String(parser.taken));
  });

  it("takes no harm from payloads without end, and from keys that objects have", () => {
    const parser = new PayloadParser();
    const texts = [`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`, `{${Array.from({ length: 3000 }, (_, index) => `"k${index}":1`).join()}}`, '{"__proto__":{"x":1},"y":2}', '{"a":{"__proto__":1}}'];
    for (const text of texts) {
      for (let round = 0; round < 30; round++) parser.learn(JSON.parse(text), text.length);
      assert.equal(parser.parse(Buffer.from(text)), undefined, text.slice(0, 30));
    }
    const make: Make = (index) => ({ "constructor": index, "toString": ["x"], "get x": 1, "async *y": 2, "...z": 3, "[w]": 4, "hasOwnProperty": null });
    assert.ok(check(taught(make), bytesOf(make, 1)));
  });

  it("writes no code from what events say but their keys, as texts", () => {
    const hostile = '"+hijack()+"\\", x: hijack(), "${hijack()}\u2028*/';
    const make: Make = () => ({ [hostile]: { [hostile]: hostile } });
    let ran = 0;
    Object.assign(globalThis, { hijack: () => (ran += 1) });
    assert.ok(check(taught(make), bytesOf(make, 0)));
    Reflect.deleteProperty(globalThis, "hijack");
    assert.equal(ran, 0);
  });

  it("does without where the process forbids code made at run time", () => {
    const script = `
      const { PayloadParser } = require("./src/dxl/payload-parser.ts");
      const parser = new PayloadParser();
      for (let count = 0; count < 100; count++) parser.learn({ a: 1 }, 7);
      process.stdout.write(String(parser.parse(Buffer.from('{"a":1}'))));`;
    const said = execFileSync(process.execPath, ["--disallow-code-generation-from-strings", "--import", "tsx", "-e", script], { cwd: join(__dirname, "../../.."), encoding: "utf8" });
    assert.equal(said, "undefined");
  });
});
