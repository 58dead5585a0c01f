/** Validators that return a reason. Node-RED shows the reason only if the function declares exactly two parameters. */

import { variableIn } from "../common/environment";

export type Validator = (value: unknown, options: unknown) => boolean | string;

/** Accepts a number from `min` to `max`, a blank value, and `${ENV}` as the whole value. */
export function numberBetween(min: number, max: number, reason: (params: { min: number; max: number }) => string, integer = false): Validator {
  return (value: unknown, _options: unknown) => {
    if (value === undefined || value === null || value === "" || isEnvironment(value)) return true;
    const number = Number(value);
    return (Number.isFinite(number) && number >= min && number <= max && (!integer || Number.isInteger(number))) || reason({ min, max });
  };
}

/** True for `${NAME}`, which Node-RED replaces with the environment variable's value before the node sees it. */
export const isEnvironment = (value: unknown): boolean => variableIn(value) !== undefined;
