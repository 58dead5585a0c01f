/** Makes the stream and the bucket, or checks the settings of those that exist. */
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type * as Kv from "@nats-io/kv";
import { plain } from "../common/border";
import { natsError } from "./errors";
import { isMissing } from "./explain";
import type { NatsSettings } from "./settings";

/** The subject of a channel. */
export const subjectOf = (channel: string): string => `security.events.${channel}`;
const EVERY_SUBJECT = subjectOf("*");

/** A work queue: what was acknowledged goes, and nothing else does (no age limit, no discarding of what waits). */
const streamConfig = ({ stream, replicas, streamBytes, dedupeWindowMs }: NatsSettings) => ({
  name: stream,
  subjects: [EVERY_SUBJECT],
  retention: "workqueue",
  storage: "file",
  discard: "new",
  max_bytes: streamBytes,
  max_age: 0,
  num_replicas: replicas,
  // Nanoseconds, as the API has them.
  duplicate_window: dedupeWindowMs * 1e6,
}) satisfies Partial<StreamConfig>;

/** What must be so in a stream that exists already; sizes, replicas and the window are its owner's. */
const REQUIRED = ["retention", "storage", "discard", "max_age"] as const;

/** Rejects with STREAM_MISSING, STREAM_UNSUITABLE, and what the package throws. */
export async function openStream(jsm: JetStreamManager, settings: NatsSettings): Promise<void> {
  const wanted = streamConfig(settings);
  const found = await configOf(jsm, settings.stream);
  if (found === undefined) {
    if (!settings.create) throw natsError("STREAM_MISSING", plain.params({ stream: settings.stream }), { permanent: true });
    await jsm.streams.add(wanted);
    return;
  }
  for (const setting of REQUIRED) check(settings.stream, setting, found[setting] ?? 0, wanted[setting]);
  // A limit for a subject would throw the oldest message of a channel away.
  check(settings.stream, "max_msgs_per_subject", Math.max(-1, found.max_msgs_per_subject || -1), -1);
}

/** Rejects with STREAM_MISSING, STREAM_UNSUITABLE, and what the package throws. */
export async function openBucket(jsm: JetStreamManager, kv: typeof Kv, { bucket, replicas, create }: NatsSettings): Promise<Kv.KV> {
  const stream = `KV_${bucket}`;
  const found = await configOf(jsm, stream);
  const buckets = new kv.Kvm(jsm.jetstream());
  if (found === undefined) {
    if (!create) throw natsError("STREAM_MISSING", plain.params({ stream }), { permanent: true });
    return buckets.create(bucket, { history: 1, replicas, storage: "file" as Kv.KvOptions["storage"] });
  }
  // A cursor that expires would be read as "no cursor".
  check(stream, "max_age", found.max_age ?? 0, 0);
  check(stream, "storage", found.storage, "file");
  return buckets.open(bucket, { bindOnly: true });
}

function check(stream: string, setting: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw natsError("STREAM_UNSUITABLE", plain.params({ stream, setting, found: String(found), expected: String(expected) }), { permanent: true });
}

async function configOf(jsm: JetStreamManager, stream: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(stream)).config;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
