/** Errors that name a property show the label that stands on the screen, in the reader's language. */

/** The errors whose `name` is a property of a node, which is `node` or the one in whose catalog the error is. */
const OF_A_FIELD = /\.(?:PROPERTY_(?:NUMBER|CHOICE|TEXT|EMPTY|LIST)|ENVIRONMENT_(?:UNSET|PART)|TRY_ENVIRONMENT|TRY_SUBFLOW|CREDENTIAL_MISSING|TEXT_UTF16|TEXT_BINARY)$/;

/**
 * `params` of the error with the catalog key `key`, with a label for `name`. `text` looks a key up, without a node set in the
 * catalog of the node that shows the error; undefined if there is none.
 */
export function withFieldLabel<Text extends string>(key: string, params: Readonly<Record<string, Text | number>>, text: (key: string) => Text | undefined): Record<string, Text | number> {
  const { name, node } = params;
  const [property] = OF_A_FIELD.test(key) && typeof name === "string" ? /^\w+/.exec(name) ?? [] : [];
  if (property === undefined) return params;
  const nodeSet = key.includes(":") ? key.slice(0, key.indexOf(":") + 1) : typeof node === "string" ? `@security-events/node-red-siem/${node}:` : "";
  const label = text(`${nodeSet}label.${property}`);
  return label === undefined ? params : { ...params, name: String(name).replace(property, () => label) as Text };
}
