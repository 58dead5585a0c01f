/** Reads JSON that may be none. */

/** The JSON value in `data` (UTF-8); undefined if it holds none. */
export function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString("utf8"));
  } catch {
    return undefined;
  }
}
