/** A separate process that publishes prepared packets as fast as the broker accepts them (MQTT 3.1.1, QoS 0). */
import { connect } from "node:net";

export interface Publish {
  port: number;
  topic: string;
  /** Base64. */
  frames: string[];
  /** Total messages; `frames` are repeated. */
  count: number;
}

/** The remaining length of a packet (MQTT 3.1.1 section 2.2.3). */
function remainingLength(length: number): number[] {
  const bytes: number[] = [];
  for (let rest = length; bytes.length === 0 || rest > 0; rest >>>= 7) bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return bytes;
}

const text = (value: string) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value)]);
const packet = (type: number, ...contents: Buffer[]) => Buffer.concat([Buffer.from([type, ...remainingLength(contents.reduce((sum, { length }) => sum + length, 0))]), ...contents]);
const CONNECT = packet(0x10, text("MQTT"), Buffer.from([4, 2, 0, 0]), text("publisher"));
const DISCONNECT = packet(0xe0);

process.on("message", ({ port, topic, frames, count }: Publish) => {
  const packets = frames.map((frame) => packet(0x30, text(topic), Buffer.from(frame, "base64")));
  const block = Buffer.concat(packets);
  const socket = connect(port, "127.0.0.1", () => socket.write(CONNECT));
  const write = (left: number): void => {
    if (left < packets.length) socket.end(Buffer.concat([...packets.slice(0, left), DISCONNECT]));
    else socket.write(block, () => write(left - packets.length));
  };
  // CONNACK
  socket.once("data", () => write(count));
});
