/**
 * Entries of the Code42 / Mimecast Incydr audit log (`POST /v1/audit/search-audit-log`). They have no id. Each type,
 * `audit_log::<name>/<version>`, has further properties of its own, which go into `msg`.
 */
import type { Mapping, Source } from "../mapping";

const NAME: Source = { inside: "type$", after: "::", before: "/" };

/** Properties that other keys hold. `affectedUserName` and `affectedUserId` stay in `msg`, because their key may hold `userName` or `userId`. */
const HAVE_A_KEY = ["type$", "timestamp", "actorName", "actorId", "actorIpAddress", "actorAgent", "actorType", "userName", "userId", "success"];

export const code42AuditEvent: Mapping = {
  title: "Code42 Incydr audit log entry",
  header: {
    vendor: { constant: "Code42" },
    product: { constant: "Incydr Audit Log" },
    version: { constant: "2" },
    classId: { from: NAME, only: "snakeCaseClass" },
    name: { first: [{ sentence: NAME }, { constant: "Audit event" }] },
    severity: {
      first: [
        { of: "success", words: { false: "6" } },
        { of: NAME, patterns: { search_issued: "1", "*_deleted": "5", "*_deactivated": "5", "*_blocked": "5", "role_*": "5", "*_permission*": "5" } },
        { constant: "3" },
      ],
    },
  },
  rows: [
    { key: "suser", type: "string", source: "actorName" },
    { key: "suid", type: "string", source: "actorId" },
    { key: "src", type: "ipv4", source: { item: "actorIpAddress", only: "ipv4" } },
    { key: "c6a2", type: "ipv6", source: { from: { item: "actorIpAddress", only: "ipv4", ifNone: "ipv6" }, only: "ipv6" }, label: "Source IPv6 Address" },
    { key: "requestClientApplication", type: "string", source: "actorAgent" },
    { key: "duser", type: "string", source: { first: ["userName", "affectedUserName"] } },
    { key: "duid", type: "string", source: { first: ["userId", "affectedUserId"] } },
    { key: "outcome", type: "string", source: { of: "success", words: { true: "success", false: "failure" } } },
    { key: "end", type: "timestamp", source: "timestamp" },
    { key: "rt", type: "timestamp", source: "timestamp" },
    { key: "cat", type: "string", source: { constant: "audit" } },
    { key: "spriv", type: "string", source: { first: ["actorType", "userType"] } },
    { key: "msg", type: "string", source: { json: null, except: HAVE_A_KEY, nested: true } },
    { key: "cs1", type: "string", source: "type$", label: "EventType" },
    { key: "Code42IncydrActorIpAddresses", type: "string", source: { from: "actorIpAddress", only: "commaList" } },
  ],
};
