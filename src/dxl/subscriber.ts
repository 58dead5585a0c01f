/**
 * One subscriber of a fabric: its topics, its queue, and what became of its events. The connection hands events over at
 * once; decoding them is the queue's work, a short turn of the event loop at a time.
 */
import { SiemError } from "../errors";
import { choiceProperty, booleanProperty, listProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import type { Clock } from "../syslog/clock";
import { dxlError } from "./errors";
import { EventQueue } from "./event-queue";
import type { Fabric, FabricListener, FabricState } from "./fabric";
import { decodeMessage, MessageType } from "./message";
import { newKnownNames } from "./message-pack";
import { PayloadParser } from "./payload-parser";
import type { Figures } from "../metrics/table";
import { toFlowMessage, type PayloadOptions, type ThreatEventMessage } from "./threat-event";
import { EPO_THREAT_EVENT_TOPIC } from "./topics";

export interface SubscriberSettings extends PayloadOptions {
  topics: readonly string[];
  /** How many events may wait. */
  queueEvents: number;
}

/** What goes to `catch` when an event cannot be read. */
export type UnreadableEvent = {
  topic: string;
  /** The bytes as they arrived; of an event whose payload alone is unreadable, the payload. */
  payload: Buffer;
  /** Their number. */
  size: number;
};

export interface SubscriberParts {
  fabric: Pick<Fabric, "subscribe">;
  clock: Clock;
  send(message: ThreatEventMessage): void;
  /** An event that cannot be read, or events that were dropped. */
  error(error: SiemError, message: UnreadableEvent | Record<string, never>): void;
  /** The connection, the number of events or of drops changed. */
  changed(): void;
}

/** The properties of `dxl-threat-event`. Throws the errors of properties. */
export function readSettings(properties: Properties): SubscriberSettings {
  const topics = listProperty(properties, "topics").map((topic) => textProperty({ topics: topic }, "topics"));
  return {
    topics: topics.length > 0 ? [...new Set(topics)] : [EPO_THREAT_EVENT_TOPIC],
    payloadType: choiceProperty(properties, "payloadType", ["json", "string", "buffer"]),
    expandAggregates: booleanProperty(properties, "expandAggregates", false),
    queueEvents: numberProperty(properties, "queueEvents", { fallback: 10_000, min: 1, max: 1_000_000, integer: true }),
  };
}

export class Subscriber {
  /** Events handed on, and the time of the last one (epoch ms). */
  received = 0;
  lastAt = 0;
  /** Events dropped because the flow was too slow, and events that could not be read. */
  dropped = 0;
  unreadable = 0;
  state: FabricState = { phase: "idle", broker: undefined, error: undefined, failures: 0 };
  private readonly queue: EventQueue<{ topic: string; bytes: Buffer }>;
  private readonly unsubscribe: (() => void)[] = [];
  private readonly names = newKnownNames();
  private readonly parser = new PayloadParser();

  constructor(private readonly settings: SubscriberSettings, private readonly parts: SubscriberParts) {
    this.queue = new EventQueue({
      limit: settings.queueEvents,
      clock: parts.clock,
      take: ({ topic, bytes }) => this.take(topic, bytes),
      keep: ({ topic, bytes }) => ({ topic, bytes: Buffer.from(bytes) }),
      dropped: (count) => this.drop(count),
    });
  }

  get figures(): Figures {
    const { received, dropped, unreadable } = this;
    return {
      read: received + dropped + unreadable,
      sent: received,
      dropped: { queue_full: dropped, unreadable },
      waiting: this.queue.length,
      connected: this.state.phase === "connected" ? 1 : 0,
    };
  }

  get topics(): readonly string[] {
    return this.settings.topics;
  }

  /** Throws what `Fabric.subscribe` throws for a topic; then nothing is subscribed. */
  start(): void {
    // One listener for all topics, so that the fabric hands over an event that fits several of them once.
    const listener: FabricListener = {
      // The bytes are lent until this returns.
      message: (topic, bytes) => this.queue.push({ topic, bytes }),
      state: (state) => {
        this.state = state;
        this.parts.changed();
      },
    };
    try {
      for (const topic of this.settings.topics) this.unsubscribe.push(this.parts.fabric.subscribe(topic, listener));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** No event and no state comes after this. */
  close(): void {
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    this.queue.close();
  }

  private take(topic: string, bytes: Buffer): void {
    let unreadable = bytes;
    try {
      const message = decodeMessage(bytes, this.names);
      // Requests and responses on the topic of an event are not for those who subscribe to events.
      if (message.messageType !== MessageType.event) return;
      unreadable = message.payload;
      const output = toFlowMessage(topic, message, this.settings, this.parser);
      this.received += 1;
      this.lastAt = this.parts.clock.date();
      this.parts.send(output);
      this.parts.changed();
    } catch (error) {
      if (!(error instanceof SiemError)) throw error;
      this.unreadable += 1;
      this.parts.error(error, { topic, payload: Buffer.from(unreadable), size: unreadable.length });
    }
  }

  private drop(count: number): void {
    this.dropped += count;
    this.parts.error(dxlError("EVENTS_DROPPED", { count, limit: this.settings.queueEvents }), {});
    this.parts.changed();
  }
}
