/** Turns an error of the NATS packages into one of ours, which says what to do. */
import { messageOf, type Border } from "../common/border";
import { SiemError } from "../common/errors";
import { natsError } from "./errors";
import type { NatsSettings } from "./settings";

/** Codes of the JetStream API (nats-server, server/errors.json). */
const CODES = {
  // Of the limits of the stream, of its storage, of the account, of the memory.
  full: [10077, 10047, 10023, 10028],
  tooLarge: [10054],
  // A wrong last sequence; the second one does not say which it is.
  conflict: [10071, 10164],
  // No such stream, no such consumer.
  missing: [10059, 10014],
  // Another stream has the subject than the one that the message is for.
  otherStream: [10060],
  // Not enabled for the account, not enabled at all.
  noJetStream: [10039, 10076],
} as const;

interface Thrown {
  name?: unknown;
  message?: unknown;
  code?: unknown;
  operation?: unknown;
  subject?: unknown;
  /** OpenSSL's text without file names. */
  reason?: unknown;
  cause?: unknown;
}

/** An error and its causes, outermost first. */
function chainOf(error: unknown): Thrown[] {
  const chain: Thrown[] = [];
  for (let each = error as Thrown | undefined; typeof each === "object" && each !== null && chain.length < 8; each = each.cause as Thrown | undefined) chain.push(each);
  return chain;
}

/** The code of the JetStream API in `error`, if it has one. */
export const apiCode = (error: unknown): number | undefined =>
  chainOf(error).map(({ code }) => code).find((code): code is number => typeof code === "number" && code >= 10_000);

const isOf = (codes: readonly number[], error: unknown): boolean => codes.includes(apiCode(error) ?? NaN);

/** True if a compare-and-swap was refused because something else is stored. */
export const isConflict = (error: unknown): boolean => isOf(CODES.conflict, error);

/** True if the server does not have the stream, bucket or consumer. */
export const isMissing = (error: unknown): boolean => isOf(CODES.missing, error);

/** True if the message was refused because another stream has its subject. */
export const isForOtherStream = (error: unknown): boolean => isOf(CODES.otherStream, error);

/** True if the message is above max_msg_size of the stream. */
export const isTooLarge = (error: unknown): boolean => isOf(CODES.tooLarge, error);

const named = (chain: readonly Thrown[], ...names: string[]) => chain.find((each) => names.includes(String(each.name)));
const codesOf = (chain: readonly Thrown[]) => chain.map(({ code }) => code).filter((code) => typeof code === "string");

/** Codes of TLS errors in Node.js: a wrong certificate, or a peer that does not speak TLS. */
const TLS = /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|INVALID_CA|EPROTO|HOSTNAME_MISMATCH)/;
const NO_TLS = "server does not support 'tls'";
/** Refusals that the package does not recognise (nats-server, server/errors.go). */
const REFUSED = /authenticat|authoriz|revoked/i;
/** The package's texts for a connection that has ended. */
const ENDED = /^(?:connection closed|connection disconnected|closed connection|connection draining|cancelled|error connecting - node provided an undefined error)$/;
const ENDED_CODES: readonly unknown[] = ["ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_DESTROYED", "EPIPE", "ECONNRESET"];
/** Subjects that JetStream itself answers; the others belong to a stream, bucket or consumer. */
const API_ITSELF = /^\$JS\.API\.(?:INFO$|STREAM\.(?!MSG\.)|CONSUMER\.(?!MSG\.))/;

/** The part of the settings that the texts name. */
export type Names = Pick<NatsSettings, "stream" | "bucket"> & { server: string };

const tlsReason = (error: unknown, chain: readonly Thrown[]): unknown => {
  const reason = chain.find(({ code }) => String(code).startsWith("ERR_SSL"))?.reason;
  return /alert certificate required|alert bad certificate|alert handshake failure/.test(String(reason)) ? `the server does not accept our certificate, or wants one (${String(reason)})` : reason ?? error;
};

/** Why a connection failed: in our words where those of the package would not help a user. */
function reasonOf(error: unknown, chain: readonly Thrown[]): unknown {
  if (named(chain, "TimeoutError") !== undefined) return "no answer in time";
  if (error === undefined || chain.some(({ message }) => ENDED.test(String(message))) || codesOf(chain).some((code) => ENDED_CODES.includes(code))) return "the connection was lost";
  return error;
}

/**
 * Returns an error of ours unchanged. Codes: NATS_REFUSED, NATS_PERMISSION, NATS_NO_JETSTREAM,
 * NATS_TLS, STREAM_FULL, STREAM_MISSING, and NATS_UNREACHABLE for everything that may pass by itself.
 */
export function explainNats(error: unknown, border: Border, names: Names): SiemError {
  if (error instanceof SiemError) return error;
  const { server } = names;
  const chain = chainOf(error);
  const make = (code: Parameters<typeof natsError>[0], params: Record<string, unknown>, permanent = false) =>
    natsError(code, border.params(params), { permanent, cause: border.cause(error) });
  const permission = named(chain, "PermissionViolationError");
  if (permission !== undefined) return make("NATS_PERMISSION", { operation: permission.operation, subject: permission.subject }, true);
  if (named(chain, "AuthorizationError", "UserAuthenticationExpiredError") !== undefined || (named(chain, "ProtocolError") !== undefined && REFUSED.test(messageOf(error)))) {
    return make("NATS_REFUSED", { server, reason: error }, true);
  }
  if (isOf(CODES.noJetStream, error)) return make("NATS_NO_JETSTREAM", { server, reason: error }, true);
  if (isOf(CODES.full, error)) return make("STREAM_FULL", { reason: error });
  const unanswered = named(chain, "NoResponders");
  if (unanswered !== undefined && API_ITSELF.test(String(unanswered.subject))) return make("NATS_NO_JETSTREAM", { server, reason: "jetstream is not enabled" }, true);
  if (unanswered !== undefined || isMissing(error) || isForOtherStream(error)) {
    const isOfBucket = /\bKV\b|\bKV_/.test(String(unanswered?.subject));
    return make("STREAM_MISSING", { stream: isOfBucket ? `KV_${names.bucket}` : names.stream, reason: unanswered === undefined ? error : "nobody answers" });
  }
  const isTls = codesOf(chain).some((each) => TLS.test(String(each)));
  if (isTls || chain.some(({ message }) => message === NO_TLS)) return make("NATS_TLS", { server, reason: isTls ? tlsReason(error, chain) : "the server does not offer TLS" }, true);
  return make("NATS_UNREACHABLE", { server, reason: reasonOf(error, chain) });
}
