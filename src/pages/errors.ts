import { error as texts } from "../../nodes/locales/en-US/code42-query.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of a page that cannot be read. Their texts stand in the catalog of `code42-query`. */
export const pageError = errorsOf(errorPrefix("code42-query"), { PAGE_INVALID: texts.PAGE_INVALID });
