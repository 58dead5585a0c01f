/** Where file events have their ids and times. */
import { isRecord } from "../../common/messages";
import type { EventFields } from "../../pages/page-index";
import { epochMs } from "../../common/instant";

interface FileEventFields extends EventFields {
  /** When the event happened, epoch ms. */
  happenedMs(event: unknown): number | undefined;
}

const own = (event: unknown, key: string): unknown => (isRecord(event) ? event[key] : undefined);
const inEvent = (event: unknown, key: string): unknown => own(own(event, "event"), key);

export type FileEventVersion = "file-events" | "file-events-v1";

/** By source. */
export const fileEventFields: Record<FileEventVersion, FileEventFields> = {
  "file-events": {
    id: (event) => inEvent(event, "id"),
    happenedMs: (event) => epochMs(own(event, "@timestamp")),
    insertedMs: (event) => epochMs(inEvent(event, "inserted")),
  },
  "file-events-v1": {
    id: (event) => own(event, "eventId"),
    happenedMs: (event) => epochMs(own(event, "eventTimestamp")),
    insertedMs: (event) => epochMs(own(event, "insertionTimestamp")),
  },
};
