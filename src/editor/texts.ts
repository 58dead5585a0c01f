/** The texts of a dialog: those of its own catalog, and those that the runtime explains something with. */

/** `RED._` with the node set in front of the key: the texts of `code` stand in the catalog of `type`. */
export type Translate = (key: string, params?: Record<string, unknown>) => string;

/** Where a text comes from: a key with its parameters for the browser's language, else `message`. */
export interface Text {
  key: string;
  params: Record<string, string | number>;
  message: string;
}

const PACKAGE = "@security-events/node-red-siem";

export const translator = (RED: { _(key: string, params?: never): string }, type: string): Translate =>
  (key, params) => RED._(`${PACKAGE}/${type}:${key}`, params as never);

/** An explanation in the language of the browser. The catalogs of this package are in it once their node set is. */
export function say(text: Translate, { key, params, message }: Text): string {
  if (key === "") return message;
  const own = key.slice(key.indexOf(":") + 1);
  const translated = text(own, params);
  return translated === "" || translated.endsWith(own) ? message : translated;
}
