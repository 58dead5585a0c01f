/** The section "Try it" in the dialog of `code42-query`: a preview of the query, and the cursor of the deployed node. */
import { cursorMove } from "./cursor-move";
import { localise, translator, type Text, type Translate } from "./texts";
import { code, formValues, prepareTrial, request } from "./try-it";

interface Preview {
  count: number;
  exact: boolean;
  /** ISO 8601; missing if the criteria set their own start. */
  from?: string;
  events: unknown[];
  warnings: Text[];
}

interface CursorReport {
  scope: "global" | "flow" | "node" | "shared" | "none";
  key: string;
  store?: { name: string; kind: "memory" | "cached" | "durable" | "unknown"; seconds?: number };
  shared?: { connection: string; phase: "away" | "standby" | "active"; holder: string | null; since: string | null; revision: number | null };
  cursor: { floor: string; lastInserted: string | null; ids: number } | null;
  latenessSeconds: number | null;
  pagesOut: number;
  pagesHeld: number;
}

const FORM_FIELDS = [
  "tenant", "source", "criteriaClause", "criteriaType", "criteriaJson", "savedSearch", "startFrom", "until", "cursor", "cursorType", "connection", "lease", "overlap", "lookback",
  "sessionOutput", "alertChanges", "excludeOwn", "pageSize",
] as const;

/** A tenant in the editor, deployed or not. */
interface TenantItem {
  id: string;
  credentials?: Record<string, unknown>;
  [property: string]: unknown;
}
interface Editor {
  _(key: string, params?: never): string;
  nodes: {
    node(id: string): { changed?: boolean; d?: boolean; type: string } | null;
    /** As a deploy sends it: with those credentials that the user typed. */
    convertNode(node: unknown): TenantItem;
  };
}

/** The form of the chosen tenant, if it has changed since the last deploy. */
function editedTenant({ nodes }: Editor): object {
  const node = nodes.node(String($("#node-input-tenant").val()));
  if (node?.type !== "code42-tenant" || node.changed !== true || node.d === true) return {};
  const { id, credentials = {}, ...settings } = nodes.convertNode(node);
  return { question: { tenant: { id, settings, credentials } } };
}

/** `criteria` returns the groups that the user is editing. */
export function prepareQueryTrials(RED: Editor, id: string, criteria: () => unknown): void {
  const text = translator(RED, "code42-query");
  prepareTrial<Preview>({
    button: "code42-query-preview", url: "code42-query/preview", text,
    body: () => ({ id, settings: { ...formValues("node-input", FORM_FIELDS), criteria: criteria() }, ...editedTenant(RED) }),
    show: (preview, box) => showPreview(preview, box, text),
  });

  const url = `code42-query/${encodeURIComponent(id)}/cursor`;
  const value = () => String($("#code42-query-cursor-value").val()).trim();
  const show = (report: CursorReport, box: JQuery) => showCursor(report, box, text);
  const result = "code42-query-cursor-result";
  const done = (key: string) => (report: CursorReport, box: JQuery) => {
    box.append($("<div>").append($("<b>").text(text(key))));
    show(report, box);
  };
  prepareTrial<CursorReport>({ button: "code42-query-cursor", url, method: "GET", text, show });
  prepareTrial<CursorReport>({
    button: "code42-query-cursor-reset", result, url, text, show: done("panel.resetDone"),
    async confirm() {
      const now = await request(url, "GET");
      if (!now.ok) return localise(text, now);
      if ((now as unknown as CursorReport).scope === "none") return text("panel.none");
      return window.confirm(text("panel.confirmReset")) ? { action: "reset" } : undefined;
    },
  });
  prepareTrial<CursorReport>({
    button: "code42-query-cursor-set", result, url, text, show: done("panel.setDone"),
    body: () => ({ cursor: value() }),
    async confirm() {
      const cursor = value();
      const now = await request(url, "GET");
      if (!now.ok) return localise(text, now);
      const { scope, cursor: current } = now as unknown as CursorReport;
      if (scope === "none") return text("panel.none");
      const move = cursorMove(cursor, current?.floor ?? null, Date.now());
      if ("refused" in move) return localise(text, move.refused);
      return window.confirm(text(move.question, { from: move.from ?? "", to: move.to })) ? { action: "set", cursor } : undefined;
    },
  });
}

function showPreview({ count, exact, from, events, warnings }: Preview, box: JQuery, text: Translate): void {
  const since = from === undefined ? text("preview.ownRange") : new Date(from).toLocaleString();
  box.append($("<div>").append($("<b>").text(text(exact ? "preview.counted" : "preview.atLeast", { count, from: since }))));
  for (const warning of warnings) box.append($("<div>").text(localise(text, warning)));
  if (events.length === 0) box.append($("<div>").text(text("preview.none")));
  else box.append($("<div>").text(text("preview.first", { count: events.length })), code(JSON.stringify(events, null, 2)));
}

function showCursor({ scope, key, store, shared, cursor, latenessSeconds, pagesOut, pagesHeld }: CursorReport, box: JQuery, text: Translate): void {
  if (scope === "none") return void box.append($("<div>").text(text("panel.none")));
  const time = (instant: string) => text("panel.utc", { local: new Date(instant).toLocaleString(), utc: instant.replace("T", " ").replace("Z", "") });
  const rows: [label: string, value: string][] = cursor === null
    ? []
    : [["position", time(cursor.floor)], ["reached", cursor.lastInserted === null ? "-" : time(cursor.lastInserted)], ["ids", String(cursor.ids)]];
  rows.push(
    ["lateness", latenessSeconds === null ? text("panel.unknownLateness") : text("panel.seconds", { count: latenessSeconds })],
    ["pagesOut", text("panel.pages", { count: pagesOut, held: pagesHeld })],
    ["store", `${text(`panel.scope.${scope}`)} "${key}", ${store === undefined ? text("panel.connection", { connection: shared?.connection ?? "" }) : text(`panel.${store.kind}`, { store: store.name, seconds: store.seconds ?? 0 })}`],
  );
  if (shared !== undefined) {
    const { phase, holder, since, revision } = shared;
    const who = phase === "standby" && holder === null ? "panel.leaseFree" : `panel.lease_${phase}`;
    const from = since === null ? "" : text("panel.leaseSince", { time: time(since) });
    rows.push(["lease", text(who, { holder: holder ?? "" }) + from], ["revision", revision === null ? "-" : String(revision)]);
  }
  if (cursor === null) box.append($("<div>").text(text("panel.noCursor")));
  for (const [label, value] of rows) box.append($("<div>").append($("<b>").text(`${text(`panel.${label}`)}: `), document.createTextNode(value)));
}
