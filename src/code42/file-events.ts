/** File events, version 2 (`POST /v2/file-events`; developer portal, "Search file events"). */
import { isRecord } from "../messages";
import { instantOf } from "./batch";
import { requestGroups } from "./query";
import { SEARCH_RULES } from "./search-rules";
import type { EventSource } from "./source";
import { placeOf, walkTokens, type TokenSearch } from "./token-walk";

const inEvent = (event: unknown, key: string): unknown => (isRecord(event) && isRecord(event["event"]) ? event["event"][key] : undefined);

const search: TokenSearch = {
  path: "/v2/file-events",
  cursorTerm: SEARCH_RULES["file-events"].cursorTerm,
  idTerm: "event.id",
  id: (event) => inEvent(event, "id"),
  happenedMs: (event) => instantOf(isRecord(event) ? event["@timestamp"] : undefined),
  insertedMs: (event) => instantOf(inEvent(event, "inserted")),
};

export const fileEvents: EventSource = {
  name: "file-events",
  topic: "code42/file-events",
  kind: "code42.file-event.v2",
  cursorTerm: search.cursorTerm,
  idField: "event.id",
  rereads: "overlap",
  overlapS: 300,
  placeOf: (id, api, signal) => placeOf(search, id, api, signal),
  check: SEARCH_RULES["file-events"].check,
  read: (poll) => walkTokens(search, poll, (range, cursor) => requestGroups(poll.criteria, [...poll.extraGroups, ...range], cursor)),
};
