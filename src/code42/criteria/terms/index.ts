/**
 * What users can filter on, by the node's property `source`: terms with their labels, operators by kind of term, and known
 * values (py42 `sdk/queries`, incydr SDK `enums`). Data only: the editor uses it too.
 */
import alerts from "./alerts.json";
import auditLog from "./audit-log.json";
import fileEvents from "./file-events.json";
import fileEventsV1 from "./file-events-v1.json";
import sessions from "./sessions.json";

export interface Term {
  /** Its name in a filter. */
  term: string;
  /** In English in every language of the editor, like the values, because the vendor's console is; the dialog's tip says so. */
  label: string;
  /** Decides which operators, and so which values, the term accepts. */
  kind: string;
  values?: readonly string[];
  /** True if tenants may have further values. */
  open?: boolean;
}

interface TermTable {
  operators: Readonly<Record<string, readonly string[]>>;
  terms: readonly Term[];
}

export const TERM_TABLES: Readonly<Record<string, TermTable>> = {
  "file-events": fileEvents,
  "file-events-v1": fileEventsV1,
  "sessions": sessions,
  "alerts": alerts,
  "audit-log": auditLog,
};

/** Version 1 terms of file events → version 2 terms with the same meaning (code42cli `cmds/securitydata.py`). */
export const V2_OF_V1: Readonly<Record<string, string>> = {
  deviceUserName: "user.email",
  actor: "user.email",
  md5Checksum: "file.hash.md5",
  sha256Checksum: "file.hash.sha256",
  source: "event.observer",
  fileName: "file.name",
  filePath: "file.directory",
  fileCategory: "file.category",
  processOwner: "process.owner",
  tabUrls: "destination.tabs.url",
  riskIndicatorNames: "risk.indicators.name",
  riskSeverity: "risk.severity",
  eventTimestamp: "@timestamp",
  insertionTimestamp: "event.inserted",
  exposure: "event.action",
  eventType: "event.action",
};

/** The table's entry for `term`. Case does not count: py42 and the portal spell the terms of alerts differently. */
export function termIn(table: TermTable, term: string): Term | undefined {
  const wanted = term.toLowerCase();
  return table.terms.find((entry) => entry.term.toLowerCase() === wanted);
}
