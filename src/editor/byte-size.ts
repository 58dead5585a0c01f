/** Says beside a field with a number of bytes how much that is: "= 64 MiB". */

export function showByteSize(field: JQuery): void {
  const size = $("<span>").css({ marginLeft: "6px" }).insertAfter(field);
  const show = () => size.text(byteSize(field.val()));
  field.on("input change", show);
  show();
}

/** "= 64 MiB" in the browser's language; empty for less than 1 KiB and for what is no number. */
export function byteSize(bytes: unknown, language?: string): string {
  const power = Math.min(3, Math.floor(Math.log2(Number(bytes)) / 10));
  const unit = ["KiB", "MiB", "GiB"][power - 1];
  return unit === undefined ? "" : `= ${(Number(bytes) / 1024 ** power).toLocaleString(language, { maximumFractionDigits: 2 })} ${unit}`;
}
