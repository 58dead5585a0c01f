/** A button in an edit dialog that asks the runtime to try what is edited, and the place below it where the answer stands. */
import { say, type Text, type Translate } from "./texts";

export type Answer = { ok: true } | ({ ok: false; step?: string } & Text);

type Asked = object | string | undefined;

export interface Trial<Result> {
  /** The id of the button. */
  button: string;
  /** That of the place for the answer; `<button>-result` by default. */
  result?: string;
  /** Relative to the editor. */
  url: string;
  method?: "GET" | "POST";
  text: Translate;
  /** What is sent; for a `GET` nothing. A text is shown in place of asking; undefined: do not ask. */
  body?: () => Asked | Promise<Asked>;
  show: (result: Result & { ok: true }, box: JQuery) => void;
}

/** Makes `button` ask and show. While an answer is on its way, the button cannot be pressed and says so by its icon. */
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
    failed.append(document.createTextNode(say(text, answer)));
  };
  button.on("click", () => {
    const spinner = $("<i>", { class: "fa fa-spinner fa-spin", "aria-hidden": "true" }).css({ marginRight: "5px" });
    button.prop("disabled", true).prepend(spinner);
    void ask().catch(() => tell(text("common.tryIt.noAnswer"))).finally(() => {
      spinner.remove();
      button.prop("disabled", false);
      // A button that cannot be pressed loses the focus, and nobody who works with the keyboard wants to look for it.
      if (document.activeElement === document.body) button.trigger("focus");
    });
  });
}

/** Asks the runtime. Rejects if it does not answer, or refuses. */
export async function request(url: string, method: "GET" | "POST", sent?: object): Promise<Answer> {
  return await $.ajax({ url, method, ...(sent === undefined ? {} : { contentType: "application/json", data: JSON.stringify(sent) }) }) as Answer;
}

/** A line of an answer: what went well, or did not. */
export function resultRow(isGood: boolean, words: string): JQuery {
  const icon = $("<i>", { class: `fa fa-fw ${isGood ? "fa-check" : "fa-times"}`, "aria-hidden": "true" });
  return $("<div>").append(icon, document.createTextNode(` ${words}`));
}

/** An empty box in the place for answers, which screen readers read when it changes. */
const box = (result: JQuery): JQuery =>
  $("<div>", { class: "form-tips" }).css({ marginTop: "8px", maxWidth: "none", userSelect: "text", overflowWrap: "anywhere" }).appendTo(result.empty());

/** Text of a machine, such as a line or an event: with its white space, and scrolled when it is long. */
export const code = (text: string): JQuery =>
  $("<pre>", { tabindex: "0" }).text(text).css({ maxHeight: "260px", overflow: "auto", margin: "6px 0 0", padding: "6px", whiteSpace: "pre-wrap", overflowWrap: "anywhere", font: "inherit", fontFamily: "var(--red-ui-monospace-font, monospace)", fontSize: "12px", background: "var(--red-ui-primary-background)", color: "var(--red-ui-primary-text-color)", border: "1px solid var(--red-ui-secondary-border-color)" });

/** The fields `names` of the form that is open, as Node-RED would store them. */
export function formValues(prefix: "node-input" | "node-config-input", names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => {
    const field = $(`#${prefix}-${name}`);
    const value: unknown = field.val() ?? "";
    if (field.is(":checkbox")) return [name, field.is(":checked")];
    // What a choice of configuration nodes has where none is chosen.
    return [name, value === "_ADD_" || value === "__NONE__" ? "" : value];
  }));
}

/** What Node-RED shows in place of a stored password. */
const STORED = "__PWRD__";

/** The credentials `names` of the form that is open, without those that are stored and were not touched. */
export function typedCredentials(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(formValues("node-config-input", names)).filter(([, value]) => value !== STORED));
}
