/** What an event source is: how a poll reads it, and which property of an event its cursor follows. Types only. */
import type { Cursor } from "../../cursor/cursor";
import type { Params } from "../../common/errors";
import type { RecordKind } from "../../common/messages";
import type { EventList, IsKnown, LineMaker } from "../../pages/page-index";
import type { Criteria, WireGroup } from "../criteria/criteria";
import type { Api, RetryNotice } from "../tenant/api";

/** What one or more answers of Code42 hold, read completely. */
export interface Reply {
  /** Those that are neither delivered nor out, in the order of delivery. */
  events: EventList;
  /** How many others there were. */
  known: number;
  /** Largest time of all events, known ones too, epoch ms; undefined if there was none. */
  lastMs: number | undefined;
  /** Server time at the start of the walk, epoch ms. */
  serverMs: number;
  /** True while earlier events may still follow: the cursor's floor waits for a reply without it. */
  floorStays?: boolean;
}

export interface PollOptions {
  api: Api;
  criteria: Criteria;
  /** Groups that must match as well, in this poll only. */
  extraGroups: readonly WireGroup[];
  cursor: Pick<Cursor, "floorMs" | "lastMs" | "size">;
  /** End of the time range (epoch ms, inclusive); undefined: now. */
  untilMs?: number | undefined;
  /** What is newer than this before the server's time may still be incomplete, ms. */
  overlapMs: number;
  /** Events a page at most. */
  pageSize: number;
  /** True for an event that is delivered or in flight. */
  known: IsKnown;
  /** Makes lines of the events while these are read, if the formatter that comes next in the flow alone gets them. */
  lineMaker: () => LineMaker | undefined;
  warn: (key: string, params: Params) => void;
  onRetry: (retry: RetryNotice) => void;
  signal: AbortSignal;
}

export interface EventSource {
  name: string;
  topic: string;
  kind: RecordKind;
  /** The term that the cursor moves along, on which no criterion may be while a cursor exists; undefined if users cannot name one. */
  cursorTerm: string | undefined;
  /** The event's property that identifies it, for texts. */
  idField: string;
  /** What is read again with each poll: a short overlap, or a look-back because events change after they were sent. */
  rereads: "overlap" | "lookback";
  /** Overlap where the node names none, s. */
  overlapS: number;
  /** Where to go on behind the event with this id, epoch ms; undefined if it is not found. Only where an id can be asked for. */
  placeOf?(id: string, api: Api, signal: AbortSignal): Promise<number | undefined>;
  /** Throws CRITERIA_UNSUPPORTED for criteria that the search of this source cannot express. */
  check(criteria: Criteria): void;
  /** Reads everything from the cursor's floor on. Throws what the tenant throws, and the errors of a bad page. */
  read(poll: PollOptions): AsyncGenerator<Reply>;
}

/** The choices of a node that only one source knows. */
export interface SourceOptions {
  /** A message for each new or changed session, or for each alert that a session triggered. */
  sessionOutput: "session" | "alert";
  /** An alert whose state changed is sent again. */
  alertChanges: boolean;
  /** The searches that this package's own client makes are left out of the audit log. */
  excludeOwn: boolean;
}
