/** The lease on a shared cursor, as a query sees it: which instance reads. */
import type { Printable } from "../common/border";
import type { SiemError } from "../common/errors";

/** A shorter lease would end while a renewal waits for its answer; with a longer one everybody waits too long after a crash. */
export const LEASE_SECONDS = { fallback: 10, min: 3, max: 300 } as const;

export type LeaseState =
  /** The lease cannot be read; `error` says why, if it is known. */
  | { phase: "away"; error?: SiemError | undefined }
  /** `holder` has it since `since`, epoch ms of its own clock; without them nobody has it. */
  | { phase: "standby"; holder?: Printable; since?: number }
  /** This instance has it, without a break since `since`, epoch ms. */
  | { phase: "active"; since: number };

export interface Lease {
  readonly state: LeaseState;
  /** How often this instance became active, and how often its lease ended before it was renewed. */
  readonly takeovers: number;
  readonly lapses: number;
  /** Competes for the lease from now on. Calls `changed` with each new state. */
  start(changed: (state: LeaseState) => void): void;
  /** Leaves the lease to others, and competes again when one of them has taken it or none wanted it for a while. */
  yield(): Promise<void>;
  /** Leaves the lease to others until `compete`. */
  withdraw(): Promise<void>;
  /** Competes again after `withdraw`. */
  compete(): void;
  /** Frees the lease, so that another instance need not wait for its end. */
  close(): Promise<void>;
}
