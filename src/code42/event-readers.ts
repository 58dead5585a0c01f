/** How a file event tells who it is and when it came. */
import { isRecord } from "../messages";
import type { FactPaths } from "../kernel/program";
import { instantOf } from "./batch";

export interface EventReader {
  /** Where the kernel finds `id` and `insertedMs`. */
  paths: FactPaths;
  id(event: unknown): unknown;
  /** Epoch ms at which it happened. */
  happenedMs(event: unknown): number | undefined;
  /** Epoch ms. */
  insertedMs(event: unknown): number | undefined;
}

const own = (event: unknown, key: string): unknown => (isRecord(event) ? event[key] : undefined);
const inEvent = (event: unknown, key: string): unknown => own(own(event, "event"), key);

export type ReaderName = "file-events" | "file-events-v1";

/** By the names of the sources. */
export const eventReaders: Record<ReaderName, EventReader> = {
  "file-events": {
    paths: { id: "event.id", inserted: "event.inserted" },
    id: (event) => inEvent(event, "id"),
    happenedMs: (event) => instantOf(own(event, "@timestamp")),
    insertedMs: (event) => instantOf(inEvent(event, "inserted")),
  },
  "file-events-v1": {
    paths: { id: "eventId", inserted: "insertionTimestamp" },
    id: (event) => own(event, "eventId"),
    happenedMs: (event) => instantOf(own(event, "eventTimestamp")),
    insertedMs: (event) => instantOf(own(event, "insertionTimestamp")),
  },
};
