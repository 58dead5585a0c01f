/** Everything that somebody could read out of an error, for tests that look for secrets in it. */
import { inspect } from "node:util";

/** Its texts, own properties (hidden ones too) and causes, as a property walk, `JSON.stringify` and `inspect` show them. */
export function everythingIn(error: unknown): string {
  const seen = new Set<unknown>();
  const texts: string[] = [];
  const visit = (value: unknown) => {
    if (Buffer.isBuffer(value)) texts.push(value.toString("latin1"));
    else if (typeof value === "string") texts.push(value);
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      texts.push(String(key));
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property !== undefined && "value" in property) visit(property.value);
    }
  };
  visit(error);
  return [...texts, JSON.stringify(error), inspect(error, { depth: Infinity, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity })].join("\n");
}
