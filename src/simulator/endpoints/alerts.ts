/** The queries for alerts (incydr SDK, `alerts/client.py`; developer portal, "Manage alerts"). */
import { shuffled, integer, json, type Answer, type Call, type Problem } from "../answer";
import type { Alert } from "../alerts";
import { BadQuery, Criteria } from "../criteria";
import type { RecordStore } from "../records";
import { alerts as vocabulary } from "../vocabularies";

const PAGE_LIMIT = 500;
const DETAILS_LIMIT = 100;

/** The problem types of alert queries, by those of file event queries (incydr SDK, `alerts/models/enums.py`). */
const PROBLEM_TYPES: Record<string, string> = {
  MISSING_GROUPS: "MissingGroups", MISSING_FILTERS: "MissingFilters", INVALID_OPERATOR: "IllegalOperator", MAX_FILTERS_EXCEEDED: "MaxFiltersExceeded",
};

const refused = (problems: readonly Problem[]): Answer => json(400, {
  type$: "ALERT_QUERY_RESPONSE", alerts: [], totalCount: 0, problems: problems.map((problem) => ({ ...problem, type: PROBLEM_TYPES[problem.type] ?? "IllegalValue" })),
});
const refuse = (description: string, type: string): Answer => json(400, { type$: "ALERT_QUERY_RESPONSE", alerts: [], totalCount: 0, problems: [{ badFilter: null, description, type }] });

export class AlertQueries {
  private readonly criteria = new Criteria(vocabulary());

  constructor(private readonly store: RecordStore<Alert>, private readonly tenantId: string, private readonly now: () => number) {}

  /** Alert summaries; page numbers start at 0. */
  readonly query = ({ body, fault }: Call): Answer => {
    const refusal = this.refuseOtherTenant(body);
    if (refusal !== undefined) return refusal;
    const page = integer(body["pgNum"], 0);
    const size = integer(body["pgSize"], 100);
    if (!(page >= 0)) return refuse("pgNum starts at 0.", "InvalidPageNumber");
    if (!(size >= 1 && size <= PAGE_LIMIT)) return refuse(`pgSize must be from 1 to ${PAGE_LIMIT}.`, "InvalidPageSize");
    const { srtKey: sortKey = "CreatedAt", srtDirection: direction = "DESC" } = body;
    const values = typeof sortKey === "string" ? this.criteria.term(sortKey) : undefined;
    if (values === undefined) return refuse("srtKey must be a search term.", "IllegalValue");
    let matches: Alert[];
    try {
      const { fromMs, toMs, test } = this.criteria.compile(body, this.now());
      matches = this.store.between(fromMs, toMs).filter((alert) => test === undefined || test(alert));
    } catch (error) {
      if (error instanceof BadQuery) return refused(error.problems);
      throw error;
    }
    // This search ignores `srtDir`, the name that the search for file events uses.
    const sign = typeof direction === "string" && direction.toUpperCase() === "ASC" ? 1 : -1;
    const keyed = matches.map((alert) => ({ alert, value: values(alert).join() }));
    keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.alert.id < b.alert.id ? -1 : 1));
    const alerts = keyed.slice(page * size, (page + 1) * size).map(({ alert }) => summaryOf(alert));
    return json(200, {
      type$: "ALERT_QUERY_RESPONSE", alerts: fault?.kind === "null-events" ? null : alerts, totalCount: matches.length,
      problems: fault?.kind === "problems" ? [{ badFilter: null, description: fault.description, type: "SearchFailed" }] : [],
    });
  };

  /** Complete alerts by id, unordered. Unknown ids are left out. */
  readonly details = ({ body, fault }: Call): Answer => {
    const ids: unknown[] = Array.isArray(body["alertIds"]) ? body["alertIds"] : [];
    if (ids.length < 1 || ids.length > DETAILS_LIMIT) return refuse(`alertIds must hold from 1 to ${DETAILS_LIMIT} ids.`, "IllegalValue");
    const alerts = [...new Set(ids)].map((id) => this.store.find(String(id))).filter((alert) => alert !== undefined);
    return json(200, { type$: "ALERT_DETAILS_RESPONSE", alerts: fault?.kind === "null-events" ? null : shuffled(alerts, ({ id }) => id) });
  };

  /** The console's service requires the tenant id for details too. */
  readonly detailsOfTenant = (call: Call): Answer => this.refuseOtherTenant(call.body) ?? this.details(call);

  private refuseOtherTenant({ tenantId }: Call["body"]): Answer | undefined {
    if (typeof tenantId !== "string" || tenantId === "") return refuse("tenantId is missing.", "MissingValue");
    return tenantId === this.tenantId ? undefined : json(403, { error: "Forbidden" });
  }
}

function summaryOf(alert: Alert): Record<string, unknown> {
  const { note, observations, ...summary } = alert;
  void note;
  void observations;
  return { ...summary, type$: "ALERT_SUMMARY" };
}
