/** The folded part of a dialog, with a line that says which of its fields differ from the default. */

/** `defaults` returns the defaults of fields by property. Blank is the default of every field, and unchecked that of others. */
export function prepareAdvanced(details: JQuery, line: JQuery, defaults: () => Readonly<Record<string, string>>): void {
  const rows = () => details.find(".form-row").toArray().filter((row) => row.style.display !== "none").map((row) => $(row));
  const differences = () => rows().flatMap((row) => {
    const field = row.find("[id^=node-input-]").first();
    const property = (field.attr("id") ?? "").slice("node-input-".length);
    const usual = defaults()[property] ?? "";
    const value = field.is(":checkbox") ? field.is(":checked") : String(field.val() ?? "");
    if (property === "" || value === "" || row.find("label").length === 0 || String(value) === (field.is(":checkbox") ? String(usual === "true") : usual)) return [];
    const shown = field.is("select") ? field.find("option:selected").text() : [field.val(), field.next("span:not(.siem-hint)").text()].join(" ").trim();
    return [`${row.find("label span").text()}: ${shown}`];
  });
  const show = () => {
    const text = differences().join(" · ");
    if (line.text() !== text) line.text(text);
  };
  // After the handlers of the fields, which put in other defaults.
  details.closest("form").on("input change", () => void window.setTimeout(show));
  show();
  // Node-RED marks the fields when the dialog is complete. A wrong one must not be hidden.
  window.setTimeout(() => {
    if (details.find(".input-error").length > 0) details.prop("open", true);
  });
}
