/** Decides what to ask the user before a cursor is set by hand. */
import { checkpointEventId, cursorInstant } from "../cursor/instant";
import { SiemError } from "../common/errors";
import type { Text } from "./texts";

/** The catalog key of the question, or the reason why the value is refused. Instants are ISO 8601. */
export type CursorMove = { refused: Text } | { question: string; from?: string; to: string };

/**
 * What to ask before the cursor moves from `floor` (ISO 8601; null: there is no cursor) to `value`, as the user typed it.
 * `now` is in epoch ms. The id of an event is shown as it is, because only the runtime can look it up.
 */
export function cursorMove(value: string, floor: string | null, now: number): CursorMove {
  const from = floor === null ? {} : { from: floor };
  let instant: number;
  try {
    instant = cursorInstant(value);
  } catch (error) {
    if (!(error instanceof SiemError)) throw error;
    const eventId = checkpointEventId(value);
    if (eventId !== undefined) return { question: floor === null ? "panel.confirmFirst" : "panel.confirmEvent", ...from, to: eventId };
    return { refused: error };
  }
  const to = new Date(instant).toISOString();
  if (instant > now) return { refused: { key: "panel.future", params: { to }, message: "" } };
  if (floor === null) return { question: "panel.confirmFirst", to };
  return { question: instant > Date.parse(floor) ? "panel.confirmForward" : "panel.confirmBack", ...from, to };
}
