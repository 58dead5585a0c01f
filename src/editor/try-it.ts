/** A button in an edit dialog that asks the runtime to try the settings in the form, and shows the answer below. */
import { localise, type Text, type Translate } from "./texts";

export type Answer = { ok: true } | ({ ok: false; step?: string } & Text);

/** How an answer looks. `check`: the user has to compare something. */
export type Verdict = "good" | "partly" | "check" | "bad";

export interface Trial<Result> {
  /** The button, or its id. */
  button: string | JQuery;
  /** The id of the element for the answer; `<button>-result` by default. */
  result?: string;
  /** Relative to the editor's address. */
  url: string | (() => string);
  method?: "GET" | "POST";
  text: Translate;
  /** The form, which is also the request's body. When the form changes, the answer is cleared. Left out if the answer depends on no field. */
  body?: () => object;
  /** Asks the user first, and returns the request's body. If it returns a text, the text is shown and nothing is sent; if it returns undefined, nothing happens. */
  confirm?: () => Promise<object | string | undefined>;
  /** Fills in the answer. The verdict is `good` by default. */
  show: (result: Result & { ok: true }, box: JQuery) => Verdict | void;
}

/** Asks as a click on the button does. A quiet question shows good answers only, and does not scroll. */
export type Ask = (quiet?: boolean) => Promise<void>;

/**
 * Makes a button ask and show the answer, in view and with a colour, an icon and a word for its verdict. Until the answer
 * arrives, the button is disabled and shows a spinner. A change of the form clears the answer, and drops one that is on its way.
 */
export function prepareTrial<Result>({ button: idOrButton, result: place, url, method = "POST", text, body, confirm, show }: Trial<Result>): Ask {
  const button = typeof idOrButton === "string" ? $(`#${idOrButton}`) : idOrButton;
  const result = $(`#${place ?? `${button.attr("id")}-result`}`).attr({ role: "status", "aria-live": "polite" });
  const form = () => JSON.stringify(body?.());

  const ask: Ask = async (quiet = false) => {
    const tell = (fill: (box: JQuery) => Verdict | void, word?: string) => {
      const content = $("<div>");
      const verdict = fill(content) ?? "good";
      showAnswer(result, answerBox(verdict, word ?? text(`common.tryIt.verdict.${verdict}`), content), form);
      if (!quiet) reveal(result);
    };
    const tellFailure = (words: string, word?: string) => tell((box) => {
      box.text(words);
      return "bad";
    }, word);

    const asked = form();
    try {
      const sent = confirm === undefined ? body?.() : await confirm();
      if (typeof sent === "string") return tellFailure(sent);
      if (confirm !== undefined && sent === undefined) return;
      if (!quiet) {
        showAnswer(result, $("<div>", { class: "form-tips" }).css(BOX).text(text("common.tryIt.running")), form);
        reveal(result);
      }
      const answer = await request(typeof url === "string" ? url : url(), method, sent);
      if (form() !== asked) return;
      if (answer.ok) tell((box) => show(answer as Result & { ok: true }, box));
      else if (!quiet) tellFailure(localise(text, answer), answer.step === undefined ? undefined : text(`common.tryIt.step.${answer.step}`));
    } catch {
      if (!quiet && form() === asked) tellFailure(text("common.tryIt.noAnswer"));
    }
  };
  button.on("click", () => {
    const spinner = $("<i>", { class: "fa fa-spinner fa-spin", "aria-hidden": "true" }).css({ marginRight: "5px" });
    button.prop("disabled", true).prepend(spinner);
    void ask().finally(() => {
      spinner.remove();
      button.prop("disabled", false);
      // A disabled button loses the focus; give it back for those who work with the keyboard.
      if (document.activeElement === document.body) button.trigger("focus");
    });
  });
  return ask;
}

const FORM_CHECK_MS = 200;

/** Shows `box` until `form`, which returns the form as JSON, returns something else. Looks at the form itself: lists, and fields that a script fills in, raise no event. */
function showAnswer(result: JQuery, box: JQuery, form: () => string): void {
  window.clearInterval(result.data("timer") as number);
  result.empty().append(box);
  const shown = form();
  const timer = window.setInterval(() => {
    // A dialog that is closed loses its data. One that is behind the dialog of a config node is only out of the page.
    const isClosed = result.data("timer") !== timer;
    if (!isClosed && (result[0]?.isConnected !== true || form() === shown)) return;
    window.clearInterval(timer);
    result.empty();
  }, FORM_CHECK_MS);
  result.data("timer", timer);
}

/** Scrolls the answer into view; of one that is higher than the dialog, its beginning. */
function reveal(result: JQuery): void {
  result[0]?.scrollIntoView({ block: "nearest" });
  const view = result.closest(".red-ui-tray-body-wrapper, .red-ui-tray-body, .red-ui-tray-content")[0];
  if (view !== undefined && (result[0]?.offsetHeight ?? 0) > view.clientHeight) result[0]?.scrollIntoView({ block: "start" });
}

/** Asks the runtime. Rejects if it does not answer or answers with an HTTP error. */
export async function request(url: string, method: "GET" | "POST", sent?: object): Promise<Answer> {
  return await $.ajax({ url, method, ...(sent === undefined ? {} : { contentType: "application/json", data: JSON.stringify(sent) }) }) as Answer;
}

/** Colour and icon of each verdict. Node-RED's yellow is too light for an icon. */
const LOOKS: Record<Verdict, { icon: string; edge: string; ink: string }> = {
  good: { icon: "fa-check-circle", edge: "var(--red-ui-border-color-success)", ink: "var(--red-ui-border-color-success)" },
  partly: { icon: "fa-exclamation-triangle", edge: "var(--red-ui-border-color-warning)", ink: "inherit" },
  check: { icon: "fa-question-circle", edge: "var(--red-ui-border-color-warning)", ink: "inherit" },
  bad: { icon: "fa-times-circle", edge: "var(--red-ui-border-color-error)", ink: "var(--red-ui-border-color-error)" },
};

const iconOf = (verdict: Verdict): JQuery => $("<i>", { class: `fa fa-fw ${LOOKS[verdict].icon}`, "aria-hidden": "true" }).css({ color: LOOKS[verdict].ink });

const BOX = { marginTop: "8px", maxWidth: "none", userSelect: "text", overflowWrap: "anywhere" };

const answerBox = (verdict: Verdict, word: string, content: JQuery): JQuery =>
  $("<div>", { class: `form-tips siem-answer siem-answer-${verdict}` })
    .css({ ...BOX, borderLeft: `4px solid ${LOOKS[verdict].edge}` })
    .append($("<div>").append(iconOf(verdict), $("<b>").text(` ${word}`)), content);

/** A line of an answer with an icon of its own. */
export const resultRow = (verdict: Verdict, words: string): JQuery => $("<div>").append(iconOf(verdict), document.createTextNode(` ${words}`));

/** A line or an event in monospace, with its white space; it scrolls if it is long. */
export const code = (text: string): JQuery =>
  $("<pre>", { tabindex: "0" }).text(text).css({ maxHeight: "260px", overflow: "auto", margin: "6px 0 0", padding: "6px", whiteSpace: "pre-wrap", overflowWrap: "anywhere", font: "inherit", fontFamily: "var(--red-ui-monospace-font, monospace)", fontSize: "12px", background: "var(--red-ui-primary-background)", color: "var(--red-ui-primary-text-color)", border: "1px solid var(--red-ui-secondary-border-color)" });

/** The fields `names` of the open form, as Node-RED would store them. */
export function formValues(prefix: "node-input" | "node-config-input", names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => {
    const field = $(`#${prefix}-${name}`);
    const value: unknown = field.val() ?? "";
    if (field.is(":checkbox")) return [name, field.is(":checked")];
    // The values of a config node's selection while nothing is selected.
    return [name, value === "_ADD_" || value === "__NONE__" ? "" : value];
  }));
}

/** Node-RED's placeholder for a stored password. */
const STORED = "__PWRD__";

/** The credentials `names` of the open form, without stored ones that the user did not change. */
export function typedCredentials(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(formValues("node-config-input", names)).filter(([, value]) => value !== STORED));
}
