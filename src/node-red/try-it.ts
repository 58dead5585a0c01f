/**
 * Requests and answers of the buttons that test an edit dialog's form without a deploy.
 *
 * A dialog sends the node's id, the form, and only those credentials that the user typed: the editor never gets a stored
 * password, so we take an untouched one from the deployed node. This needs two rules:
 *
 * - A stored secret goes only where the deployed node sends it anyway. Otherwise a user of the dialog who does not know
 *   the secret could send it to any host. `guardStored` refuses that with an explanation; a user who types the secret
 *   again may send it anywhere. TLS and proxy configurations do not bypass the rule: they are deployed nodes, certificates
 *   are always verified, and without TLS the proxy counts as part of the address.
 * - Environment variables hold secrets too. `${NAME}` gets its value only in a field in which the deployed node has the
 *   same text; anywhere else, also in credentials, it is refused.
 *
 * We store nothing of a request, and no answer holds a secret: answers consist of results and our own errors.
 */
import { plain } from "../common/border";
import { FailedStep, type Secrets, type Step } from "../common/dialog-step";
import { checkVariables, variableIn } from "../common/environment";
import { commonError, SiemError, type Params } from "../common/errors";
import { isRecord } from "../common/messages";
import type { Properties } from "../common/properties";
import { notFilledIn } from "./environment";
import type { DialogHost, Translate } from "./host";
import { localise } from "./report";
import { isInSubflow } from "./subflow";

type Host = Pick<DialogHost, "nodes" | "settings">;

/** An error for the dialog, which shows `key` and `params` in the browser's language, or else `message` in the server's. */
interface Explanation {
  code: string;
  key: string;
  params: Params;
  message: string;
}

export type Answer = { ok: true; [result: string]: unknown } | ({ ok: false; step?: Step } & Explanation);

interface FormRequest {
  id: string;
  settings: Properties;
  /** Only those that the user typed. */
  credentials: Properties;
  /** What the dialog wants to know, besides the form. */
  question: Properties;
}

/** The node of a dialog as it is deployed. */
interface DeployedForm {
  /** As the editor saved them. */
  stored: { settings: Properties; credentials: Properties };
  /** The same with the values of environment variables. */
  settings: Properties;
  credentials: Properties;
}

/** The answer for an error. */
export function failure(translate: Translate, error: unknown): Answer {
  if (error instanceof FailedStep) return { ok: false, step: error.step, ...explained(translate, error.cause) };
  return { ok: false, ...explained(translate, error) };
}

/** The answer to a request that no dialog sends. */
export const notARequest = (translate: Translate): Answer => failure(translate, commonError("TRY_REQUEST"));

/** The part of an answer that explains an error. */
export function explained(translate: Translate, error: unknown): Explanation {
  const { message } = localise(translate, error);
  return error instanceof SiemError
    ? { code: error.code, key: error.key, params: error.params, message }
    : { code: "UNKNOWN", key: "", params: {}, message };
}

/**
 * The form that a dialog of `type` sent, as a deployed node would get it, with environment variables and stored
 * credentials; and the dialog's question. Throws TRY_REQUEST, TRY_ENVIRONMENT, ENVIRONMENT_UNSET, TRY_SUBFLOW, TRY_SECRET_ADDRESS, and what
 * `secrets` throws.
 */
export function editedForm(host: Host, type: string, body: unknown, secrets?: Secrets): Omit<FormRequest, "id"> {
  const request = readRequest(body);
  const deployed = deployedForm(host, type, request.id);
  if (deployed === undefined) guardSubflow(host, type, request, secrets);
  const settings = { ...withEnvironment(host, request.settings, deployed), type };
  const { credentials, usesStored } = withStored(host, request.credentials, deployed, secrets?.names(settings) ?? []);
  checkVariables({ ...settings, ...credentials });
  if (secrets !== undefined && usesStored && deployed !== undefined) {
    guardStored(secrets.addresses(settings, credentials), secrets.addresses(deployed.settings, deployed.credentials));
  }
  return { settings, credentials, question: request.question };
}

/** Throws TRY_REQUEST. */
function readRequest(body: unknown): FormRequest {
  const { id, settings, credentials = {}, question = {} } = isRecord(body) ? body : {};
  if (typeof id !== "string" || !isRecord(settings) || !isRecord(credentials) || !isRecord(question)) throw commonError("TRY_REQUEST", {}, { permanent: true });
  return { id, settings, credentials, question };
}

/** The form of the deployed node `id`, whose runtime keeps its properties in `settings`; undefined if there is none of this type. */
function deployedForm({ nodes }: Pick<DialogHost, "nodes">, type: string, id: string): DeployedForm | undefined {
  const node = nodes.getNode(id) as { type: string; settings: Properties; credentials?: Properties } | null | undefined;
  if (node == null || node.type !== type) return undefined;
  let settings: Properties = {};
  nodes.eachNode((candidate: Properties) => {
    if (candidate["id"] === id) settings = candidate;
  });
  const credentials = nodes.getCredentials(id);
  return { stored: { settings, credentials: isRecord(credentials) ? credentials : {} }, settings: node.settings, credentials: node.credentials ?? {} };
}

/** Throws TRY_SUBFLOW if the form needs a value of the deployed node, but the node is in a subflow, where no deployed node has its id. */
function guardSubflow({ nodes }: Pick<DialogHost, "nodes">, type: string, { id, settings, credentials }: FormRequest, secrets: Secrets | undefined): void {
  const stored = nodes.getCredentials(id);
  const kept = (name: string) => isRecord(stored) && typeof stored[name] === "string" && stored[name] !== "" && !Object.hasOwn(credentials, name);
  const variables = [settings, credentials].flatMap((form) => Object.keys(form).filter((key) => variableIn(form[key]) !== undefined));
  const [name] = [...variables, ...(secrets?.names(settings) ?? []).filter(kept)];
  if (name !== undefined && isInSubflow(nodes, type, id)) throw commonError("TRY_SUBFLOW", plain.params({ name }), { permanent: true });
}

/** The settings of a form with the values of its environment variables. Throws ENVIRONMENT_UNSET, or TRY_ENVIRONMENT unless the deployed node has them in the same fields. */
function withEnvironment(host: Host, form: Properties, deployed: DeployedForm | undefined): Properties {
  const { stored, settings } = deployed ?? { stored: { settings: {} }, settings: {} };
  return Object.fromEntries(Object.entries(form).map(([name, value]) => [name, filled(host, value, own(stored.settings, name), own(settings, name), name)]));
}

/** `value` with the values of its variables, also inside lists and groups; `stored` must have the same ones in the same places. */
function filled(host: Host, value: unknown, stored: unknown, deployed: unknown, name: string): unknown {
  const variable = variableIn(value);
  if (variable !== undefined) {
    if (stored !== value) throw notFilledIn(host, name, variable);
    return deployed;
  }
  if (Array.isArray(value)) return value.map((item, index) => filled(host, item, own(stored, index), own(deployed, index), name));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(host, item, own(stored, key), own(deployed, key), name)]));
}

const own = (owner: unknown, key: string | number): unknown =>
  (typeof owner === "object" && owner !== null && Object.hasOwn(owner, key) ? (owner as Record<string | number, unknown>)[key] : undefined);

/**
 * The credentials `names`: those that the user typed, and else those of the deployed node. `usesStored` is true if one of
 * these has a value. Throws ENVIRONMENT_UNSET, TRY_ENVIRONMENT.
 */
function withStored(host: Host, typed: Properties, deployed: DeployedForm | undefined, names: readonly string[]): { credentials: Properties; usesStored: boolean } {
  let usesStored = false;
  const credentials: Properties = {};
  for (const name of names) {
    const value = typed[name];
    const variable = variableIn(value);
    if (Object.hasOwn(typed, name) && variable === undefined) {
      credentials[name] = value;
      continue;
    }
    if (variable !== undefined && deployed?.stored.credentials[name] !== value) throw notFilledIn(host, name, variable);
    credentials[name] = deployed?.credentials[name];
    usesStored ||= typeof credentials[name] === "string" && credentials[name] !== "";
  }
  return { credentials, usesStored };
}

/** Throws TRY_SECRET_ADDRESS if one of the `edited` addresses is not among the `deployed` ones. */
function guardStored(edited: readonly string[], deployed: readonly string[]): void {
  if (edited.every((address) => deployed.includes(address))) return;
  throw commonError("TRY_SECRET_ADDRESS", plain.params({ address: deployed.join(", ") || "-" }), { permanent: true });
}
