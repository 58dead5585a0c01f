/** Where file events have their ids and times. */
import { isRecord } from "../../common/messages";
import type { EventFields } from "../../pages/page-index";
import { epochMs, ifSet } from "../../common/instant";

interface FileEventFields extends EventFields {
  /** When the event happened, epoch ms. */
  happenedMs(event: unknown): number | undefined;
}

const own = (event: unknown, key: string): unknown => (isRecord(event) ? event[key] : undefined);
const timeAt = (event: unknown, key: string): number | undefined => ifSet(epochMs(own(event, key)));

export type FileEventVersion = "file-events" | "file-events-v1";

/** By source. */
export const fileEventFields: Record<FileEventVersion, FileEventFields> = {
  "file-events": {
    id: (event) => own(own(event, "event"), "id"),
    happenedMs: (event) => timeAt(event, "@timestamp"),
    insertedMs: (event) => timeAt(own(event, "event"), "inserted"),
  },
  "file-events-v1": {
    id: (event) => own(event, "eventId"),
    happenedMs: (event) => timeAt(event, "eventTimestamp"),
    insertedMs: (event) => timeAt(event, "insertionTimestamp"),
  },
};
