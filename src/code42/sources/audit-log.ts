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
import { ledgerKey } from "../../cursor/ledger";
import { identify } from "../../pages/page-index";
import { LIST_PAGES } from "../../common/limits";
import { KeptTexts } from "./kept-texts";
import { endlessList, readList, type Keep } from "./numbered-pages";
import { isKnown, ReplyBuilder } from "./reply-builder";
import { parametersOf } from "../criteria/parameters";
import { AUDIT_LOG_RESERVED, SEARCH_RULES } from "../criteria/search-rules";
import type { Api } from "../tenant/api";
import type { EventSource, PollOptions, Reply, SourceOptions } from "./source";

const PATH = "/v1/audit/search-audit-log";
/** A range that fills a page is halved, down to this length, ms: pages of a growing list may repeat an entry. */
const SHORTEST_MS = 1000;

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
  const keep: Keep<AuditEntry> = (entry, texts, roundedEntry) => {
    const content = texts.counted(canonical(entry));
    const rounded = roundedEntry === entry ? content : canonical(roundedEntry);
    return {
      ms: timeOf(entry), text: texts.textOf(entry), content, rounded: rounded === content ? content : texts.counted(rounded), isUnwanted: excludeOwn && isOwnSearch(entry, api),
    };
  };
  const page = async (fromMs: number, toMs: number, number: number, texts: KeptTexts) => {
    const body = { ...parameters, dateRange: { startTime: fromMs / 1000, endTime: toMs / 1000 }, page: number, pageSize };
    const { items } = await readList({ key: "events", most: pageSize, keep, texts }, (read) =>
      api.postAndRead(PATH, body, read, { signal, onRetry: poll.onRetry, permission: "Audit Log: Read" }));
    return items;
  };
  let fromMs = Math.min(poll.cursor.floorMs, endMs);
  let toMs = endMs;
  /** Keys of the previous range, whose last instant is the first one of the next range. */
  let previous: ReplyBuilder["keys"] = new Map();
  for (;;) {
    const texts = new KeptTexts();
    const entries = await page(fromMs, toMs, 0, texts);
    if (entries.length >= pageSize && toMs - fromMs > SHORTEST_MS) {
      toMs = Math.floor((fromMs + toMs) / 2);
      continue;
    }
    for (let number = 1, length = entries.length; length >= pageSize; number++) {
      if (number === LIST_PAGES) throw endlessList();
      const more = await page(fromMs, toMs, number, texts);
      length = more.length;
      entries.push(...more);
    }
    const before = previous;
    const builder = new ReplyBuilder();
    addEntries(builder, entries.filter(({ isUnwanted }) => !isUnwanted), (key) => before.has(key) || isKnown(poll, key));
    for (const { ms } of entries) builder.addTime(ms);
    previous = builder.keys;
    yield builder.reply(serverMs);
    if (toMs >= endMs) return;
    const nextMs = toMs + 2 * Math.max(1, toMs - fromMs);
    fromMs = toMs;
    toMs = Math.min(endMs, nextMs);
  }
}

/** What is kept of an entry. */
interface AuditEntry {
  ms: number | undefined;
  /** Its JSON. */
  text: string;
  /** Equal for entries with equal content. */
  content: string;
  /** The content with rounded integers; the same text if it has none to round. */
  rounded: string;
  isUnwanted: boolean;
}

function addEntries(builder: ReplyBuilder, entries: readonly AuditEntry[], known: (key: string) => boolean): void {
  const [numbered, numberedRounded] = [numbering(), numbering()];
  const sorted = [...entries].sort((a, b) => (a.ms ?? 0) - (b.ms ?? 0) || (a.content < b.content ? -1 : 1));
  for (const { ms, text, content, rounded } of sorted) {
    const formerId = numberedRounded(rounded);
    const found = identify(numbered(content), ms, () => text);
    const isSent = known(found.key) || (rounded !== content && known(ledgerKey(formerId)));
    builder.add({ ...found, text: isSent ? undefined : text });
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
