/** A formatter as a table: what generate.ts makes code of, and src/kernel/program.ts a program. */
import type { CefType } from "./dictionary";
import type { Field } from "./line";
import type { Source } from "./mapping";
import type { Scalar } from "./values";

/** CEF Implementation Standard, "Header information": a severity as a number or as a word. */
export const SEVERITY = /^(?:\d|10|Unknown|Low|Medium|High|Very-High)$/;

/** A header field; its source need not have a value. */
export interface HeaderPart {
  source: Source;
  /** What stands there whatever the event is, escaped. */
  fixed?: string;
  /** What stands there without a value. */
  fallback: string;
  /** Characters, before they are escaped. */
  maxLength: number;
  /** A value that is no severity is none. */
  isSeverity?: true;
  /** Escaped. */
  toText: (value: Scalar | undefined) => string;
}

/** A field of the extension. */
export interface RowPart extends Field {
  source: Source;
  type: CefType;
  /** Characters that a text may have, before they are escaped. */
  maxLength: number;
  /** A constant says nothing about the event. */
  isConstant: boolean;
  /** Escaped; undefined if the value is not of the type of the key. */
  toText: (value: Scalar) => string | undefined;
}

export interface LineTable {
  header: readonly HeaderPart[];
  rows: readonly RowPart[];
  /** Bytes of UTF-8 that a line may have. */
  maxBytes: number;
}
