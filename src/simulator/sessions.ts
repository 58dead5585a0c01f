/**
 * Makes realistic sessions. The same seed, index and moment always give the same session. At a later moment it has more
 * events, scores, alerts and states. The keys are those of the incydr SDK (`sessions/models/response.py`); times are epoch ms.
 */
import { guid, TENANT_ID } from "./alerts";
import { numbers } from "./events";
import type { Kind } from "./records";

export interface Session {
  sessionId: string;
  tenantId: string;
  type: string;
  actorId: string;
  actorName: string;
  userId: string;
  beginTime: number;
  endTime: number;
  firstObserved: number;
  lastUpdated: number;
  noRiskEvents: number;
  lowEvents: number;
  moderateEvents: number;
  highEvents: number;
  criticalEvents: number;
  riskIndicators: { id: string; name: string; weight: number; eventCount: number }[];
  riskIndicatorsAlertedOn: { id: string; name: string; weight: number; eventCount: number }[];
  scores: { score: number; severity: number; sourceTimestamp: number }[];
  states: { state: string; stateV2: string; sourceTimestamp: number; userId: string | null }[];
  triggeredAlerts: { alertId: string; ruleId: string; ruleName: string; lessonId: string | null }[];
  notes: { id: string; content: string; sourceTimestamp: number; userId: string }[];
  contentInspectionResults: { status: string; eventResults: unknown[]; detectedOnAlerts: unknown[] };
  exfiltrationSummary: string;
  contextSummary: string;
}

export interface SessionOptions {
  beginMs: number;
  seed?: number;
  tenantId?: string;
  /** The session's state at this moment; by default its final state. */
  asOfMs?: number;
}

const SUMMARIES = ["spreadsheet file(s) downloaded to unmonitored device", "source code = 3 file(s) | uploaded to Dropbox", "Präsentation auf USB-Stick kopiert", ""] as const;
const INDICATORS = ["Flight risk", "Removable media", "Dropbox upload", "Off hours"] as const;
const RULE_NAMES = ["Source code exfiltration", "USB | removable media = high", "Öffentliche Freigabe"] as const;
const ANALYST = "1000000000000000007";
const STEP_MS = 420_000;
const HOUR_MS = 3_600_000;
/** More than the longest possible sum: five minutes until it is observed, five steps, an hour until it is triaged. */
const SETTLES_IN_MS = 2 * HOUR_MS;

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** Undefined until the tenant has observed the session, a few minutes after it began. */
export function sessionAsOf(index: number, { beginMs, seed = 1, tenantId = TENANT_ID, asOfMs = Infinity }: SessionOptions): Session | undefined {
  const random = numbers(seed + 15_485_863, index);
  const firstObserved = beginMs + 60_000 + Math.floor(random() * 240_000);
  if (asOfMs < firstObserved) return undefined;
  const actor = `10044409235497${String(index % 100_000).padStart(5, "0")}`;
  let session: Session = {
    sessionId: `${actor}_${beginMs}`, tenantId, type: index % 20 === 11 ? "ACCOUNT_TAKE_OVER" : "STANDARD",
    actorId: actor, actorName: `user${index % 40}@example.com`, userId: `10000000000000${String(index % 40).padStart(5, "0")}`,
    beginTime: beginMs, endTime: beginMs + 60_000, firstObserved, lastUpdated: firstObserved,
    noRiskEvents: Math.floor(random() * 300), lowEvents: index % 3, moderateEvents: 0, highEvents: 0, criticalEvents: 0,
    riskIndicators: [], riskIndicatorsAlertedOn: [], scores: [{ score: 0, severity: 0, sourceTimestamp: firstObserved }],
    states: [{ state: "OPEN", stateV2: "OPEN", sourceTimestamp: firstObserved, userId: null }], triggeredAlerts: [], notes: [],
    contentInspectionResults: { status: at(["UNPROCESSED", "PENDING", "FOUND", "NOT_FOUND"], index), eventResults: [], detectedOnAlerts: [] },
    exfiltrationSummary: at(SUMMARIES, index), contextSummary: index % 5 === 0 ? "first use of destination" : "",
  };
  const steps = Math.floor(random() * 6);
  for (let step = 1; step <= steps && firstObserved + step * STEP_MS <= asOfMs; step++) session = grown(session, firstObserved + step * STEP_MS, guid(random, index * 8 + step));
  const triagedMs = firstObserved + steps * STEP_MS + HOUR_MS;
  return index % 3 === 1 && asOfMs >= triagedMs ? triaged(session, at(["CLOSED_TP", "CLOSED_FP", "IN_PROGRESS"], index), triagedMs) : session;
}

/** The session in its final state. */
export const makeSession = (index: number, options: Omit<SessionOptions, "asOfMs">): Session => sessionAsOf(index, options) as Session;

export const sessionKind = (seed: number, tenantId: string): Kind<Session> => ({
  idOf: ({ sessionId }) => sessionId, timeOf: ({ beginTime }) => beginTime, make: (index, beginMs, asOfMs) => sessionAsOf(index, { beginMs, asOfMs, seed, tenantId }),
  settlesInMs: SETTLES_IN_MS,
});

/** The session after one more event at `ms`: higher counts, a new score, a new `lastUpdated`, and with `alertId` a triggered alert. */
export function grown(session: Session, ms: number, alertId?: string): Session {
  const number = session.scores.length;
  const severity = Math.min(4, number);
  const count = (["lowEvents", "lowEvents", "moderateEvents", "highEvents", "criticalEvents"] as const)[severity] as "lowEvents";
  const indicator = { id: at(INDICATORS, number), name: at(INDICATORS, number), weight: 3, eventCount: 1 };
  return {
    ...session, [count]: session[count] + 1, endTime: ms - 60_000, lastUpdated: ms,
    riskIndicators: [...session.riskIndicators.filter(({ id }) => id !== indicator.id), indicator],
    // The tenant computes a score after the update that it belongs to.
    scores: [...session.scores, { score: number * 3, severity, sourceTimestamp: ms + 277_000 }],
    triggeredAlerts: alertId === undefined ? session.triggeredAlerts : [...session.triggeredAlerts, {
      alertId, ruleId: `fe130f34-22d3-4687-a628-7069d5b204b${number % RULE_NAMES.length}`, ruleName: at(RULE_NAMES, number), lessonId: null,
    }],
  };
}

/** The session after an analyst has changed its state at `ms`. */
export function triaged(session: Session, state: string, ms: number): Session {
  return {
    ...session, lastUpdated: ms,
    // The older property `state` has only one word for all closed states.
    states: [...session.states, { state: state.startsWith("CLOSED") ? "CLOSED" : state, stateV2: state, sourceTimestamp: ms, userId: ANALYST }],
    notes: [...session.notes, { id: `n${session.notes.length + 1}`, content: "Called the user | a = b", sourceTimestamp: ms, userId: ANALYST }],
  };
}
