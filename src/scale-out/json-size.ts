/** The least size of a value's JSON: known before JSON.stringify, which blocks the process for a value that is too large. */
import { JSON_DEPTH } from "../common/limits";

/** Least characters of each number in the JSON of bytes: `0,` of a Buffer, and `"0":0,` of any other view. */
const BUFFER_ITEM = 2, VIEW_ITEM = 6;

/**
 * At least how many bytes the JSON of `value` has; counting stops above `limit`. What is referred to twice counts twice, because
 * JSON has it twice. Throws for a circle, for more than JSON_DEPTH levels, and what a getter or `toJSON` throws.
 */
export function leastJsonBytes(value: unknown, limit: number, level = 1): number {
  const json = toJson(value);
  if (typeof json === "string") return json.length + 2;
  if (typeof json !== "object" || json === null) return 1;
  if (level > JSON_DEPTH) throw new RangeError(`more than ${JSON_DEPTH} levels, or a circle`);
  if (Buffer.isBuffer(json)) return BUFFER_ITEM * json.length;
  // A DataView has no length, and no items in JSON.
  if (ArrayBuffer.isView(json)) return VIEW_ITEM * ((json as Uint8Array).length ?? 0);
  let bytes = 1;
  if (Array.isArray(json)) {
    // Each item takes a character and a comma or bracket; an array may be long without having items.
    if (2 * json.length > limit) return 2 * json.length;
    for (const item of json) {
      if (bytes > limit) break;
      bytes += 1 + leastJsonBytes(item, limit - bytes, level + 1);
    }
    return bytes;
  }
  for (const name of Object.keys(json)) {
    if (bytes > limit) break;
    // Properties that JSON leaves out count too, so that a walk has an end.
    bytes += 1;
    const item = (json as Record<string, unknown>)[name];
    if (isWritten(item)) bytes += name.length + 3 + leastJsonBytes(item, limit - bytes, level + 1);
  }
  return bytes;
}

/** JSON leaves out other properties. */
const isWritten = (value: unknown) => value !== undefined && typeof value !== "function" && typeof value !== "symbol";

/** What JSON has in place of `value`. Not of bytes: `toJSON` of a Buffer makes a list that takes eight times the memory. */
function toJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value, "") : value;
}
