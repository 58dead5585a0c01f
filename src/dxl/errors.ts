import catalog from "../../nodes/locales/en-US/dxl-threat-event.json";
import { errorPrefix, errorsOf } from "../errors";

/** What can be wrong with a message from the fabric; the sentences stand in the catalog of `dxl-threat-event`. */
export const dxlError = errorsOf(errorPrefix("dxl-threat-event"), catalog.error);
