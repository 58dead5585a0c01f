/** Edits the criteria of a query, as groups of rows or as JSON. */
import { MAX_CRITERIA } from "../../code42/criteria/criteria";
import { parseExact } from "../../common/exact-json";
import { plain } from "../../common/border";
import { contentsOf } from "../editable-list";
import type { Translate } from "../texts";
import { markRow, showFilterRow, showProblems } from "./filter-row";
import { criteriaProblems, rowProblems, rulesOf, wholeProblems, type QueryContext } from "./problems";
import { criteriaCount, criteriaOf, filledRows, MAX_DEPTH, newFilter, newGroup, rowsOf, Unshowable, withNewGroup, type FilterRow, type GroupRow } from "./rows";

export interface BuilderOptions {
  /** The texts of code42-query. */
  translate: Translate;
  /** Language tag, for numbers. */
  language: string;
  /** The settings of the dialog at this moment. */
  context: () => QueryContext;
}

type View = "rows" | "json";

/** More rows take seconds to build, so such criteria open as JSON. */
const MAX_ROWS_AT_OPENING = 200;

/** Node-RED's extension of jQuery. */
interface List {
  editableList(options: ListOptions): unknown;
  editableList(method: "addItem", item: object): unknown;
  editableList(method: "empty"): unknown;
}

interface ListOptions {
  sortable: true;
  removable: true;
  scrollOnAdd: false;
  addButton: string;
  buttons?: { label: string; icon: string; click(): void }[];
  connectWith?: string;
  addItem(content: JQuery, index: number, item: object): void;
  removeItem(): void;
  sortItems(): void;
}

const asList = (element: JQuery) => element as unknown as List;
const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value ?? [], null, 2));

export class CriteriaBuilder {
  private readonly list = $("<ol>", { class: "siem-groups" });
  private readonly rowsBox = $("<div>").append(this.list);
  private readonly json = $("<textarea>", { class: "siem-json", rows: 14, spellcheck: "false", "aria-label": "JSON" }).css({ width: "100%", boxSizing: "border-box", fontFamily: "monospace" });
  private readonly count = $("<span>", { class: "siem-count" }).css({ marginLeft: "auto" });
  private readonly messages = $("<div>");
  private readonly buttons: Record<View, JQuery>;
  private view: View = "rows";
  /** The value that the view was opened with, and its text in that view. While the text is the same, value() returns the original value. */
  private opened: { value: unknown; text: string };

  /** Fills `box` with the node property `value`. */
  constructor(box: JQuery, value: unknown, private readonly options: BuilderOptions) {
    const { translate } = options;
    const button = (view: View) =>
      $("<button>", { type: "button", class: `red-ui-button red-ui-button-small toggle siem-as-${view}` }).text(translate(`builder.${view}`)).on("click", () => {
        if (view !== this.view) this.open(view, this.value());
      });
    this.buttons = { rows: button("rows"), json: button("json") };
    const head = $("<div>").css({ display: "flex", alignItems: "center", marginBottom: "4px" })
      .append($("<span>", { class: "button-group" }).append(this.buttons.rows, this.buttons.json), this.count);
    // The dialog becomes as wide as its widest content. Width 0 keeps the sentences below the rows out of that.
    box.css({ width: 0, minWidth: "100%" }).append(head, this.rowsBox, this.json.on("change", () => this.refresh()), this.messages);
    this.showGroupList(this.list, 0);
    this.opened = { value, text: "" };
    this.open(criteriaCount(value) > MAX_ROWS_AT_OPENING ? "json" : "rows", value);
  }

  /** The node property `criteria`. Text that is not JSON is returned as text, so that nothing the user wrote is lost. */
  value(): unknown {
    const text = this.text();
    if (text === this.opened.text) return this.opened.value;
    try {
      return text.trim() === "" ? [] : parseExact(text);
    } catch {
      return text;
    }
  }

  /** Checks the rows again after another setting of the dialog has changed. */
  contextChanged(): void {
    if (this.view === "rows") this.showGroups(this.groups());
    this.refresh();
  }

  private text(): string {
    return this.view === "rows" ? textOf(criteriaOf(this.groups())) : String(this.json.val());
  }

  /** Opens a view. Opens JSON if rows cannot show the value. */
  private open(view: View, value: unknown): void {
    try {
      if (view === "rows") this.showGroups(rowsOf(value));
      this.view = view;
    } catch (error) {
      if (!(error instanceof Unshowable)) throw error;
      this.view = "json";
    }
    if (this.view === "json") this.json.val(textOf(value));
    this.opened = { value, text: this.text() };
    this.rowsBox.toggle(this.view === "rows");
    this.json.toggle(this.view === "json");
    for (const each of ["rows", "json"] as const) this.buttons[each].toggleClass("selected", each === this.view).attr("aria-pressed", String(each === this.view));
    this.refresh();
  }

  private showGroups(groups: readonly GroupRow[]): void {
    // Detached from the page, so that the browser lays out the rows once and not after each one.
    this.rowsBox.detach();
    asList(this.list).editableList("empty");
    for (const group of groups) asList(this.list).editableList("addItem", group);
    this.rowsBox.insertBefore(this.json);
  }

  private showGroupList(list: JQuery, depth: number): void {
    const changed = () => this.refresh();
    asList(list).editableList({
      sortable: true,
      removable: true,
      scrollOnAdd: false,
      addButton: this.options.translate("builder.addGroup"),
      addItem: (content, _index, item) => {
        const isNew = !("clause" in item);
        this.showGroup(content, isNew ? newGroup() : (item as GroupRow), depth, isNew);
        if (isNew) changed();
      },
      removeItem: changed,
      sortItems: changed,
    });
  }

  private showGroup(content: JQuery, group: GroupRow, depth: number, isNew: boolean): void {
    const { translate } = this.options;
    const clause = $("<select>", { class: "siem-clause", "aria-label": translate("builder.clause") }).css({ width: "auto", marginBottom: "4px" }).on("change", () => this.refresh());
    for (const each of ["AND", "OR"]) $("<option>").val(each).text(translate(`clause.${each}`)).appendTo(clause);
    const inner = $("<ol>", { class: "groups" in group ? "siem-groups" : "siem-filters" });
    content.empty().append(clause.val(group.clause), inner).data({ clause, inner });
    if ("groups" in group) {
      this.showGroupList(inner, depth + 1);
      for (const each of group.groups) asList(inner).editableList("addItem", each);
    } else {
      this.showFilterList(inner, content, depth);
      for (const each of group.filters) asList(inner).editableList("addItem", isNew ? {} : each);
    }
  }

  private showFilterList(list: JQuery, group: JQuery, depth: number): void {
    const { translate, context } = this.options;
    const { source } = context();
    const changed = () => this.refresh();
    const nest = () => {
      this.showGroup(group, withNewGroup(this.groupOf(group)), depth, false);
      changed();
    };
    asList(list).editableList({
      sortable: true,
      removable: true,
      scrollOnAdd: false,
      // The user can drag filters from group to group.
      connectWith: ".siem-filters",
      addButton: translate("builder.addFilter"),
      buttons: rulesOf(source)?.nests === true && depth < MAX_DEPTH ? [{ label: translate("builder.addNested"), icon: "fa fa-object-group", click: nest }] : [],
      addItem: (content, _index, item) => {
        const isNew = !("term" in item);
        content.data("new", isNew);
        showFilterRow(content, isNew ? newFilter() : (item as FilterRow), { source, translate, changed });
        if (!isNew) return;
        changed();
        content.find(".siem-term").trigger("focus");
      },
      removeItem: changed,
      sortItems: changed,
    });
  }

  private groups(): GroupRow[] {
    return contentsOf(this.list).map((content) => this.groupOf(content));
  }

  private groupOf(content: JQuery): GroupRow {
    const inner = content.data("inner") as JQuery;
    const clause = (content.data("clause") as JQuery).val() === "OR" ? "OR" : "AND";
    const contents = contentsOf(inner);
    if (inner.hasClass("siem-groups")) return { clause, groups: contents.map((each) => this.groupOf(each)) };
    return { clause, filters: contents.map((each) => each.data("data") as FilterRow) };
  }

  /** Updates the count and the problems. */
  private refresh(): void {
    const context = this.options.context();
    const { translate } = this.options;
    if (this.view === "rows") {
      const groups = this.groups();
      this.list.find(".siem-filters").toArray().flatMap((list) => contentsOf($(list))).forEach((content) => markRow(content, rowProblems(context, content.data("data") as FilterRow), translate));
      showProblems(this.messages, wholeProblems(context, groups), translate);
      this.showCount(filledRows(groups).length);
      return;
    }
    const value = this.value();
    const problems = criteriaProblems(context, value);
    try {
      this.showCount(filledRows(rowsOf(value)).length);
      showProblems(this.messages, problems, translate);
    } catch (error) {
      if (!(error instanceof Unshowable)) throw error;
      this.count.text("");
      const reason = translate(`builder.unshowable.${error.reason}`, { found: error.found });
      showProblems(this.messages, [{ level: "warning", key: "builder.onlyJson", params: plain.params({ where: error.where, reason }) }, ...problems], translate);
    }
  }

  private showCount(count: number): void {
    const number = (value: number) => value.toLocaleString(this.options.language);
    this.count.text(this.options.translate("builder.count", { count: number(count), limit: number(MAX_CRITERIA) }));
  }
}
