/**
 * Writes the function that formats the events of one table as straight-line code: each property is loaded by a constant
 * name and each container once, which is nearly twice as fast as functions that all rows share.
 *
 * The code is made from our tables and from own rows that `rowProblem` has passed, and never from an event. Of a table
 * it holds keys, labels and steps of paths, only as string constants that JSON.stringify has written; everything else is
 * ours, or a value that the code refers to by a numbered name.
 *
 * It decides nothing of its own: what makes a text of a value is shared with the functions of encoder.ts, and what it
 * does not write itself (`json`, `lists` and the like) it asks the functions of source.ts for. Where a line is not one
 * it can finish, it says so, and those functions take over: they are the ones to read first.
 */
import { changeOf, joinPath, TESTS } from "./change";
import type { Condition, Source } from "./mapping";
import { contained, isInherited, listReader, own, ownProperties, scalarOf, type DropCounter, type EventReader, type Place } from "./source";
import type { HeaderPart, RowPart } from "./table";
import { strip } from "./text";

/** The whole line, in one piece of memory; undefined if the event says nothing. Throws what reading the event throws. */
export type WriteLine = (event: Record<string, unknown>) => string | undefined;

/** The function for `header` and `fields`; undefined where the process forbids code that is made at run time. */
export function generateLineWriter(header: readonly HeaderPart[], fields: readonly RowPart[], reader: EventReader, counter: DropCounter): WriteLine | undefined {
  const program = new Program(reader, counter);
  const start = header.map((part) => program.headerField(part));
  const extension = fields.map((part) => program.field(part));
  const body = `"use strict";
return (event) => {
${program.containers()}
let line = "CEF:0|";
${start.join("\n")}
let space = false, says = false;
${extension.join("\n")}
return says ? ${program.use(inOnePiece)}(line) : undefined;
};`;
  try {
    // The head of this file says which text becomes code.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    return (new Function(...program.names, `${body}\n//# sourceURL=${GENERATED}`) as (...values: unknown[]) => WriteLine)(...program.values);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** The generated code's file, in profiles and stack traces. */
const GENERATED = "generated-lines.js";

/**
 * V8 keeps the parts of a string that `+` made until somebody looks at a character. Each of the lines would be a tree
 * of a hundred objects, and a page of ten thousand of them makes every garbage collection a pause that is felt.
 */
const inOnePiece = (line: string) => (line.charCodeAt(0) === "C".charCodeAt(0) ? line : undefined);

const text = (value: string) => JSON.stringify(value);

class Program {
  /** What the code refers to, and under which name. */
  readonly values: unknown[] = [];
  readonly names: string[] = [];
  private variables = 0;

  constructor(private readonly reader: EventReader, private readonly counter: DropCounter) {}

  /** The name of `value` in the code. */
  use(value: unknown): string {
    const known = this.values.indexOf(value);
    if (known >= 0) return this.names[known]!;
    const name = `used${this.values.push(value)}`;
    this.names.push(name);
    return name;
  }

  /** Loads what the paths lie in; for the shared functions, where they look for it. */
  containers(): string {
    const { containers, objects } = this.reader;
    const all = this.use(objects);
    const load = this.use(contained);
    const counter = this.use(this.counter);
    return containers.map(({ parent, name }, slot) => {
      if (slot === 0) return `const object0 = ${all}[0] = ${this.use(ownProperties)}(event);`;
      return `const found${slot} = ${this.property(parent, name)}, object${slot} = ${all}[${slot}] = found${slot} == null ? undefined : ${load}(found${slot}, ${counter});`;
    }).join("\n");
  }

  headerField({ source, toText }: HeaderPart): string {
    if (typeof source === "object" && "constant" in source) return `line += ${text(`${toText(source.constant)}|`)};`;
    return this.block((value) => `${this.read(source, value)} line += ${this.use(toText)}(${value}) + "|";`);
  }

  field({ source, toText, before, spacedBefore, after, isConstant }: RowPart): string {
    const says = isConstant ? "" : " says =";
    const end = after === "" ? "" : ` + ${text(after)}`;
    return this.block((value) => `${this.read(source, value)}
if (${value} !== undefined && (${value} = ${this.use(toText)}(${value})) !== undefined) { line += (space ? ${text(spacedBefore)} : ${text(before)}) + ${value}${end};${says} space = true; }`);
  }

  /** Statements with a variable of their own. */
  private block(statements: (variable: string) => string): string {
    const variable = `value${this.variables++}`;
    return `{ let ${variable}; ${statements(variable)} }`;
  }

  private property(slot: number, name: string): string {
    if (isInherited(name)) return `(object${slot} === undefined ? undefined : ${this.use(own)}(object${slot}, ${text(name)}))`;
    // The event itself is always there.
    return `object${slot}${slot === 0 ? "" : "?."}[${text(name)}]`;
  }

  /** Statements that leave the value of `source` in `target`, undefined if there is none. */
  private read(source: Source, target: string): string {
    if (typeof source === "string") return this.path(this.reader.locate(source), ",", target);
    if ("constant" in source) return `${target} = ${text(source.constant)};`;
    if ("list" in source) return this.path(this.reader.locate(source.list), source.join, target);
    if ("first" in source) return source.first.map((each) => this.read(each, target)).reduceRight((rest, each) => `${each} if (${target} === undefined) { ${rest} }`);
    if ("from" in source) {
      const tests = [
        ...(source.only === undefined ? [] : [`!${this.use(TESTS[source.only])}(${target})`]),
        ...(source.unless === undefined ? [] : [`${this.use(TESTS[source.unless])}(${target})`]),
      ];
      const value = this.read(source.from, target);
      const tested = tests.length === 0 ? value : `${value} if (${target} !== undefined && (${tests.join(" || ")})) ${target} = undefined;`;
      return source.when === undefined ? tested : this.when(source.when, tested, target);
    }
    if ("directory" in source) {
      return `${this.read(source.directory, target)} ${this.block((name) => `${this.read(source.name, name)} ${target} = ${this.use(joinPath)}(${target}, ${name});`)}`;
    }
    if ("each" in source || "earliest" in source || "latest" in source || "sum" in source || "lists" in source || "joined" in source || "json" in source) {
      return `${target} = ${this.use(this.reader.compile(source))}();`;
    }
    const { of, change } = changeOf(source);
    return `${this.read(of, target)} if (${target} !== undefined) ${target} = ${this.use(change)}(${target});`;
  }

  private when(condition: Condition, statements: string, target: string): string {
    const expected = "is" in condition;
    const values = expected ? condition.is : condition.isNot;
    return this.block((value) => {
      const found = values.map((each) => `${value} === ${each === null ? "undefined" : text(each)}`).join(" || ") || "false";
      return `${this.read(condition.path, value)} if (${expected ? "" : "!"}(${found})) { ${statements} } else ${target} = undefined;`;
    });
  }

  private path({ slot, name, rest }: Place, join: string, target: string): string {
    const load = `${target} = ${this.property(slot, name)};`;
    if (rest.length > 0) return `${load} if (${target} != null) ${target} = ${this.use(listReader(rest, join, this.counter))}(${target}); else ${target} = undefined;`;
    return `${load} ${target} = typeof ${target} === "string" ? ${this.use(strip)}(${target}) || undefined : ${target} == null ? undefined : ${this.use(scalarOf)}(${target}, ${this.use(this.counter)});`;
  }
}
