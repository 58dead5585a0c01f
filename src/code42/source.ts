/** What an event source is: how a page of it is asked for and where its cursor stands in an event. */
import type { RecordKind } from "../messages";
import { fileEvents } from "./file-events";
import type { WireGroup } from "./query";

export interface PageRequest {
  groups: WireGroup[];
  pageSize: number;
  /** "" for the first page, then what the last page named. */
  token: string;
}

export interface EventSource {
  name: string;
  topic: string;
  kind: RecordKind;
  /** Path of the search at the gateway. */
  path: string;
  /** The term that the stream is ordered by and the cursor moves along. */
  cursorTerm: string;
  /** The reply's property that holds the events. */
  eventsKey: string;
  /** Names of the id and the insertion time, for errors. */
  idField: string;
  body(request: PageRequest): unknown;
  id(event: Record<string, unknown>): unknown;
  inserted(event: Record<string, unknown>): unknown;
}

/** The sources of this version by the node's property `source`; the first is the default. */
export const sources: Record<string, EventSource> = {
  [fileEvents.name]: fileEvents,
};
