/**
 * Writes the tables of a formatter into the memory of a kernel, which then makes the same lines.
 *
 * A table that asks for something that the kernel does not know (`json`, `patterns`, a MAC address) has no program;
 * what a program can express is what the mappings of file events use, which are the many.
 */
import { SEVERITY, type HeaderPart, type LineTable, type RowPart } from "../cef/table";
import type { Condition, Source, Test } from "../cef/mapping";
import { ALL, splitPath } from "../cef/path";
import type { CefType } from "../cef/dictionary";
import { instantiate, Kernel, type Exports } from "./kernel";

/** Paths to the texts that say which event it is, and when it was inserted. */
export interface FactPaths {
  id: string;
  inserted: string;
}

/** A kernel that tells the facts of events, and with a table writes their lines; undefined if there is none for it. */
export function compileKernel(facts: FactPaths, table: LineTable | undefined): Kernel | undefined {
  const exports = instantiate();
  if (exports === undefined) return undefined;
  try {
    new Program(exports).write(facts, table);
    return new Kernel(exports);
  } catch (error) {
    if (error instanceof NotExpressible) return undefined;
    throw error;
  }
}

class NotExpressible extends Error {}

/** Objects in which paths lie. */
interface Level {
  columns: Map<string, number>;
  inside: Map<string, Level>;
}

const newLevel = (): Level => ({ columns: new Map(), inside: new Map() });

type TextPlace = readonly [address: number, bytes: number];
const NO_TEXT: TextPlace = [0, 0];

/** Stands for itself in JSON and in a line. */
const PLAIN = /^[ -[\]-~]+$/;

const TESTS: Partial<Record<Test, string>> = {
  ipv4: "TEST_IPV4", ipv6: "TEST_IPV6", ip: "TEST_IP", beyondInt32: "TEST_BEYOND_INT32", upTo40Characters: "TEST_UP_TO_40", eventClass: "TEST_EVENT_CLASS",
};
const TYPES: Partial<Record<CefType, string>> = {
  string: "TYPE_STRING", timestamp: "TYPE_TIMESTAMP", integer: "TYPE_INTEGER", long: "TYPE_LONG", ipv4: "TYPE_IPV4", ipv6: "TYPE_IPV6",
};

class Program {
  private readonly memory: Buffer;
  private readonly root = newLevel();
  private readonly texts = new Map<string, TextPlace>();
  private columns = 0;
  private free: number;
  private readonly end: number;

  constructor(private readonly exports: Exports) {
    this.memory = Buffer.from(exports.memory.buffer);
    this.free = this.figure("PROGRAM") + this.figure("HEAD_BYTES");
    this.end = this.figure("PROGRAM") + this.figure("PROGRAM_BYTES");
  }

  write({ id, inserted }: FactPaths, table: LineTable | undefined): void {
    const [idColumn, timeColumn] = [id, inserted].map((path) => this.plainColumn(path)) as [number, number];
    const header = (table?.header ?? []).map((part) => this.headerPart(part));
    const rows = (table?.rows ?? []).map((part) => this.row(part));
    const headerAt = this.numbers(header.flat());
    const rowsAt = this.numbers(rows.flat());
    const most = Math.min(table?.maxBytes ?? 0, this.figure("MOST_LINE_BYTES"));
    this.put(this.figure("PROGRAM"), [this.level(this.root), idColumn, timeColumn, headerAt, header.length, rowsAt, rows.length, most]);
  }

  private figure(name: string): number {
    return this.exports[name]!.value;
  }

  private headerPart({ source, fixed, fallback, maxLength, isSeverity }: HeaderPart): number[] {
    if (fixed !== undefined) return [0, ...this.text(fixed), 0];
    if (isSeverity === true && !isSeveritySource(source)) throw new NotExpressible();
    return [this.node(source), ...this.text(fallback), maxLength];
  }

  private row({ source, type, maxLength, before, spacedBefore, after, isConstant }: RowPart): number[] {
    const number = TYPES[type];
    if (number === undefined) throw new NotExpressible();
    if (typeof source === "object" && "constant" in source && source.constant.length > maxLength) throw new NotExpressible();
    return [this.node(source), this.figure(number), maxLength, ...this.text(before), ...this.text(spacedBefore), ...(after === "" ? NO_TEXT : this.text(after)), isConstant ? 1 : 0];
  }

  /** Returns the address of what evaluates `source`. */
  private node(source: Source): number {
    if (typeof source === "string") return this.path(source, ",");
    if ("constant" in source) return this.numbers([this.figure("NODE_CONSTANT"), ...this.plain(source.constant)]);
    if ("first" in source) return this.numbers([this.figure("NODE_FIRST"), source.first.length, ...source.first.map((each) => this.node(each))]);
    if ("list" in source) return this.path(source.list, source.join);
    if ("from" in source) {
      const condition = source.when === undefined ? 0 : this.condition(source.when);
      return this.numbers([this.figure("NODE_FROM"), this.node(source.from), this.test(source.only), this.test(source.unless), condition]);
    }
    if ("directory" in source) return this.numbers([this.figure("NODE_DIRECTORY"), this.node(source.directory), this.node(source.name)]);
    if ("lists" in source) {
      const columns = source.lists.map((path) => this.plainColumn(path));
      return this.numbers([this.figure("NODE_LISTS"), ...this.plain(source.having), ...this.plain(source.take), columns.length, ...columns]);
    }
    if ("words" in source) {
      const words = Object.entries(source.words);
      return this.numbers([this.figure("NODE_WORDS"), this.node(source.of), words.length, ...words.flatMap((pair) => pair.flatMap((text) => this.plain(text)))]);
    }
    if ("severityOfScore" in source) return this.numbers([this.figure("NODE_SEVERITY"), this.plainColumn(source.severityOfScore)]);
    throw new NotExpressible();
  }

  private path(path: string, join: string): number {
    const { names, rest } = splitPath(path);
    const column = this.columnOf(names);
    if (rest.length === 0) return this.numbers([this.figure("NODE_PATH"), column]);
    const [first, property, ...more] = rest;
    if (more.length > 0 || (property !== undefined && typeof property !== "string")) throw new NotExpressible();
    if (first !== ALL && (typeof first !== "number" || first < 0)) throw new NotExpressible();
    return this.numbers([this.figure("NODE_LIST"), column, ...this.plain(join), first === ALL ? -1 : first, ...(property === undefined ? NO_TEXT : this.plain(property))]);
  }

  private condition(condition: Condition): number {
    const isOne = "is" in condition;
    const values = isOne ? condition.is : condition.isNot;
    const texts = values.filter((value) => value !== null);
    return this.numbers([this.node(condition.path), isOne ? 1 : 0, values.includes(null) ? 1 : 0, texts.length, ...texts.flatMap((text) => this.plain(text))]);
  }

  private test(test: Test | undefined): number {
    if (test === undefined) return -1;
    const name = TESTS[test];
    if (name === undefined) throw new NotExpressible();
    return this.figure(name);
  }

  private plainColumn(path: string): number {
    const { names, rest } = splitPath(path);
    if (rest.length > 0) throw new NotExpressible();
    return this.columnOf(names);
  }

  private columnOf(names: readonly string[]): number {
    let level = this.root;
    for (const name of names.slice(0, -1)) {
      const inside = level.inside.get(name) ?? newLevel();
      level.inside.set(name, inside);
      level = inside;
    }
    const name = names.at(-1) ?? "";
    const known = level.columns.get(name);
    if (known !== undefined) return known;
    if (this.columns === this.figure("MOST_COLUMNS")) throw new NotExpressible();
    level.columns.set(name, this.columns);
    return this.columns++;
  }

  /** Writes the table of a level, and of those inside it; returns its address. */
  private level({ columns, inside }: Level): number {
    const names = new Set([...columns.keys(), ...inside.keys()]);
    let slots = 8;
    while (slots < 4 * names.size) slots *= 2;
    const entries = new Array<number[]>(slots);
    for (const name of names) {
      const [address, bytes] = this.text(name);
      let slot = this.exports.hashOf(address, bytes) & (slots - 1);
      while (entries[slot] !== undefined) slot = (slot + 1) & (slots - 1);
      const level = inside.get(name);
      entries[slot] = [address, bytes, columns.get(name) ?? -1, level === undefined ? 0 : this.level(level)];
    }
    const table = this.numbers([...entries].flatMap((entry) => entry ?? [0, 0, 0, 0]));
    return this.numbers([0, slots - 1, table]);
  }

  /** A text that is the same in JSON and in a line. */
  private plain(text: string): TextPlace {
    if (!PLAIN.test(text)) throw new NotExpressible();
    return this.text(text);
  }

  private text(text: string): TextPlace {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(text);
    const address = this.take(bytes.length + this.figure("PADDING"));
    bytes.copy(this.memory, address);
    const place = [address, bytes.length] as const;
    this.texts.set(text, place);
    return place;
  }

  private numbers(numbers: readonly number[]): number {
    const address = this.take(4 * numbers.length);
    this.put(address, numbers);
    return address;
  }

  private put(address: number, numbers: readonly number[]): void {
    numbers.forEach((number, index) => this.memory.writeInt32LE(number, address + 4 * index));
  }

  private take(bytes: number): number {
    const address = this.free;
    this.free += (bytes + 7) & ~7;
    if (this.free > this.end) throw new NotExpressible();
    return address;
  }
}

/** True if it has no value that is no severity. */
function isSeveritySource(source: Source): boolean {
  if (typeof source !== "object") return false;
  if ("first" in source) return source.first.every(isSeveritySource);
  if ("constant" in source) return SEVERITY.test(source.constant);
  if ("words" in source) return Object.values(source.words).every((word) => SEVERITY.test(word));
  return "severityOfScore" in source;
}
