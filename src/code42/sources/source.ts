/** What an event source is: how a poll reads it, and which term its cursor filters on. Types only. */
import type { Cursor } from "../../cursor/cursor";
import type { Params } from "../../common/errors";
import type { RecordKind } from "../../common/messages";
import type { EventList, IsKnown, LineMaker } from "../../pages/page-index";
import type { Criteria, WireGroup } from "../criteria/criteria";
import type { Api, RetryNotice } from "../tenant/api";

/** The events of one or more complete answers of Code42. */
export interface Reply {
  /** Events that are neither delivered nor in flight, in the order of delivery. */
  events: EventList;
  /** How many other events the answers had. */
  known: number;
  /** Latest time of all events, known ones included, epoch ms; undefined if no event has a time. */
  lastMs: number | undefined;
  /** Server time at the first request, epoch ms. */
  serverMs: number;
  /** True while earlier events may follow: the cursor's floor must not move yet. */
  floorStays?: boolean;
}

export interface PollOptions {
  api: Api;
  criteria: Criteria;
  /** Groups that must also match, in this poll only. */
  extraGroups: readonly WireGroup[];
  cursor: Pick<Cursor, "floorMs" | "lastMs" | "size">;
  /** End of the time range (epoch ms, inclusive); undefined: now. */
  untilMs?: number | undefined;
  /** Late events may still appear within this time before the server's, ms. */
  overlapMs: number;
  /** Maximum events per page. */
  pageSize: number;
  /** By how much the pages are smaller than usual, because one could not be read; 1 by default. */
  pageDivisor?: number;
  /** True for an event that is delivered or in flight. */
  known: IsKnown;
  /** Formats events while they are read; undefined unless a formatter of ours is their only receiver. */
  lineMaker: () => LineMaker | undefined;
  warn: (key: string, params: Params) => void;
  onRetry: (retry: RetryNotice) => void;
  signal: AbortSignal;
}

export interface EventSource {
  name: string;
  topic: string;
  kind: RecordKind;
  /** As in `SearchRules`. */
  cursorTerm: string | undefined;
  /** The property that identifies an event, for texts. */
  idField: string;
  /** What each poll reads again: a short overlap, or a longer look-back, because events change after they were sent. */
  rereads: "overlap" | "lookback";
  /** Default overlap, s. */
  overlapS: number;
  /** When the event with this id came, epoch ms; undefined if there is none. Missing if the source cannot search for an id. */
  timeOfEvent?(id: string, api: Api, signal: AbortSignal): Promise<number | undefined>;
  /** Throws CRITERIA_UNSUPPORTED for criteria that the search of this source cannot express. */
  check(criteria: Criteria): void;
  /** Reads everything from the cursor's floor on. Throws what the tenant throws, and the errors of a bad page. */
  read(poll: PollOptions): AsyncGenerator<Reply>;
}

/** Node properties that concern only one source. */
export interface SourceOptions {
  /** One event for each new or changed session, or for each alert of a session. */
  sessionOutput: "session" | "alert";
  /** Sends an alert again when its state has changed. */
  alertChanges: boolean;
  /** Leaves our own client's searches out of the audit log. */
  excludeOwn: boolean;
}
