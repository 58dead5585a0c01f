/** How a file event tells who it is and when it came. */
import { isRecord } from "../../common/messages";
import type { EventFields } from "../../pages/page-index";
import { instantOf } from "./batch";

export interface FileEventFields extends EventFields {
  /** Epoch ms at which it happened. */
  happenedMs(event: unknown): number | undefined;
}

const own = (event: unknown, key: string): unknown => (isRecord(event) ? event[key] : undefined);
const inEvent = (event: unknown, key: string): unknown => own(own(event, "event"), key);

export type FileEventVersion = "file-events" | "file-events-v1";

/** By the names of the sources. */
export const fileEventFields: Record<FileEventVersion, FileEventFields> = {
  "file-events": {
    id: (event) => inEvent(event, "id"),
    happenedMs: (event) => instantOf(own(event, "@timestamp")),
    insertedMs: (event) => instantOf(inEvent(event, "inserted")),
  },
  "file-events-v1": {
    id: (event) => own(event, "eventId"),
    happenedMs: (event) => instantOf(own(event, "eventTimestamp")),
    insertedMs: (event) => instantOf(own(event, "insertionTimestamp")),
  },
};
