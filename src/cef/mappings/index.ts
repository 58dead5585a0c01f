/** Which table formats which kind of record: one line a mapping. */
import type { RecordKind } from "../../messages";
import type { Mapping } from "../mapping";
import { code42FileEventV2 } from "./code42-file-event-v2";
import { epoThreatEvent } from "./epo-threat-event";

export const mappings: ReadonlyMap<string, Mapping> = new Map<RecordKind, Mapping>([
  ["code42.file-event.v2", code42FileEventV2],
  ["epo.threat-event", epoThreatEvent],
]);
