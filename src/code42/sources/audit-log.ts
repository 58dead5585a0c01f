/**
 * The audit log (`POST /v1/audit/search-audit-log`; incydr SDK, `audit_log/client.py`).
 *
 * Its entries have no id and no guaranteed order. So a range of time is read completely and sorted, and an entry is
 * recognised by its content. Equal entries are numbered, because two people can do the same in one instant.
 *
 * The first version rounded large integers, so that its cursors know an entry by its rounded content.
 */
import { isRecord } from "../../common/messages";
import { epochMs, ifSet } from "../../common/instant";
import { isKnown, ReplyBuilder } from "./reply-builder";
import { readList, samePageTwice } from "./numbered-pages";
import { parametersOf } from "../criteria/parameters";
import { AUDIT_LOG_RESERVED, SEARCH_RULES } from "../criteria/search-rules";
import type { Api } from "../tenant/api";
import type { EventSource, PollOptions, Reply, SourceOptions } from "./source";

const PATH = "/v1/audit/search-audit-log";
/** A range that fills a page is halved, down to this length, ms: pages of a growing list may repeat an entry. */
const SHORTEST_MS = 1000;
/** For a range of the shortest length. */
const MAX_PAGES = 1000;

interface AuditEntry {
  entry: unknown;
  /** The entry with rounded integers; the same object if it has none to round. */
  rounded: unknown;
}

export const auditLog = ({ excludeOwn }: SourceOptions): EventSource => ({
  name: "audit-log",
  topic: "code42/audit-log",
  kind: "code42.audit-event",
  cursorTerm: SEARCH_RULES["audit-log"].cursorTerm,
  idField: "timestamp",
  rereads: "overlap",
  overlapS: 300,
  check: SEARCH_RULES["audit-log"].check,
  read: (poll) => read(poll, excludeOwn),
});

async function* read(poll: PollOptions, excludeOwn: boolean): AsyncGenerator<Reply> {
  const { api, signal, pageSize } = poll;
  const parameters = parametersOf(poll.criteria, poll.extraGroups, AUDIT_LOG_RESERVED);
  const serverMs = await api.serverTime(signal);
  const endMs = Math.floor(poll.untilMs ?? serverMs);
  const page = async (fromMs: number, toMs: number, number: number) => {
    const body = { ...parameters, dateRange: { startTime: fromMs / 1000, endTime: toMs / 1000 }, page: number, pageSize };
    const { items, rounded } = await readList(await api.post(PATH, body, { signal, onRetry: poll.onRetry, permission: "Audit Log: Read" }), "events");
    return items.map((entry, index): AuditEntry => ({ entry, rounded: rounded[index] }));
  };
  let fromMs = Math.min(poll.cursor.floorMs, endMs);
  let toMs = endMs;
  /** Keys of the previous range, whose last instant is the first one of the next range. */
  let previous: ReplyBuilder["keys"] = new Map();
  for (;;) {
    const entries = await page(fromMs, toMs, 0);
    if (entries.length >= pageSize && toMs - fromMs > SHORTEST_MS) {
      toMs = Math.floor((fromMs + toMs) / 2);
      continue;
    }
    for (let number = 1, length = entries.length; length >= pageSize; number++) {
      if (number > MAX_PAGES) throw samePageTwice();
      const more = await page(fromMs, toMs, number);
      length = more.length;
      entries.push(...more);
    }
    const before = previous;
    const builder = new ReplyBuilder((key) => before.has(key) || isKnown(poll, key));
    addEntries(builder, excludeOwn ? entries.filter(({ entry }) => !isOwnSearch(entry, api)) : entries);
    for (const { entry } of entries) builder.addTime(timeOf(entry));
    previous = builder.keys;
    yield builder.reply(serverMs);
    if (toMs >= endMs) return;
    const nextMs = toMs + 2 * Math.max(1, toMs - fromMs);
    fromMs = toMs;
    toMs = Math.min(endMs, nextMs);
  }
}

function addEntries(builder: ReplyBuilder, entries: readonly AuditEntry[]): void {
  const [numbered, numberedRounded] = [numbering(), numbering()];
  const sorted = entries
    .map(({ entry, rounded }) => {
      const text = canonical(entry);
      return { entry, ms: timeOf(entry), text, rounded: rounded === entry ? text : canonical(rounded) };
    })
    .sort((a, b) => (a.ms ?? 0) - (b.ms ?? 0) || (a.text < b.text ? -1 : 1));
  for (const { entry, ms, text, rounded } of sorted) {
    const formerId = numberedRounded(rounded);
    builder.add(entry, numbered(text), ms, rounded === text ? undefined : formerId);
  }
}

/** Adds to each text how often it has come. */
function numbering(): (text: string) => string {
  const counts = new Map<string, number>();
  return (text) => {
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    return `${text} ${count}`;
  };
}

const timeOf = (entry: unknown): number | undefined => ifSet(epochMs(isRecord(entry) ? entry["timestamp"] : undefined));

/** JSON with sorted keys, so that equal content gives equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

/** True for a search by the client or user that signs in here. */
function isOwnSearch(entry: unknown, { principal }: Api): boolean {
  if (!isRecord(entry) || typeof entry["type$"] !== "string" || !/^audit_log::search_issued(?:\/|$)/.test(entry["type$"])) return false;
  return [entry["actorId"], entry["actorName"], entry["clientId"]].includes(principal);
}
