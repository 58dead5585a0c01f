/** Makes the stream and the bucket, or checks the settings of those that exist. */
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type * as Kv from "@nats-io/kv";
import type { Border } from "../common/border";
import { natsError } from "./errors";
import { apiCode, isMissing } from "./explain";
import type { NatsSettings } from "./settings";
import { MOST_PAYLOAD } from "./transport";

/** The subject of a channel. */
export const subjectOf = (channel: string): string => `security.events.${channel}`;
const EVERY_SUBJECT = subjectOf("*");
export const bucketStream = (bucket: string): string => `KV_${bucket}`;

/** Somebody else has made the stream meanwhile (nats-server, server/errors.json). */
const EXISTS = 10058;
/** Servers that have not found each other yet or have no leader; files of a deleted stream that are still being removed. */
const MAY_PASS: readonly number[] = [10005, 10008, 10049];

/** A work queue: what was acknowledged goes, and nothing else does (no age limit, no discarding of what waits). */
const streamConfig = ({ stream, replicas, streamBytes, dedupeWindowMs }: NatsSettings) => ({
  name: stream,
  subjects: [EVERY_SUBJECT],
  retention: "workqueue",
  storage: "file",
  discard: "new",
  max_bytes: streamBytes,
  // We end a connection that brings a much larger one, which would come again with the next.
  max_msg_size: MOST_PAYLOAD,
  num_replicas: replicas,
  // Nanoseconds, as the API has them.
  duplicate_window: dedupeWindowMs * 1e6,
}) satisfies Partial<StreamConfig>;

type Found = Partial<Record<keyof StreamConfig, unknown>>;
/** For each setting: what it must be, and whether it is. Sizes, replicas and the window are its owner's. */
type Rules = Partial<Record<keyof StreamConfig, readonly [expected: string, isMet: (value: unknown, found: Found) => boolean]>>;

const is = (expected: string) => [expected, (value: unknown) => value === expected] as const;
const isOff = ["0", (value: unknown) => value === undefined || value === 0] as const;
const isUnlimited = (value: unknown) => value === undefined || (typeof value === "number" && value <= 0);
const isAbsent = ["none", (value: unknown) => value === undefined || value === null || value === false] as const;

/** True if one of the subjects of a stream also takes messages to `wanted`, whose last part may be a wildcard. */
const takes = (subjects: unknown, wanted: string): boolean => Array.isArray(subjects) && subjects.some((subject: unknown) => {
  const [parts, expected] = [String(subject).split("."), wanted.split(".")];
  const meets = parts.every((part, index) => part === ">" || part === "*" || part === expected[index] || ["*", ">"].includes(expected[index] ?? ""));
  return meets && (parts.length === expected.length || (parts.at(-1) === ">" && parts.length <= expected.length) || expected.at(-1) === ">");
});
const takesSubject = (wanted: string) => [wanted, (value: unknown) => takes(value, wanted)] as const;

const STREAM_RULES: Rules = {
  mirror: isAbsent,
  subjects: takesSubject(EVERY_SUBJECT),
  retention: is("workqueue"),
  storage: is("file"),
  discard: is("new"),
  max_age: isOff,
  // The oldest message of a channel would go.
  max_msgs_per_subject: ["-1", isUnlimited],
  // Nothing would ever count as stored.
  no_ack: isAbsent,
  subject_transform: isAbsent,
};

/** A cursor that expires, or that is thrown away for another one, would be read as "no cursor". */
const bucketRules = (bucket: string): Rules => ({
  mirror: isAbsent,
  subjects: takesSubject(`$KV.${bucket}.>`),
  retention: is("limits"),
  storage: is("file"),
  discard: ["new", (value, found) => value === "new" || (isUnlimited(found.max_bytes) && isUnlimited(found.max_msgs))],
  max_age: isOff,
  no_ack: isAbsent,
});

/** Rejects with STREAM_MISSING, STREAM_UNSUITABLE, STREAM_REFUSED, and what the package throws. */
export async function openStream(jsm: JetStreamManager, settings: NatsSettings, border: Border): Promise<void> {
  const { stream } = settings;
  await open(jsm, stream, STREAM_RULES, settings.create ? () => jsm.streams.add(streamConfig(settings)) : undefined, border);
}

/** Rejects with STREAM_MISSING, STREAM_UNSUITABLE, STREAM_REFUSED, and what the package throws. */
export async function openBucket(jsm: JetStreamManager, kv: typeof Kv, { bucket, replicas, create }: NatsSettings, border: Border): Promise<Kv.KV> {
  const buckets = new kv.Kvm(jsm.jetstream());
  const make = () => buckets.create(bucket, { history: 1, replicas, storage: "file" as NonNullable<Kv.KvOptions["storage"]> });
  await open(jsm, bucketStream(bucket), bucketRules(bucket), create ? make : undefined, border);
  // Not read directly from any replica: one that lags behind has an old cursor.
  return buckets.open(bucket, { allow_direct: false });
}

/** Checks the stream `name`, or makes it. */
async function open(jsm: JetStreamManager, name: string, rules: Rules, make: (() => Promise<unknown>) | undefined, border: Border): Promise<void> {
  const found = await findStream(jsm, name);
  if (found !== undefined) return check(name, rules, found, border);
  if (make === undefined) throw natsError("STREAM_MISSING", border.params({ stream: name, reason: "stream not found" }), { permanent: true });
  try {
    await make();
  } catch (error) {
    const code = apiCode(error);
    if (code === EXISTS) return check(name, rules, await findStream(jsm, name) ?? {}, border);
    if (code === undefined) throw error;
    throw natsError("STREAM_REFUSED", border.params({ stream: name, reason: error }), { permanent: !MAY_PASS.includes(code), cause: border.cause(error) });
  }
}

/** Throws STREAM_UNSUITABLE for the first setting that breaks a rule. */
function check(stream: string, rules: Rules, found: Found, border: Border): void {
  for (const [setting, [expected, isMet]] of Object.entries(rules)) {
    const value = found[setting as keyof StreamConfig];
    if (isMet(value, found)) continue;
    const shown = typeof value === "string" ? value : JSON.stringify(value ?? "none");
    throw natsError("STREAM_UNSUITABLE", border.params({ stream, setting, found: shown, expected }), { permanent: true });
  }
}

/** The settings of a stream; undefined if there is none. Rejects with what the package throws. */
export async function findStream(jsm: JetStreamManager, stream: string): Promise<Found | undefined> {
  try {
    // A server may leave anything out.
    const { config } = await jsm.streams.info(stream) as { config?: Found };
    return config ?? {};
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** For a look that changes nothing: as `openStream` and `openBucket`, but returns false where these would make it. */
export async function inspect(jsm: JetStreamManager, { stream, bucket, create }: NatsSettings, what: "stream" | "bucket", border: Border): Promise<boolean> {
  const [name, rules] = what === "stream" ? [stream, STREAM_RULES] : [bucketStream(bucket), bucketRules(bucket)];
  const found = await findStream(jsm, name);
  if (found !== undefined) check(name, rules, found, border);
  else if (!create) throw natsError("STREAM_MISSING", border.params({ stream: name, reason: "stream not found" }), { permanent: true });
  return found !== undefined;
}
