import assert from "node:assert/strict";
import { compileFormatter } from "../../../src/cef/encoder";
import { mappings } from "../../../src/cef/mappings";
import { parseCef } from "../../../src/simulator/cef-parser";

function reader(kind: string) {
  const formatter = compileFormatter(mappings.get(kind)!);
  const read = (event: object) => parseCef(formatter.format(event));
  return { read, counters: formatter.counters, field: (key: string, event: object) => read(event).extension.get(key) };
}

describe("Code42 file event v1 as CEF", () => {
  const { read, field } = reader("code42.file-event.v1");

  it("has the class ids and names of version 2", () => {
    const header = (eventType: unknown) => (({ classId, name }) => [classId, name])(read({ eventId: "1", eventType }));
    assert.deepEqual(header("DELETED"), ["file-deleted", "File deleted"]);
    assert.deepEqual(header("PRINTED"), ["file-printed", "File printed"]);
    assert.deepEqual(header("BRAND_NEW"), ["unknown", "BRAND_NEW"]);
    assert.deepEqual(header(null), ["unknown", "File event"]);
  });
  it("uses the sender only for an e-mail, and the actor if the device has no user", () => {
    const users = { emailSender: "s", emailFrom: "f", deviceUserName: "d", actor: "a" };
    assert.equal(field("suser", users), "d");
    assert.equal(field("suser", { ...users, eventType: "EMAILED" }), "s");
    assert.equal(field("suser", { ...users, eventType: "EMAILED", emailSender: null }), "f");
    assert.equal(field("suser", { ...users, deviceUserName: "NAME_NOT_AVAILABLE" }), "a");
    assert.equal(field("suser", { actor: "a" }), "a");
  });
  it("falls back to older properties", () => {
    assert.equal(field("request", { tabs: [{ url: null }], tabUrl: "t", url: "u" }), "t");
    assert.equal(field("requestContext", { tabs: [], windowTitle: ["A, B", "C"] }), "A, B,C");
    assert.equal(field("destinationServiceName", { destinationName: null, syncDestination: "Box" }), "Box");
    assert.equal(field("cs3", { removableMediaMediaName: "M" }), "M");
    assert.equal(field("reason", { exposure: [], sharingTypeAdded: ["PublicLinkShare"] }), "PublicLinkShare");
    assert.equal(field("duser", { syncDestinationUsername: ["x@example.org", "y@example.org"] }), "x@example.org,y@example.org");
  });
});

describe("Code42 session as CEF", () => {
  const { read, field } = reader("code42.session");

  it("uses the newest score and the newest state, wherever they stand", () => {
    const score = (number: number, sourceTimestamp: unknown) => ({ score: number, severity: number, sourceTimestamp });
    const newest = (...scores: unknown[]) => (({ severity, extension }) => [severity, extension.get("cn3")])(read({ sessionId: "1", scores }));
    assert.deepEqual(newest(score(4, 1711134301878), score(1, 1711130405673)), ["9", "4"]);
    assert.deepEqual(newest(score(1, 1711130405673), score(4, 1711134301878), score(2, 1711130405674)), ["9", "4"]);
    assert.deepEqual(newest(score(4, "2024-03-22T19:05:01.878Z"), score(1, "2024-03-22T18:00:05.673Z")), ["9", "4"], "as texts");
    assert.deepEqual(newest(score(4, "1711134301878"), score(1, "1711130405673")), ["9", "4"], "as digits");
    assert.deepEqual(newest(score(1, 5), score(4, 5)), ["9", "4"], "of equally new ones the last");
    assert.deepEqual(newest(score(4, 1), score(1, 0), score(1, null), score(1, -5), score(1, "x"), score(1, {}), null, "x"), ["9", "4"], "one without a time is older");
    assert.deepEqual(newest(score(1, 0), score(4, null)), ["9", "4"], "without times the last");
    assert.deepEqual(read({ sessionId: "1", scores: score(4, 1) }).severity, "9", "one that is not in a list");
    assert.equal(field("cs2", { states: [{ stateV2: "CLOSED_TP", sourceTimestamp: 9 }, { stateV2: "OPEN", sourceTimestamp: 1 }] }), "CLOSED_TP");
    assert.equal(field("cs2", { states: [{ state: "CLOSED", sourceTimestamp: 9 }, { stateV2: "OPEN", sourceTimestamp: 1 }] }), "CLOSED");
  });
  it("uses the severity of the last score without times", () => {
    const severity = (...severities: unknown[]) => read({ sessionId: "1", scores: severities.map((each) => ({ severity: each })) }).severity;
    [0, 1, 2, 3, 4].forEach((level, index) => assert.equal(severity(4, level), ["0", "2", "5", "7", "9"][index]));
    for (const none of [5, -1, null, "x"]) assert.equal(severity(2, none), "Unknown");
    assert.equal(severity(), "Unknown");
  });
  it("uses the last state without times, in the newer of its two spellings", () => {
    assert.equal(field("cs2", { states: [{ stateV2: "OPEN" }, { state: "CLOSED", stateV2: "CLOSED_FP" }] }), "CLOSED_FP");
    assert.equal(field("cs2", { states: [{ stateV2: "OPEN" }, { state: "CLOSED" }] }), "CLOSED");
  });
  it("lists each triggered alert once, by its rule or, without one, by its own id", () => {
    assert.equal(field("cs3", { triggeredAlerts: [{ ruleId: "r", alertId: "1" }, { ruleId: "r", alertId: "2" }, { ruleId: "", alertId: "3" }, {}, null, "x"] }), "r,3");
  });
  it("names the rules of the triggered alerts, and keeps their ids then", () => {
    const ruled = { triggeredAlerts: [{ ruleName: "Source | code", ruleId: "r1", alertId: "1" }, { ruleName: " ", ruleId: "r2" }, { ruleName: "Source | code", ruleId: "r3" }] };
    assert.equal(field("cs3", ruled), "Source | code,r2");
    assert.equal(field("cs3Label", ruled), "TriggeredAlerts");
    assert.equal(field("Code42IncydrRuleIds", ruled), "r1,r2,r3");
    assert.equal(field("Code42IncydrRuleIds", { triggeredAlerts: [{ ruleId: "r1", ruleName: null }] }), undefined);
  });
  it("has the results of content inspection", () => {
    const own = (contentInspectionResults: unknown) => ["Status", "Alerts", "Types", "Events"].map((name) => field(`Code42IncydrContentInspection${name}`, { sessionId: "1", contentInspectionResults }));
    assert.deepEqual(own({ status: "FOUND", detectedOnAlerts: ["SSN", "PCI"], eventResults: [{ eventId: "e1", piiType: ["SSN"], status: "FOUND" }, { eventId: "e2", piiType: ["PCI", "SSN"] }] }), ["FOUND", "SSN,PCI", "SSN,PCI", "e1,e2"]);
    assert.deepEqual(own({ status: "UNPROCESSED", eventResults: [], detectedOnAlerts: [] }), ["UNPROCESSED", undefined, undefined, undefined]);
    for (const none of [null, {}, [], "x", { status: null, eventResults: null, detectedOnAlerts: null }, { eventResults: [null, { piiType: null }] }]) assert.deepEqual(own(none), [undefined, undefined, undefined, undefined], JSON.stringify(none));
  });
  it("leaves out times that are 0", () => {
    assert.deepEqual(["start", "end", "rt"].map((key) => field(key, { sessionId: "1", beginTime: 1711129878056, endTime: 0, lastUpdated: 0 })), ["1711129878056", undefined, undefined]);
  });
  it("has null lists like absent ones", () => {
    const line = (event: object) => read({ sessionId: "1", ...event });
    assert.deepEqual(line({ riskIndicators: null, scores: null, states: null, triggeredAlerts: null, notes: null, contentInspectionResults: null }), line({}));
  });
});

describe("Code42 alert as CEF", () => {
  const { read, field, counters } = reader("code42.alert");

  it("uses the type as class id if it is a valid one", () => {
    const classId = (type: unknown) => read({ id: "1", type }).classId;
    assert.equal(classId("FED_ENDPOINT_EXFILTRATION"), "FED_ENDPOINT_EXFILTRATION");
    for (const none of ["FedEndpointExfiltration", "A|B", "", null, {}, 5.5, "X".repeat(64)]) assert.equal(classId(none), "ALERT");
  });
  it("uses the risk severity, or the severity of the old rules if there is none", () => {
    const severity = (riskSeverity: unknown, old: unknown) => read({ id: "1", riskSeverity, severity: old }).severity;
    for (const [word, expected] of Object.entries({ CRITICAL: "9", HIGH: "7", MODERATE: "5", LOW: "2", NO_RISK_INDICATED: "0" })) assert.equal(severity(word, "HIGH"), expected);
    for (const [word, expected] of Object.entries({ HIGH: "7", MEDIUM: "5", LOW: "2", CRITICAL: "Unknown", constructor: "Unknown" })) assert.equal(severity(null, word), expected);
  });
  it("starts at the first and ends at the last activity of its observations", () => {
    const observations = [
      { observedAt: "2025-03-01T10:00:00.0000000Z", lastObservedAt: "2025-03-01T10:05:00Z", data: { firstActivityAt: "2025-03-01T09:00:00+00:00", lastActivityAt: "no time" } },
      { observedAt: "2025-03-01T08:00:00.0000000Z", lastObservedAt: "2025-03-01T11:00:00Z" }, {}, { data: "no JSON" }, { data: null },
    ];
    const before = counters.droppedValues;
    assert.equal(field("start", { observations }), String(Date.parse("2025-03-01T08:00:00Z")));
    assert.equal(field("end", { observations, createdAt: "2025-03-02T00:00:00Z" }), String(Date.parse("2025-03-01T11:00:00Z")));
    assert.ok(counters.droppedValues > before);
    assert.equal(field("end", { observations: [{}], createdAt: "2025-03-02T00:00:00Z" }), String(Date.parse("2025-03-02T00:00:00Z")));
    assert.equal(field("start", { id: "1", observations: [{}] }), undefined);
  });
  it("ignores activities whose time is not set", () => {
    const unset = { observedAt: "0001-01-01T00:00:00Z", lastObservedAt: "1970-01-01T00:00:00Z", data: { firstActivityAt: "1601-01-01T00:00:00Z", lastActivityAt: 0 } };
    const createdAt = "2025-03-02T00:00:00Z";
    const observations = [unset, { observedAt: "2025-03-01T08:00:00Z", lastObservedAt: "2025-03-01T09:00:00Z" }, unset];
    assert.deepEqual([field("start", { observations }), field("end", { observations, createdAt })], [String(Date.parse("2025-03-01T08:00:00Z")), String(Date.parse("2025-03-01T09:00:00Z"))]);
    assert.deepEqual([field("start", { createdAt, observations: [unset] }), field("end", { createdAt, observations: [unset] })], [undefined, String(Date.parse(createdAt))]);
  });
  it("adds up without rounding", () => {
    const sum = (...sizes: unknown[]) => field("cn2", { id: "1", observations: sizes.map((totalFileSize) => ({ data: { totalFileSize } })) });
    assert.equal(sum("9007199254740993", 1), "9007199254740994");
    assert.equal(sum(9007199254740991, 9007199254740991, 1), "18014398509481983");
    assert.equal(sum("9007199254740993", -5), "9007199254740988");
    assert.equal(sum("9223372036854775807"), "9223372036854775807");
    assert.equal(sum("9223372036854775807", 1), undefined);
    assert.equal(sum(1.5, 2.5), "4");
  });
  it("adds up the file counts of its observations and ignores those that are not numbers", () => {
    const counts = (...fileCounts: unknown[]) => field("cn1", { id: "1", observations: fileCounts.map((fileCount) => ({ data: { fileCount } })) });
    assert.equal(counts(1, "2", null, "x", {}, 3), "6");
    assert.equal(counts(0), "0");
    assert.equal(counts(null), undefined);
    assert.equal(counts(), undefined);
  });
  it("names the analyst unless the alert is open", () => {
    const analyst = (state: unknown) => field("duser", { id: "1", state, stateLastModifiedBy: "a" });
    assert.equal(analyst("OPEN"), undefined);
    for (const state of ["PENDING", "RESOLVED", null]) assert.equal(analyst(state), "a");
  });
});

describe("Code42 audit log entry as CEF", () => {
  const { read, field } = reader("code42.audit-event");
  const header = (type: unknown, more: object = {}) => (({ classId, name, severity }) => [classId, name, severity])(read({ actorId: "1", type$: type, ...more }));

  it("uses the name of its type as class id, and in words as name", () => {
    assert.deepEqual(header("audit_log::federation_metadata_updated/12"), ["federation_metadata_updated", "Federation metadata updated", "3"]);
    assert.deepEqual(header("audit_log::logged_in"), ["logged_in", "Logged in", "3"]);
    assert.deepEqual(header("audit_log::Odd|name/1"), ["unknown", "Odd|name", "3"]);
    for (const none of [null, "", "logged_in", "audit_log::", "audit_log::/1", {}]) assert.deepEqual(header(none), ["unknown", "Audit event", "3"]);
  });
  it("gives failures and changes of rights a higher severity than searches", () => {
    const severity = (name: string, more: object = {}) => header(`audit_log::${name}/1`, more)[2];
    for (const name of ["user_deleted", "user_deactivated", "device_blocked", "role_added", "user_permission_removed", "permission", "x_permissions_y"]) assert.equal(severity(name), name === "permission" ? "3" : "5", name);
    for (const name of ["user_undeleted_x", "x_role_y", "deleted"]) assert.equal(severity(name), "3", name);
    assert.equal(severity("search_issued"), "1");
    assert.equal(severity("search_issued", { success: true }), "1");
    assert.equal(severity("search_issued", { success: false }), "6");
  });
  it("uses the first IPv4 address of the list, or an IPv6 address if there is no IPv4 one, and adds the list if it has several", () => {
    const addresses = (actorIpAddress: unknown) => ["src", "c6a2", "Code42IncydrActorIpAddresses"].map((key) => field(key, { actorId: "1", actorIpAddress }));
    assert.deepEqual(addresses("198.51.100.7"), ["198.51.100.7", undefined, undefined]);
    assert.deepEqual(addresses("2001:db8::7"), [undefined, "2001:db8::7", undefined]);
    assert.deepEqual(addresses("2001:db8::7,256.1.1.1 , 198.51.100.7"), ["198.51.100.7", undefined, "2001:db8::7,256.1.1.1 , 198.51.100.7"]);
    assert.deepEqual(addresses("unknown, 2001:db8::7, 2001:db8::8"), [undefined, "2001:db8::7", "unknown, 2001:db8::7, 2001:db8::8"]);
    assert.deepEqual(addresses("unknown"), [undefined, undefined, undefined]);
    assert.deepEqual(addresses(null), [undefined, undefined, undefined]);
  });
  it("has the outcome and the affected user", () => {
    assert.equal(field("outcome", { success: true }), "success");
    assert.equal(field("outcome", { success: false }), "failure");
    assert.equal(field("outcome", { actorId: "1", success: "maybe" }), undefined);
    assert.equal(field("duser", { affectedUserName: "u" }), "u");
    assert.equal(field("duid", { affectedUserId: "i" }), "i");
    assert.equal(field("spriv", { userType: "API_CLIENT" }), "API_CLIENT");
  });
  it("keeps all other properties as JSON, including nested ones and the second of two names", () => {
    assert.equal(field("msg", { actorId: "1", timestamp: "2025-03-01T10:12:44Z", success: true, type$: "audit_log::x/1" }), undefined);
    assert.deepEqual(JSON.parse(field("msg", { userName: "u", affectedUserName: "v", change: { from: null, to: { roles: ["A", null, "B"], none: {} } } }) ?? ""), { affectedUserName: "v", change: { to: { roles: ["A", "B"] } } });
    const deep = { a: { b: { c: { d: { e: 1 } } } }, near: 1 };
    assert.equal(field("msg", { actorId: "1", deep }), '{"deep":{"near":1}}');
    const long = JSON.parse(field("msg", { a: "x".repeat(1100), b: { c: "y".repeat(400) }, d: ["z".repeat(700)], e: 1 }) ?? "") as object;
    assert.deepEqual(Object.keys(long), ["b", "e"], "cut at the border of a field");
  });
  it("reads 3, 6 and 9 decimals of a second", () => {
    for (const decimals of ["239", "239647", "239647123"]) assert.equal(field("rt", { timestamp: `2025-03-01T10:12:44.${decimals}Z` }), "1740823964239");
  });
});
