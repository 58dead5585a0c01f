/** The lease on a cursor that several instances share, as a query knows it: who of them reads. */
import type { Printable } from "../common/border";
import type { SiemError } from "../common/errors";

/** A shorter lease would end while a renewal waits for its answer; a longer one would hold up everybody after a crash. */
export const LEASE_SECONDS = { fallback: 10, min: 3, max: 300 } as const;

export type LeaseState =
  /** The place of the lease cannot be reached; `error` says why, if it is known. */
  | { phase: "away"; error?: SiemError | undefined }
  /** Another instance has it, since an epoch ms of its own clock; nobody as long as the two are missing. */
  | { phase: "standby"; holder?: Printable; since?: number }
  /** This instance has it. `since` stays the same until somebody else may have had it, epoch ms. */
  | { phase: "active"; since: number };

export interface Lease {
  readonly state: LeaseState;
  /** How often this instance became active, and how often its lease ended before it was renewed. */
  readonly takeovers: number;
  readonly lapses: number;
  /** Competes for the lease from now on. Calls `changed` with each new state. */
  start(changed: (state: LeaseState) => void): void;
  /** Gives the lease to others, and competes again when one of them has had it, or none wanted it for a while. */
  yield(): Promise<void>;
  /** Frees the lease, so that another instance need not wait for its end. */
  close(): Promise<void>;
}
