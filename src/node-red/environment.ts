/** Which environment variables Node-RED knows, for forms that are not deployed. */
import { plain } from "../common/border";
import { variablesIn } from "../common/environment";
import { commonError } from "../common/errors";
import { isRecord } from "../common/messages";
import type { Properties } from "../common/properties";
import type { DialogHost } from "./host";

type Host = Pick<DialogHost, "nodes" | "settings">;

/** Variables that Node-RED itself has for each node, flow, group and subflow. */
const BUILT_IN = /^NR_(NODE|FLOW|GROUP|SUBFLOW)_(NAME|ID|PATH)$/;

/**
 * The test whether a variable is set for the process, or in any deployed flow, group or subflow. A deploy decides exactly;
 * this must not call a variable unset that is set. Looks once at the flows, however many variables are tested.
 */
export function setVariables({ nodes, settings: { envVarExcludes } }: Host): (variable: string) => boolean {
  const excluded = new Set<unknown>(Array.isArray(envVarExcludes) ? envVarExcludes : []);
  const inFlows = new Set<unknown>();
  nodes.eachNode(({ env }: Properties) => {
    for (const entry of Array.isArray(env) ? env : []) if (isRecord(entry)) inFlows.add(entry["name"]);
  });
  return (variable) => {
    const name = variable.replace(/^\$parent\./, "");
    return BUILT_IN.test(name) || inFlows.has(name) || (!excluded.has(name) && process.env[name] !== undefined);
  };
}

/** The error for the form field `name`, in which a variable stands that no deployed node has filled in: ENVIRONMENT_UNSET or TRY_ENVIRONMENT. */
export const notFilledIn = (host: Host, name: string, variable: string) =>
  (setVariables(host)(variable) ? commonError("TRY_ENVIRONMENT", plain.params({ name }), { permanent: true }) : commonError("ENVIRONMENT_UNSET", plain.params({ name, variable }), { permanent: true }));

/** Throws `notFilledIn` for a form of which nothing is ever deployed. */
export function refuseVariables(host: Host, form: Properties): void {
  for (const [name, value] of Object.entries(form)) {
    const [variable] = variablesIn(value);
    if (variable !== undefined) throw notFilledIn(host, name, variable);
  }
}
