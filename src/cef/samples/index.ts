/** A realistic record of each kind, with invented values, for the preview in the editor. */
import type { RecordKind } from "../../common/messages";
import alert from "./code42-alert.json";
import auditEvent from "./code42-audit-event.json";
import fileEventV1 from "./code42-file-event-v1.json";
import fileEventV2 from "./code42-file-event-v2.json";
import session from "./code42-session.json";
import threatEvent from "./epo-threat-event.json";

export const sampleEvents: Readonly<Record<RecordKind, unknown>> = {
  "code42.file-event.v2": fileEventV2,
  "code42.file-event.v1": fileEventV1,
  "code42.session": session,
  "code42.alert": alert,
  "code42.audit-event": auditEvent,
  "epo.threat-event": threatEvent,
};
