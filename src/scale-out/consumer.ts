/** The durable consumer of a channel: made, or checked if it exists. */
import type { Consumer, ConsumerConfig, ConsumerInfo } from "@nats-io/jetstream";
import { streamInError, natsError } from "./errors";
import { isMissing } from "./explain";
import type { NatsLink, Session } from "./link";
import { subjectOf } from "./setup";

/** A message that nobody acknowledges for so long is delivered again. */
const ACK_WAIT_MS = 10_000;
/** `eventsOut` is the back-pressure. */
const MOST_UNACKNOWLEDGED = 20_000;

const consumerConfig = (channel: string) => ({
  durable_name: channel,
  filter_subject: subjectOf(channel),
  ack_policy: "explicit",
  deliver_policy: "all",
  ack_wait: ACK_WAIT_MS * 1e6,
  max_deliver: -1,
  max_ack_pending: MOST_UNACKNOWLEDGED,
}) satisfies Partial<ConsumerConfig>;

/** What must be so in a consumer that exists already; times and limits are its owner's. */
const REQUIRED = ["filter_subject", "ack_policy", "deliver_policy", "max_deliver"] as const;
/** What would take bodies away, or refuse to give messages. */
const UNWANTED = ["headers_only", "deliver_subject", "priority_policy", "max_batch", "max_bytes", "max_expires"] as const;

export interface OpenConsumer {
  consumer: Consumer;
  ackWaitMs: number;
  /** When it was made, ms. */
  createdMs: number;
}

/** nats-server tells the instant with some microseconds of difference after a restart. */
const SAME_MS = 100;

/** False for a consumer that was deleted and made again: then acknowledgements of the old one would mean other messages. */
export const isSameConsumer = (createdMs: number, otherMs: number): boolean => Math.abs(createdMs - otherMs) < SAME_MS;

/** Rejects with STREAM_UNSUITABLE, CONSUMER_MISSING, CONSUMER_REFUSED, those of `session.stream`, and what the package throws. */
export async function openConsumer({ settings: { stream, create }, border }: NatsLink, session: Session, channel: string): Promise<OpenConsumer> {
  await session.stream();
  const info = await consumerInfo(session, stream, channel) ?? await make();
  const { config, created } = info;
  const wanted = consumerConfig(channel);
  const found: ConsumerConfig & { [setting in (typeof UNWANTED)[number]]?: unknown } = config;
  const check = (setting: string, value: unknown, expected: unknown) => {
    if (value !== expected) throw natsError("STREAM_UNSUITABLE", border.params({ stream: `${stream} > ${channel}`, setting, found: String(value), expected: String(expected) }), { permanent: true });
  };
  for (const setting of REQUIRED) check(setting, found[setting], wanted[setting]);
  for (const setting of UNWANTED) check(setting, found[setting] || "none", "none");
  return { consumer: session.js.consumers.getConsumerFromInfo(info), ackWaitMs: (config.ack_wait ?? wanted.ack_wait) / 1e6, createdMs: Date.parse(created) };

  async function make(): Promise<ConsumerInfo> {
    const names = border.params({ stream, consumer: channel });
    if (!create) throw streamInError("CONSUMER_MISSING", names, { permanent: true });
    try {
      return await session.jsm.consumers.add(stream, consumerConfig(channel));
    } catch (error) {
      // Another consumer takes these messages, for example; a work queue allows one.
      if ((error as { name?: unknown }).name !== "JetStreamApiError" || isMissing(error)) throw error;
      throw streamInError("CONSUMER_REFUSED", border.params({ ...names, reason: error }), { permanent: true, cause: border.cause(error) });
    }
  }
}

/** Undefined if there is no such consumer. */
export async function consumerInfo(session: Session, stream: string, channel: string): Promise<ConsumerInfo | undefined> {
  try {
    return await session.jsm.consumers.info(stream, channel);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
