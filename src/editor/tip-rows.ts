/** Shows the tips of a dialog as rows at its top and updates them when a field changes. */
import type { Tip } from "./tips";

export function showTips(container: JQuery, translate: (key: string, params?: Tip["params"]) => string, tips: () => Tip[]): void {
  let shown = "";
  const show = () => {
    const texts = tips().map(({ key, params }) => translate(key, params));
    // A screen reader reads every insertion, so do not insert the same tips again.
    if (texts.join("\n") === shown) return;
    shown = texts.join("\n");
    container.empty().append(texts.map(row));
  };
  container.attr("role", "status").closest("form").on("input change treelistselect", show);
  show();
}

function row(text: string): JQuery {
  return $("<div>", { class: "form-tips" })
    .css({ marginBottom: "8px", borderLeft: "4px solid var(--red-ui-border-color-warning)" })
    .append($("<i>", { class: "fa fa-exclamation-triangle", "aria-hidden": "true" }).css({ marginRight: "6px" }), document.createTextNode(text));
}
