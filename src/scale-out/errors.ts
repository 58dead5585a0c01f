import { error as inTexts } from "../../nodes/locales/en-US/event-stream-in.json";
import { error as outTexts } from "../../nodes/locales/en-US/event-stream-out.json";
import { error as texts } from "../../nodes/locales/en-US/nats-connection.json";
import { errorPrefix, errorsOf } from "../common/errors";

/** The errors of the connection to NATS, of leases and of the stream. */
export const natsError = errorsOf(errorPrefix("nats-connection"), texts);

/** The errors of `event-stream-out`. */
export const streamOutError = errorsOf(errorPrefix("event-stream-out"), outTexts);

/** The errors of `event-stream-in`. */
export const streamInError = errorsOf(errorPrefix("event-stream-in"), inTexts);
