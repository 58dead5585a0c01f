/**
 * Code42 / Mimecast Incydr alerts: the summary of `POST /v1/alerts/query-alerts`, with the note and the observations of
 * `query-details` if they were fetched. `data` of an observation is the parsed object, not its JSON text.
 */
import type { Mapping, Row, Source } from "../mapping";

const own = (name: string, source: Source): Row => ({ key: `Code42Incydr${name}`, type: "string", source });

export const code42Alert: Mapping = {
  title: "Code42 Incydr alert",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Incydr" },
    version: { constant: "2" },
    classId: { first: [{ from: "type", only: "upperCaseClass" }, { constant: "ALERT" }] },
    name: { first: ["name", { constant: "Alert" }] },
    severity: {
      first: [
        { of: "riskSeverity", words: { CRITICAL: "9", HIGH: "7", MODERATE: "5", LOW: "2", NO_RISK_INDICATED: "0" } },
        // Rules from before the risk score had a severity of their own.
        { of: "severity", words: { HIGH: "7", MEDIUM: "5", LOW: "2" } },
      ],
    },
  },
  rows: [
    { key: "externalId", type: "string", source: { from: "id", only: "upTo40Characters" } },
    { key: "suser", type: "string", source: "actor" },
    { key: "suid", type: "string", source: "actorId" },
    { key: "rt", type: "timestamp", source: "createdAt" },
    { key: "start", type: "timestamp", source: { earliest: ["observations[].observedAt", "observations[].data.firstActivityAt"] } },
    { key: "end", type: "timestamp", source: { first: [{ latest: ["observations[].lastObservedAt", "observations[].data.lastActivityAt"] }, "createdAt"] } },
    { key: "msg", type: "string", source: "description" },
    { key: "cat", type: "string", source: { constant: "alert" } },
    { key: "reason", type: "string", source: "observations[].data.exposureTypes[]" },
    { key: "sourceServiceName", type: "string", source: "observations[].data.sources[]" },
    { key: "cs1", type: "string", source: "ruleId", label: "RuleId" },
    { key: "cs2", type: "string", source: "state", label: "AlertState" },
    { key: "cs3", type: "string", source: { each: "watchlists[]", take: ["name", "type"] }, label: "Watchlists" },
    { key: "cs4", type: "string", source: "note.message", label: "Note" },
    { key: "cs5", type: "string", source: "ruleSource", label: "RuleSource" },
    { key: "cn1", type: "long", source: { sum: "observations[].data.fileCount" }, label: "FileCount" },
    { key: "cn2", type: "long", source: { sum: "observations[].data.totalFileSize" }, label: "TotalFileSize" },
    { key: "deviceCustomDate1", type: "timestamp", source: "stateLastModifiedAt", label: "StateLastModified" },
    // For an open alert this is the system that made it; for any other, the analyst.
    { key: "duser", type: "string", source: { from: "stateLastModifiedBy", when: { path: "state", isNot: ["OPEN"] } } },
    own("TenantId", "tenantId"),
  ],
};
