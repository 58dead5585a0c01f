/** Reads node properties as Node-RED passes them: numbers may be text (`${ENV}` always is), and any property may be missing. */
import { printable } from "./border";
import { commonError, describe, propertyParams } from "./errors";
import { checkAddress } from "./environment";

export type Properties = Record<string, unknown>;

const isBlank = (value: unknown) => value === undefined || value === null || value === "";

/** A number between `min` and `max`; blank means `fallback`. Throws PROPERTY_NUMBER. */
export function numberProperty(properties: Properties, name: string, limits: { fallback: number; min: number; max: number; integer?: boolean }): number {
  const value = properties[name];
  if (isBlank(value)) return limits.fallback;
  const number = typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
  if (!Number.isFinite(number) || number < limits.min || number > limits.max || (limits.integer === true && !Number.isInteger(number))) {
    throw commonError("PROPERTY_NUMBER", { ...propertyParams(properties, name), min: limits.min, max: limits.max, ...describe(value) }, { permanent: true });
  }
  return number;
}

/** One of `choices`; blank means the first. Throws PROPERTY_CHOICE. */
export function choiceProperty<Choice extends string>(properties: Properties, name: string, choices: readonly [Choice, ...Choice[]]): Choice {
  const value = properties[name];
  if (isBlank(value)) return choices[0];
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw commonError("PROPERTY_CHOICE", { ...propertyParams(properties, name), choices: printable(choices.join(", ")), ...describe(value) }, { permanent: true });
  return found;
}

/** Text without surrounding white space; blank means `fallback`, or PROPERTY_EMPTY if there is none. Throws PROPERTY_TEXT. */
export function textProperty(properties: Properties, name: string, fallback?: string): string {
  const value = properties[name];
  if (!isBlank(value) && typeof value !== "string" && typeof value !== "number") {
    throw commonError("PROPERTY_TEXT", { ...propertyParams(properties, name), ...describe(value) }, { permanent: true });
  }
  const text = isBlank(value) ? "" : String(value).trim();
  if (text !== "") return text;
  if (fallback === undefined) throw commonError("PROPERTY_EMPTY", propertyParams(properties, name), { permanent: true });
  return fallback;
}

/** Text as `textProperty` reads it, for what is sent to the network or names a file: throws ENVIRONMENT_PART if it contains `${NAME}`. */
export function addressProperty(properties: Properties, name: string, fallback?: string): string {
  const text = textProperty(properties, name, fallback);
  checkAddress(name, text, properties);
  return text;
}

/** True for `true` and "true"; blank means `fallback`. */
export function booleanProperty(properties: Properties, name: string, fallback: boolean): boolean {
  const value = properties[name];
  return isBlank(value) ? fallback : value === true || value === "true";
}

/** A list; blank means an empty one. Throws PROPERTY_LIST. */
export function listProperty(properties: Properties, name: string): unknown[] {
  const value = properties[name];
  if (isBlank(value)) return [];
  if (!Array.isArray(value)) throw commonError("PROPERTY_LIST", { ...propertyParams(properties, name), ...describe(value) }, { permanent: true });
  return value;
}

/** A list of node ids; blank means an empty one. Throws PROPERTY_LIST, PROPERTY_TEXT. */
export function idListProperty(properties: Properties, name: string): string[] {
  return listProperty(properties, name).map((id, index) => {
    if (typeof id !== "string") throw commonError("PROPERTY_TEXT", { ...propertyParams(properties, `${name}[${index}]`), ...describe(id) }, { permanent: true });
    return id;
  });
}
