/** Errors that name a property show the label that stands on the screen, in the reader's language. */

/** Errors whose parameter `name` is a property. The parameter `node`, or else the catalog of the error, tells of which node type. */
const OF_A_FIELD = /\.(?:PROPERTY_(?:NUMBER|CHOICE|TEXT|EMPTY|LIST)|ENVIRONMENT_(?:UNSET|PART)|TRY_ENVIRONMENT|TRY_SUBFLOW|CREDENTIAL_MISSING|TEXT_UTF16|TEXT_BINARY)$/;

/**
 * The parameters of an error, with the label of the property in place of its `name`. `key` is the catalog key of the error. `text`
 * returns the text of a catalog key, or undefined; it looks a key without a node set up in the catalog of the node that shows the error.
 */
export function withFieldLabel<Text extends string>(key: string, params: Readonly<Record<string, Text | number>>, text: (key: string) => Text | undefined): Record<string, Text | number> {
  const { name, node } = params;
  const [property] = OF_A_FIELD.test(key) && typeof name === "string" ? /^\w+/.exec(name) ?? [] : [];
  if (property === undefined) return params;
  const nodeSet = key.includes(":") ? key.slice(0, key.indexOf(":") + 1) : typeof node === "string" ? `@security-events/node-red-siem/${node}:` : "";
  const label = text(`${nodeSet}label.${property}`);
  return label === undefined ? params : { ...params, name: String(name).replace(property, () => label) as Text };
}
