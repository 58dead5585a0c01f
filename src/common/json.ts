/** The value of JSON in `data` (UTF-8); undefined if that is no JSON. */
export function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString("utf8"));
  } catch {
    return undefined;
  }
}
