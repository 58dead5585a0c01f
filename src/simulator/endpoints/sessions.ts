/** The list of sessions (incydr SDK, `sessions/client.py`). */
import { badParameter, integer, json, type Answer, type Call } from "../answer";
import type { RecordStore } from "../records";
import type { Session } from "../sessions";

const PAGE_LIMIT = 50;

type Test = (session: Session, values: readonly string[]) => boolean;

const severityOf = ({ scores }: Session): number => scores.at(-1)?.severity ?? 0;

/** A session passes if it matches one of the values of each parameter. */
const FILTERS: Record<string, Test> = {
  actor_id: ({ actorId }, values) => values.includes(actorId),
  type: ({ type }, values) => values.includes(type),
  has_alerts: ({ triggeredAlerts }, values) => values.includes(String(triggeredAlerts.length > 0)),
  risk_indicators: ({ riskIndicators }, values) => riskIndicators.some(({ id }) => values.includes(id)),
  state: ({ states }, values) => values.includes(states.at(-1)?.stateV2 ?? ""),
  severity: (session, values) => values.includes(String(severityOf(session))),
  rule_id: ({ triggeredAlerts }, values) => triggeredAlerts.some(({ ruleId }) => values.includes(ruleId)),
  watchlist_id: () => false,
  content_inspection_status: ({ contentInspectionResults }, values) => values.includes(contentInspectionResults.status),
};

export class SessionList {
  constructor(private readonly store: RecordStore<Session>) {}

  readonly list = ({ query, fault }: Call): Answer => {
    const page = integer(query.get("page_number"), 0);
    const size = integer(query.get("page_size"), PAGE_LIMIT);
    const from = integer(query.get("on_or_after"), -Infinity);
    const before = integer(query.get("before"), Infinity);
    if (!(page >= 0)) return badParameter("page_number starts at 0.");
    if (!(size >= 1 && size <= PAGE_LIMIT)) return badParameter(`page_size must be from 1 to ${PAGE_LIMIT}.`);
    if (Number.isNaN(from) || Number.isNaN(before)) return badParameter("on_or_after and before are epoch milliseconds.");
    // Splunk's SOAR connector documents that the API refuses other directions.
    if ((query.get("sort_direction") ?? "desc").toLowerCase() !== "desc") return badParameter("sort_direction must be desc.");
    const order = query.get("order_by") ?? "end_time";
    if (order !== "end_time" && order !== "score") return badParameter("order_by must be end_time or score.");
    const filters = Object.entries(FILTERS).filter(([name]) => query.has(name));
    const keyOf = order === "score" ? ({ scores }: Session) => scores.at(-1)?.score ?? 0 : ({ endTime }: Session) => endTime;
    const matches = this.store.between(from, before - 1)
      .filter((session) => filters.every(([name, test]) => test(session, query.getAll(name))))
      .sort((a, b) => keyOf(b) - keyOf(a) || (a.sessionId < b.sessionId ? -1 : 1));
    return json(200, { items: fault?.kind === "null-events" ? null : matches.slice(page * size, (page + 1) * size), totalCount: matches.length });
  };
}
