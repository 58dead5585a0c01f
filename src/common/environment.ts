/**
 * Environment variables in the settings of a node. Node-RED replaces a value that is `${NAME}` (or `$(NAME)`, the old form)
 * as a whole, at any depth, and leaves it as it is if there is no such variable in the group, the flow, the subflow or the
 * process (`mapEnvVarProperties` in @node-red/runtime/lib/flows/util.js, 4.1 and 5.0).
 */
import { plain } from "./border";
import { commonError, propertyParams } from "./errors";

const WHOLE = /^\$(?:\{(\S+)\}|\((\S+)\))$/;
const INSIDE = /\$(?:\{\w+\}|\(\w+\))/;

/** `NAME` if `value` is `${NAME}`. */
export function variableIn(value: unknown): string | undefined {
  const [, name, oldName] = typeof value === "string" ? WHOLE.exec(value) ?? [] : [];
  return name ?? oldName;
}

/** The variables in `value`, which may be a list or an object. */
export function variablesIn(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(variablesIn);
  const variable = variableIn(value);
  return variable === undefined ? [] : [variable];
}

/**
 * Throws ENVIRONMENT_UNSET if a value of the node that Node-RED made is still `${NAME}`, and ENVIRONMENT_PART if
 * Node-RED can never replace it. `place` is written before the name of the property.
 */
export function checkVariables(properties: Record<string, unknown>, place = ""): void {
  for (const [property, value] of Object.entries(properties)) {
    const name = `${place}${property}`;
    // Node-RED fills in no variable that has blanks around it, but we trim most values.
    const trimmed = typeof value === "string" ? value.trim() : value;
    const [variable] = variablesIn(trimmed);
    if (variable === undefined) continue;
    const isPart = trimmed !== value || variable.includes("${");
    throw commonError(isPart ? "ENVIRONMENT_PART" : "ENVIRONMENT_UNSET", { ...propertyParams(properties, name), ...plain.params({ variable }) }, { permanent: true });
  }
}

/** Throws ENVIRONMENT_PART if the address `text`, the property `name`, contains `${NAME}` beside other text. */
export function checkAddress(name: string, text: string, properties: Record<string, unknown> = {}): void {
  if (INSIDE.test(text)) throw commonError("ENVIRONMENT_PART", propertyParams(properties, name), { permanent: true });
}
