/** The table of event sources: a new one takes one line here and a file of its own. */
import { alerts } from "./alerts";
import { auditLog } from "./audit-log";
import { fileEvents } from "./file-events";
import { fileEventsV1 } from "./file-events-v1";
import { sessions } from "./sessions";
import type { EventSource, SourceOptions } from "./source";

/** By the node's property `source`; the first is the default. Each node makes its own source. */
export const sources: Record<string, (options: SourceOptions) => EventSource> = {
  "file-events": () => fileEvents,
  "file-events-v1": () => fileEventsV1,
  sessions,
  alerts,
  "audit-log": auditLog,
};
