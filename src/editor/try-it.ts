/** A button in an edit dialog that asks the runtime to try the settings in the form, and shows the answer below. */
import { localise, type Text, type Translate } from "./texts";

export type Answer = { ok: true } | ({ ok: false; step?: string } & Text);

type Question = object | string | undefined;

export interface Trial<Result> {
  /** The id of the button. */
  button: string;
  /** The id of the element for the answer; `<button>-result` by default. */
  result?: string;
  /** Relative to the editor's address. */
  url: string;
  method?: "GET" | "POST";
  text: Translate;
  /** The request body. If it returns a text, the text is shown and nothing is sent; if it returns undefined, nothing happens. Left out for a `GET`. */
  body?: () => Question | Promise<Question>;
  show: (result: Result & { ok: true }, box: JQuery) => void;
}

/** Makes `button` ask and show the answer. Until the answer arrives, the button is disabled and shows a spinner. */
export function prepareTrial<Result>({ button: id, result: place = `${id}-result`, url, method = "POST", text, body, show }: Trial<Result>): void {
  const button = $(`#${id}`);
  const result = $(`#${place}`);
  const tell = (content: string) => box(result).text(content);
  const ask = async () => {
    const sent = await body?.();
    if (typeof sent === "string") return tell(sent);
    if (body !== undefined && sent === undefined) return;
    tell(text("common.tryIt.running"));
    const answer = await request(url, method, sent);
    if (answer.ok) return show(answer as Result & { ok: true }, box(result));
    const failed = box(result);
    if (answer.step !== undefined) failed.append($("<b>").text(`${text(`common.tryIt.step.${answer.step}`)}. `));
    failed.append(document.createTextNode(localise(text, answer)));
  };
  button.on("click", () => {
    const spinner = $("<i>", { class: "fa fa-spinner fa-spin", "aria-hidden": "true" }).css({ marginRight: "5px" });
    button.prop("disabled", true).prepend(spinner);
    void ask().catch(() => tell(text("common.tryIt.noAnswer"))).finally(() => {
      spinner.remove();
      button.prop("disabled", false);
      // A disabled button loses the focus; give it back for those who work with the keyboard.
      if (document.activeElement === document.body) button.trigger("focus");
    });
  });
}

/** Asks the runtime. Rejects if it does not answer or answers with an HTTP error. */
export async function request(url: string, method: "GET" | "POST", sent?: object): Promise<Answer> {
  return await $.ajax({ url, method, ...(sent === undefined ? {} : { contentType: "application/json", data: JSON.stringify(sent) }) }) as Answer;
}

/** A line of an answer with an icon for success or failure. */
export function resultRow(isGood: boolean, words: string): JQuery {
  const icon = $("<i>", { class: `fa fa-fw ${isGood ? "fa-check" : "fa-times"}`, "aria-hidden": "true" });
  return $("<div>").append(icon, document.createTextNode(` ${words}`));
}

/** Empties the element for the answer and puts a new box in it. */
const box = (result: JQuery): JQuery =>
  $("<div>", { class: "form-tips" }).css({ marginTop: "8px", maxWidth: "none", userSelect: "text", overflowWrap: "anywhere" }).appendTo(result.empty());

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
