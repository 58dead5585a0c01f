/** Reads the properties of a `cef-format` node and compiles a formatter for every kind of record. */
import { plain, printable } from "../common/border";
import { choiceProperty, listProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import { compileFormatter } from "./encoder";
import { cefError } from "./errors";
import { DEFAULT_BYTES, MIN_BYTES, type Formatter } from "./formatter";
import { compileJsonFormatter } from "./json";
import { compatibleMappings, mappings } from "./mappings";
import type { Mapping } from "./mapping";

const AUTO = "auto";
export const MAX_BYTES = 1_048_576;

/** Returns the formatter for a message with this `msg.kind`. Throws SiemError KIND_MISSING, KIND_UNKNOWN or PROFILE_KIND. */
export type ChooseFormatter = (messageKind: unknown) => Formatter;

const PROFILES = { standard: mappings, compatible: compatibleMappings };

/** Throws SiemError for every invalid setting, including own fields. */
export function readFormatters(properties: Properties): ChooseFormatter {
  const format = choiceProperty(properties, "format", ["cef", "json", "raw-json"]);
  const kind = textProperty(properties, "kind", AUTO);
  const maxBytes = numberProperty(properties, "maxBytes", { fallback: DEFAULT_BYTES, min: MIN_BYTES, max: MAX_BYTES, integer: true });
  const kindOf = (messageKind: unknown) => (kind === AUTO ? messageKind : kind);
  const unknown = (name: string) => cefError("KIND_UNKNOWN", plain.params({ kind: printable(name, 80), kinds: [...mappings.keys()].join(", ") }), { permanent: true });
  if (kind !== AUTO && !mappings.has(kind)) throw unknown(kind);

  if (format !== "cef") {
    const options = { leaveOutEmpty: format === "json", maxBytes };
    const formatters = forEach(mappings, (mapping) => compileJsonFormatter(mapping, options));
    // JSON needs no mapping, so any kind of record is accepted.
    const other = compileJsonFormatter(undefined, options);
    return (messageKind) => formatters.get(String(kindOf(messageKind))) ?? other;
  }

  const profile = choiceProperty(properties, "profile", ["standard", "compatible"]);
  const options = {
    vendor: textProperty(properties, "vendor", ""),
    product: textProperty(properties, "product", ""),
    version: textProperty(properties, "version", ""),
    severity: textProperty(properties, "severity", ""),
    fields: listProperty(properties, "fields"),
    maxBytes,
  };
  // Compile all of them now, so that a bad own field is reported at deploy and not with the first message.
  const formatters = forEach(PROFILES[profile], (mapping) => compileFormatter(mapping, options));
  const choose: ChooseFormatter = (messageKind) => {
    const wanted = kindOf(messageKind);
    if (typeof wanted !== "string" || wanted === "") throw cefError("KIND_MISSING");
    const formatter = formatters.get(wanted);
    if (formatter !== undefined) return formatter;
    throw mappings.has(wanted) ? cefError("PROFILE_KIND", plain.params({ kind: wanted, kinds: [...formatters.keys()].join(", ") }), { permanent: true }) : unknown(wanted);
  };
  if (kind !== AUTO) choose(kind);
  return choose;
}

const forEach = (mappings: ReadonlyMap<string, Mapping>, compile: (mapping: Mapping) => Formatter): Map<string, Formatter> =>
  new Map([...mappings].map(([kind, mapping]) => [kind, compile(mapping)]));
