import { error as texts } from "../../nodes/locales/en-US/nats-connection.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of the connection to NATS, of leases and of the stream. */
export const natsError = errorsOf(errorPrefix("nats-connection"), texts);
