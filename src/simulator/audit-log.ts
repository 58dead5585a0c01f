/**
 * Makes realistic entries of the audit log. They have no id, and each type has further properties of its own (py42,
 * `services/auditlogs.py`; incydr SDK, `audit_log/models.py`).
 */
import { isoWith } from "./alerts";
import { numbers } from "./events";
import type { Kind } from "./records";

export interface AuditEntry {
  /** `audit_log::<name>/<version>` */
  type$: string;
  actorId: string;
  actorName: string;
  actorAgent: string;
  /** One address, or several separated by commas. */
  actorIpAddress: string;
  actorType: string;
  /** ISO 8601 with three, six or nine decimals. */
  timestamp: string;
  [field: string]: unknown;
}

const TYPES: readonly ((index: number) => Record<string, unknown>)[] = [
  (index) => ({ type$: "audit_log::logged_in/1", success: index % 4 !== 0 }),
  () => ({ type$: "audit_log::search_issued/1", searchType: "FILE_EVENTS", filters: [{ term: "file.name", operator: "IS", value: "*=*|*.csv" }] }),
  (index) => ({ type$: "audit_log::user_registered/1", userId: `10000000000000${String(index % 40).padStart(5, "0")}`, userName: `user${index % 40}@example.com` }),
  (index) => ({ type$: "audit_log::user_deactivated/1", affectedUserId: `10000000000000${String(index % 40).padStart(5, "0")}`, affectedUserName: `user${index % 40}@example.com` }),
  () => ({ type$: "audit_log::federation_metadata_updated/1", federationName: "Größe \\ Okta", previous: null }),
];
const ADDRESSES = ["198.51.100.7", "198.51.100.7, 203.0.113.9", "2001:db8::42", "198.51.100.900"] as const;
const ACTOR_TYPES = ["USER", "API_CLIENT", "SYSTEM", "SUPPORT_USER"] as const;
const DECIMALS = [3, 6, 9] as const;

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** Entry `index`; `timeMs` is the epoch ms of its `timestamp`, which may have more digits. */
export function makeAuditEntry(index: number, { timeMs, seed = 1 }: { timeMs: number; seed?: number }): AuditEntry {
  const random = numbers(seed + 32_452_843, index);
  const { type$, ...fields } = at(TYPES, index)(index) as { type$: string };
  return {
    type$, actorId: `10000000000000${String(index % 40).padStart(5, "0")}`, actorName: `user${index % 40}@example.com`, actorAgent: "Mozilla/5.0 (X11; Linux x86_64) a=b|c",
    actorIpAddress: at(ADDRESSES, index), actorType: at(ACTOR_TYPES, index), timestamp: isoWith(at(DECIMALS, index), timeMs, random), ...fields,
  };
}

export const auditKind = (seed: number): Kind<AuditEntry> => ({
  idOf: undefined, timeOf: ({ timestamp }) => Date.parse(timestamp), make: (index, timeMs) => makeAuditEntry(index, { timeMs, seed }),
  settlesInMs: 0,
});

/** The log entry for a search over the API. */
export const searchIssued = (who: { id: string; name: string; type: string }, agent: string, timeMs: number): AuditEntry => ({
  type$: "audit_log::search_issued/1", actorId: who.id, actorName: who.name, actorAgent: agent, actorIpAddress: "127.0.0.1", actorType: who.type, timestamp: new Date(timeMs).toISOString(),
});
