/** The mapping for each kind of record. */
import type { RecordKind } from "../../common/messages";
import type { Mapping } from "../mapping";
import { code42Alert } from "./code42-alert";
import { code42AuditEvent } from "./code42-audit-event";
import { code42FileEventV1 } from "./code42-file-event-v1";
import { code42FileEventV1Compatible } from "./code42-file-event-v1-compatible";
import { code42FileEventV2 } from "./code42-file-event-v2";
import { code42Session } from "./code42-session";
import { epoThreatEvent } from "./epo-threat-event";

export const mappings: ReadonlyMap<string, Mapping> = new Map<RecordKind, Mapping>([
  ["code42.file-event.v2", code42FileEventV2],
  ["code42.file-event.v1", code42FileEventV1],
  ["code42.session", code42Session],
  ["code42.alert", code42Alert],
  ["code42.audit-event", code42AuditEvent],
  ["epo.threat-event", epoThreatEvent],
]);

/** The mappings of the profile `compatible`. They keep an older formatter's keys, even against the dictionary. */
export const compatibleMappings: ReadonlyMap<string, Mapping> = new Map<RecordKind, Mapping>([
  ["code42.file-event.v1", code42FileEventV1Compatible],
]);
