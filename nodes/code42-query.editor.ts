import type { EditorNodeInstance, EditorNodeProperties, EditorRED } from "node-red";
import { variablesDefault } from "../src/editor/environment";
import { CriteriaBuilder } from "../src/editor/criteria-builder/builder";
import { criteriaProblems } from "../src/editor/criteria-builder/problems";
import { startInstant, untilInstant } from "../src/cursor/instant";
import { keyOf, proposeCursor, type CursorOwner } from "../src/editor/cursor-key";
import { LEASE_SECONDS } from "../src/cursor/lease";
import { prepareAdvanced } from "../src/editor/advanced";
import { exportedFlow, storesOf } from "../src/editor/red";
import { showSinks, tickedSinks, type EditorNodes } from "../src/editor/sink-list";
import { prepareQueryTrials } from "../src/editor/query-trials";
import { labelled, translateParams, translator } from "../src/editor/texts";
import { showTips } from "../src/editor/tip-rows";
import { queryTips, storeTips } from "../src/editor/tips";
import { isEnvironment, numberBetween } from "../src/editor/validators";

declare const RED: EditorRED;

interface Properties extends EditorNodeProperties {
  tenant: string;
  source: string;
  criteria: unknown;
  criteriaClause: "AND" | "OR";
  criteriaType: "groups" | "json";
  criteriaJson: string;
  savedSearch: string;
  pollInterval: string;
  startFrom: string;
  cursor: string;
  cursorType: "global" | "flow" | "node" | "shared" | "none";
  connection: string;
  lease: string;
  until: string;
  overlap: string;
  lookback: string;
  sessionOutput: "session" | "alert";
  alertChanges: boolean;
  excludeOwn: boolean;
  pageSize: string;
  output: "page" | "event";
  advance: "confirmed" | "sent";
  confirmedBy: string[];
  pagesOut: string;
  confirmTimeout: string;
}

const text = translator(RED, "code42-query");
const numberOf = (name: string, min: number, max: number, integer = false) =>
  numberBetween(min, max, (params) => text("validate.number", { ...params, ...labelled(text, name) }), integer);
const number = (...limits: Parameters<typeof numberOf>) => numberOf(...limits) as never;

const isLease = numberOf("lease", LEASE_SECONDS.min, LEASE_SECONDS.max);

/** A validator of an instant, or a duration back from now, as the runtime reads it; blank is the runtime's default. */
const instant = (read: (text: string, now: number) => number, reason: string) => function (value: unknown, _options: unknown) {
  const written = typeof value === "string" ? value.trim() : "";
  if (written === "" || isEnvironment(value)) return true;
  try {
    read(written, Date.now());
    return true;
  } catch {
    return text(reason);
  }
} as never;

/** The cursor key that `node` should have, given the other queries. */
function ownCursor(node: EditorNodeInstance<Properties>): string {
  const others: CursorOwner[] = [];
  RED.nodes.eachNode((other) => {
    others.push(other as unknown as CursorOwner);
    return true;
  });
  return proposeCursor(node, others);
}

/** Seconds. Alerts appear later than other events; sessions are read again over their whole look-back with every poll. */
const DEFAULTS: Readonly<Record<string, { usual: string; [source: string]: string }>> = { overlap: { usual: "300", alerts: "900" }, pollInterval: { usual: "60", sessions: "300" } };

/** Puts the defaults of the source into the form, where the user has not changed them. */
function proposeDefaults(): void {
  const source = String($("#node-input-source").val());
  for (const [name, defaults] of Object.entries(DEFAULTS)) {
    const field = $(`#node-input-${name}`);
    if (Object.values(defaults).includes(String(field.val()))) field.val(defaults[source] ?? defaults.usual);
  }
}

const criteriaBuilder = () => $("#code42-query-criteria").data("builder") as CriteriaBuilder;

function showCriteria(criteria: unknown): void {
  const box = $("#code42-query-criteria");
  const context = () => ({
    source: String($("#node-input-source").val()),
    clause: $("#node-input-criteriaClause").val() === "OR" ? "OR" as const : "AND" as const,
    hasCursor: $("#node-input-cursorType").val() !== "none",
  });
  box.data("builder", new CriteriaBuilder(box, criteria, { translate: text, language: RED.i18n.lang(), context }));
  $("#node-input-source, #node-input-criteriaClause, #node-input-cursor").on("change", () => criteriaBuilder().contextChanged());
}

function showRelevantRows(): void {
  const json = $("#node-input-criteriaType").val() === "json";
  $(".siem-criteria-groups").toggle(!json);
  $(".siem-criteria-json").toggle(json);
  const confirmed = $("#node-input-advance").val() !== "sent";
  $(".siem-confirmed").toggle(confirmed);
  $(".siem-confirmed-by").toggle(confirmed && $("#node-input-confirmedByAll").val() === "all");
  const cursorType = String($("#node-input-cursorType").val());
  $(".siem-cursor-local").toggle(cursorType === "flow" || cursorType === "node");
  $(".siem-cursor-context").toggle(cursorType !== "none" && cursorType !== "shared");
  $(".siem-cursor-shared").toggle(cursorType === "shared");
  $(".siem-with-cursor").toggle(cursorType !== "none");
  $(".siem-once").toggle(cursorType === "none");
  const source = String($("#node-input-source").val());
  $(".siem-file-events").toggle(source === "file-events");
  $(".siem-sessions").toggle(source === "sessions");
  $(".siem-alerts").toggle(source === "alerts");
  $(".siem-audit-log").toggle(source === "audit-log");
  $(".siem-overlap").toggle(source !== "sessions");
}

/** The criteria in the form; undefined while the query JSON is incomplete. */
function criteriaInForm(): unknown {
  if ($("#node-input-criteriaType").val() !== "json") return criteriaBuilder().value();
  try {
    return JSON.parse(String($("#node-input-criteriaJson").val()));
  } catch {
    return undefined;
  }
}

RED.nodes.registerType<Properties>("code42-query", {
  category: "security events",
  color: "#BFD7EA",
  defaults: {
    name: { value: "" },
    ...variablesDefault(RED, "code42-query"),
    tenant: { value: "", type: "code42-tenant", required: true, ...labelled(text, "tenant") },
    source: { value: "file-events" },
    criteria: {
      value: [],
      validate: function (this: Properties, value: unknown, _options: unknown) {
        if (this.criteriaType === "json") return true;
        const context = { source: this.source, clause: this.criteriaClause, hasCursor: this.cursorType !== "none" };
        const error = criteriaProblems(context, value).find(({ level }) => level === "error");
        return error === undefined || text(error.key, translateParams(text, error.params));
      } as never,
    },
    criteriaClause: { value: "AND" },
    criteriaType: { value: "groups" },
    criteriaJson: {
      value: "",
      validate: function (value: unknown, _options: unknown) {
        if (typeof value !== "string" || value === "" || isEnvironment(value)) return true;
        try {
          const query = JSON.parse(value) as { groups?: unknown };
          return Array.isArray(query) || Array.isArray(query.groups) || text("validate.criteriaJson");
        } catch {
          return text("validate.criteriaJson");
        }
      } as never,
    },
    savedSearch: { value: "" },
    pollInterval: { value: "60", validate: number("pollInterval", 0, 86400) },
    startFrom: { value: "P1D", validate: instant(startInstant, "validate.startFrom") },
    until: { value: "", validate: instant(untilInstant, "validate.until") },
    cursor: {
      value: "",
      validate: function (this: { cursorType?: string }, value: unknown, _options: unknown) {
        return this.cursorType === "none" || isEnvironment(value) || /^[A-Za-z0-9_]{1,100}$/.test(keyOf(String(value))) || text("validate.cursor");
      } as never,
    },
    cursorType: { value: "global" },
    connection: {
      value: "", type: "nats-connection", required: false, ...labelled(text, "connection"),
      validate: function (this: { cursorType?: string }, value: unknown, _options: unknown) {
        return this.cursorType !== "shared" || isEnvironment(value) || (typeof value === "string" && RED.nodes.node(value) != null) || text("validate.connection");
      } as never,
    },
    lease: {
      value: "10",
      validate: function (this: { cursorType?: string }, value: unknown, options: unknown) {
        return this.cursorType !== "shared" || isLease(value, options);
      } as never,
    },
    overlap: { value: "300", validate: number("overlap", 0, 86400) },
    lookback: { value: "86400", validate: number("lookback", 3600, 7776000) },
    sessionOutput: { value: "session" },
    alertChanges: { value: false },
    excludeOwn: { value: false },
    pageSize: { value: "1000", validate: number("pageSize", 1, 10000, true) },
    output: { value: "page" },
    advance: { value: "confirmed" },
    confirmedBy: { value: [], type: "*[]", required: false },
    pagesOut: { value: "4", validate: number("pagesOut", 1, 100, true) },
    confirmTimeout: { value: "60", validate: number("confirmTimeout", 0.05, 86400) },
  },
  inputs: 1,
  outputs: 1,
  icon: "code42.svg",
  paletteLabel: "incydr query",
  inputLabels() {
    return this._("inputLabel");
  },
  outputLabels() {
    return this._("outputLabel");
  },
  label() {
    return this.name || this._(`source.${this.source}`);
  },
  labelStyle() {
    return this.name ? "node_label_italic" : "";
  },
  onadd() {
    this.cursor = ownCursor(this);
  },
  oneditprepare() {
    // Nodes of an earlier version lack these properties.
    if (this.sessionOutput === undefined) $("#node-input-sessionOutput").val("session");
    if (this.lookback === undefined) $("#node-input-lookback").val("86400");
    if (this.lease === undefined) $("#node-input-lease").val("10");
    $("#node-input-cursor").val(ownCursor(this)).typedInput({
      default: "global",
      types: [
        "global", "flow", { value: "node", label: this._("cursorType.node"), icon: "fa fa-square-o" },
        { value: "shared", label: this._("cursorType.shared"), icon: "fa fa-share-alt" },
        { value: "none", label: this._("cursorType.none"), icon: "fa fa-dot-circle-o", hasValue: false },
      ] as never,
      typeField: "#node-input-cursorType",
    });
    showCriteria(this.criteria);
    $("#node-input-criteriaJson").typedInput({ default: "json", types: ["json"] });
    const sinks = this.confirmedBy ?? [];
    $("#node-input-confirmedByAll").val(sinks.length > 0 ? "all" : "any");
    showSinks(RED.nodes as unknown as EditorNodes, $("#node-input-confirmedBy-list"), sinks, this.id, text("common.sinkMissing"));
    let source = this.source;
    $("#node-input-source").on("change", () => {
      const chosen = String($("#node-input-source").val());
      // Node-RED raises the event when it opens the dialog, too.
      if (chosen !== source) proposeDefaults();
      source = chosen;
    });
    $("#node-input-source, #node-input-criteriaType, #node-input-advance, #node-input-confirmedByAll, #node-input-cursor").on("change", showRelevantRows);
    showRelevantRows();
    prepareQueryTrials(RED as never, this.id, () => criteriaBuilder().value());
    const flow = exportedFlow(RED);
    const value = (name: string) => String($(`#node-input-${name}`).val() ?? "");
    showTips($("#code42-query-tips"), (key, params) => this._(key, params), () => queryTips(this.id, {
      source: value("source"),
      criteria: criteriaInForm(),
      criteriaType: value("criteriaType"),
      cursor: value("cursor"),
      cursorType: value("cursorType"),
      advance: value("advance"),
      confirmedBy: value("confirmedByAll") === "all" ? tickedSinks($("#node-input-confirmedBy-list")) : [],
    }, flow));
    showTips($("#code42-query-cursor-tips"), (key, params) => this._(key, params), () => storeTips({ cursor: value("cursor"), cursorType: value("cursorType") }, storesOf(RED)));
    prepareAdvanced($("#code42-query-advanced"), $("#code42-query-differs"), () => {
      const source = value("source");
      const ofSource = Object.entries(DEFAULTS).map(([name, values]): [string, string] => [name, values[source] ?? values.usual]);
      return { lookback: "86400", pageSize: "1000", criteriaType: "groups", output: "page", advance: "confirmed", confirmedByAll: "any", pagesOut: "4", confirmTimeout: "60", lease: "10", ...Object.fromEntries<string>(ofSource) };
    });
    const showCriteriaRows = () => {
      const criteria = $("#node-input-criteriaType").val() === "json" ? undefined : criteriaBuilder().value();
      const groups = Array.isArray(criteria) ? criteria.length : 1;
      $(".siem-no-criteria").toggle(groups === 0);
      $(".siem-several-groups").toggle(groups > 1);
    };
    $("#code42-query-criteria").closest("form").on("input change click", () => void window.setTimeout(showCriteriaRows));
    showCriteriaRows();
  },
  oneditsave() {
    this.confirmedBy = $("#node-input-confirmedByAll").val() === "all" ? tickedSinks($("#node-input-confirmedBy-list")) : [];
    this.criteria = criteriaBuilder().value();
    // The proposed key is for the other places of the cursor.
    if ($("#node-input-cursorType").val() === "none") $("#node-input-cursor").val(this.cursor ?? "");
  },
});
