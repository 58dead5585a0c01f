/** The errors of a cursor. Their texts are those of `code42-query`, the node that keeps cursors. */
import { error as texts } from "../../nodes/locales/en-US/code42-query.json";
import { errorPrefix, errorsOf } from "../common/errors";

export const cursorError = errorsOf(errorPrefix("code42-query"), texts);
