/**
 * Parsers for objects of which all keys and their order are known: the bytes of the keys are compared four at a time,
 * and the object is made as a literal, which V8 makes in one go. That is several times as fast as `JSON.parse`.
 *
 * Only the literals are code made at run time: what does the work is the same for all shapes, and is optimized once.
 */
import { isRecord } from "../messages";
import { wordsOf, type Words } from "../json-bytes";
import type { JsonScanner } from "./json-scanner";

const MOST_KEYS = 1000;
const MAX_DEPTH = 10;
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;

/** The keys of the values that stand in one place of different events. */
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

/** A key with what stands around it, and what to expect behind it. */
interface Field {
  /** `,"key":`, or with the brace of the first one. */
  before: Words;
  object: ObjectParser | undefined;
  item: ((start: number) => unknown) | undefined;
}

export class ObjectParser {
  private constructor(private readonly json: JsonScanner, private readonly fields: readonly Field[], private readonly make: (values: unknown[]) => object) {}

  /** For objects like those that `shape` has learned from; undefined for too many keys, and where the process forbids code that is made at run time. */
  static of(shape: Shape, json: JsonScanner): ObjectParser | undefined {
    if (shape.fields === undefined || shape.size > MOST_KEYS) return undefined;
    try {
      return ObjectParser.ofFields(shape.fields, json);
    } catch (error) {
      if (error instanceof EvalError) return undefined;
      throw error;
    }
  }

  private static ofFields(shapes: ReadonlyMap<string, Shape>, json: JsonScanner): ObjectParser {
    const fields = [...shapes].map(([key, { fields: own, items }], index): Field => {
      const before = wordsOf(Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(key)}:`));
      const item = items?.fields && ObjectParser.ofFields(items.fields, json);
      return { before, object: own && ObjectParser.ofFields(own, json), item: item && ((start) => item.parse(start) ?? json.value(start)) };
    });
    return new ObjectParser(json, fields, literal([...shapes.keys()]));
  }

  /** The object that begins at this byte; undefined if it has another shape. Throws a SyntaxError if it is no JSON. */
  parse(start: number): object | undefined {
    const { json, fields } = this;
    const values = new Array<unknown>(fields.length);
    json.at = start;
    for (let index = 0; index < fields.length; index++) {
      const field = fields[index] as Field;
      if (!json.skip(field.before)) return undefined;
      values[index] = this.value(field);
    }
    if (json.bytes[json.at] !== CLOSE_BRACE) return undefined;
    json.at += 1;
    return this.make(values);
  }

  private value({ object, item }: Field): unknown {
    const { json } = this;
    const start = json.at;
    if (object !== undefined && json.bytes[start] === OPEN_BRACE) return object.parse(start) ?? json.value(start);
    return item === undefined ? json.value(start) : json.list(start, item);
  }
}

/** Makes the object of `keys` from their values. The code holds the keys only, as string constants that JSON.stringify has written. */
function literal(keys: readonly string[]): (values: unknown[]) => object {
  const properties = keys.map((key, index) => `${JSON.stringify(key)}: values[${index}]`);
  // The text above is all that becomes code.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  return new Function("values", `return { ${properties.join(", ")} };\n//# sourceURL=${GENERATED}`) as (values: unknown[]) => object;
}

/** The generated code's file, in profiles and stack traces. */
const GENERATED = "generated-literals.js";
