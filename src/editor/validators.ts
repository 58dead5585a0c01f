/** Validators that say what is wrong. Node-RED shows the reason only of functions with exactly two declared parameters. */

export type Validator = (value: unknown, options: unknown) => boolean | string;

/** A number from `min` to `max`; blank and a whole `${ENV}` value are fine. */
export function numberBetween(min: number, max: number, reason: (params: { min: number; max: number }) => string, integer = false): Validator {
  return (value: unknown, _options: unknown) => {
    if (value === undefined || value === null || value === "" || isEnvironment(value)) return true;
    const number = Number(value);
    return (Number.isFinite(number) && number >= min && number <= max && (!integer || Number.isInteger(number))) || reason({ min, max });
  };
}

/** `${NAME}`: Node-RED puts the environment variable's value in its place before the node sees it. */
export function isEnvironment(value: unknown): boolean {
  return typeof value === "string" && /^\$\{[^}]+\}$/.test(value);
}
