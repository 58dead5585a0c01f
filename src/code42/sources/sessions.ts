/**
 * Sessions, the successor of alerts (`GET /v1/sessions`; incydr SDK, `sessions/client.py`).
 *
 * A session changes while it is open and after triage, and no search finds the changes. So each poll reads all sessions
 * that began within the look-back, and recognises a session by its id and `lastUpdated`. It misses a change of a session
 * that began earlier.
 */
import { ifSet } from "../../common/instant";
import { isRecord } from "../../common/messages";
import { isKnown, ReplyBuilder } from "./reply-builder";
import { readList, readWholeList } from "./numbered-pages";
import { parametersOf } from "../criteria/parameters";
import { SEARCH_RULES, SESSION_RESERVED } from "../criteria/search-rules";
import type { EventSource, PollOptions, Reply, SourceOptions } from "./source";

const PATH = "/v1/sessions";
/** The API's maximum. */
const PAGE_SIZE = 50;
const DAY_MS = 86_400_000;
/** The latest time that a Date can hold, epoch ms. */
const LATEST_MS = 8.64e15;

export const sessions = ({ sessionOutput }: SourceOptions): EventSource => ({
  name: "sessions",
  topic: "code42/sessions",
  kind: "code42.session",
  cursorTerm: SEARCH_RULES["sessions"].cursorTerm,
  idField: "sessionId",
  rereads: "lookback",
  overlapS: 86_400,
  check: SEARCH_RULES["sessions"].check,
  read: (poll) => read(poll, sessionOutput === "alert"),
});

async function* read(poll: PollOptions, byAlert: boolean): AsyncGenerator<Reply> {
  const { api, signal, cursor, untilMs } = poll;
  const parameters = { ...(byAlert ? { has_alerts: ["true"] } : {}), ...parametersOf(poll.criteria, poll.extraGroups, SESSION_RESERVED) };
  const serverMs = await api.serverTime(signal);
  const endMs = Math.floor(untilMs ?? serverMs);
  const sliceMs = Math.max(DAY_MS, poll.overlapMs);
  for (let fromMs = cursor.floorMs; ;) {
    // A long range is read in slices, so that each finished slice moves the cursor.
    const beforeMs = endMs - fromMs > 2 * sliceMs ? fromMs + sliceMs : undefined;
    const before = beforeMs ?? (untilMs === undefined ? undefined : endMs + 1);
    const query = { ...parameters, on_or_after: String(fromMs), ...(before === undefined ? {} : { before: String(before) }), order_by: "end_time", sort_direction: "desc" };
    const found = await readWholeList(
      async (number) => readList(await api.get(PATH, { query: { ...query, page_number: String(number), page_size: String(PAGE_SIZE) }, signal, onRetry: poll.onRetry, permission: "Sessions: Read" }), "items"),
      PAGE_SIZE,
    );
    const reply = newestVersions(found, poll, byAlert).reply(serverMs);
    yield { ...reply, floorStays: true };
    // A slice of the past is complete, even if it is empty.
    yield { ...reply, events: [], known: 0, lastMs: beforeMs ?? reply.lastMs };
    if (beforeMs === undefined) return;
    fromMs = beforeMs;
  }
}

/** Sessions in the order of their last change. If one changed while the list was read, only its newest version counts. */
function newestVersions(found: unknown[], poll: PollOptions, byAlert: boolean): ReplyBuilder {
  const builder = new ReplyBuilder((key) => isKnown(poll, key));
  const order = (session: unknown) => timeAt(session, "lastUpdated") ?? 0;
  const id = (session: unknown) => (isRecord(session) ? String(session["sessionId"]) : JSON.stringify(session));
  const sorted = found.sort((a, b) => order(a) - order(b) || (id(a) < id(b) ? -1 : 1));
  const newest = new Map(sorted.map((session) => [id(session), session]));
  for (const session of sorted) {
    if (newest.get(id(session)) !== session) continue;
    const beganMs = timeAt(session, "beginTime");
    if (byAlert && isRecord(session)) addAlerts(builder, session, beganMs);
    else builder.add(session, versionOf(session), beganMs);
  }
  return builder;
}

/** Adds the session once for each alert, with only that alert in `triggeredAlerts`. */
function addAlerts(builder: ReplyBuilder, session: Record<string, unknown>, beganMs: number | undefined): void {
  builder.addTime(beganMs);
  const { triggeredAlerts } = session;
  for (const alert of Array.isArray(triggeredAlerts) ? triggeredAlerts : []) {
    builder.add({ ...session, triggeredAlerts: [alert] }, isRecord(alert) ? alert["alertId"] : undefined, beganMs);
  }
}

function versionOf(session: unknown): string | undefined {
  const updated = timeAt(session, "lastUpdated");
  return isRecord(session) && typeof session["sessionId"] === "string" && updated !== undefined ? `${session["sessionId"]}@${updated}` : undefined;
}

/** Epoch ms. */
function timeAt(session: unknown, key: string): number | undefined {
  const value = isRecord(session) ? session[key] : undefined;
  return typeof value === "number" && value <= LATEST_MS ? ifSet(value) : undefined;
}
