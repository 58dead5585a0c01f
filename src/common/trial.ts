/** What a product tells the buttons of an edit dialog that try its settings: the step at which a trial failed, and where credentials go. */
import { messageOf } from "../errors";
import type { Properties } from "./properties";

/** At which step something failed; their names for users are in the catalog under `common.tryIt.step`. */
export type Step = "settings" | "name" | "connection" | "proxy" | "tls" | "signIn" | "permission" | "protocol" | "answer";

/** An error, and the step at which it happened. */
export class FailedStep extends Error {
  constructor(readonly step: Step, override readonly cause: unknown) {
    super(messageOf(cause));
  }
}

/** The credentials of a type of node. */
export interface Secrets {
  /** Those that a node with these settings uses. */
  names(settings: Properties): readonly string[];
  /** Where it sends them. */
  addresses(settings: Properties, credentials: Properties): readonly string[];
}
