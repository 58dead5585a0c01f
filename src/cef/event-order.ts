/**
 * Fields of flat events in the order of the event's properties, with the values that code42cli's Python formatter wrote,
 * even if the dictionary requires another type or length. Unlike that formatter, this escapes values and leaves out a bad
 * value instead of the event.
 */
import { zonedEpochMs } from "../common/instant";
import { fieldOf, shorteningOrder, type ExtensionReader, type Field, type ReadField } from "./line";
import type { Column, EventOrder } from "./mapping";
import type { DropCounter } from "./source";
import { escapeValue } from "./text";

/** The fields of `columns`, then the own fields. An own field replaces a column with the same key. */
export function inEventOrder({ columns, type }: EventOrder, ownFields: readonly ReadField[], counter: DropCounter): ExtensionReader {
  const keyFields = new Map(Object.values(columns).map((column) => [column.key, fieldOf(column)]));
  const taken = new Set(ownFields.map(({ key }) => key));
  const known = new Map(Object.entries(columns).filter(([, { key }]) => !taken.has(key)));
  const fields: Field[] = [];
  const values: (string | undefined)[] = [];
  return {
    fields,
    values,
    collect(event) {
      fields.length = 0;
      values.length = 0;
      for (const property of Object.keys(event)) {
        const column = known.get(property);
        const value = column === undefined ? undefined : textOf(event[property], column, counter);
        if (column === undefined || value === undefined) continue;
        const field = keyFields.get(column.key)!;
        const place = fields.indexOf(field);
        if (place < 0) fields.push(field);
        values[place < 0 ? fields.length - 1 : place] = value;
      }
      for (const field of ownFields) {
        const value = field.read();
        if (value === undefined) continue;
        fields.push(field);
        values.push(value);
      }
      return fields.length > 0 || (Object.hasOwn(event, type) && event[type] != null);
    },
    shorteningOrder: () => shorteningOrder(fields),
  };
}

/** The escaped text; undefined for null, an empty list, and a value that cannot be text, which is counted. */
function textOf(value: unknown, { type, take }: Column, counter: DropCounter): string | undefined {
  const drop = () => {
    counter.droppedValues++;
    return undefined;
  };
  if (value == null) return undefined;
  if (type === "timestamp") return (typeof value === "string" ? milliseconds(value) : undefined) ?? drop();
  if (!Array.isArray(value)) return plainText(value) ?? drop();
  const items = value.filter((item) => item != null).map((item: unknown) => plainText(take !== undefined && isObject(item) ? item[take] : item) ?? drop());
  const texts = items.filter((item) => item !== undefined);
  return texts.length === 0 ? undefined : texts.join(",");
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object";

function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return escapeValue(value);
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)) ? String(value) : undefined;
}

/**
 * The result of Python's `round(datetime.timestamp() * 1000)`: microseconds as binary floating-point seconds, and halves
 * rounded to even.
 */
function milliseconds(text: string): string | undefined {
  const whole = zonedEpochMs(text);
  if (whole === undefined) return undefined;
  const [, decimals = ""] = /\.\d{3}(\d{1,3})/.exec(text) ?? [];
  const exact = ((whole * 1000 + Number(decimals.padEnd(3, "0"))) / 1e6) * 1000;
  const below = Math.floor(exact);
  const isUp = exact - below > 0.5 || (exact - below === 0.5 && below % 2 !== 0);
  return String(isUp ? below + 1 : below);
}
