/** The properties of a `code42-query` node, checked. */
import { choiceProperty, numberProperty, textProperty, type Properties } from "../node/config";
import { sinkList } from "../node/sinks";
import { startInstant } from "../cursor/instant";
import { queryError } from "./errors";
import { criteriaFromJson, criteriaGroups, type Criteria } from "./query";
import type { QuerySettings } from "./query-runner";
import { sources, type EventSource } from "./source";

export type CursorType = "global" | "flow" | "node";

export interface NodeQuerySettings extends Omit<QuerySettings, "cursorKey"> {
  cursorType: CursorType;
  /** The key as the editor wrote it, the store inside. */
  cursor: string;
}

const DAY_S = 86_400;

/** Throws the SiemError of the first property that is wrong. */
export function parseSettings(config: Properties): NodeQuerySettings {
  const savedSearch = textProperty(config, "savedSearch", "");
  if (savedSearch !== "") throw queryError("SAVED_SEARCH_UNSUPPORTED", { id: savedSearch.slice(0, 80) }, { permanent: true });
  const startFrom = textProperty(config, "startFrom", "P1D");
  startInstant(startFrom, 0);
  const seconds = (name: string, fallback: number, min: number, max = DAY_S) => numberProperty(config, name, { fallback, min, max }) * 1000;
  return {
    source: sourceOf(textProperty(config, "source", "file-events")),
    criteria: criteriaOf(config),
    pollIntervalMs: seconds("pollInterval", 60, 0),
    startFrom,
    cursorType: choiceProperty(config, "cursorType", ["global", "flow", "node"]),
    cursor: textProperty(config, "cursor"),
    overlapMs: seconds("overlap", 300, 0),
    pageSize: numberProperty(config, "pageSize", { fallback: 1000, min: 1, max: 10_000, integer: true }),
    output: choiceProperty(config, "output", ["page", "event"]),
    advance: choiceProperty(config, "advance", ["confirmed", "sent"]),
    pagesOut: numberProperty(config, "pagesOut", { fallback: 4, min: 1, max: 100, integer: true }),
    confirmedBy: sinkList(config, "confirmedBy"),
    confirmTimeoutMs: seconds("confirmTimeout", 60, 0.05),
  };
}

function sourceOf(name: string): EventSource {
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  if (source === undefined) throw queryError("SOURCE_UNKNOWN", { source: name.slice(0, 80), choices: Object.keys(sources).join(", ") }, { permanent: true });
  return source;
}

function criteriaOf(config: Properties): Criteria {
  if (choiceProperty(config, "criteriaType", ["groups", "json"]) === "json") return criteriaFromJson(textProperty(config, "criteriaJson", ""));
  return {
    clause: choiceProperty(config, "criteriaClause", ["AND", "OR"]),
    groups: criteriaGroups(config["criteria"], "criteria"),
  };
}
