/** Makes the stream and the bucket, or checks their settings if they exist. */
import type { JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import type * as Kv from "@nats-io/kv";
import type { Border } from "../common/border";
import { natsError } from "./errors";
import { apiCode, isMissing } from "./explain";
import { MOST_PAYLOAD } from "./frames";
import type { NatsSettings } from "./settings";

/** The subject of a channel. */
export const subjectOf = (channel: string): string => `security.events.${channel}`;
const EVERY_SUBJECT = subjectOf("*");
export const bucketStream = (bucket: string): string => `KV_${bucket}`;

/** Somebody else has made the stream meanwhile (nats-server, server/errors.json). */
const EXISTS = 10058;
/** Servers that have not found each other yet or have no leader; files of a deleted stream that are still being removed. */
const MAY_PASS: readonly number[] = [10005, 10008, 10049];

/** A work queue: only acknowledged messages are removed (no age limit, nothing waiting is discarded). */
const streamConfig = ({ stream, replicas, streamBytes, dedupeWindowMs }: NatsSettings) => ({
  name: stream,
  subjects: [EVERY_SUBJECT],
  retention: "workqueue",
  storage: "file",
  discard: "new",
  max_bytes: streamBytes,
  // `transport.ts` ends a connection that brings a much larger message, and the server would send it again.
  max_msg_size: MOST_PAYLOAD,
  num_replicas: replicas,
  // Nanoseconds, as the API has them.
  duplicate_window: dedupeWindowMs * 1e6,
}) satisfies Partial<StreamConfig>;

type Found = Readonly<Record<string, unknown>>;
type Rule = readonly [expected: string, isMet: (value: unknown, found: Found) => boolean];
/** What each setting must be. Sizes, replicas, times and limits are up to the owner. */
export type Rules<Setting extends string = string> = Readonly<Partial<Record<Setting, Rule>>>;

export const is = (expected: unknown): Rule => [String(expected), (value) => value === expected];
const isOff: Rule = ["0", (value) => value === undefined || value === 0];
const isUnlimited = (value: unknown) => value === undefined || (typeof value === "number" && value <= 0);
export const isAbsent: Rule = ["none", (value) => !value || value === "none"];

/** True if one of the subjects of a stream covers `wanted`, whose last part may be a wildcard. */
const takes = (subjects: unknown, wanted: string): boolean => Array.isArray(subjects) && subjects.some((subject: unknown) => {
  const [parts, expected] = [String(subject).split("."), wanted.split(".")];
  const meets = parts.every((part, index) => part === ">" || part === "*" || part === expected[index] || ["*", ">"].includes(expected[index] ?? ""));
  return meets && (parts.length === expected.length || (parts.at(-1) === ">" && parts.length <= expected.length) || expected.at(-1) === ">");
});
const takesSubject = (wanted: string): Rule => [wanted, (value) => takes(value, wanted)];

const STREAM_RULES: Rules<keyof StreamConfig> = {
  mirror: isAbsent,
  subjects: takesSubject(EVERY_SUBJECT),
  retention: is("workqueue"),
  storage: is("file"),
  discard: is("new"),
  max_age: isOff,
  // The oldest message of a channel would be removed.
  max_msgs_per_subject: ["-1", isUnlimited],
  // Nothing would ever count as stored.
  no_ack: isAbsent,
  subject_transform: isAbsent,
};

/** A cursor that expired, or was discarded for another one, would be read as "no cursor". */
const bucketRules = (bucket: string): Rules<keyof StreamConfig> => ({
  mirror: isAbsent,
  subjects: takesSubject(`$KV.${bucket}.>`),
  retention: is("limits"),
  storage: is("file"),
  discard: ["new", (value, found) => value === "new" || (isUnlimited(found["max_bytes"]) && isUnlimited(found["max_msgs"]))],
  max_age: isOff,
  no_ack: isAbsent,
});

/** A stream, or the stream under a bucket. */
interface Wanted {
  name: string;
  rules: Rules;
  /** False: missing is an error. */
  create: boolean;
}

export const streamWanted = ({ stream, create }: NatsSettings): Wanted => ({ name: stream, rules: STREAM_RULES, create });
export const bucketWanted = ({ bucket, create }: NatsSettings): Wanted => ({ name: bucketStream(bucket), rules: bucketRules(bucket), create });

/** Resolves with the most bytes that the stream holds. Rejects with STREAM_MISSING, STREAM_UNSUITABLE, STREAM_REFUSED, and what the package throws. */
export async function openStream(jsm: JetStreamManager, settings: NatsSettings, border: Border): Promise<number> {
  const info = await open(jsm, streamWanted(settings), () => jsm.streams.add(streamConfig(settings)), border);
  const most = (info?.config as Partial<StreamConfig> | undefined)?.max_bytes;
  return typeof most === "number" && most > 0 ? most : Infinity;
}

/** Rejects as `openStream` does. */
export async function openBucket(jsm: JetStreamManager, kv: typeof Kv, settings: NatsSettings, border: Border): Promise<Kv.KV> {
  const { bucket, replicas } = settings;
  const buckets = new kv.Kvm(jsm.jetstream());
  await open(jsm, bucketWanted(settings), () => buckets.create(bucket, { history: 1, replicas, storage: "file" as NonNullable<Kv.KvOptions["storage"]> }), border);
  // Read from the leader only: a replica that lags behind has an old cursor.
  return buckets.open(bucket, { allow_direct: false });
}

async function open<Made>(jsm: JetStreamManager, wanted: Wanted, make: () => Promise<Made>, border: Border): Promise<StreamInfo | Made | undefined> {
  const found = await inspect(jsm, wanted, border);
  if (found !== undefined) return found;
  try {
    return await make();
  } catch (error) {
    const code = apiCode(error);
    if (code === undefined) throw error;
    if (code === EXISTS) return inspect(jsm, wanted, border);
    throw natsError("STREAM_REFUSED", border.params({ stream: wanted.name, reason: error }), { permanent: !MAY_PASS.includes(code), cause: border.cause(error) });
  }
}

/** Checks a stream that exists. Resolves with undefined if it does not and may be made; rejects with STREAM_MISSING, STREAM_UNSUITABLE, and what the package throws. */
export async function inspect(jsm: JetStreamManager, { name, rules, create }: Wanted, border: Border): Promise<StreamInfo | undefined> {
  const info = await ifThere(jsm.streams.info(name));
  if (info !== undefined) check(name, rules, info, border);
  else if (!create) throw natsError("STREAM_MISSING", border.params({ stream: name, reason: "stream not found" }), { permanent: true });
  return info;
}

/** Throws STREAM_UNSUITABLE for the first setting that breaks a rule. A server may leave anything out. */
export function check(name: string, rules: Rules, { config = {} }: { config?: object }, border: Border): void {
  const found = config as Found;
  for (const [setting, [expected, isMet]] of Object.entries(rules as Record<string, Rule>)) {
    const value = found[setting];
    if (isMet(value, found)) continue;
    const shown = value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);
    throw natsError("STREAM_UNSUITABLE", border.params({ stream: name, setting, found: shown, expected }), { permanent: true });
  }
}

/** Resolves as `asking` does, or with undefined if the server does not have that stream or consumer. */
export const ifThere = <Info>(asking: Promise<Info>): Promise<Info | undefined> => asking.catch((error: unknown) => {
  if (isMissing(error)) return undefined;
  throw error;
});
