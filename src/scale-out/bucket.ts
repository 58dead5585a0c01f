/** The bucket of the cursors and leases, also after somebody has deleted it. */
import type { KV } from "@nats-io/kv";
import type { NatsLink } from "./link";

export type BucketLink = Pick<NatsLink, "instance" | "session" | "failure" | "explain">;

/** Keys of NATS take fewer characters than ours. */
export const bucketKey = (kind: "cursor" | "lease", key: string): string => `${kind}.${Buffer.from(key).toString("base64url")}`;

/**
 * Does `work` with the bucket. If it is gone, it is made or checked anew, and `work` done once more. Rejects with what
 * `Session.bucket` and `work` reject with, and with the reason why there is no connection.
 */
export async function withBucket<Result>(link: BucketLink, work: (bucket: KV) => Promise<Result>): Promise<Result> {
  const { session, failure } = link;
  if (session === undefined) throw failure ?? link.explain(new Error("there is no connection yet"));
  const bucket = await session.bucket();
  try {
    return await work(bucket);
  } catch (error) {
    // The session looks for it again once the error is explained.
    if (link.explain(error).code !== "STREAM_MISSING") throw error;
    return await work(await session.bucket());
  }
}
