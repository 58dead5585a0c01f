import catalog from "../../nodes/locales/en-US/dxl-threat-event.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of `dxl-threat-event`. */
export const dxlError = errorsOf(errorPrefix("dxl-threat-event"), catalog.error);
