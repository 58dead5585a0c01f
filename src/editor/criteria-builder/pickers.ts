/** Chooses the input field for a filter's value and converts between the two. A value that does not fit its picker is shown as text. */
import type { Term } from "../../code42/criteria/terms";

export type Scalar = string | number;
export type Value = Scalar | Scalar[];

/** text: free text, with the known values as suggestions. list: several values. choice: one of a closed list. */
export type Picker = "none" | "text" | "choice" | "list" | "number" | "day" | "instant" | "duration";

export const WITHOUT_VALUE: readonly string[] = ["EXISTS", "DOES_NOT_EXIST"];
export const LIST_OPERATORS: readonly string[] = ["IS_ANY", "IS_NONE"];

const OF_OPERATOR: Readonly<Record<string, Picker>> = {
  GREATER_THAN: "number",
  LESS_THAN: "number",
  ON: "day",
  ON_OR_AFTER: "instant",
  ON_OR_BEFORE: "instant",
  WITHIN_THE_LAST: "duration",
};
const NUMERIC_KINDS: readonly string[] = ["count", "score", "size"];
const BOOLEANS: Readonly<Record<string, readonly string[]>> = { boolean: ["TRUE", "FALSE"], flag: ["true", "false"] };

/** `known` is the term's table entry; undefined for an unknown term. */
export function pickerOf(known: Term | undefined, operator: string, value: Value | undefined): Picker {
  if (WITHOUT_VALUE.includes(operator)) return "none";
  if (LIST_OPERATORS.includes(operator) || Array.isArray(value)) return "list";
  const ofOperator = OF_OPERATOR[operator];
  if (ofOperator !== undefined) return ofOperator;
  if (known === undefined) return "text";
  if (NUMERIC_KINDS.includes(known.kind)) return "number";
  return BOOLEANS[known.kind] !== undefined || (known.values !== undefined && known.open !== true) ? "choice" : "text";
}

/** The known values of the term; for a choice, all that it offers. */
export const choicesOf = (known: Term | undefined): readonly string[] => (known === undefined ? [] : BOOLEANS[known.kind] ?? known.values ?? []);

export const isBoolean = (known: Term | undefined): boolean => known !== undefined && BOOLEANS[known.kind] !== undefined;

/** True if the picker can show the value as it is. */
export function fits(picker: Picker, value: Value | undefined, known: Term | undefined): boolean {
  if (value === undefined || value === "") return true;
  if (picker === "list") return true;
  if (Array.isArray(value)) return false;
  switch (picker) {
    case "none":
      return false;
    case "text":
      return true;
    case "choice":
      return choicesOf(known).includes(String(value));
    case "number":
      return /^-?\d{1,15}(?:\.\d{1,9})?$/.test(String(value));
    case "day":
      return isDay(value);
    case "instant":
      return localTime(value) !== undefined;
    case "duration":
      return durationParts(value) !== undefined;
  }
}

const isDay = (value: Scalar): boolean => /^\d{4}-\d\d-\d\d$/.test(String(value)) && !Number.isNaN(Date.parse(String(value)));

/** Converts an instant in UTC to the value of a `datetime-local` field; undefined for any other form of time. */
export function localTime(value: Scalar): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)Z$/.exec(String(value));
  return match === null || Number.isNaN(Date.parse(String(value))) ? undefined : match[1];
}

/** The inverse of localTime; undefined while the field is incomplete. The search takes 3 decimals (py42, `sdk/queries/query_filter.py`). */
export function instantOf(local: string): string | undefined {
  const ms = Date.parse(`${local}Z`);
  return local === "" || Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

/** Units of a duration: minutes, hours, days. The vendor's console offers 15 minutes to 30 days. */
export const UNITS = ["M", "H", "D"] as const;
export type Unit = (typeof UNITS)[number];

/** Count and unit of an ISO 8601 duration with a single unit; undefined for any other. */
export function durationParts(value: Scalar): { count: number; unit: Unit } | undefined {
  const match = /^P(?:(\d{1,6})(D)|T(\d{1,6})([HM]))$/.exec(String(value));
  return match === null ? undefined : { count: Number(match[1] ?? match[3]), unit: (match[2] ?? match[4]) as Unit };
}

/** The inverse of durationParts; undefined unless `count` is a whole number above 0. */
export function durationOf(count: string, unit: Unit): string | undefined {
  if (!/^[1-9]\d{0,5}$/.test(count)) return undefined;
  return unit === "D" ? `P${count}D` : `PT${count}${unit}`;
}
