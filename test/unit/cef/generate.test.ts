import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { createContext, runInNewContext } from "node:vm";
import { compileFormatter, type FormatOptions } from "../../../src/cef/encoder";
import { MIN_BYTES } from "../../../src/cef/formatter";
import { generateLineWriter } from "../../../src/cef/generate";
import { pathsOf, type Mapping } from "../../../src/cef/mapping";
import { mappings } from "../../../src/cef/mappings";
import { parsePath } from "../../../src/cef/path";
import { numbers } from "../../../src/simulator/events";
import { cefSamples } from "../../support/cef-samples";

const none = () => undefined;

/** Generates, and counts the lines that the generated code finished. */
function watched(mapping: Mapping, options: FormatOptions) {
  const watch = { finished: 0 };
  const generate: typeof generateLineWriter = (...parts) => {
    const write = generateLineWriter(...parts);
    assert.ok(write !== undefined);
    return (event) => {
      const line = write(event);
      if (line !== undefined) watch.finished++;
      return line;
    };
  };
  return { formatter: compileFormatter(mapping, options, generate), watch };
}


/** Formats every event with the generated code and with the functions of the rows, which must say and count the same. */
function assertSame(mapping: Mapping, options: FormatOptions, events: readonly (() => unknown)[]): number {
  const { formatter, watch } = watched(mapping, options);
  const byRows = compileFormatter(mapping, options, none);
  for (const event of events) {
    assert.equal(formatter.format(event()), byRows.format(event()));
    assert.deepEqual({ ...formatter.counters, failure: formatter.failure?.message }, { ...byRows.counters, failure: byRows.failure?.message });
  }
  return watch.finished;
}

const elsewhere = createContext({});
const foreign = (source: string): unknown => runInNewContext(source, elsewhere);

/** Texts, numbers, lists and objects as no product sends them. */
const HOSTILE: readonly (() => unknown)[] = [
  () => null, () => undefined, () => "", () => " \t\r\n", () => "a|b=c\\d\ne\rf", () => "\u0000x\u0085\u2028\u2029\u007f", () => "\ud800", () => "👍".repeat(3000), () => "=".repeat(1100),
  () => "NAME_NOT_AVAILABLE", () => "192.0.2.1", () => "2001:db8::1", () => "::ffff:192.0.2.1", () => "0.0.0.0", () => "2026-01-05T00:00:00.123456Z", () => "1601-01-01T00:00:00Z", () => "${x}`'\"",
  () => 0, () => -0, () => -1, () => 2 ** 31, () => 2 ** 53, () => 1e308, () => 1.5, () => NaN, () => Infinity, () => true, () => false, () => 10n, () => Symbol("s"), () => () => 1,
  () => [], () => [[]], () => [null, "a", "a", { name: "n", url: "u", email: "e" }, 7, ["b"]], () => Array.from({ length: 40 }, (_, index) => `${index}=`.repeat(200)), () => ({}), () => ({ length: 3 }),
  () => new Date(0), () => new Map(), () => Buffer.from("x"), () => Object.create({ name: "inherited", id: "inherited" }) as unknown, () => Object.assign(Object.create(null) as object, { name: "n", id: "i" }),
  () => JSON.parse('{"__proto__":{"name":"own","id":"own"},"name":"n","constructor":"c","toString":1}') as unknown,
  () => foreign('({ name: "elsewhere", id: "e", url: "u" })'), () => foreign('["elsewhere", { name: "n" }]'),
  () => ({ get name(): never { throw new Error("gone"); } }), () => new Proxy({}, { getPrototypeOf() { throw new Error("no"); } }),
];

type Holder = Record<string | number, unknown>;

/** Puts `value` where the path leads to. */
function put(event: Holder, path: string, value: unknown): void {
  const steps = (parsePath(path) ?? []).map((step) => (typeof step === "symbol" ? 0 : step));
  let holder = event;
  for (const step of steps.slice(0, -1)) {
    const inside = holder[step];
    if (typeof inside !== "object" || inside === null) return;
    holder = inside as Holder;
  }
  Object.defineProperty(holder, steps.at(-1)!, { value, enumerable: true, configurable: true, writable: true });
}

const OWN_ROWS = [
  { key: "fname", source: "user.id" }, { key: "cs1", source: "risk.score" }, { key: "suser", source: "__proto__.name" }, { key: "Own", source: "toString" }, { key: "OwnList", source: "tabs[].url" },
  { key: "spt", source: "port" }, { key: "dntdom", source: "constructor[0].a[]" },
];

describe("CEF formatter: generated code", () => {
  for (const [kind, mapping] of mappings) {
    it(`writes ${kind} as the functions of the rows do, whatever the event holds`, () => {
      const random = numbers(17, kind.length);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const paths = [...mapping.rows.flatMap(({ source }) => pathsOf(source)), ...Object.values(mapping.header).flatMap(pathsOf), "__proto__", "toString", "tabs", "port"];
      const places = [...new Set(paths.flatMap((path) => path.split(".").map((_, index, names) => names.slice(0, index + 1).join("."))))];
      const events = Array.from({ length: 600 }, (_, index) => {
        const { event } = pick(cefSamples[kind as keyof typeof cefSamples]);
        const changes = index < 20 ? [] : Array.from({ length: 1 + Math.floor(random() * 6) }, () => [pick(places), pick(HOSTILE)] as const);
        return () => {
          const copy = structuredClone(event) as Holder;
          for (const [path, value] of changes) put(copy, path, value());
          return copy;
        };
      });
      for (const value of HOSTILE) events.push(value as () => Holder);
      assert.ok(assertSame(mapping, {}, events) > 400);
      assert.ok(assertSame(mapping, { fields: OWN_ROWS, severity: "High", vendor: "A|\\\"`${x}", maxBytes: 1200 }, events) > 400);
      assertSame(mapping, { maxBytes: MIN_BYTES }, events);
    });
  }

  it("takes every part of a table for text, never for code", () => {
    let ran = 0;
    Object.assign(globalThis, { hijack: () => ++ran });
    const texts = ['"+hijack()+"', '"); hijack(); ("', "${hijack()}", "`${hijack()}`", "'+hijack()+'", "\\", '\\"+hijack()+\\"', "*/hijack()/*", "x//\nhijack()", "x\u2028hijack()", "x\u2029hijack()", "\ud800", "__proto__", "constructor", "event", "used1"];
    for (const hostile of texts) {
      const event = Object.fromEntries([[hostile, { [hostile]: "inside", list: [{ [hostile]: "listed" }] }], ["plain", hostile]]) as Holder;
      const fields = [
        { key: "cs1", source: `${hostile}.${hostile}`, label: hostile }, { key: "Own", source: `${hostile}.list[].${hostile}` }, { key: "suser", source: "plain" },
      ];
      for (const mapping of mappings.values()) assert.equal(assertSame(mapping, { fields, vendor: hostile, product: hostile, version: hostile }, [() => event]), 1);
      const table: Mapping = {
        title: "test",
        header: {
          vendor: { constant: hostile }, product: "plain", version: { constant: "1" }, classId: { of: "plain", words: Object.fromEntries([[hostile, hostile]]) },
          name: { first: [{ from: "plain", when: { path: "plain", isNot: [hostile] } }, { constant: hostile }] }, severity: { constant: "5" },
        },
        rows: [
          { key: "act", type: "string", source: { from: "plain", when: { path: "plain", is: [hostile, null] } } },
          { key: "msg", type: "string", source: { list: `${hostile}.list[].${hostile}`, join: hostile } },
          { key: "cat", type: "string", source: { constant: hostile } },
          { key: "reason", type: "string", source: { joined: ["plain", { inside: "plain", after: hostile, before: hostile }], between: hostile } },
        ],
      };
      assert.equal(assertSame(table, {}, [() => event]), 1);
    }
    Reflect.deleteProperty(globalThis, "hijack");
    assert.equal(ran, 0);
  });

  it("does without where the process forbids code made at run time", () => {
    const { event } = cefSamples["code42.file-event.v2"][0]!;
    const script = `
      const { compileFormatter } = require("./src/cef/encoder.ts");
      const { mappings } = require("./src/cef/mappings/index.ts");
      process.stdout.write(compileFormatter(mappings.get("code42.file-event.v2")).format(${JSON.stringify(event)}));`;
    const line = execFileSync(process.execPath, ["--disallow-code-generation-from-strings", "--import", "tsx", "-e", script], { cwd: join(__dirname, "../../.."), encoding: "utf8" });
    assert.equal(line, compileFormatter(mappings.get("code42.file-event.v2")!).format(event));
  });

  it("leaves each line in one piece of memory", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { event } = cefSamples["code42.file-event.v2"][0]!;
    const { formatter, watch } = watched(mappings.get("code42.file-event.v2")!, {});
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    // Optimized code must do it too.
    for (let round = 0; round < 20_000; round++) formatter.format(event);
    const before = used();
    const lines = Array.from({ length: 2000 }, () => formatter.format(event));
    const bytes = (used() - before) / lines.length;
    assert.equal(watch.finished, 22_000);
    assert.ok(bytes < 1.25 * lines[0]!.length, `${bytes} bytes for ${lines[0]!.length} characters`);
  });
});
