/**
 * The buttons of the edit dialogs that try what is edited, without a deploy: what the browser asks, and what it gets.
 *
 * A dialog sends the node's id, the form as it stands, and of the credentials only what somebody typed: the editor never
 * gets a stored password, so one that was not touched is taken from the deployed node. Two things follow from that.
 *
 * - A stored secret goes only where the deployed node sends it anyway. Otherwise this would be a way to have it sent to
 *   any host, for somebody who may use the dialog but never saw the secret. `guardStored` refuses with a text that says
 *   so; who types the secret again may send it where they like. The TLS and proxy configurations are no way around:
 *   they are deployed nodes, certificates are always verified, and without TLS the proxy counts as part of the address.
 * - Environment variables hold secrets too. `${NAME}` gets its value only in a field in which the deployed node has the
 *   same text; anything else is refused, in credentials too.
 *
 * Nothing of the request is kept, and no answer holds a secret: answers are made of results and of our errors.
 */
import { FailedStep, type Secrets, type Step } from "../common/dialog-step";
import { commonError, SiemError, type Params } from "../common/errors";
import { isRecord } from "../common/messages";
import type { Properties } from "../common/properties";
import type { DialogHost, Translate } from "./host";
import { localise } from "./report";
import { isInSubflow } from "./subflow";

/** An error as the dialog shows it: in the language of the browser by `key` and `params`, else `message`, in the server's. */
export interface Explanation {
  code: string;
  key: string;
  params: Params;
  message: string;
}

export type Answer = { ok: true; [result: string]: unknown } | ({ ok: false; step?: Step } & Explanation);

interface Trial {
  id: string;
  settings: Properties;
  /** Those that were typed in the dialog. */
  credentials: Properties;
  /** What the dialog asks beside the form. */
  question: Properties;
}

/** The node of a dialog as it is deployed. */
interface DeployedForm {
  /** As the editor stored them. */
  stored: { settings: Properties; credentials: Properties };
  /** The same with the values of environment variables. */
  settings: Properties;
  credentials: Properties;
}

/** The answer that tells of an error. */
export function failure(translate: Translate, error: unknown): Answer {
  if (error instanceof FailedStep) return { ok: false, step: error.step, ...explained(translate, error.cause) };
  return { ok: false, ...explained(translate, error) };
}

/** The answer to what is no request of a dialog. */
export const notARequest = (translate: Translate): Answer => failure(translate, commonError("TRY_REQUEST"));

/** What a dialog is told about an error. */
export function explained(translate: Translate, error: unknown): Explanation {
  const { message } = localise(translate, error);
  return error instanceof SiemError
    ? { code: error.code, key: error.key, params: error.params, message }
    : { code: "UNKNOWN", key: "", params: {}, message };
}

/**
 * The form that a dialog of `type` sent, as the node would get it when it were deployed: with environment variables and
 * stored credentials, and what the dialog asks beside it. Throws TRY_REQUEST, TRY_ENVIRONMENT, TRY_SUBFLOW,
 * TRY_SECRET_ADDRESS, and what `secrets` throws.
 */
export function editedForm(host: Pick<DialogHost, "nodes">, type: string, body: unknown, secrets?: Secrets): Omit<Trial, "id"> {
  const trial = readTrial(body);
  const deployed = deployedForm(host, type, trial.id);
  if (deployed === undefined) guardSubflow(host, type, trial, secrets);
  const settings = withEnvironment(trial.settings, deployed);
  const { credentials, usesStored } = withStored(trial.credentials, deployed, secrets?.names(settings) ?? []);
  if (secrets !== undefined && usesStored && deployed !== undefined) {
    guardStored(secrets.addresses(settings, credentials), secrets.addresses(deployed.settings, deployed.credentials));
  }
  return { settings, credentials, question: trial.question };
}

/** Reads what a dialog sent. Throws TRY_REQUEST. */
function readTrial(body: unknown): Trial {
  const { id, settings, credentials = {}, question = {} } = isRecord(body) ? body : {};
  if (typeof id !== "string" || !isRecord(settings) || !isRecord(credentials) || !isRecord(question)) throw commonError("TRY_REQUEST", {}, { permanent: true });
  return { id, settings, credentials, question };
}

/** The deployed node `id` of this type, whose runtime keeps its properties in `settings`; undefined if there is none. */
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

/** Throws TRY_SUBFLOW if the trial needs a value that only a deployed node has, and the node stands in a subflow, where none has its id. */
function guardSubflow({ nodes }: Pick<DialogHost, "nodes">, type: string, { id, settings, credentials }: Trial, secrets: Secrets | undefined): void {
  const stored = nodes.getCredentials(id);
  const kept = (name: string) => isRecord(stored) && typeof stored[name] === "string" && stored[name] !== "" && !Object.hasOwn(credentials, name);
  const variables = [settings, credentials].flatMap((form) => Object.keys(form).filter((key) => isVariable(form[key])));
  const [name] = [...variables, ...(secrets?.names(settings) ?? []).filter(kept)];
  if (name !== undefined && isInSubflow(nodes, type, id)) throw commonError("TRY_SUBFLOW", { name }, { permanent: true });
}

/** As Node-RED has it, the old spelling included. */
const isVariable = (value: unknown): boolean => typeof value === "string" && /^\$(?:\{\S+\}|\(\S+\))$/.test(value);

/** The settings of a form, environment variables filled in where the deployed node has the same ones. Throws TRY_ENVIRONMENT. */
function withEnvironment(form: Properties, deployed: DeployedForm | undefined): Properties {
  const { stored, settings } = deployed ?? { stored: { settings: {} }, settings: {} };
  return Object.fromEntries(Object.entries(form).map(([name, value]) => [name, filled(value, own(stored.settings, name), own(settings, name), name)]));
}

/** `value` with the variables that stand at the same place of what is `stored`, in lists and groups too. */
function filled(value: unknown, stored: unknown, deployed: unknown, name: string): unknown {
  if (isVariable(value)) {
    if (stored !== value) throw commonError("TRY_ENVIRONMENT", { name }, { permanent: true });
    return deployed;
  }
  if (Array.isArray(value)) return value.map((item, index) => filled(item, own(stored, index), own(deployed, index), name));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, own(stored, key), own(deployed, key), name)]));
}

const own = (owner: unknown, key: string | number): unknown =>
  (typeof owner === "object" && owner !== null && Object.hasOwn(owner, key) ? (owner as Record<string | number, unknown>)[key] : undefined);

/**
 * The credentials `names` of a trial: those that were typed, and for the others those of the deployed node. `usesStored`
 * tells whether the value of a stored one is among them. Throws TRY_ENVIRONMENT.
 */
function withStored(typed: Properties, deployed: DeployedForm | undefined, names: readonly string[]): { credentials: Properties; usesStored: boolean } {
  let usesStored = false;
  const credentials: Properties = {};
  for (const name of names) {
    const value = typed[name];
    if (Object.hasOwn(typed, name) && !isVariable(value)) {
      credentials[name] = value;
      continue;
    }
    if (isVariable(value) && deployed?.stored.credentials[name] !== value) throw commonError("TRY_ENVIRONMENT", { name }, { permanent: true });
    credentials[name] = deployed?.credentials[name];
    usesStored ||= typeof credentials[name] === "string" && credentials[name] !== "";
  }
  return { credentials, usesStored };
}

/** Throws TRY_SECRET_ADDRESS if an address of `edited` is not among those that are `deployed`. */
function guardStored(edited: readonly string[], deployed: readonly string[]): void {
  if (edited.every((address) => deployed.includes(address))) return;
  throw commonError("TRY_SECRET_ADDRESS", { address: deployed.join(", ") || "-" }, { permanent: true });
}
