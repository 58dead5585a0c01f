/**
 * The WebAssembly that reads events and writes their lines (kernel/index.ts), as a class.
 *
 * It is help, not a must: where a process may not run it, or a table asks for what it does not know, the same is done in
 * JavaScript.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What kernel/ exports: functions, and the figures of its layout as globals. */
export type Exports = Record<string, WebAssembly.Global<"i32">> & {
  memory: WebAssembly.Memory;
  read(start: number, end: number, isFirst: number): number;
  hashOf(key: number, length: number): number;
};

/** Why `read` came back. */
export type Status = "needs input" | "needs output" | "at end" | "damaged";

const FILE = "kernel.wasm";

/** Beside the bundle, and from sources where the build puts it. */
const kernelFile = (): string => [join(__dirname, FILE), join(__dirname, "../../dist", FILE)].find((file) => existsSync(file)) ?? FILE;

let compiled: WebAssembly.Module | undefined;
let isForbidden = false;

/** A fresh one; undefined where WebAssembly or its SIMD instructions are not to be had. */
export function instantiate(): Exports | undefined {
  if (isForbidden) return undefined;
  try {
    compiled ??= new WebAssembly.Module(readFileSync(kernelFile()));
    return new WebAssembly.Instance(compiled, { env: { abort: () => undefined } }).exports as unknown as Exports;
  } catch {
    isForbidden = true;
    return undefined;
  }
}

/** Runs one program. What it found is good until the next `read`. */
export class Kernel {
  /** How many bytes a `load` takes. */
  readonly capacity: number;
  private readonly bytes: Buffer;
  private readonly records: DataView;
  private readonly recordBytes: number;
  private readonly input: number;
  private readonly output: number;
  private readonly statuses: Record<number, Status>;
  private end = 0;
  /** Events that the last `read` found. */
  count = 0;
  /** Where the next one begins, or the end of the list. */
  consumed = 0;

  /** `exports` have a program. */
  constructor(private readonly exports: Exports) {
    const { buffer } = exports.memory;
    this.bytes = Buffer.from(buffer);
    this.records = new DataView(buffer, this.figure("RECORDS"), this.figure("MOST_RECORDS") * this.figure("RECORD_BYTES"));
    this.capacity = this.figure("INPUT_BYTES");
    this.recordBytes = this.figure("RECORD_BYTES");
    this.input = this.figure("INPUT");
    this.output = this.figure("OUTPUT");
    this.statuses = { [this.figure("NEEDS_INPUT")]: "needs input", [this.figure("NEEDS_OUTPUT")]: "needs output", [this.figure("AT_END")]: "at end" };
  }

  /** Takes a copy of the first `capacity` bytes: elements of a list from the beginning of one on. */
  load(json: Buffer): void {
    this.end = Math.min(json.length, this.capacity);
    json.copy(this.bytes, this.input, 0, this.end);
    this.bytes.fill(0, this.input + this.end, this.input + this.end + this.figure("PADDING"));
  }

  /** Goes on at byte `start` of what was loaded. `isFirst`: the list may end there. */
  read(start: number, isFirst: boolean): Status {
    const status = this.statuses[this.exports.read(start, this.end, isFirst ? 1 : 0)] ?? "damaged";
    this.count = this.figure("count");
    this.consumed = this.figure("consumed");
    return status;
  }

  /** First byte of an event. */
  start(index: number): number {
    return this.records.getInt32(index * this.recordBytes + 8, true);
  }

  /** Behind its last byte. */
  behind(index: number): number {
    return this.records.getInt32(index * this.recordBytes + 12, true);
  }

  /** The bytes of an event. */
  json(index: number): Buffer {
    return this.bytes.subarray(this.input + this.start(index), this.input + this.behind(index));
  }

  /** False if nothing but its place is known. */
  isRead(index: number): boolean {
    return this.records.getInt32(index * this.recordBytes + 20, true) >= 0;
  }

  /** Epoch ms. */
  time(index: number): number {
    return this.records.getFloat64(index * this.recordBytes, true);
  }

  /** The ledger keys of events, in ASCII. */
  keys(from: number, until: number): Buffer {
    const width = this.figure("KEY_BYTES");
    const start = this.figure("KEYS");
    return this.bytes.subarray(start + from * width, start + until * width);
  }

  /** First byte of an event's line in `lines`. */
  lineStart(index: number): number {
    return this.records.getInt32(index * this.recordBytes + 16, true);
  }

  /** Behind its line feed. */
  lineBehind(index: number): number {
    return this.records.getInt32(index * this.recordBytes + 20, true);
  }

  /** All lines, each with a line feed behind it. */
  get lines(): Buffer {
    return this.bytes.subarray(this.output, this.output + this.figure("written"));
  }

  private figure(name: string): number {
    return this.exports[name]!.value;
  }
}
