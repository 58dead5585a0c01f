/** One subscriber of a fabric: puts the events of its topics into its queue, decodes and sends them from there, and counts what became of them. */
import { SiemError } from "../common/errors";
import { choiceProperty, booleanProperty, listProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import type { Clock } from "../common/clock";
import type { InHand, SourceInHand } from "../delivery/in-hand";
import { dxlError } from "./errors";
import { EventQueue } from "./event-queue";
import type { Fabric, FabricListener, FabricState } from "./fabric";
import { decodeMessage, MessageType, type DxlMessage } from "./message";
import type { Figures } from "../metrics/table";
import { metadataOf, toFlowMessage, type DxlMetadata, type PayloadOptions, type ThreatEventMessage } from "./threat-event";
import { EPO_THREAT_EVENT_TOPIC } from "./topics";

export interface SubscriberSettings extends PayloadOptions {
  topics: readonly string[];
  /** How many events may wait, and how much memory they may keep, bytes. */
  queueEvents: number;
  queueBytes: number;
}

/** The message for `catch` about an event that cannot be read. */
export type UnreadableEvent = {
  topic: string;
  /** The bytes that arrived; only those of the payload if the rest is readable. */
  payload: Buffer;
  /** Length of `payload` in bytes. */
  size: number;
  /** What is readable of the message around the payload. */
  dxl: Partial<DxlMetadata>;
};

export interface SubscriberDependencies {
  fabric: Pick<Fabric, "subscribe">;
  /** What formatters hold of the events. */
  inHand: InHand;
  clock: Clock;
  send(message: ThreatEventMessage): void;
  /** An event that cannot be read, or events that were dropped. */
  error(error: SiemError, message: UnreadableEvent | Record<string, never>): void;
  /** The state or a count changed. */
  changed(): void;
}

/** Brokers take messages up to this size. */
const MIB = 2 ** 20;

/** The properties of `dxl-threat-event`. Throws the errors of properties. */
export function readSettings(properties: Properties): SubscriberSettings {
  const topics = listProperty(properties, "topics").map((topic) => textProperty({ topics: topic }, "topics"));
  return {
    topics: topics.length > 0 ? [...new Set(topics)] : [EPO_THREAT_EVENT_TOPIC],
    payloadType: choiceProperty(properties, "payloadType", ["json", "string", "buffer"]),
    expandAggregates: booleanProperty(properties, "expandAggregates", false),
    rawPayload: booleanProperty(properties, "rawPayload", false),
    queueEvents: numberProperty(properties, "queueEvents", { fallback: 100_000, min: 1, max: 1_000_000, integer: true }),
    queueBytes: numberProperty(properties, "queueBytes", { fallback: 64 * MIB, min: MIB, max: 4096 * MIB, integer: true }),
  };
}

/** Memory of a waiting event beside its bytes. */
const EVENT_BYTES = 200;

export class Subscriber {
  /** Events sent, and the time of the last one (epoch ms). */
  received = 0;
  lastAt = 0;
  /** Events dropped because the flow was too slow, and events that could not be read. */
  dropped = 0;
  unreadable = 0;
  /** Events sent although their payload was damaged. */
  repaired = 0;
  state: FabricState = { phase: "idle" };
  private readonly queue: EventQueue<{ topic: string; bytes: Buffer }>;
  private readonly inHand: SourceInHand;
  private readonly unsubscribe: (() => void)[] = [];

  constructor(private readonly settings: SubscriberSettings, private readonly dependencies: SubscriberDependencies) {
    this.inHand = dependencies.inHand.open(() => this.queue.resume());
    this.queue = new EventQueue({
      limit: settings.queueEvents,
      limitBytes: settings.queueBytes,
      sizeOf: ({ bytes }) => bytes.length + EVENT_BYTES,
      isBlocked: () => this.inHand.isFull(),
      clock: dependencies.clock,
      take: ({ topic, bytes }) => this.take(topic, bytes),
      dropped: (count) => this.drop(count),
    });
  }

  get figures(): Figures {
    const { received, unreadable, repaired } = this;
    const dropped = this.dropped + this.queue.unreported;
    return {
      read: received + dropped + unreadable,
      sent: received,
      repaired,
      dropped: { queue_full: dropped, unreadable },
      waiting: this.queue.length,
      connected: this.state.phase === "connected" ? 1 : 0,
    };
  }

  get topics(): readonly string[] {
    return this.settings.topics;
  }

  /** Throws the errors of `Fabric.subscribe`; then nothing is subscribed. */
  start(): void {
    // One listener for all topics: the fabric hands each listener an event once, even if several topics match.
    const listener: FabricListener = {
      message: (topic, bytes) => this.queue.push({ topic, bytes }),
      state: (state) => {
        this.state = state;
        this.dependencies.changed();
      },
    };
    try {
      for (const topic of this.settings.topics) this.unsubscribe.push(this.dependencies.fabric.subscribe(topic, listener));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Forgets the events that wait. Nothing is called back after this. */
  close(): void {
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    this.queue.close();
    this.inHand.close();
  }

  private take(topic: string, bytes: Buffer): void {
    const read: Partial<DxlMessage> = {};
    try {
      const message = decodeMessage(bytes, read);
      // Whoever subscribes to events does not want requests and responses on the same topic.
      if (message.messageType !== MessageType.event) return;
      const output = toFlowMessage(topic, message, this.settings);
      this.received += 1;
      if (output.dxl.repaired === true) this.repaired += 1;
      this.lastAt = this.dependencies.clock.date();
      this.dependencies.send({ _msgid: this.inHand.id(), ...output });
      this.dependencies.changed();
    } catch (error) {
      if (!(error instanceof SiemError)) throw error;
      this.unreadable += 1;
      const unreadable = error.code === "PAYLOAD_NOT_JSON" && read.payload !== undefined ? read.payload : bytes;
      this.dependencies.error(error, { topic, payload: Buffer.from(unreadable), size: unreadable.length, dxl: metadataOf(read) });
    }
  }

  private drop(count: number): void {
    this.dropped += count;
    this.dependencies.error(dxlError("EVENTS_DROPPED", { count, limit: this.settings.queueEvents, megabytes: Math.round(this.settings.queueBytes / MIB) }), {});
    this.dependencies.changed();
  }
}
