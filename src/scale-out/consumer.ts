/** The durable consumer of a channel: made, or checked if it exists. */
import type { Consumer, ConsumerConfig, ConsumerInfo } from "@nats-io/jetstream";
import { streamInError } from "./errors";
import { apiCode, isMissing } from "./explain";
import type { NatsLink, Session } from "./link";
import { check, ifThere, is, isAbsent, subjectOf, type Rules } from "./setup";

/** The server delivers a message again when nobody has acknowledged it for this long. */
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

const consumerRules = (channel: string): Rules => ({
  filter_subject: is(subjectOf(channel)),
  ack_policy: is("explicit"),
  deliver_policy: is("all"),
  max_deliver: is(-1),
  // Bodies would be missing.
  headers_only: isAbsent,
  // The server would refuse to give us messages.
  deliver_subject: isAbsent,
  priority_policy: isAbsent,
  max_batch: isAbsent,
  max_bytes: isAbsent,
  max_expires: isAbsent,
});

export interface OpenConsumer {
  consumer: Consumer;
  ackWaitMs: number;
  /** Epoch ms. */
  createdMs: number;
}

/** After a restart nats-server reports a time that differs by some microseconds. */
const SAME_MS = 100;

/** False if the consumer was deleted and made again: acknowledgements for the old one would then remove other messages. */
export const isSameConsumer = (createdMs: number, otherMs: number): boolean => Math.abs(createdMs - otherMs) < SAME_MS;

/** Rejects with STREAM_UNSUITABLE, CONSUMER_MISSING, CONSUMER_REFUSED, those of `session.stream`, and what the package throws. */
export async function openConsumer({ settings: { stream, create }, border }: NatsLink, session: Session, channel: string): Promise<OpenConsumer> {
  await session.stream();
  const info = await ifThere(session.jsm.consumers.info(stream, channel)) ?? await make();
  check(`${stream} > ${channel}`, consumerRules(channel), info, border);
  return { consumer: session.js.consumers.getConsumerFromInfo(info), ackWaitMs: (info.config.ack_wait ?? ACK_WAIT_MS * 1e6) / 1e6, createdMs: Date.parse(info.created) };

  async function make(): Promise<ConsumerInfo> {
    const names = border.params({ stream, consumer: channel });
    if (!create) throw streamInError("CONSUMER_MISSING", names, { permanent: true });
    try {
      return await session.jsm.consumers.add(stream, consumerConfig(channel));
    } catch (error) {
      // Another consumer takes these messages, for example; a work queue allows one.
      if (apiCode(error) === undefined || isMissing(error)) throw error;
      throw streamInError("CONSUMER_REFUSED", border.params({ ...names, reason: error }), { permanent: true, cause: border.cause(error) });
    }
  }
}
