import { error as texts } from "../../nodes/locales/en-US/code42-query.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of a page that is damaged, or that goes beyond the limits. Their texts stand in the catalog of `code42-query`. */
export const pageError = errorsOf(errorPrefix("code42-query"), { PAGE_INVALID: texts.PAGE_INVALID, PAGE_TOO_LARGE: texts.PAGE_TOO_LARGE });
