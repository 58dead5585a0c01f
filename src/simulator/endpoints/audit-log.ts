/** The search of the audit log (incydr SDK, `audit_log/client.py`; py42, `services/auditlogs.py`). */
import type { AuditEntry } from "../audit-log";
import { badParameter, shuffled, integer, json, type Answer, type Call } from "../answer";
import { isRecord } from "../../common/messages";
import type { RecordStore } from "../records";
import { microsOf } from "../store";

const PAGE_LIMIT = 10_000;
const USER_TYPES = ["USER", "SUPPORT_USER", "API_CLIENT", "SYSTEM", "UNKNOWN"];

const eventType = (entry: AuditEntry): string[] => [entry.type$, entry.type$.replace(/^audit_log::|\/\d+$/g, "")];
const texts = (...values: unknown[]): string[] => values.filter((value) => typeof value === "string");

/** For each list that a query may have: the values of an entry that it is compared with. */
const FILTERS: Record<string, (entry: AuditEntry) => string[]> = {
  eventTypes: eventType,
  actorIds: ({ actorId }) => texts(actorId),
  actorNames: ({ actorName }) => texts(actorName),
  actorIpAddresses: ({ actorIpAddress }) => texts(actorIpAddress).flatMap((list) => list.split(/, */)),
  userTypes: ({ actorType }) => texts(actorType),
  resourceIds: (entry) => texts(entry["userId"], entry["affectedUserId"]),
  affectedUserIds: (entry) => texts(entry["userId"], entry["affectedUserId"]),
  affectedUserNames: (entry) => texts(entry["userName"], entry["affectedUserName"]),
};

/** Epoch µs of a date; NaN if it does not have the form that the service takes. */
type ReadDate = (value: unknown) => number;
const epochSeconds: ReadDate = (value) => (typeof value === "number" ? Math.round(value * 1_000_000) : NaN);
const instant: ReadDate = (value) => (typeof value === "string" ? microsOf(value) : NaN);

export class AuditSearch {
  constructor(private readonly store: RecordStore<AuditEntry>) {}

  /** The gateway's search: dates are epoch seconds. */
  readonly search = (call: Call): Answer => this.page(call, epochSeconds, {});

  /** The search of the console's service: dates are ISO 8601, and the reply has a count. */
  readonly legacySearch = (call: Call): Answer => this.page(call, instant, { counted: true });

  private page({ body, fault }: Call, read: ReadDate, { counted = false }: { counted?: boolean }): Answer {
    const page = integer(body["page"], 0);
    const size = integer(body["pageSize"], 100);
    if (!(page >= 0)) return badParameter("page starts at 0.");
    if (!(size >= 1 && size <= PAGE_LIMIT)) return badParameter(`pageSize must be from 1 to ${PAGE_LIMIT}.`);
    const range = isRecord(body["dateRange"]) ? body["dateRange"] : {};
    const from = range["startTime"] === undefined || range["startTime"] === null ? -Infinity : read(range["startTime"]);
    const to = range["endTime"] === undefined || range["endTime"] === null ? Infinity : read(range["endTime"]);
    if (Number.isNaN(from) || Number.isNaN(to)) return badParameter("dateRange holds a time of the wrong form.");
    const lists = Object.entries(FILTERS).flatMap(([name, valuesOf]) => {
      const wanted: unknown[] = Array.isArray(body[name]) ? body[name] : [];
      return wanted.length === 0 ? [] : [{ name, wanted: new Set(wanted), valuesOf }];
    });
    const wrong = lists.find(({ name, wanted }) => name === "userTypes" && [...wanted].some((type) => !USER_TYPES.includes(String(type))));
    if (wrong !== undefined) return badParameter(`userTypes takes ${USER_TYPES.join(", ")}.`);
    const matches = this.store.between(Math.floor(from / 1000), Math.floor(to / 1000))
      .filter((entry) => microsOf(entry.timestamp) >= from && microsOf(entry.timestamp) <= to && lists.every(({ wanted, valuesOf }) => valuesOf(entry).some((value) => wanted.has(value))))
      .sort((a, b) => microsOf(b.timestamp) - microsOf(a.timestamp));
    const start = page * size;
    const events = matches.slice(start, start + size);
    return json(200, {
      // After the last page the list is missing, not empty.
      ...(fault?.kind === "null-events" ? { events: null } : start >= matches.length ? {} : { events: shuffled(events, (entry) => JSON.stringify(entry)) }),
      paginationRangeStartIndex: start,
      paginationRangeEndIndex: start + events.length,
      ...(counted ? { totalResultCount: matches.length } : {}),
    });
  }
}
