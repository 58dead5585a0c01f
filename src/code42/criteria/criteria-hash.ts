import { createHash } from "node:crypto";
import type { Criteria } from "./criteria";

/** Identifies criteria, so that a change since the cursor was saved is noticed. */
export function criteriaHash(criteria: Criteria): string {
  return createHash("sha256").update(JSON.stringify(criteria)).digest("base64url").slice(0, 22);
}
