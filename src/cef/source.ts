/**
 * Compiles the sources of a mapping into functions that read one event after another. They read only own properties, so
 * that an event can neither reach nor fake a prototype. They leave out and count values of the wrong type.
 */
import { changeOf, joinPath, TESTS, type Change } from "./change";
import { LONGEST_STRING, OWN_KEY_LENGTH } from "./dictionary";
import type { Condition, Source } from "./mapping";
import { ALL, splitPath, type Step } from "./path";
import { cut, strip } from "./text";
import { timeOf, type Scalar } from "./values";

/** Reads the event that was opened last. */
export type Read = () => Scalar | undefined;

type PlainObject = Record<string, unknown>;

/** Counts values that are left out for their type, or cut or left out for their length. */
export interface DropCounter {
  droppedValues: number;
  truncated: number;
}

/** The place of a path's value: property `name` of the container in `slot`, and from there the steps through lists. */
interface Place {
  slot: number;
  name: string;
  rest: readonly Step[];
}

const isObject = (value: unknown): value is PlainObject => typeof value === "object" && value !== null && !Array.isArray(value);

const own = (object: PlainObject, name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined);

/** A plain object is read twice as fast; of any other object (another realm, a class) this copies the own properties. */
const ownProperties = (object: PlainObject): PlainObject => (Object.getPrototypeOf(object) === Object.prototype ? object : { ...object });

/** The value as a container; a value other than an object is counted. */
function contained(value: unknown, counter: DropCounter): PlainObject | undefined {
  if (isObject(value)) return ownProperties(value);
  if (value != null) counter.droppedValues++;
  return undefined;
}

/** Every object has properties of these names by its prototype. */
const isInherited = (name: string): boolean => name in Object.prototype;

/** Reads the property `name` of a result of `ownProperties`. */
const loader = (name: string) => (isInherited(name) ? own : (object: PlainObject, key: string): unknown => object[key]);

/** Maximum depth of a JSON value; what products nest deeper is not worth a place in a line. */
const NESTED_LEVELS = 4;

interface Container {
  /** The slot of its container; -1 for the event itself. */
  parent: number;
  name: string;
  load: typeof own;
}

/**
 * Reads the values of an event. It looks up each object inside the event only once, however many rows read from it: with
 * sixty rows this saves most of the time.
 */
export class EventReader {
  /** By slot; each comes after its own container. */
  private readonly containers: Container[] = [{ parent: -1, name: "", load: own }];
  /** The containers of the open event, by slot. */
  private readonly objects: (PlainObject | undefined)[] = [undefined];
  /** By slot: the slots of the containers in it, by name. */
  private readonly inside = [new Map<string, number>()];

  constructor(private readonly counter: DropCounter) {}

  /** The compiled sources read `event` until `close`. */
  open(event: PlainObject): void {
    const { containers, objects } = this;
    objects[0] = ownProperties(event);
    for (let slot = 1; slot < containers.length; slot++) {
      const { parent, name, load } = containers[slot]!;
      const object = objects[parent];
      if (object === undefined) continue;
      objects[slot] = contained(load(object, name), this.counter);
    }
  }

  /** Releases the event. */
  close(): void {
    this.objects.fill(undefined);
  }

  /** The function that reads `source`, whose paths are legal. */
  compile(source: Source): Read {
    if (typeof source === "string") return this.path(source, ",");
    if ("constant" in source) return () => source.constant;
    if ("list" in source) return this.path(source.list, source.join);
    if ("first" in source) return firstOf(source.first.map((each) => this.compile(each)));
    if ("each" in source) return this.each(source.each, source.take);
    if ("earliest" in source) return this.aggregate(source.earliest, timeOf, (a, b) => Math.min(a, b));
    if ("latest" in source) return this.aggregate(source.latest, timeOf, (a, b) => Math.max(a, b));
    if ("newest" in source) return this.newest(source.newest, source.by, source.take);
    if ("sum" in source) return this.aggregate([source.sum], numberOf, sumOf);
    if ("lists" in source) return this.itemOf(source.lists, source.having, source.take);
    if ("from" in source) {
      const { only, unless, when } = source;
      const read = this.compile(source.from);
      const passes = when === undefined ? undefined : this.condition(when);
      return () => {
        if (passes?.() === false) return undefined;
        const value = read();
        if (value === undefined) return undefined;
        return (only === undefined || TESTS[only](value)) && (unless === undefined || !TESTS[unless](value)) ? value : undefined;
      };
    }
    if ("directory" in source) {
      const directory = this.compile(source.directory);
      const name = this.compile(source.name);
      return () => joinPath(directory(), name());
    }
    if ("joined" in source) {
      const reads = source.joined.map((each) => this.compile(each));
      return () => reads.map((read) => read()).filter((value) => value !== undefined).join(source.between) || undefined;
    }
    if ("json" in source) return this.json(source.json, new Set(source.except), source.nested ?? false);
    const { of, change } = changeOf(source);
    return mapped(this.compile(of), change);
  }

  private condition(condition: Condition): () => boolean {
    const read = this.compile(condition.path);
    if ("sameAs" in condition) {
      const other = this.compile(condition.sameAs);
      return () => {
        const value = read();
        return value !== undefined && value === other();
      };
    }
    const expected = "is" in condition;
    const values = new Set<Scalar | null>(expected ? condition.is : condition.isNot);
    return () => values.has(read() ?? null) === expected;
  }

  private path(path: string, join: string): Read {
    const { slot, name, rest } = this.locate(path);
    const { objects, counter } = this;
    const load = loader(name);
    if (rest.length === 0) {
      return () => {
        const object = objects[slot];
        return object === undefined ? undefined : scalarOf(load(object, name), counter);
      };
    }
    const texts = listReader(rest, join, counter);
    return () => {
      const object = objects[slot];
      return object === undefined ? undefined : texts(load(object, name));
    };
  }

  /** Calls `visit` with every item at a path, until it returns false. */
  private items(path: string): (visit: (item: unknown) => boolean) => void {
    const { slot, name, rest } = this.locate(path);
    const { objects, counter } = this;
    const load = loader(name);
    return (visit) => {
      const object = objects[slot];
      const head = object === undefined ? undefined : load(object, name);
      if (!isNothing(head)) visitItems(head, rest, 0, counter, visit);
    };
  }

  private each(list: string, take: readonly string[]): Read {
    const items = this.items(list);
    const { counter } = this;
    return () => {
      const texts = new Texts();
      items((item) => {
        if (isObject(item)) return texts.add(take.map((name) => scalarOf(own(item, name), counter)).find((value) => value !== undefined));
        counter.droppedValues += item == null ? 0 : 1;
        return true;
      });
      return texts.joined(",");
    };
  }

  private aggregate<Value extends Scalar>(paths: readonly string[], toValue: (value: Scalar) => Value | undefined, combine: (a: Value, b: Value) => Value): Read {
    const lists = paths.map((path) => this.items(path));
    const { counter } = this;
    return () => {
      let result: Value | undefined;
      const visit = (item: unknown) => {
        const value = scalarOf(item, counter);
        if (value === undefined) return true;
        const taken = toValue(value);
        if (taken === undefined) counter.droppedValues++;
        else result = result === undefined ? taken : combine(result, taken);
        return true;
      };
      for (const items of lists) items(visit);
      return result;
    };
  }

  private newest(list: string, by: string, take: string): Read {
    const items = this.items(list);
    const { counter } = this;
    return () => {
      let newest: PlainObject | undefined;
      let latest = 0;
      items((item) => {
        if (!isObject(item)) {
          counter.droppedValues += item == null ? 0 : 1;
          return true;
        }
        const time = scalarOf(own(item, by), counter);
        const ms = time === undefined ? 0 : timeOf(time) ?? Math.max(0, Number(time) || 0);
        if (ms >= latest) [newest, latest] = [item, ms];
        return true;
      });
      return newest === undefined ? undefined : scalarOf(own(newest, take), counter);
    };
  }

  private json(path: string | null, except: ReadonlySet<string>, nested: boolean): Read {
    const place = path === null ? undefined : this.locate(path);
    const slot = place === undefined ? 0 : this.container(place.slot, place.name);
    const { objects, counter } = this;
    const clean = (value: unknown, levels: number): unknown => {
      if (typeof value !== "object" || value === null) return scalarOf(value, counter);
      if (levels === 0 || !(nested || Array.isArray(value))) {
        counter.droppedValues++;
        return undefined;
      }
      if (Array.isArray(value)) {
        const list = value.map((item) => clean(item, levels - 1)).filter((item) => item !== undefined);
        return list.length === 0 ? undefined : list;
      }
      const entries = Object.entries(value).map(([name, item]) => [name, clean(item, levels - 1)] as const).filter(([, item]) => item !== undefined);
      return entries.length === 0 ? undefined : Object.fromEntries(entries);
    };
    return () => {
      const object = objects[slot];
      if (object === undefined) return undefined;
      let members = "";
      for (const name of Object.keys(object)) {
        if (except.has(name)) continue;
        const value = clean(object[name], nested ? NESTED_LEVELS : 1);
        if (value === undefined || value === `{${name}}`) continue;
        const longer = `${members}${members === "" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(value)}`;
        if (longer.length + "{}".length > OWN_KEY_LENGTH) counter.truncated++;
        else members = longer;
      }
      return members === "" ? undefined : `{${members}}`;
    };
  }

  private itemOf(lists: readonly string[], having: string, take: string): Read {
    const places = lists.map((list) => this.items(`${list}[]`));
    const { counter } = this;
    return () => {
      let found: PlainObject | undefined;
      const search = (candidate: unknown) => {
        if (!isObject(candidate)) counter.droppedValues += candidate == null ? 0 : 1;
        else if (scalarOf(own(candidate, having), counter) !== undefined) found = candidate;
        return found === undefined;
      };
      for (const items of places) {
        items(search);
        if (found !== undefined) return scalarOf(own(found, take), counter);
      }
      return undefined;
    };
  }

  /** The place of a path; `open` loads its containers from now on. */
  private locate(path: string): Place {
    const { names, rest } = splitPath(path);
    let slot = 0;
    for (const name of names.slice(0, -1)) slot = this.container(slot, name);
    return { slot, name: names.at(-1) ?? "", rest };
  }

  private container(parent: number, name: string): number {
    const found = this.inside[parent]!.get(name);
    if (found !== undefined) return found;
    this.objects.push(undefined);
    this.inside.push(new Map());
    const slot = this.containers.push({ parent, name, load: loader(name) }) - 1;
    this.inside[parent]!.set(name, slot);
    return slot;
  }
}

/** Reads the values that `steps` lead to, and joins several of them. */
function listReader(steps: readonly Step[], join: string, counter: DropCounter): (head: unknown) => Scalar | undefined {
  return (head) => {
    if (isNothing(head)) return undefined;
    const texts = new Texts();
    visitItems(head, steps, 0, counter, (item) => texts.add(scalarOf(item, counter)));
    return texts.joined(join);
  };
}

const isNothing = (value: unknown) => value == null || (Array.isArray(value) && value.length === 0);

/** The value if it is text (stripped), a number or a boolean; any other value is counted. */
function scalarOf(value: unknown, counter: DropCounter): Scalar | undefined {
  if (typeof value === "string") return strip(value) || undefined;
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  if (value != null) counter.droppedValues++;
  return undefined;
}

/** The different texts of a list, up to the length of the longest possible value. */
class Texts {
  private only: Scalar | undefined;
  private all: string[] | undefined;
  /** For long lists only: a few texts are compared faster than looked up. */
  private seen: Set<string> | undefined;
  private length = 0;

  /** False if there is no room for more. */
  add(value: Scalar | undefined): boolean {
    if (value === undefined) return true;
    if (this.only === undefined) {
      this.only = value;
      return true;
    }
    this.all ??= [cut(String(this.only), LONGEST_STRING)];
    const text = cut(String(value), LONGEST_STRING);
    if (this.seen?.has(text) ?? this.all.includes(text)) return this.length < LONGEST_STRING;
    this.length += text.length;
    this.all.push(text);
    if (this.seen !== undefined) this.seen.add(text);
    else if (this.all.length === MAX_COMPARED) this.seen = new Set(this.all);
    return this.length < LONGEST_STRING;
  }

  joined(separator: string): Scalar | undefined {
    if (this.all === undefined) return this.only;
    let text = "";
    for (const each of this.all) text += text === "" ? each : separator + each;
    return text;
  }
}

const MAX_COMPARED = 16;

function firstOf(reads: readonly Read[]): Read {
  return () => {
    for (const read of reads) {
      const value = read();
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

/** In place of a list, a single value counts as a list of one, for an index only if it is an object. `visit` returns false to stop. */
function visitItems(value: unknown, steps: readonly Step[], at: number, counter: DropCounter, visit: (item: unknown) => boolean): boolean {
  const step = steps[at];
  if (step === undefined) return visit(value);
  if (value == null) return true;
  if (step === ALL) {
    if (!Array.isArray(value)) return visitItems(value, steps, at + 1, counter, visit);
    return value.every((item) => visitItems(item, steps, at + 1, counter, visit));
  }
  if (typeof step === "number" && Array.isArray(value)) return visitItems(value.at(step), steps, at + 1, counter, visit);
  if (typeof step === "number" && isObject(value)) return visitItems([value].at(step), steps, at + 1, counter, visit);
  if (typeof step === "string" && isObject(value)) return visitItems(own(value, step), steps, at + 1, counter, visit);
  counter.droppedValues++;
  return true;
}

const mapped = (read: Read, change: Change): Read => () => {
  const value = read();
  return value === undefined ? undefined : change(value);
};

/** A number, or the digits of an integer that a number cannot hold. */
function numberOf(value: Scalar): number | string | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d{1,19}$/.test(value) ? exact(BigInt(value)) : undefined;
}

/** The sum of what `numberOf` gives. */
function sumOf(a: number | string, b: number | string): number | string {
  const areIntegers = [a, b].every((value) => typeof value === "string" || Number.isInteger(value));
  return areIntegers ? exact(BigInt(a) + BigInt(b)) : Number(a) + Number(b);
}

const exact = (integer: bigint): number | string => (Number.isSafeInteger(Number(integer)) ? Number(integer) : String(integer));
