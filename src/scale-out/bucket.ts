/** Access to the bucket of cursors and leases, also after somebody has deleted it. */
import type { KV } from "@nats-io/kv";
import type { NatsLink } from "./link";

export type BucketLink = Pick<NatsLink, "instance" | "session" | "failure" | "explain">;

/** NATS allows fewer characters in a key than we do. */
export const bucketKey = (kind: "cursor" | "lease", key: string): string => `${kind}.${Buffer.from(key).toString("base64url")}`;

/**
 * Does `work` with the bucket. If the bucket was deleted, makes it again and repeats `work` once. Rejects as `Session.bucket` and
 * `work` do, or with the reason why there is no connection.
 */
export async function withBucket<Result>(link: BucketLink, work: (bucket: KV) => Promise<Result>): Promise<Result> {
  const { session, failure } = link;
  if (session === undefined) throw failure ?? link.explain(new Error("there is no connection yet"));
  const bucket = await session.bucket();
  try {
    return await work(bucket);
  } catch (error) {
    // `explain` has made the session forget the bucket.
    if (link.explain(error).code !== "STREAM_MISSING") throw error;
    return await work(await session.bucket());
  }
}
