/**
 * Mimecast Incydr sessions (`GET /v1/sessions`; incydr SDK, `sessions/models/`): a person's related activity, with a risk
 * score. Times are epoch milliseconds. Scores and states are histories without a guaranteed order.
 */
import type { Mapping, Row, Source } from "../mapping";

const own = (name: string, source: Source): Row => ({ key: `Code42Incydr${name}`, type: "string", source });

const newestScore = (take: string): Source => ({ newest: "scores[]", by: "sourceTimestamp", take });
const newestState = (take: string): Source => ({ newest: "states[]", by: "sourceTimestamp", take });

export const code42Session: Mapping = {
  title: "Code42 Incydr session",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Incydr" },
    version: { constant: "2" },
    classId: { constant: "session" },
    name: { constant: "Insider risk session" },
    severity: { of: newestScore("severity"), words: { 0: "0", 1: "2", 2: "5", 3: "7", 4: "9" } },
  },
  rows: [
    { key: "externalId", type: "string", source: { from: "sessionId", only: "upTo40Characters" } },
    { key: "devicePayloadId", type: "string", source: "sessionId" },
    { key: "suser", type: "string", source: "actorName" },
    { key: "suid", type: "string", source: "actorId" },
    { key: "start", type: "timestamp", source: "beginTime" },
    { key: "end", type: "timestamp", source: "endTime" },
    { key: "rt", type: "timestamp", source: "lastUpdated" },
    { key: "msg", type: "string", source: "exfiltrationSummary" },
    { key: "reason", type: "string", source: "contextSummary" },
    { key: "cat", type: "string", source: { constant: "session" } },
    { key: "cs1", type: "string", source: { list: "riskIndicators[].name", join: "; " }, label: "RiskIndicators" },
    // `stateV2` replaces `state`.
    { key: "cs2", type: "string", source: { first: [newestState("stateV2"), newestState("state")] }, label: "SessionState" },
    { key: "cs3", type: "string", source: { each: "triggeredAlerts[]", take: ["ruleName", "ruleId", "alertId"] }, label: "TriggeredAlerts" },
    { key: "cn1", type: "long", source: "criticalEvents", label: "CriticalEvents" },
    { key: "cn2", type: "long", source: "highEvents", label: "HighEvents" },
    { key: "cn3", type: "long", source: newestScore("score"), label: "RiskScore" },
    own("TenantId", "tenantId"),
    { key: "Code42IncydrModerateEvents", type: "long", source: "moderateEvents" },
    { key: "Code42IncydrLowEvents", type: "long", source: "lowEvents" },
    // Without names, cs3 has the ids.
    own("RuleIds", { from: "triggeredAlerts[].ruleId", when: { path: "triggeredAlerts[].ruleName", isNot: [null] } }),
    own("ContentInspectionStatus", "contentInspectionResults.status"),
    own("ContentInspectionAlerts", "contentInspectionResults.detectedOnAlerts[]"),
    own("ContentInspectionTypes", "contentInspectionResults.eventResults[].piiType[]"),
    own("ContentInspectionEvents", "contentInspectionResults.eventResults[].eventId"),
  ],
};
