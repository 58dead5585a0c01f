/** File events, version 2 (`POST /v2/file-events`; developer portal, "Search file events"). */
import { requestGroups } from "../criteria/criteria";
import { SEARCH_RULES } from "../criteria/search-rules";
import type { EventSource } from "./source";
import { readByTokens, timeOfEvent, type TokenSearch } from "./token-walk";

const search: TokenSearch = {
  path: "/v2/file-events",
  cursorTerm: SEARCH_RULES["file-events"].cursorTerm,
  idTerm: "event.id",
  version: "file-events",
};

export const fileEvents: EventSource = {
  name: "file-events",
  topic: "code42/file-events",
  kind: "code42.file-event.v2",
  cursorTerm: search.cursorTerm,
  idField: "event.id",
  rereads: "overlap",
  overlapS: 300,
  timeOfEvent: (id, api, signal) => timeOfEvent(search, id, api, signal),
  check: SEARCH_RULES["file-events"].check,
  read: (poll) => readByTokens(search, poll, (range, cursor) => requestGroups(poll.criteria, [...poll.extraGroups, ...range], cursor)),
};
