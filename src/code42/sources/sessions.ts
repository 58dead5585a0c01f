/**
 * Sessions, the successor of alerts (`GET /v1/sessions`; incydr SDK, `sessions/client.py`).
 *
 * A session changes while it is open and after triage, and no search finds the changes. So each poll reads all sessions
 * that began within the look-back, and recognises a session by its id and `lastUpdated`. It misses a change of a session
 * that began earlier.
 */
import { ifSet } from "../../common/instant";
import { isRecord } from "../../common/messages";
import { ledgerKey } from "../../cursor/ledger";
import { KeptTexts } from "./kept-texts";
import { isKnown, keptEvent, ReplyBuilder, type KeptEvent } from "./reply-builder";
import { readList, readWholeList, type Keep } from "./numbered-pages";
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
    const texts = new KeptTexts();
    const keep: Keep<KeptSession> = (session, kept) => keptSession(session, poll, byAlert, kept);
    const found = await readWholeList((number) => readList({ key: "items", most: PAGE_SIZE, keep, texts }, (read) =>
      api.getAndRead(PATH, read, { query: { ...query, page_number: String(number), page_size: String(PAGE_SIZE) }, signal, onRetry: poll.onRetry, permission: "Sessions: Read" })), PAGE_SIZE, ({ version }) => version);
    const reply = newestVersions(found).reply(serverMs);
    yield { ...reply, floorStays: true };
    // A slice of the past is complete, even if it is empty.
    yield { ...reply, events: [], known: 0, lastMs: beforeMs ?? reply.lastMs };
    if (beforeMs === undefined) return;
    fromMs = beforeMs;
  }
}

/** What is kept of a session. */
interface KeptSession {
  id: string;
  /** Equal for equal sessions. */
  version: string;
  /** When it last changed, epoch ms. */
  changedMs: number;
  beganMs: number | undefined;
  events: KeptEvent[];
}

/** The session itself, or the session once for each alert, with only that alert in `triggeredAlerts`. */
function keptSession(session: unknown, poll: PollOptions, byAlert: boolean, texts: KeptTexts): KeptSession {
  const beganMs = timeAt(session, "beginTime");
  const keep = (makeEvent: () => unknown, id: unknown) => keptEvent(makeEvent, id, beganMs, (key) => isKnown(poll, key), texts);
  const events = byAlert && isRecord(session)
    ? alertsOf(session).map((alert) => keep(() => ({ ...session, triggeredAlerts: [alert] }), isRecord(alert) ? alert["alertId"] : undefined))
    : [keep(() => session, versionOf(session))];
  const version = ledgerKey(versionOf(session) ?? JSON.stringify(session));
  return { id: isRecord(session) ? ledgerKey(String(session["sessionId"])) : version, version, changedMs: timeAt(session, "lastUpdated") ?? 0, beganMs, events };
}

const alertsOf = ({ triggeredAlerts }: Record<string, unknown>): unknown[] => (Array.isArray(triggeredAlerts) ? triggeredAlerts : []);

/** Sessions in the order of their last change. If one changed while the list was read, only its newest version counts. */
function newestVersions(found: KeptSession[]): ReplyBuilder {
  const builder = new ReplyBuilder();
  const sorted = found.sort((a, b) => a.changedMs - b.changedMs || (a.id < b.id ? -1 : 1));
  const newest = new Map(sorted.map((session) => [session.id, session]));
  for (const session of sorted) {
    if (newest.get(session.id) !== session) continue;
    builder.addTime(session.beganMs);
    for (const event of session.events) builder.add(event);
  }
  return builder;
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
