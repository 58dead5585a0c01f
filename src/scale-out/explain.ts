/** What an error of the NATS packages means, as an error of ours that says what to do. */
import { messageOf, type Border } from "../common/border";
import { SiemError } from "../common/errors";
import { natsError } from "./errors";

/** Codes of the JetStream API (nats-server, server/errors.json). */
const API = {
  noMemory: 10028, noResources: 10023, noStorage: 10047, maximum: 10077, messageSize: 10054,
  wrongSequence: 10071, wrongSequenceUnknown: 10164, noStream: 10059, noConsumer: 10014, notForAccount: 10039, notEnabled: 10076,
} as const;

const FULL: readonly number[] = [API.maximum, API.noStorage, API.noResources, API.noMemory];

interface Thrown {
  name?: unknown;
  code?: unknown;
  operation?: unknown;
  subject?: unknown;
  cause?: unknown;
}

/** An error and its causes, outermost first. */
function chainOf(error: unknown): Thrown[] {
  const chain: Thrown[] = [];
  for (let each = error as Thrown | undefined; typeof each === "object" && each !== null && chain.length < 8; each = each.cause as Thrown | undefined) chain.push(each);
  return chain;
}

/** The code of the JetStream API in `error`, if it has one. */
const apiCode = (error: unknown): number | undefined =>
  chainOf(error).map(({ code }) => code).find((code): code is number => typeof code === "number" && code >= 10_000);

/** True if a compare-and-swap was refused because something else is stored. */
export const isConflict = (error: unknown): boolean => {
  const code = apiCode(error);
  return code === API.wrongSequence || code === API.wrongSequenceUnknown;
};

/** True if the server does not have the stream, bucket or consumer. */
export const isMissing = (error: unknown): boolean => {
  const code = apiCode(error);
  return code === API.noStream || code === API.noConsumer;
};

/** True if the stream takes no message of that size (its max_msg_size). */
export const isTooLarge = (error: unknown): boolean => apiCode(error) === API.messageSize;

/** True if nothing listens on the subject of a request: the stream or consumer is missing, or JetStream is not enabled. */
export const isUnanswered = (error: unknown): boolean => named(chainOf(error), "NoResponders") !== undefined;

const named = (chain: readonly Thrown[], name: string) => chain.find((each) => each.name === name);

/** TLS errors of Node.js: what OpenSSL says of a certificate, and of a peer that does not speak TLS. */
const TLS = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|EPROTO|HOSTNAME_MISMATCH)/;

/**
 * `server` is what the settings name. Returns an error of ours as it is. Codes: NATS_REFUSED, NATS_PERMISSION, NATS_NO_JETSTREAM,
 * NATS_TLS, STREAM_FULL, STREAM_MISSING, and NATS_UNREACHABLE for everything that may pass by itself.
 */
export function explainNats(error: unknown, border: Border, server: string): SiemError {
  if (error instanceof SiemError) return error;
  const chain = chainOf(error);
  const make = (code: Parameters<typeof natsError>[0], permanent = false) =>
    natsError(code, border.params({ server, reason: error }), { permanent, cause: border.cause(error) });
  const permission = named(chain, "PermissionViolationError");
  if (permission !== undefined) {
    return natsError("NATS_PERMISSION", border.params({ operation: permission.operation, subject: permission.subject }), { permanent: true, cause: border.cause(error) });
  }
  if (named(chain, "AuthorizationError") ?? named(chain, "UserAuthenticationExpiredError")) return make("NATS_REFUSED", true);
  const code = apiCode(error);
  if (code === API.notForAccount || code === API.notEnabled || named(chain, "JetStreamNotEnabled")) return make("NATS_NO_JETSTREAM", true);
  if (code !== undefined && FULL.includes(code)) return make("STREAM_FULL");
  if (isMissing(error) || isUnanswered(error)) return natsError("STREAM_MISSING", border.params({ stream: messageOf(error) }), { cause: border.cause(error) });
  if (chain.some((each) => typeof each.code === "string" && TLS.test(each.code))) return make("NATS_TLS", true);
  return make("NATS_UNREACHABLE");
}
