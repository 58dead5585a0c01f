/**
 * File events, version 2 (`POST /v2/file-events`; developer portal, "Search file events").
 *
 * The page token walk has no limit on the total; a page number would end at 10,000 events. The token is the id of the
 * last event of the page, so the sort must be the same for each page.
 */
import { isRecord } from "../messages";
import type { EventSource } from "./source";

const inEvent = (event: Record<string, unknown>, key: string): unknown => (isRecord(event["event"]) ? event["event"][key] : undefined);

export const fileEvents: EventSource = {
  name: "file-events",
  topic: "code42/file-events",
  kind: "code42.file-event.v2",
  path: "/v2/file-events",
  cursorTerm: "event.inserted",
  eventsKey: "fileEvents",
  idField: "event.id",
  body: ({ groups, pageSize, token }) => ({
    groupClause: "AND",
    groups,
    srtKey: "event.inserted",
    srtDir: "asc",
    pgSize: pageSize,
    pgToken: token,
  }),
  id: (event) => inEvent(event, "id"),
  inserted: (event) => inEvent(event, "inserted"),
};
