import assert from "node:assert/strict";
import german from "../../../nodes/locales/de/nats-connection.json";
import english from "../../../nodes/locales/en-US/nats-connection.json";
import { natsError, streamInError } from "../../../src/scale-out/errors";
import type { NatsLink } from "../../../src/scale-out/link";
import type { StreamIn } from "../../../src/scale-out/stream-in";
import type { StreamOut } from "../../../src/scale-out/stream-out";
import { inStatus, outStatus } from "../../../src/scale-out/stream-status";

/** Errors that somebody has to do something about, and that come with the work and not with the settings. */
const PERMANENT = [
  "NATS_MISSING", "NATS_REFUSED", "NATS_PERMISSION", "NATS_NO_JETSTREAM", "NATS_TLS", "CREDENTIALS_INVALID", "STREAM_MISSING", "STREAM_UNSUITABLE", "STREAM_REFUSED",
] as const;

const link = (state: object) => ({ state }) as unknown as NatsLink;
const connected = link({ phase: "connected" });
const out = (more: object = {}) => ({ access: { phase: "ready", trouble: {} }, overflowing: 0, counters: { sent: 7 }, ...more }) as unknown as StreamOut;
const input = (more: object = {}) => ({ access: { phase: "ready", trouble: {} }, counters: { confirmed: 7 }, ...more }) as unknown as StreamIn;
const failed = (error: unknown) => ({ access: { phase: "paused", trouble: { error } } });

describe("the status of the nodes at both ends of the stream", () => {
  it("is red with the cause if somebody has to change something, in both languages and within 20 characters", () => {
    const errors = [...PERMANENT.map((code) => natsError(code, {}, { permanent: true })), ...(["CONSUMER_MISSING", "CONSUMER_REFUSED"] as const).map((code) => streamInError(code, {}, { permanent: true }))];
    for (const error of errors) {
      for (const [colour, key] of [outStatus(out(failed(error)), connected), inStatus(input(failed(error)), connected), outStatus(out(), link({ phase: "waiting", error }))]) {
        assert.equal(colour, "red");
        const name = key.slice(key.lastIndexOf(".") + 1) as keyof typeof english.status;
        for (const texts of [english.status, german.status]) assert.ok((texts[name] as string | undefined ?? "x".repeat(20)).length < 20, `${error.code}: ${key}`);
      }
    }
  });

  it("is yellow while NATS is away, the stream is full, or the sinks have all that may be in flight", () => {
    const away = link({ phase: "waiting", error: natsError("NATS_UNREACHABLE") });
    const keys = [outStatus(out(), away), inStatus(input(), away), outStatus(out(failed(natsError("STREAM_FULL"))), connected), inStatus(input({ isFull: true, eventsOut: 4000 }), connected), outStatus(out({ overflowing: 3 }), away)];
    assert.deepEqual(keys.map(([colour, key]) => `${colour} ${key.slice(key.lastIndexOf(".") + 1)}`), ["yellow away", "yellow away", "yellow full", "yellow waiting", "yellow dropped"]);
  });

  it("is green with the number of events otherwise", () => {
    assert.deepEqual(outStatus(out(), connected), ["green", "status.stored", { count: 7 }]);
    assert.deepEqual(inStatus(input(), connected), ["green", "status.confirmed", { count: 7 }]);
  });
});
