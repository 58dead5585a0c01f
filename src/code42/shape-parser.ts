/**
 * Writes the parser of events that have the same keys in the same order: it compares the bytes of the keys, and makes
 * each object as a literal, which is three to six times as fast as `JSON.parse`.
 *
 * Of events the code holds the keys only, as string constants that JSON.stringify has written.
 */
import { isRecord } from "../messages";
import type { JsonScanner } from "./json-scanner";

/** Reads the event that begins at this byte; undefined if it has another shape. Throws a SyntaxError if it is no JSON. */
export type ParseEvent = (start: number) => unknown;

const MOST_KEYS = 1000;
const MAX_DEPTH = 10;

/** The keys of values that stand in one place of different events. */
export class Shape {
  /** Of the first object that stood here, in order. */
  fields: ReadonlyMap<string, Shape> | undefined;
  /** What the items of lists that stood here have in common. */
  items: Shape | undefined;

  constructor(private readonly depth = 0) {}

  /** Keys, those of fields and items included. */
  get size(): number {
    return [...(this.fields?.values() ?? [])].reduce((sum, field) => sum + 1 + field.size, this.items?.size ?? 0);
  }

  learn(value: unknown): void {
    if (this.depth > MAX_DEPTH) return;
    if (Array.isArray(value)) {
      for (const item of value) (this.items ??= new Shape(this.depth + 1)).learn(item);
    } else if (isRecord(value)) this.learnFields(value);
  }

  private learnFields(object: Record<string, unknown>): void {
    const keys = Object.keys(object);
    // In a literal, __proto__ is no key.
    if (keys.length === 0 || keys.includes("__proto__")) return;
    this.fields ??= new Map(keys.map((key) => [key, new Shape(this.depth + 1)]));
    if (keys.length !== this.fields.size) return;
    let index = 0;
    for (const [key, field] of this.fields) {
      if (keys[index++] !== key) return;
      field.learn(object[key]);
    }
  }
}

/** The parser for events like those that `shape` has learned from; undefined for too many keys, and where the process forbids code that is made at run time. */
export function generateParser(shape: Shape, scanner: JsonScanner): ParseEvent | undefined {
  if (shape.fields === undefined || shape.size > MOST_KEYS) return undefined;
  const functions: string[] = [];
  const event = writeFunction(shape.fields, "undefined", functions);
  const body = `"use strict";
const { bytes, view } = json;
${functions.join("\n")}
return ${event};`;
  try {
    // The head of this file says which text becomes code.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    return (new Function("json", `${body}\n//# sourceURL=${GENERATED}`) as (json: JsonScanner) => ParseEvent)(scanner);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** The generated code's file, in profiles and stack traces. */
const GENERATED = "generated-parser.js";

/** Adds the function that reads an object, and returns its name. `otherwise` is what it gives for another one. */
function writeFunction(fields: ReadonlyMap<string, Shape>, otherwise: string, functions: string[]): string {
  const statements: string[] = [];
  const properties: string[] = [];
  for (const [key, shape] of fields) {
    const name = JSON.stringify(key);
    const value = `value${properties.length}`;
    const before = Buffer.from(`${properties.length === 0 ? "{" : ","}${name}:`);
    statements.push(`if (${differs(before)}) return ${otherwise};
at += ${before.length};
const ${value} = ${reader(shape, functions)}; at = json.at;`);
    properties.push(`${name}: ${value}`);
  }
  const name = `object${functions.length}`;
  functions.push(`const ${name} = (start) => {
let at = start;
${statements.join("\n")}
if (bytes[at] !== ${"}".charCodeAt(0)}) return ${otherwise};
json.at = at + 1;
return { ${properties.join(", ")} };
};`);
  return name;
}

/** The expression that reads a value at `at`. */
function reader({ fields, items }: Shape, functions: string[]): string {
  const object = (known: ReadonlyMap<string, Shape>) => writeFunction(known, "json.value(start)", functions);
  const other = items?.fields === undefined ? "json.value(at)" : `json.list(at, ${object(items.fields)})`;
  return fields === undefined ? other : `bytes[at] === ${"{".charCodeAt(0)} ? ${object(fields)}(at) : ${other}`;
}

/** The condition that other bytes than `expected` stand at `at`. There are four at least. */
function differs(expected: Buffer): string {
  const tests: string[] = [];
  for (let start = 0; start < expected.length; start += 4) {
    // The last four overlap with those before.
    const place = Math.min(start, expected.length - 4);
    tests.push(`view.getInt32(at + ${place}, true) !== ${expected.readInt32LE(place)}`);
  }
  return tests.join(" || ");
}
