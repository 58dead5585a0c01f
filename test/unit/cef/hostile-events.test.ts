/** Events as no product sends them: each becomes a legal line that is short enough. */
import assert from "node:assert/strict";
import { createContext, runInNewContext } from "node:vm";
import { compileFormatter } from "../../../src/cef/encoder";
import { MIN_BYTES } from "../../../src/cef/formatter";
import { pathsOf } from "../../../src/cef/mapping";
import { mappings } from "../../../src/cef/mappings";
import { parsePath } from "../../../src/cef/path";
import { parseCef } from "../../../src/simulator/cef-parser";
import { numbers } from "../../../src/simulator/events";
import { cefSamples } from "../../support/cef-samples";

const elsewhere = createContext({});
const foreign = (source: string): unknown => runInNewContext(source, elsewhere);

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

/** Puts `value` at the end of the path. */
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
  { key: "fname", source: "user.id" }, { key: "cs1", source: "risk.score" }, { key: "suser", source: "__proto__.name" }, { key: "reason", source: "toString" }, { key: "request", source: "tabs[].url" },
  { key: "spt", source: "port" }, { key: "dntdom", source: "constructor[0].a[]" },
];

describe("CEF lines of hostile events", () => {
  for (const [kind, mapping] of mappings) {
    it(`are legal and short enough: ${kind}`, () => {
      const random = numbers(17, kind.length);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const paths = [...mapping.rows.flatMap(({ source }) => pathsOf(source)), ...Object.values(mapping.header).flatMap(pathsOf), "__proto__", "toString", "tabs", "port"];
      const places = [...new Set(paths.flatMap((path) => path.split(".").map((_, index, names) => names.slice(0, index + 1).join("."))))];
      for (const options of [{}, { fields: OWN_ROWS, severity: "High", version: "A|\\\"`${x}", maxBytes: 1200 }, { maxBytes: MIN_BYTES }]) {
        const { format, counters } = compileFormatter(mapping, options);
        for (let count = 0; count < 600; count++) {
          const event = structuredClone(pick(cefSamples[kind as keyof typeof cefSamples]).event) as Holder;
          for (let changes = Math.floor(random() * 7); changes > 0; changes--) put(event, pick(places), pick(HOSTILE)());
          const line = format(event);
          parseCef(line);
          assert.ok(Buffer.byteLength(line) <= (options.maxBytes ?? 8000), line);
        }
        for (const value of HOSTILE) parseCef(format(value()));
        assert.ok(counters.formatted > 500, `${counters.formatted} events were formatted`);
      }
    });
  }
});
