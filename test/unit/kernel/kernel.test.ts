/** The kernel against what says what is right: `JSON.parse`, the formatter in JavaScript, and the ledger's own hash. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { compileFormatter, type FormatOptions } from "../../../src/cef/encoder";
import type { Formatter } from "../../../src/cef/formatter";
import { mappings } from "../../../src/cef/mappings";
import { eventReaders, type ReaderName } from "../../../src/code42/event-readers";
import { ledgerKey } from "../../../src/cursor/ledger";
import type { Kernel, Status } from "../../../src/kernel/kernel";
import { compileKernel } from "../../../src/kernel/program";
import { FileEventWriter, makeFileEvent, numbers } from "../../../src/simulator/events";
import { eventV1, insertedUs } from "../../support/measured-events";
import { ensureBuilt, root } from "../../../scripts/built";

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 400);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Random = () => number;

interface Version {
  reader: ReaderName;
  kind: string;
  make: (index: number) => Record<string, Json>;
}

const VERSIONS: Record<string, Version> = {
  v1: { reader: "file-events-v1", kind: "code42.file-event.v1", make: (index) => eventV1(index) as Record<string, Json> },
  v2: { reader: "file-events", kind: "code42.file-event.v2", make: (index) => JSON.parse(new FileEventWriter().json(index, insertedUs(index))) as Record<string, Json> },
};

const formatterOf = ({ kind }: Version, options: FormatOptions = {}): Formatter => compileFormatter(mappings.get(kind)!, options);

function kernelOf({ reader }: Version, formatter: Formatter | undefined): Kernel {
  const kernel = compileKernel(eventReaders[reader].paths, formatter?.table);
  assert.ok(kernel !== undefined, "there is a kernel for this table");
  return kernel;
}

interface Found {
  json: string;
  /** Undefined if it is left to JavaScript. */
  read: { line: string; key: string; time: number } | undefined;
}

/** What the kernel finds in elements of a list, from the beginning on. */
function run(kernel: Kernel, json: Buffer): { status: Status; consumed: number; found: Found[] } {
  kernel.load(json);
  const found: Found[] = [];
  let consumed = 0;
  for (;;) {
    const status = kernel.read(consumed, found.length === 0);
    for (let index = 0; index < kernel.count; index++) {
      found.push({
        json: kernel.json(index).toString(),
        read: kernel.isRead(index)
          ? { line: kernel.lines.toString("utf8", kernel.lineStart(index), kernel.lineBehind(index) - 1), key: kernel.keys(index, index + 1).toString(), time: kernel.time(index) }
          : undefined,
      });
    }
    consumed = kernel.consumed;
    if (status !== "needs output") return { status, consumed, found };
  }
}

/** Compares everything the kernel said of these elements; returns how many it has read. */
function compare({ reader }: Version, kernel: Kernel, formatter: Formatter, list: string): number {
  const { status, consumed, found } = run(kernel, Buffer.from(`${list}]`));
  assert.equal(status, "at end");
  assert.equal(consumed, Buffer.byteLength(list));
  const events = JSON.parse(`[${list}]`) as unknown[];
  assert.deepStrictEqual(found.map(({ json }) => JSON.parse(json) as unknown), events);
  let read = 0;
  for (const [index, event] of events.entries()) {
    const said = found[index]?.read;
    if (said === undefined) continue;
    read += 1;
    const before = { ...formatter.counters };
    const facts = eventReaders[reader];
    const line = formatter.format(event);
    assert.equal(said.line, line);
    assert.equal(formatter.failure, undefined);
    // What is dropped or cut has to be counted, which only the formatter does.
    assert.deepEqual({ ...formatter.counters, formatted: before.formatted }, before, JSON.stringify(event));
    assert.equal(said.key, ledgerKey(facts.id(event) as string));
    assert.equal(said.time, facts.insertedMs(event));
  }
  return read;
}

const TEXTS = [
  "", " ", "a", "plain text", " ends ", "tab\tinside", "a=b", "=", "====", "x=y=z and a long tail of more than sixteen characters = here", "a|b", "C:\\Users\\x\\", "\\", "\\\\server\\share", "/usr/bin/",
  "C:/mixed\\path", "line\nbreak", "\r\n", "quote\"d", "größe", "日本語のファイル名.pptx", "emoji 😀 pair", "\ud800 half", "\u0085", "a\u2028b", "a\u00a0", "\u3000x", "x\u3000", "\ufeffbom", "\u007f", "del\u007f", "\u0000",
  "NAME_NOT_AVAILABLE", "EMAILED", "file-emailed", "file-created", "CREATED", "Device", "NO_RISK_INDICATED", "HIGH", "10", "-1", "007", "3.5", "1e3",
  "10.0.0.1", "10.0.0.01", "256.1.1.1", "1.2.3", "1.2.3.4.5", "::1", "::", "1::2", "1::2::3", "fe80::1%eth0", "::ffff:1.2.3.4", "2001:db8:0:0:0:0:0:1", "2001:db8:0:0:0:0:0:1:2", "1:2:3:4:5:6:7::", ":1", "1:", "12345::", "g::1",
  "2026-01-05T00:00:00Z", "2026-01-05T00:00:00.123456789Z", "2026-01-05T00:00:00.1234567890Z", "2026-02-29T00:00:00Z", "2024-02-29T23:59:59.9+05:30", "2026-01-05T00:00:00-0330", "2026-01-05T00:00:60Z", "0000-01-01T00:00:00Z", "1601-01-01T00:00:00Z",
  "2026-01-05T00:00:00", "2026-01-05", "2026-01-05T00:00:00z", "2026-13-01T00:00:00Z", "2026-01-05T00:00:00.Z", "2026-01-05T00:00:00+05:3",
  "x".repeat(40), "x".repeat(41), "ü".repeat(30), "y".repeat(127), "y".repeat(128), "y".repeat(129), "y".repeat(255), "y".repeat(256), "y".repeat(1023), "y".repeat(1024), "y=".repeat(600), "z".repeat(4001), "w".repeat(12_000),
];
const NUMBERS = [0, -0, 1, -1, 7, 10, 11, 3.5, 1e21, 1e-7, 2147483647, 2147483648, -2147483648, -2147483649, 4294967296, 999999999999999, 1000000000000000, 2 ** 53 + 2, 1767571200000, 8.64e15, 8.64e15 + 1000];

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;

function anyValue(random: Random, depth = 0): Json {
  const kind = random();
  if (kind < 0.55) return pick(random, TEXTS);
  if (kind < 0.7) return pick(random, NUMBERS);
  if (kind < 0.78) return pick(random, [true, false]);
  if (kind < 0.86) return null;
  if (depth > 2) return [];
  const items = Array.from({ length: Math.floor(random() * 4) }, () => anyValue(random, depth + 1));
  if (kind < 0.94) return random() < 0.3 && items.length > 0 ? [...items, items[0] as Json] : items;
  return Object.fromEntries(items.map((item) => [pick(random, ["name", "url", "title", "cloudUsername", "value", "__proto__", "constructor", ""]), item]));
}

/** Puts something else in some places of the event. */
function mutate(random: Random, value: Json, rate: number): Json {
  if (random() < rate) return anyValue(random);
  if (Array.isArray(value)) return value.map((item) => mutate(random, item, rate));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(() => random() >= rate / 4).map(([key, item]) => [key, mutate(random, item, rate)] as const);
  if (random() < rate) entries.reverse();
  if (random() < rate) entries.push([pick(random, ["__proto__", "toString", "eventIdX", "", "schlüssel"]), anyValue(random)]);
  return Object.fromEntries(entries);
}

const BLANKS = ["", "", "", " ", "\n\t", "\r\n  "];

/** Written as no other serializer would: blanks, escapes, keys that come twice. */
function write(random: Random, value: Json, oddity: number): string {
  const blank = () => (random() < oddity ? pick(random, BLANKS) : "");
  const text = (plain: string) => {
    const json = JSON.stringify(plain);
    return random() < oddity / 8 ? json.replace(/[a-z/](?=[^"\\]*")/, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`) : json;
  };
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return `[${blank()}${value.map((item) => `${write(random, item, oddity)}${blank()}`).join(`,${blank()}`)}]`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : JSON.stringify(value);
  const entries = Object.entries(value);
  if (random() < oddity / 20 && entries.length > 0) entries.push([(entries[0] as [string, Json])[0], anyValue(random)]);
  return `{${blank()}${entries.map(([key, item]) => `${text(key)}${blank()}:${blank()}${write(random, item, oddity)}${blank()}`).join(`,${blank()}`)}}`;
}

const OPTIONS: Record<string, FormatOptions> = {
  "as it is": {},
  "an own severity and header": { severity: "High", vendor: "Größe | Co", product: "p\\q", version: "7" },
  "own rows": {
    fields: [
      { key: "fname", source: "file.name" }, { key: "Own1", source: "riskScore" }, { key: "cs1", source: "eventType", label: "Größe=1" }, { key: "Own2", source: "risk.indicators[0].name" },
      { key: "Own3", source: "__proto__" }, { key: "Own4", source: "fileOwner" }, { key: "cn3", source: "fileSize", label: "size" }, { key: "Own5", source: "constructor.name" },
    ],
  },
  "short lines": { maxBytes: 1200 },
};

describe("the kernel", function () {
  // A slow machine takes a few seconds for each of these.
  this.timeout(60_000);

  for (const [name, version] of Object.entries(VERSIONS)) {
    describe(`file events ${name}`, () => {
      it("reads all events that are common, and writes the formatter's lines", () => {
        const formatter = formatterOf(version);
        const kernel = kernelOf(version, formatter);
        for (let from = 0; from < 4000; from += 20) {
          const list = Array.from({ length: 20 }, (_, index) => JSON.stringify(version.make(from + index))).join(",");
          assert.equal(compare(version, kernel, formatter, list), 20);
        }
      });

      for (const [what, options] of Object.entries(OPTIONS)) {
        it(`is right or leaves it, whatever an event holds: ${what}`, () => {
          const formatter = formatterOf(version, options);
          const kernel = kernelOf(version, formatter);
          let read = 0;
          for (let seed = 0; seed < RUNS; seed++) {
            const random = numbers(42, seed);
            const rate = pick(random, [0.005, 0.02, 0.1]);
            const oddity = pick(random, [0, 0, 0.05, 0.5]);
            const events = Array.from({ length: 5 }, (_, index) => write(random, mutate(random, version.make(seed * 5 + index), rate), oddity));
            read += compare(version, kernel, formatter, events.join(`${oddity > 0 ? " " : ""},`));
          }
          assert.ok(read > RUNS / 10, `${read} of ${5 * RUNS} events`);
        });
      }

      it("takes nothing that JSON.parse refuses, and finds the same events in what it takes", () => {
        const formatter = formatterOf(version);
        const kernel = kernelOf(version, formatter);
        const list = Buffer.from(Array.from({ length: 3 }, (_, index) => JSON.stringify(version.make(index))).join(","));
        let refused = 0;
        for (let seed = 0; seed < 25 * RUNS; seed++) {
          const random = numbers(7, seed);
          const damaged = Buffer.from(list);
          for (let fault = 0; fault < 1 + random() * 2; fault++) damaged[Math.floor(random() * damaged.length)] = pick(random, [0x22, 0x5c, 0x2c, 0x7b, 0x7d, 0x5b, 0x5d, 0x3a, 0x30, 0x2d, 0x2e, 0x65, 0x20, 0x00, 0x1f, 0x7f, 0x80, 0xc3, 0xff]);
          const { status, found } = run(kernel, Buffer.concat([damaged, Buffer.from("]")]));
          let events: unknown[] | undefined;
          try {
            events = JSON.parse(`[${damaged.toString()}]`) as unknown[];
          } catch {
            // Refused.
          }
          if (status !== "at end") {
            refused += 1;
            // A bracket that is not the list's may end it too early: then the rest of the page is no JSON.
            assert.equal(events, undefined, damaged.toString());
            continue;
          }
          if (events === undefined) continue;
          assert.deepStrictEqual(found.map(({ json }) => JSON.parse(json) as unknown), events);
          for (const [index, event] of events.entries()) if (found[index]?.read !== undefined) assert.equal(found[index].read.line, formatter.format(event));
        }
        assert.ok(refused > RUNS);
      });

      it("waits for the rest of what is cut, wherever that is", () => {
        const formatter = formatterOf(version);
        const kernel = kernelOf(version, formatter);
        const texts = [0, 1].map((index) => JSON.stringify(version.make(index)));
        const list = Buffer.from(`${texts.join(",")}]`);
        const second = Buffer.byteLength(texts[0] as string) + 1;
        for (let end = 0; end < list.length; end++) {
          const { status, consumed, found } = run(kernel, list.subarray(0, end));
          assert.equal(status, "needs input", `after ${end} bytes`);
          const events = end < second ? 0 : 1;
          assert.deepEqual([consumed, found.length], [events * second, events], `after ${end} bytes`);
        }
      });
    });
  }

  it("finds no list that ends behind a comma, and an empty one only at its beginning", () => {
    const kernel = kernelOf(VERSIONS["v1"] as Version, undefined);
    assert.deepEqual(run(kernel, Buffer.from(" ]")), { status: "at end", consumed: 1, found: [] });
    assert.equal(run(kernel, Buffer.from("{},]")).status, "damaged");
    kernel.load(Buffer.from("]"));
    assert.equal(kernel.read(0, false), "damaged");
  });

  it("leaves events that are nested deeper than it looks to JavaScript", () => {
    const kernel = kernelOf(VERSIONS["v1"] as Version, undefined);
    assert.equal(run(kernel, Buffer.from(`{"a":${"[".repeat(60)}${"]".repeat(60)}}]`)).found.length, 1);
    assert.equal(run(kernel, Buffer.from(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}]`)).status, "damaged");
  });

  it("hashes ids of every length", () => {
    const version = VERSIONS["v2"] as Version;
    const kernel = kernelOf(version, undefined);
    for (let length = 0; length < 200; length++) {
      const id = "0_ü4f".repeat(40).slice(0, length);
      const event = makeFileEvent(0, { insertedUs: insertedUs(0) });
      const { found } = run(kernel, Buffer.from(`${JSON.stringify({ ...event, event: { ...event.event, id } })}]`));
      const plain = Array.from(id).every((char) => char < "\u0080");
      assert.equal(found[0]?.read?.key, length > 0 && length <= 119 && plain ? ledgerKey(id) : undefined, `${length} characters`);
    }
    for (let length = 1; length < 120; length++) {
      const id = "0123456789abcdef".repeat(8).slice(0, length);
      const { found } = run(kernel, Buffer.from(`{"event":{"id":"${id}","inserted":"2026-01-05T00:00:00Z"}}]`));
      assert.equal(found[0]?.read?.key, ledgerKey(id));
    }
  });

  it("fills its room for lines as often as it takes", () => {
    const version = VERSIONS["v1"] as Version;
    const formatter = formatterOf(version, { fields: [{ key: "Own1", source: "long" }] });
    const kernel = kernelOf(version, formatter);
    const list = Array.from({ length: 60 }, (_, index) => JSON.stringify({ ...version.make(index), fileOwner: "=".repeat(500), processOwner: "=".repeat(500), long: "=".repeat(500), actor: "a".repeat(1000) })).join(",");
    assert.equal(compare(version, kernel, formatter, list), 60);
  });

  it("is not there for tables that it does not know", () => {
    const { paths } = eventReaders["file-events"];
    for (const kind of ["epo.threat-event", "code42.session", "code42.alert", "code42.audit-event"]) assert.equal(compileKernel(paths, compileFormatter(mappings.get(kind)!).table), undefined, kind);
    for (const field of [{ key: "Own1", source: "a[-1]" }, { key: "Own1", source: "a[][].b" }, { key: "smac", source: "mac" }]) {
      assert.equal(compileKernel(paths, formatterOf(VERSIONS["v2"] as Version, { fields: [field] }).table), undefined, field.source);
    }
  });

  it("is not there where a process may not run it", function () {
    this.timeout(120_000);
    ensureBuilt();
    const program = `
      delete globalThis.WebAssembly;
      const { compileKernel } = require("./dist/runtime.js")["kernel/program"];
      console.log(compileKernel({ id: "id", inserted: "inserted" }, undefined));`;
    assert.equal(execFileSync(process.execPath, ["--eval", program], { cwd: root, encoding: "utf8" }).trim(), "undefined");
    assert.match(execFileSync(process.execPath, ["--eval", program.replace("delete globalThis.WebAssembly;", "")], { cwd: root, encoding: "utf8" }), /^Kernel/);
  });
});
