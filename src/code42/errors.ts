import { error as texts } from "../../nodes/locales/en-US/code42-query.json";
import { errorPrefix, errorsOf } from "../errors";

/** The errors of a query: its criteria, its cursor, its pages and their delivery. */
export const queryError = errorsOf(errorPrefix("code42-query"), texts);

/** Type and (short) value of something that a user wrote, for an error text. */
export function describe(value: unknown): { type: string; value: string } {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const text = value === undefined || typeof value === "function" ? "" : (JSON.stringify(value) ?? "").slice(0, 80);
  return { type, value: text };
}
