/** The texts of a dialog: those of its catalog, and those that the runtime sends. */

import { withFieldLabel } from "../common/field-label";

/** Translates a key of one node's catalog. */
export type Translate = (key: string, params?: Record<string, unknown>) => string;

/** A text of the runtime: a key with parameters, to be translated into the browser's language, or if that fails, `message`. */
export interface Text {
  key: string;
  params: Record<string, string | number>;
  message: string;
}

const PACKAGE = "@security-events/node-red-siem";

/** `RED._` for the catalog of `type`. A key with a node set in front keeps it, because the dialog of a query also shows errors of a tenant. */
export const translator = (RED: { _(key: string, params?: never): string }, type: string): Translate =>
  (key, params) => RED._(key.includes(":") ? key : `${PACKAGE}/${type}:${key}`, params as never);

/** The part of a default with which Node-RED calls the property by its label in its own reasons. Node-RED's types lack it. */
export const labelled = (text: Translate, property: string) => ({ label: text(`label.${property}`) });

/** The text in the browser's language. `message` if the catalog with the key is not loaded. */
export function localise(text: Translate, { key, params, message }: Text): string {
  if (key === "") return message;
  const found = (wanted: string, values: Text["params"] = {}) => {
    const translated = text(wanted, values);
    return translated === "" || translated.endsWith(wanted.slice(wanted.indexOf(":") + 1)) ? undefined : translated;
  };
  return found(key, translateParams(text, withFieldLabel(key, params, found))) ?? message;
}

/** Translates those parameters of an error of `code42-query` that are catalog keys: what is expected, and why. */
export function translateParams(text: Translate, params: Text["params"]): Text["params"] {
  const { expects, because, group } = params;
  const word = (key: string) => text(`${PACKAGE}/code42-query:${key}`, params);
  return {
    ...params,
    ...(expects === undefined ? {} : { expected: word(`expected.${expects}`) }),
    ...(because === undefined ? {} : { where: word(group === 0 ? "reason.whole" : "reason.group"), reason: word(`reason.${because}`) }),
  };
}
