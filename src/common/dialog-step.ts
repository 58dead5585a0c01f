/** The steps of a test in an edit dialog, and the credentials that it may send. */
import { printable } from "./border";
import type { Properties } from "./properties";

/** The steps; their names are in the catalog under `common.tryIt.step`. */
export type Step = "settings" | "name" | "connection" | "proxy" | "tls" | "signIn" | "permission" | "protocol" | "answer" | "jetStream" | "stream" | "bucket";

/** An error, and the step at which it happened. */
export class FailedStep extends Error {
  constructor(readonly step: Step, override readonly cause: unknown) {
    super(printable(cause));
  }
}

/** The credentials of a type of node. */
export interface Secrets {
  /** The ones that a node with these settings uses. */
  names(settings: Properties): readonly string[];
  /** Where that node sends them. */
  addresses(settings: Properties, credentials: Properties): readonly string[];
}
