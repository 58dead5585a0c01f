/** Events read by parsers made for their shape, against `JSON.parse` of the same bytes. FUZZ_RUNS: damaged slices for each kind of event. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { eventV1 } from "../../support/measured-events";
import { EventShapes } from "../../../src/code42/event-shapes";
import { readPage } from "../../../src/code42/page";
import { makeAlert } from "../../../src/simulator/alerts";
import { makeFileEvent, numbers } from "../../../src/simulator/events";
import { makeSession } from "../../../src/simulator/sessions";
import { chunkedBody } from "../../support/chunked-body";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 2000);
const START = Date.UTC(2026, 0, 5);

type Make = (index: number) => unknown;
const KINDS: Record<string, Make> = {
  "file events v2": (index) => makeFileEvent(index, { insertedUs: (START + index) * 1000 }),
  "file events v1": (index) => eventV1(index),
  "alerts": (index) => makeAlert(index, { createdMs: START + index }),
  "sessions": (index) => makeSession(index, { beginMs: START + index }),
  // Places where several things stand, and keys that need care.
  "odd ones": (index) => ({
    'a "quoted\\" ключ\u2028': [null, {}, { x: index }, [], [[index]], "text", -index][index % 7],
    "\ud800": [[], [1, 2], [{ y: 1 }], [{ y: "é" }, { z: 2 }, 3], [[]], [[[1]]], null][(index + 2) % 7],
    "": [0, -1, 64e9, 1.5, -12e-7, 2 ** 53, 2 ** 70][index % 7],
    deep: { a: { b: { c: index % 3 === 0 ? { d: [true, false] } : null } } },
    path: "C:\\Users\\é\u0000\ud83d\ude80\ud800\u007f\\",
  }),
};

const textOf = (make: Make, from: number, count: number) => Array.from({ length: count }, (_, index) => JSON.stringify(make(from + index)));

/** Shapes that have learned from `make`. */
function taught(make: Make): EventShapes {
  const shapes = new EventShapes();
  shapes.learn(textOf(make, 0, 100).map((text) => JSON.parse(text) as unknown));
  return shapes;
}

function parsed(bytes: Buffer): unknown[] | undefined {
  try {
    return JSON.parse(`[${bytes.toString("utf8")}]`) as unknown[];
  } catch {
    return undefined;
  }
}

/** True if the slice was not left to `JSON.parse`; then what was read of it is the same. */
function check(shapes: EventShapes, bytes: Buffer): boolean {
  const found = shapes.parse(bytes, bytes.length);
  if (found === undefined) return false;
  const expected = parsed(bytes);
  try {
    assert.deepStrictEqual(found, expected);
    // The order of keys counts too.
    assert.equal(JSON.stringify(found), JSON.stringify(expected));
  } catch (error) {
    throw new Error(`read wrongly: ${bytes.toString("latin1")}`, { cause: error });
  }
  return true;
}

const VALUES = [
  "0", "-0", "00", "01", "-01", "-", "+1", "1.", ".5", "1.5", "-1.5e+10", "1e5", "1E-5", "1e", "1e+", "1e400", "-1e400", "5e-324", "0.1e1e1", "1-1", "0x1", "NaN", "Infinity",
  "999999999999999", "1000000000000000", "9007199254740993", "123456789012345678901234567890", "-999999999999999", "4294967296", "2147483648", "-2147483649", "1 ", " 1", "1\n",
  "null", "nul", "nulL", "nullx", "true", "tru", "false", "fals", "falsy", "undefined",
  '""', '"', '"\\"', '"\\\\"', '"\\\\\\"', '"C:\\\\Users\\\\x\\\\"', '"\\/\\b\\f\\n\\r\\t\\""', '"\\x"', '"\\u00e9"', '"\\u00E"', '"\\uD83D\\uDE80"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"',
  '"a\tb"', '"a\nb"', '"\u0000"', '"\u001f"', '"\u007f"', '"é"', '"見積書"', '"🚀"', '"\ufeff"', '"\u2028"', '"é\\\\é"', '"abc\\', '"abcdefghijklmnopqrstuvw\\"xyz"', "'a'",
  "[]", "[ ]", "[[]]", "[[[]]]", "[1,2]", "[1,]", "[,1]", "[1", "1]", "]", '["a","b"]', '["a" ,"b"]', '["a"', '[null,{"a":[]},"b"]', '[{"a":1},{"a":2}]', "[{}]", "[}", `${"[".repeat(2000)}${"]".repeat(2000)}`,
  "{}", "{ }", "{", "}", '{"a":1}', '{"a":1,"a":2}', '{"__proto__":1}', '{"__proto__":{"polluted":true},"b":2}', '{"1":1,"0":0}', '{"b":1,"a":{"c":[]}}', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', "{]", "",
].map((text) => Buffer.from(text));
/** Also bytes that no UTF-8 has. */
const PIECES = [[0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x9a], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x80], [0x22], [0x5c], [0x5c, 0x5c], [0x2c], [0x3a], [0x7b], [0x7d], [0x5b], [0x5d], [0x20], [0x0a], [0x00], [0x1f], [0x30], [0x2d]].map((bytes) => Buffer.from(bytes));

/** Another slice of the same events: something at a random place is changed. */
function damaged(bytes: Buffer, random: () => number): Buffer {
  const below = (end: number) => Math.floor(random() * end);
  const pick = <Item>(items: readonly Item[]) => items[below(items.length)] as Item;
  const splice = (start: number, end: number, ...pieces: Buffer[]) => Buffer.concat([bytes.subarray(0, start), ...pieces, bytes.subarray(end)]);
  const place = below(bytes.length);
  const text = bytes.toString("latin1");
  // As JSON.stringify writes them; a colon within a text does no harm.
  const colon = Math.max(0, text.indexOf('":', place)) + 2;
  const value = /^(?:"(?:[^"\\]|\\.)*"|[-\w.+]+|\[\]|)/.exec(text.slice(colon))?.[0].length ?? 0;
  const key = text.lastIndexOf('"', colon - 3);
  switch (below(9)) {
    case 0: return splice(place, place + 1, Buffer.from([below(256)]));
    case 1: return splice(place, place + 1 + below(3));
    case 2: return splice(place, place, pick(PIECES));
    case 3: return splice(place, place + 1, pick(PIECES));
    case 4: return splice(colon, colon + value, pick(VALUES));
    case 5: return splice(colon, colon + value, pick(VALUES));
    // A key less, a key twice, another key.
    case 6: return splice(key, colon + value + 1);
    case 7: return splice(key, key, bytes.subarray(key, colon + value), Buffer.from(","));
    default: return splice(key, colon, Buffer.from(pick(['"__proto__":', '"1":', '"x":', '"\\u0061":', '"":', "x:"])));
  }
}

describe("shapes of events", () => {
  for (const [name, make] of Object.entries(KINDS)) {
    it(`are learned, and what is read by them is what JSON.parse reads: ${name}`, () => {
      const shapes = taught(make);
      for (let from = 0; from < 1000; from += 20) {
        assert.ok(check(shapes, Buffer.from(textOf(make, from, 20).join(","))), `events from ${from} on`);
      }
      assert.equal(shapes.taken, 50);
    });

    it(`do not let anything pass that JSON.parse refuses or reads in another way: ${name}`, function () {
      this.timeout(10_000 + RUNS * 5);
      const shapes = taught(make);
      const random = numbers(42, name.length);
      let taken = 0;
      for (let run = 0; run < RUNS; run++) {
        let bytes = damaged(Buffer.from(textOf(make, run % 500, 1 + (run % 2)).join(",")), random);
        if (run % 4 === 0) bytes = damaged(bytes, random);
        if (check(shapes, bytes)) taken += 1;
      }
      // Other values, names and invalid UTF-8 are no reason to give up.
      assert.ok(taken > RUNS / 10, `${taken} of ${RUNS}`);
    });
  }

  it("refuse a slice that ends at any byte before its end", () => {
    const shapes = taught(KINDS["file events v2"] as Make);
    const bytes = Buffer.from(textOf(KINDS["file events v2"] as Make, 5, 2).join(","));
    const ends: number[] = [];
    // Longest first: what the reader holds of the one before must not count.
    for (let end = bytes.length; end >= 0; end--) if (check(shapes, bytes.subarray(0, end))) ends.push(end);
    assert.deepEqual(ends, [bytes.length, bytes.indexOf('},{"@timestamp"') + 1]);
  });

  it("are several at a time, in any order", () => {
    const makes = [...Object.values(KINDS).slice(0, 3), () => ({ short: [] })];
    const shapes = new EventShapes();
    const mixed: Make = (index) => (makes[index % 4] as Make)(index);
    shapes.learn(textOf(mixed, 0, 300).map((text) => JSON.parse(text) as unknown));
    assert.ok(check(shapes, Buffer.from(textOf((index) => mixed(index * 7 + (index % 3)), 0, 20).join(","))));
  });

  it("leave what is too large, too deep or too rare to JSON.parse", () => {
    const large = taught(() => ({ text: "x".repeat(70_000) }));
    assert.equal(check(large, Buffer.from(JSON.stringify({ text: "x".repeat(70_000) }))), false);
    const keys = Object.fromEntries(Array.from({ length: 1100 }, (_, index) => [`key${index}`, index]));
    assert.equal(check(taught(() => keys), Buffer.from(JSON.stringify(keys))), false);
    const prototype = JSON.parse('{"__proto__":1,"a":{"__proto__":2}}') as unknown;
    assert.equal(check(taught(() => prototype), Buffer.from(JSON.stringify(prototype))), false);
    const rare = new EventShapes();
    rare.learn(Array.from({ length: 49 }, () => ({ a: 1 })));
    assert.equal(check(rare, Buffer.from('{"a":1}')), false);
    const deep = { a: JSON.parse(`${'{"b":'.repeat(50)}1${"}".repeat(50)}`) as unknown };
    assert.ok(check(taught(() => deep), Buffer.from(JSON.stringify(deep))), "what is deeper than shapes go is a value like others");
  });

  it("that no longer fit are forgotten, and others learned after a rest", () => {
    const [before, after] = [{ before: 1 }, { after: 1 }];
    const shapes = taught(() => before);
    const slices = (slice: unknown[]) => {
      const bytes = Buffer.from(slice.map((event) => JSON.stringify(event)).join(","));
      for (let read = 0; read < 2000; read++) if (shapes.parse(bytes, bytes.length) === undefined) shapes.learn(slice);
    };
    slices([after, after, { other: 1 }, { another: 1 }, { third: 1 }, { fourth: 1 }, { fifth: 1 }]);
    assert.equal(shapes.taken, 0);
    slices([after, after]);
    assert.ok(shapes.taken > 1000, `${shapes.taken} slices`);
  });

  it("write no code from what events say but their keys, as texts", () => {
    const hostile = '"+hijack()+"\\", x: hijack(), "${hijack()}\u2028*/';
    const make: Make = (index) => ({ [hostile]: { [hostile]: hostile }, "constructor": index, "toString": [hostile], "get x": 1, "async *y": 2, "...z": 3, "[w]": 4 });
    let ran = 0;
    Object.assign(globalThis, { hijack: () => (ran += 1) });
    assert.ok(check(taught(make), Buffer.from(textOf(make, 0, 5).join(","))));
    Reflect.deleteProperty(globalThis, "hijack");
    assert.equal(ran, 0);
  });

  it("do without where the process forbids code made at run time", () => {
    const script = `
      const { EventShapes } = require("./src/code42/event-shapes.ts");
      const shapes = new EventShapes();
      shapes.learn(Array.from({ length: 100 }, () => ({ a: 1 })));
      process.stdout.write(String(shapes.parse(Buffer.from('{"a":1}'), 7)));`;
    const said = execFileSync(process.execPath, ["--disallow-code-generation-from-strings", "--import", "tsx", "-e", script], { cwd: join(__dirname, "../../.."), encoding: "utf8" });
    assert.equal(said, "undefined");
  });
});

describe("reading a page by the shape of its events", () => {
  async function read(text: string, shapes: EventShapes, size = 60_000) {
    const events: unknown[] = [];
    const bytes = Buffer.from(text);
    await readPage(chunkedBody(bytes, size), "fileEvents", (elements, { start, end }) => {
      assert.deepStrictEqual(JSON.parse(`[${bytes.toString("utf8", start, end)}]`), elements);
      events.push(...elements);
    }, { shapes });
    return events;
  }
  const page = (texts: string[]) => `{"totalCount":1,"fileEvents":[${texts.join(",")}],"nextPgToken":null}`;

  it("takes nearly all of it", async () => {
    for (const name of ["file events v1", "file events v2"]) {
      const texts = textOf(KINDS[name] as Make, 0, 2000);
      const shapes = new EventShapes();
      assert.deepStrictEqual(await read(page(texts), shapes), texts.map((text) => JSON.parse(text) as unknown));
      assert.ok(shapes.taken * 16_384 > 0.8 * texts.join().length, `${name}: ${shapes.taken} slices of ${texts.join().length} bytes`);
    }
  });

  it("gives odd events in between to JSON.parse, and refuses a page with a damaged one", async () => {
    const texts = textOf(KINDS["file events v2"] as Make, 0, 1000);
    for (let index = 100; index < 1000; index += 90) texts[index] = ['{"odd":[{},[]]}', "null", '{"@timestamp" : "x"}', "[1]", '"{"'][index % 5] as string;
    const shapes = new EventShapes();
    assert.deepStrictEqual(await read(page(texts), shapes, 7001), texts.map((text) => JSON.parse(text) as unknown));
    assert.ok(shapes.taken > 50, `${shapes.taken} slices`);
    for (const damage of ["\u0007", "\\x", '"', '","']) {
      const event = texts[850] as string;
      await assert.rejects(read(page([...texts.slice(0, 850), event.replace("Endpoint", damage), ...texts.slice(851)]), shapes), { code: "PAGE_INVALID" }, damage);
    }
  });
});
