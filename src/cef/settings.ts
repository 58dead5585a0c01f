/** Reads the properties of a `cef-format` node and compiles a formatter for every kind of record that may come. */
import { choiceProperty, listProperty, numberProperty, textProperty, type Properties } from "../node/config";
import { compileFormatter, DEFAULT_BYTES, MIN_BYTES, type Formatter } from "./encoder";
import { cefError } from "./errors";
import { mappings } from "./mappings";

export const AUTO = "auto";
export const MAX_BYTES = 1_048_576;

/** The formatter for a message whose `msg.kind` is this. Throws SiemError KIND_MISSING or KIND_UNKNOWN. */
export type ChooseFormatter = (messageKind: unknown) => Formatter;

/** Throws SiemError for every setting that cannot work, own fields included. */
export function readFormatters(properties: Properties): ChooseFormatter {
  const profile = textProperty(properties, "profile", "standard");
  if (profile === "compatible") throw cefError("PROFILE_UNAVAILABLE", { profile }, { permanent: true });
  choiceProperty(properties, "profile", ["standard"]);
  const kind = textProperty(properties, "kind", AUTO);
  const options = {
    vendor: textProperty(properties, "vendor", ""),
    product: textProperty(properties, "product", ""),
    version: textProperty(properties, "version", ""),
    severity: textProperty(properties, "severity", ""),
    fields: listProperty(properties, "fields"),
    maxBytes: numberProperty(properties, "maxBytes", { fallback: DEFAULT_BYTES, min: MIN_BYTES, max: MAX_BYTES, integer: true }),
  };
  const unknown = (name: string) => cefError("KIND_UNKNOWN", { kind: name.slice(0, 80), kinds: [...mappings.keys()].join(", ") }, { permanent: true });
  if (kind !== AUTO && !mappings.has(kind)) throw unknown(kind);
  // All of them now, so that a bad own field is seen at deploy and not with the first message.
  const formatters = new Map([...mappings].map(([name, mapping]) => [name, compileFormatter(mapping, options)]));

  return (messageKind) => {
    const wanted = kind === AUTO ? messageKind : kind;
    if (typeof wanted !== "string" || wanted === "") throw cefError("KIND_MISSING");
    const formatter = formatters.get(wanted);
    if (formatter === undefined) throw unknown(wanted);
    return formatter;
  };
}
