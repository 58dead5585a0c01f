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

/** A key with a node set in front of it stays as it is: errors of a tenant are told in the dialog of a query too. */
export const translator = (RED: { _(key: string, params?: never): string }, type: string): Translate =>
  (key, params) => RED._(key.includes(":") ? key : `${PACKAGE}/${type}:${key}`, params as never);

/** An explanation in the language of the browser. The catalogs of this package are in it once their node set is. */
export function say(text: Translate, { key, params, message }: Text): string {
  if (key === "") return message;
  const translated = text(key, inWords(text, params));
  return translated === "" || translated.endsWith(key.slice(key.indexOf(":") + 1)) ? message : translated;
}

/** The parameters of an error of `code42-query`: where they say what is expected, or why, in the language of the browser. */
export function inWords(text: Translate, params: Text["params"]): Text["params"] {
  const { expects, because, group } = params;
  const word = (key: string) => text(`${PACKAGE}/code42-query:${key}`, params);
  return {
    ...params,
    ...(expects === undefined ? {} : { expected: word(`expected.${expects}`) }),
    ...(because === undefined ? {} : { where: word(group === 0 ? "reason.whole" : "reason.group"), reason: word(`reason.${because}`) }),
  };
}
