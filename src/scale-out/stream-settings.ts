/** The properties of `event-stream-out` and `event-stream-in`, checked. */
import { plain, printable } from "../common/border";
import { STREAM_BODY_BYTES, STREAM_ITEMS } from "../common/limits";
import { choiceProperty, idListProperty, numberProperty, textProperty, type Properties } from "../common/properties";
import type { Overflow } from "../delivery/queue";
import { streamOutError } from "./errors";
import { isChannel } from "./names";
import type { StreamInSettings } from "./stream-in";
import type { StreamOutSettings } from "./stream-out";

/** Throws the SiemError of the first property that is wrong. */
export function readOutSettings(properties: Properties): StreamOutSettings {
  const number = (name: string, fallback: number, min: number, max: number) => numberProperty(properties, name, { fallback, min, max, integer: true });
  return {
    channel: channelOf(properties),
    eventsPerMessage: number("eventsPerMessage", 250, 1, STREAM_ITEMS),
    bytesPerMessage: number("bytesPerMessage", 512 * 1024, 1024, STREAM_BODY_BYTES / 2),
    window: number("window", 8, 1, 256),
    limits: {
      events: number("queueEvents", 100_000, 1, 10_000_000),
      bytes: number("queueBytes", 64 * 1024 * 1024, 1024, 4 * 1024 ** 3),
      overflow: choiceProperty<Overflow>(properties, "overflow", ["refuse", "drop-oldest", "drop-newest"]),
    },
  };
}

/** Throws the SiemError of the first property that is wrong. */
export const readInSettings = (properties: Properties): StreamInSettings => ({
  channel: channelOf(properties),
  eventsOut: numberProperty(properties, "eventsOut", { fallback: 4000, min: 1, max: 1_000_000, integer: true }),
  confirmTimeoutMs: numberProperty(properties, "confirmTimeout", { fallback: 60, min: 0.05, max: 86_400 }) * 1000,
  sinks: idListProperty(properties, "confirmedBy"),
});

function channelOf(properties: Properties): string {
  const channel = textProperty(properties, "channel", "siem");
  if (!isChannel(channel)) throw streamOutError("CHANNEL_INVALID", plain.params({ channel: printable(channel, 80) }), { permanent: true });
  return channel;
}
