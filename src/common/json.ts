import { parseExact } from "./exact-json";

/** The value of JSON in `data` (UTF-8), as `parseExact` gives it; undefined if that is no JSON. */
export function parsed(data: Buffer): unknown {
  try {
    return parseExact(data.toString("utf8"));
  } catch {
    return undefined;
  }
}
