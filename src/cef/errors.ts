/** Errors of a mapping, a setting or an event. Their texts are in the catalog of `cef-format`. */
import { errorPrefix, errorsOf } from "../common/errors";
import texts from "../../nodes/locales/en-US/cef-format.json";

export const cefError = errorsOf(errorPrefix("cef-format"), texts.error);
