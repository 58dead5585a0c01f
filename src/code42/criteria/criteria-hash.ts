import { createHash } from "node:crypto";
import type { Criteria } from "./criteria";

/** A short hash that is stored with the cursor: it shows whether the criteria have changed since. */
export function criteriaHash(criteria: Criteria): string {
  return createHash("sha256").update(JSON.stringify(criteria)).digest("base64url").slice(0, 22);
}
