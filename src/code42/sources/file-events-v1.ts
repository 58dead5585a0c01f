/**
 * File events, version 1 (`POST /v1/file-events`): flat events, for tenants that still have them. The vendor ended support
 * in May 2023 (code42cli change log, 1.15.0).
 */
import { flatQueries } from "../criteria/flat-query";
import { mergeInOrder } from "./merge";
import { requestGroups } from "../criteria/criteria";
import { SEARCH_RULES } from "../criteria/search-rules";
import type { EventSource } from "./source";
import { readByTokens, timeOfEvent, type TokenSearch } from "./token-walk";

const search: TokenSearch = {
  path: "/v1/file-events",
  cursorTerm: SEARCH_RULES["file-events-v1"].cursorTerm,
  idTerm: "eventId",
  version: "file-events-v1",
};

export const fileEventsV1: EventSource = {
  name: "file-events-v1",
  topic: "code42/file-events",
  kind: "code42.file-event.v1",
  cursorTerm: search.cursorTerm,
  idField: "eventId",
  rereads: "overlap",
  overlapS: 300,
  timeOfEvent: (id, api, signal) => timeOfEvent(search, id, api, signal),
  check: SEARCH_RULES["file-events-v1"].check,
  read: (poll) => {
    const queries = flatQueries(poll.criteria);
    // Merging several searches discards lines that were made ahead.
    const options = queries.length === 1 ? poll : { ...poll, lineMaker: () => undefined };
    return mergeInOrder(poll, queries.map((criteria) =>
      readByTokens(search, options, (range, cursor) => requestGroups(criteria, [...poll.extraGroups, ...range], cursor))));
  },
};
