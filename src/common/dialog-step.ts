/** What the button of an edit dialog tries, step by step, and what it may send. */
import { messageOf } from "./errors";
import type { Properties } from "../common/properties";

/** At which step something failed; the names of the steps stand in the catalog under `common.tryIt.step`. */
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
