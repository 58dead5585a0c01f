import { error as texts } from "../../nodes/locales/en-US/code42-query.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of a query: its criteria, its cursor, its pages and their delivery. */
export const queryError = errorsOf(errorPrefix("code42-query"), texts);
